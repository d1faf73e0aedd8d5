"""`amos ledger fsck`: everything that is stored held against what it must be. It changes nothing.

Entries are held against their leaf hashes, and from sound entries the whole store is worked out again in a file of its
own (`replay`) and compared. Beside it: published files, documents, receipts, heads, and what is kept of messages.

The ledger may serve meanwhile. The published heads are read before the moment of the store that is looked at, so that
one which the store does not have is never one that came after.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from amos.protocol.checkpoint_host import Checkpoint
from amos.protocol.ledger_limits import CATALOGUE_BYTES_MAX
from amos.protocol.merkle import leaf_hash
from amos_batches.runner import InProcess, Runner
from amos_ledger.dates import Dated, wrong_dates
from amos_ledger.errors import EntryDamaged, NotRebuilt, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.log.tiles import TILE_LEVELS, Tile, bundle, tiles_between
from amos_ledger.public import Public, last_head
from amos_ledger.published_beside import MISSING, Wrong, wrong_closings, wrong_opt_outs, wrong_statements
from amos_ledger.published_log import PublishedLog
from amos_ledger.receipts import is_signed
from amos_ledger.records import SignedHead
from amos_ledger.replay import LogKeys, rebuild
from amos_ledger.store.comparison import COUNTING, Comparison
from amos_ledger.store.failures import DATABASE_DAMAGED, DATABASE_UNAVAILABLE
from amos_ledger.store.store import Store
from amos_places.folder import FolderPlace
from amos_places.place import Place

REBUILD = "run `amos ledger fsck --rebuild`"
DROP = f"{REBUILD}, which drops it; its courier still has it"
PUBLISH_AGAIN = "remove the file; the next publication, such as `amos ledger serve` begins with, writes it again"
PUBLISH = "the next publication writes it again; `amos ledger serve` begins with one"
SETTLE_AGAIN = "remove it if it is there, and give `amos pool settle` again with the same words, which writes it"
PUT_BACK = "put the newer store back, or rebuild from the published log with `amos ledger fsck --rebuild`"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what it must be: where, what it is, and what to do."""

    where: str
    what: str
    remedy: str


def scrub(folder: Folder, runner: Runner | None = None) -> list[Finding]:
    """All that is wrong, none when nothing is. `runner` works on the entries, this process where there is none. Raises
    `LedgerError` when it cannot look, `BatchError`, `DATABASE_ERRORS`, `OSError`."""
    try:
        folder.open_store().close()  # an older one is brought to the present schema
        return _scrubbed(folder, runner or InProcess())
    except DATABASE_UNAVAILABLE:
        raise  # the disk refuses, or somebody holds it: that says nothing of what is stored
    except (*DATABASE_DAMAGED, EntryDamaged) as error:
        return [Finding(folder.store_name, f"is damaged: {error}", REBUILD)]


@dataclass(frozen=True, slots=True)
class _Heads:
    """The published checkpoints, and what is wrong with each."""

    audit: Checkpoint | None
    audit_fault: Finding | None
    public: Checkpoint | None
    public_fault: str

    @classmethod
    def read(cls, folder: Folder) -> "_Heads":
        audit = _audit_head(folder)  # it follows the public one
        return cls(*audit, *published_head(folder))


def _audit_head(folder: Folder) -> tuple[Checkpoint | None, Finding | None]:
    name = folder.audit_name
    try:
        found = last_head(folder.audit, folder.line)
    except RolledBack as error:
        return None, Finding(f"{name}/checkpoint", str(error), "move it away, and publish again")
    except OSError as error:
        return None, Finding(name, f"cannot be read: {error}", "see to the place")
    return None if found is None else found[0], None


def _scrubbed(folder: Folder, runner: Runner) -> list[Finding]:
    heads = _Heads.read(folder)
    with folder.place.scratch() as place:
        Store.create(place, folder.trust.origin, folder.line.keys[0])
        with Store(place) as again:
            live = again.beside(folder.place)
            with again.snapshot():
                return list(_Scrub(folder, heads, again, live, runner).findings())


class _Scrub:
    """One look at one moment of the live store, and at `heads` from before; `again` is filled with what its log
    gives."""

    def __init__(self, folder: Folder, heads: _Heads, again: Store, live: Comparison, runner: Runner) -> None:
        self._folder = folder
        self._published_heads = heads
        self._again = again
        self._live = live
        self._runner = runner
        self._size = live.size()

    def findings(self) -> Iterator[Finding]:
        damaged = [*self._damaged_entries(), *self._documents()]
        yield from damaged
        yield from self._kept()
        if damaged:
            return  # what would follow from the log cannot be told
        try:
            rebuild(self._entries(), self._again, keys_of(self._folder), self._document, self._runner)
        except NotRebuilt as error:
            yield Finding("log", str(error), "nothing may be settled; look at the entry, and at `amos verify`")
            return
        yield from self._tables()
        yield from self._dates()
        yield from self._heads()
        yield from self._published()

    def _entries(self) -> Iterator[bytes]:
        return (entry for _index, entry in self._live.entries(0, self._size))

    def _damaged_entries(self) -> Iterator[Finding]:
        expected = 0
        for index, entry in self._live.entries(0, self._size):
            if index != expected:
                yield Finding(f"entry {expected}", "is not in the store", REBUILD)
            expected = index + 1
            found = self._live.rows(
                f"SELECT hash FROM live.node WHERE position = {tree.stored_position(0, index)}",
            )
            if not found or found[0][0] != leaf_hash(entry):
                yield Finding(f"entry {index}", "its bytes are not those of its leaf hash", REBUILD)

    def _documents(self) -> Iterator[Finding]:
        for kind, column in (("manifest", "pack"), ("catalogue", "sha256")):
            for sha256, data in self._live.each(f"SELECT {column}, bytes FROM live.{kind}"):
                if hashlib.sha256(data).digest() != sha256:
                    yield Finding(f"{kind} {sha256.hex()}", "its bytes are not those of its hash", REBUILD)

    def _kept(self) -> Iterator[Finding]:
        for table in ("held", "evidence"):
            sql = f"SELECT device_id, sequence, sha256, segment FROM live.{table}"
            for device_id, sequence, sha256, segment in self._live.each(sql):
                if hashlib.sha256(segment).digest() != sha256:
                    where = f"{table} segment {sequence} of {device_id.hex()}"
                    yield Finding(where, "its bytes are not those of its hash", DROP)

    def _document(self, kind: str, sha256: bytes) -> bytes:
        found = self._live.document(kind, sha256)
        if found is None:
            raise LookupError(f"{kind} {sha256.hex()}: expected it in the store, found nothing")
        return found

    def _tables(self) -> Iterator[Finding]:
        for table, columns in COUNTING.items():
            for label, rows in (
                ("does not have what its log gives", self._live.missing(table)),
                ("has what its log does not give", self._live.surplus(table)),
            ):
                for row in rows:
                    yield Finding(f"table {table}", f"{label}: {_row_text(columns, row)}", REBUILD)
        for row in self._live.losses():
            yield Finding("table lost", f"differs from the log: {_row_text('device_id, first, last', row)}", REBUILD)

    def _dates(self) -> Iterator[Finding]:
        for wrong in wrong_dates(self._dated(), self._runner):
            yield Finding(f"dates of entry {wrong.index}", "are not those of its anchor", REBUILD)

    def _dated(self) -> Iterator[Dated]:
        sql = (
            "SELECT leaf_index, clock_epoch, start_unix_ms, end_unix_ms FROM live.usage WHERE start_unix_ms IS NOT NULL"
        )
        for index, epoch, start_ms, end_ms in self._live.each(sql):
            # What no clock of the ledger's dates has no dates; such a pair is not of this entry, whatever it says.
            yield Dated(index, self._again.log.entry(index), (start_ms, end_ms if epoch is not None else None))

    def _heads(self) -> Iterator[Finding]:
        read = self._again.log.read  # not kept in memory, of which a long log would take much
        for row in self._live.each("SELECT size, root, key_id, signature FROM live.head"):
            head, where = SignedHead(*row), f"head of {row[0]} entries"
            if not 0 < head.size <= self._size or tree.root(head.size, read) != head.root:
                yield Finding(where, "is not the root of that many", REBUILD)
            elif not is_signed(head, self._folder.line):
                yield Finding(where, "has no signature of the ledger's, which its receipts want", REBUILD)
        sql = (
            "SELECT leaf_index FROM live.receipted_later WHERE head_size <= leaf_index"
            " OR head_size NOT IN (SELECT size FROM live.head) OR leaf_index NOT IN (SELECT leaf_index FROM live.usage)"
        )
        for (index,) in self._live.each(sql):
            yield Finding(f"receipt of entry {index}", "is for a tree that is not known", REBUILD)

    def _published(self) -> Iterator[Finding]:
        head, fault = self._published_heads.public, self._published_heads.public_fault
        if fault:
            yield Finding("public/checkpoint", fault, "move it away, and publish again")
        if head is None:
            if self._size and not fault:
                yield Finding("public/checkpoint", MISSING, PUBLISH)
            return
        if head.size > self._size or self._again.root(head.size) != head.root:
            what = f"is of {head.size} entries that the store's {self._size} do not begin with"
            yield Finding("public/checkpoint", what, PUT_BACK)
            return
        hashes = [tile for tile in tiles_between(0, head.size) if tile.level is not None]
        yield from self._files("public", FolderPlace(self._folder.public), head.size, hashes)
        yield from self._beside(head.size)
        yield from self._audit(head)

    def _beside(self, size: int) -> Iterator[Finding]:
        place = FolderPlace(self._folder.public)
        for name, what in (*self._wrong_opt_outs(place), *wrong_closings(self._again, place, size)):
            yield Finding(f"public/{name}", what, PUBLISH_AGAIN)
        for name, what in wrong_statements(self._again, self._folder.public):
            yield Finding(f"public/{name}", what, SETTLE_AGAIN)

    def _wrong_opt_outs(self, place: Place) -> list[Wrong]:
        """Of a list that is not the one in force at the moment looked at, whether it is none that came since."""
        wrong = list(wrong_opt_outs(self._again, place))
        if not wrong:
            return wrong
        with self._folder.open_store_to_read() as store:
            return list(wrong_opt_outs(store, place))

    def _audit(self, public: Checkpoint) -> Iterator[Finding]:
        name, found = self._folder.audit_name, self._published_heads.audit
        if self._published_heads.audit_fault is not None:
            yield self._published_heads.audit_fault
            return
        place, size = self._folder.audit, 0 if found is None else found.size
        if size > public.size or (found and self._again.root(size) != found.root):
            yield Finding(f"{name}/checkpoint", f"is of {size} entries that the public one does not have", PUT_BACK)
            return
        if found is None and public.size:
            yield Finding(f"{name}/checkpoint", MISSING, PUBLISH)
        yield from self._files(name, place, size, tiles_between(0, size))
        for path, what in wrong_closings(self._again, place, size):
            yield Finding(f"{name}/{path}", what, PUBLISH_AGAIN)

    def _files(self, name: str, place: Place, size: int, tiles: Iterable[Tile]) -> Iterator[Finding]:
        """What is wrong with the tiles and documents of one place."""
        published = PublishedLog(place, size)
        read = self._again.log.read
        for tile in tiles:
            for form in {tile, *published.partials(tile)}:
                found = published.bytes_of(form)
                if found != self._wanted(form, read):
                    what = "is not there" if found is None else "is not what the log gives"
                    yield Finding(f"{name}/{form.path}", what, PUBLISH_AGAIN)
        if size:
            yield from self._published_documents(name, place)

    def _wanted(self, tile: Tile, read: tree.Read) -> bytes:
        if tile.level is None:
            return bundle(entry for _, entry in self._again.entries(tile.first, tile.first + tile.width))
        hashes = range(tile.first, tile.first + tile.width)
        return b"".join(read(tile.level * TILE_LEVELS, index) for index in hashes)

    def _published_documents(self, name: str, place: Place) -> Iterator[Finding]:
        for folder, sha256 in self._again.documents.names():
            path = f"{folder}/{sha256.hex()}.cose"
            try:
                found = hashlib.sha256(place.read(path, CATALOGUE_BYTES_MAX)).digest()
            except OSError:
                found = None
            if found != sha256:
                what = "is not there" if found is None else "has not the bytes of its hash"
                yield Finding(f"{name}/{path}", what, PUBLISH_AGAIN)


def keys_of(folder: Folder) -> LogKeys:
    """Whose signatures the folder's log must have."""
    return LogKeys(folder.line.keys[0], folder.trust.operator_key, folder.trust.publisher_key)


def published_head(folder: Folder) -> tuple[Checkpoint | None, str]:
    """(the published checkpoint, what is wrong with it): None and nothing where none is published yet."""
    try:
        return Public(folder).last(), ""
    except RolledBack as error:
        return None, str(error)


def _row_text(columns: str, row: tuple[object, ...]) -> str:
    """A row as a person can look for it: its columns, long ones cut."""
    shown = []
    for name, value in zip(columns.split(","), row, strict=True):
        text = value.hex() if isinstance(value, bytes) else str(value)
        shown.append(f"{name.strip()} {text[:32]}")
    return ", ".join(shown[:6])
