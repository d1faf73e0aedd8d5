"""The public folder: checkpoint, hash tiles and documents, as a static web server hands them out to anybody.

It proves that the log only grows and that an entry is in it, and has no entry: those are for auditors (`audit.py`).

Contract: a file appears whole and durable under its name or not at all. Files come in this order: documents, tiles,
checkpoint; so the tiles of a checkpoint are there before it. What stands under a name never changes, but for the
checkpoints and the opt-out lists; so after a crash, writing what is missing is recovery enough. The checkpoint alone is
not waited for: a power cut may leave an earlier one, and what it lacks is in the database. Raises `OSError` when
the disk refuses. One process at a time calls it (`Folder.publishing`).
"""

import time
from collections.abc import Callable
from functools import partial

from amos.crypto import verify
from amos.protocol.checkpoint_host import Checkpoint, add_signature, sign_checkpoint
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine, open_head
from amos.protocol.ledger_limits import CHECKPOINT_BYTES_MAX
from amos.protocol.rotation import LEDGER
from amos_ledger.errors import RolledBack
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.log.tiles import tiles_between
from amos_ledger.published_beside import write_missing, write_opt_outs
from amos_ledger.store.store import Store
from amos_ledger.tile_files import TileFiles, publish_documents
from amos_places.errors import NotThere
from amos_places.folder import FolderPlace
from amos_places.place import Source

CHECKPOINT = "checkpoint"
WITNESSED = "checkpoint.witnessed"
"""The last checkpoint that enough witnesses have cosigned."""


class Public:
    """The public folder of a ledger. `read` gives the stored hashes as the last publication read them."""

    read: tree.Read

    def __init__(self, folder: Folder) -> None:
        self.root = folder.public
        self._folder = folder
        self._place = FolderPlace(self.root)
        self._tiles = TileFiles(self._place)
        self._begun = False
        self._listed: tuple[int | None, int | None] | None = None
        self._known: tuple[Checkpoint, bytes] | None = None
        self._contained: Checkpoint | None = None

    def publish(self, store: Store, at: Callable[[str], None]) -> Checkpoint:
        """Publish what `store` holds, but for the entries; the checkpoint over it. `at` is told of each step. Raises
        `RolledBack`, `EntryDamaged`."""
        with store.snapshot():
            size = store.size()
            line = store.rotations.line(LEDGER, store.public_key)
            old = self.last(line)
            begun = self._tiles.begun(old.size if old else 0)
            self.read = read = store.log.cached(begun, size)
            head = Checkpoint(store.origin, size, tree.root(size, read))
            self._check(old, size, read)
        note = self._sign(head, line)
        at("signed")
        if not self._begun:
            publish_documents(store, self._place)
            write_missing(store, self._place, size)
            self._begun = True
        listed = store.opt_outs.last_leaves(size)
        if listed != self._listed:
            write_opt_outs(store, self._place, size)
            self._listed = listed
        self._tiles.publish(store, (tile for tile in tiles_between(begun, size) if tile.level is not None), read)
        at("tiles written")
        if old != head:
            self._place.replace(CHECKPOINT, note)
            self._known = head, note
            self._contained = head
        return head

    def check(self, store: Store) -> None:
        """Raise `RolledBack` for a store that lacks what is published, before anything is signed for it. To be asked of
        each that is opened."""
        self._contained = None
        self._check(self.last(store.rotations.line(LEDGER, store.public_key)), store.size(), store.log.read)

    def _check(self, old: Checkpoint | None, size: int, read: tree.Read) -> None:
        if old is None or old is self._contained:
            return
        if old.size > size or tree.root(old.size, read) != old.root:
            raise RolledBack(
                f"{self.root / CHECKPOINT}: expected one over a part of the store's {size} entries, found one over"
                f" {old.size} that the store does not have; put the newer store back"
            )
        self._contained = old

    def write(self, name: str, data: bytes) -> None:
        """Put `data` under `name` (relative, with /), atomically and durably."""
        self._place.write(name, data)

    def _sign(self, head: Checkpoint, line: KeyLine) -> bytes:
        """By the key in force, and while the transition lasts by the one before it, whom others may know still."""
        folder = self._folder
        folder.check_in_force(line)
        note = sign_checkpoint(head, line.present, folder.sign)
        before = folder.key_before(time.time())
        if before is None:
            return note
        return add_signature(note, head, before, partial(folder.sign_by, before))

    def last(self, line: KeyLine | None = None) -> Checkpoint | None:
        """The published checkpoint, or None; `line` is the folder's unless another is known."""
        line = line or self._folder.line
        try:
            self._known = found = last_head(self._place, line, self._known)
        except RolledBack:
            if self._folder.appointment_after(line) is None:
                raise
            raise RolledBack(
                f"{self.root / 'rotations'}: expected no change of the ledger's key that the store does not have,"
                " found one; put the newer store back"
            ) from None
        return None if found is None else found[0]


def last_head(
    place: Source, line: KeyLine, known: tuple[Checkpoint, bytes] | None = None
) -> tuple[Checkpoint, bytes] | None:
    """(the checkpoint of this ledger there, the signed note), or None. One that is `known` is not verified again.
    Raises `RolledBack`, `OSError`."""
    try:
        note = place.read(CHECKPOINT, CHECKPOINT_BYTES_MAX)
        if known is not None and known[1] == note:
            return known
        return open_head(note, line, verify)[0], note
    except NotThere:
        return None
    except ProtocolError as error:
        # Nothing of ours leaves half a checkpoint; to write over what somebody else put here might hide a fork.
        where = f"{place.name}/{CHECKPOINT}"
        raise RolledBack(f"{where}: expected this ledger's checkpoint; {error}; move it away") from None
