"""The ledger's folder: who is trusted, the ledger's own key, and where everything is.

ledger.sqlite   the store                       ledger.key   32-byte seed, mode 0600; ledger-1.key after a rotation
trust.json      origin, operator, publisher,    public/      what any static web server may serve
broker.json     the broker that it served last  audit/       the whole log, for auditors and mirrors, or elsewhere
ahead/          signed tree heads that the log does not contain, while there are such
venues.json     how venues appear to payees, where that was ever said
database        in place of ledger.sqlite: the URL of the PostgreSQL database that is the store, mode 0600
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amos.crypto import key_id, public_key, sign, verify
from amos.edges.durable_host import write_whole
from amos.protocol.checkpoint_host import check_origin
from amos.protocol.errors import ProtocolError
from amos.protocol.key_line_host import KeyLine, LinesOfLog, open_head
from amos.protocol.limits import APPOINTMENT_BYTES_MAX, ROTATIONS_MAX
from amos.protocol.printable_host import printable
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import LEDGER, OPERATOR, split_appointment
from amos_ledger.errors import (
    AlreadyServing,
    KeyUnusable,
    LedgerError,
    LedgerExists,
    NotALedger,
    OlderSchema,
    StorageFailed,
)
from amos_ledger.folder_files import (
    AUDIT,
    DATABASE,
    KEY,
    NEXT_KEY,
    STORE_NAME,
    TRUST,
    Trust,
    check_audit,
    read_place,
    read_seed,
    read_seeds,
    read_trust,
)
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.place import SqlitePlace, StorePlace
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store
from amos_places.named import place_at
from amos_places.place import Place

_CHECKPOINT = "checkpoint"

ROTATIONS = "rotations"
LEDGER_ROTATIONS = ROTATIONS + "/ledger-"
ROTATION_NAME = LEDGER_ROTATIONS + "{}.cbor"
"""In the public folder: the rotation of that number with the receipt for its entry."""

OPERATOR_ROTATION_NAME = ROTATIONS + "/operator-{}.cbor"
"""The same of the operator's key."""

_FOLDER_MODE = 0o711
"""Others may pass through to `public`, which a web server of another user serves, and list nothing."""


class Folder:
    """An existing ledger's folder; to be `recovered`, one that has its key and whom it trusts. Raises `NotALedger`,
    `KeyUnusable`, `AuditUnusable`."""

    def __init__(self, path: Path, recovered: bool = False) -> None:
        self.path = path
        self.place = read_place(path)
        if not recovered and self.place == SqlitePlace(self.store_path) and not self.store_path.is_file():
            raise NotALedger(f"{path}: expected a ledger's folder with {STORE_NAME}; make one with `init`")
        self.trust = read_trust(path / TRUST)
        self._seeds = read_seeds(path)
        self._line: KeyLine | None = None

    @property
    def store_path(self) -> Path:
        """The store's file, where it is one."""
        return self.path / STORE_NAME

    @property
    def store_name(self) -> str:
        """What to call the store when something is wrong with it."""
        return self.store_path.name if isinstance(self.place, SqlitePlace) else str(self.place)

    @property
    def public(self) -> Path:
        """The folder to publish."""
        return self.path / "public"

    @property
    def audit(self) -> Place:
        """The place of the whole log. Raises `PlaceUnusable`, `PlaceFailed` for one elsewhere."""
        return place_at(self.trust.audit, self.path)

    @property
    def audit_name(self) -> str:
        """What people call the audit folder: within the ledger's as `audit`, else the whole of its name."""
        return self.trust.audit

    @property
    def ahead(self) -> Path:
        """Where tree heads are kept that the log does not contain (`heads.py`)."""
        return self.path / "ahead"

    @property
    def line(self) -> KeyLine:
        """The ledger's keys, as the store has them that was opened last."""
        if self._line is None:
            try:
                self.open_store_to_read().close()
            except (LedgerError, *DATABASE_ERRORS, OSError):
                self._line = self._line_without_store()
        assert self._line is not None
        return self._line

    @property
    def public_key(self) -> bytes:
        """The ledger's key in force."""
        return self.line.present

    @property
    def key_id(self) -> bytes:
        """Its id."""
        return key_id(self.public_key)

    @property
    def own_keys(self) -> list[bytes]:
        """The public keys of which the folder has the seeds, the latest first."""
        return list(self._seeds)

    def sign(self, message: bytes) -> bytes:
        """The ledger's signature, 64 bytes. Raises `KeyUnusable`."""
        return self.sign_by(self.public_key, message)

    def sign_by(self, key: bytes, message: bytes) -> bytes:
        """The signature by this key of the line. Raises `KeyUnusable` when its file is not there."""
        if key not in self._seeds:
            self._seeds = read_seeds(self.path)  # another process may have made it
        if key not in self._seeds:
            raise KeyUnusable(f"{self.path}: expected the file of the ledger's key {key.hex()}, found none")
        return sign(self._seeds[key], message)

    def check_in_force(self, line: KeyLine) -> None:
        """Raise `KeyUnusable` unless the key that signs is the last one of the store's line."""
        if line.present != self.public_key:
            raise KeyUnusable(f"{self.path}: the ledger's key was changed meanwhile; do it again")

    def key_before(self, unix_s: float) -> bytes | None:
        """The key before the one in force, while the transition lasts and its file is there: it signs beside.

        Where none was wanted there is none, whatever the clock showed when the key was changed.
        """
        if not self.line.rotations or self.line.keys[-2] not in self._seeds:
            return None
        rotation = self.line.rotations[-1][1]
        return self.line.keys[-2] if max(unix_s, rotation.unix_s) < (rotation.until_unix_s or 0) else None

    def appointment_after(self, line: KeyLine) -> bytes | None:
        """What this folder itself published of the rotation after the last one of `line`, which has to be in the log:
        where it is not, the store is an older copy. Raises `OSError`."""
        path = f"{self.path}/public/{ROTATION_NAME.format(len(line.keys))}"  # with each batch, which `Path` is slow at
        try:
            with open(path, "rb") as file:
                return file.read(APPOINTMENT_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make_next_seed(self) -> bytes:
        """The seed of the key after the one in force, durably in a file of its own; the same again after a crash."""
        path = self.path / NEXT_KEY.format(len(self.line.keys))
        if not path.exists():
            write_whole(path, secrets.token_bytes(32), 0o600)
        seed = read_seed(path)
        self._seeds = {public_key(seed): seed} | self._seeds
        return seed

    def derived_key(self, purpose: bytes) -> bytes:
        """32 bytes for a purpose that follow from the ledger's first key (of those that are here): whoever restores
        that has them again."""
        seed = list(self._seeds.values())[-1]
        return hashlib.blake2b(purpose, digest_size=32, key=seed, person=b"amos-derived").digest()

    def open_store(self) -> Store:
        """The store, checked to be this key's. Raises `NotALedger`, `KeyUnusable`, `DATABASE_ERRORS`."""
        return self._checked(Store(self.place))

    def open_store_to_read(self) -> Store:
        """The same, for what only reads: works where nothing can be written, and changes nothing, but that an older
        schema is brought to the present one."""
        try:
            return self._checked(Store(self.place, read_only=True))
        except OlderSchema:
            return self.open_store()

    def _checked(self, store: Store) -> Store:
        try:
            line = store.rotations.line(LEDGER, store.public_key)
            if line.present not in self._seeds:
                self._seeds = read_seeds(self.path)  # another process may have made it
            if store.origin != self.trust.origin or line.present not in self._seeds:
                raise KeyUnusable(
                    f"{self.path}: expected the key's file and {TRUST} to be those of {self.place}, found others; in"
                    f" force is key {line.present.hex()} of {printable(store.origin)}"
                )
        except BaseException:
            store.close()
            raise
        self._line = line
        return store

    def _line_without_store(self) -> KeyLine:
        """What the published rotations and checkpoint tell, where the store cannot be read."""
        found = LinesOfLog(self.trust.origin, {}, verify)
        try:
            for number in range(1, ROTATIONS_MAX + 1):
                path = self.public / ROTATION_NAME.format(number)
                if not path.exists():
                    break
                rotation, receipt = split_appointment(path.read_bytes())
                found.take(parse_receipt(receipt).leaf_index, rotation)
            checkpoint = self.public / _CHECKPOINT
            return self.line_among(found, checkpoint.read_bytes() if checkpoint.exists() else None)
        except (ProtocolError, OSError) as error:
            raise KeyUnusable(f"{self.path}: expected to find out which key is in force; {error}") from None

    def line_among(self, found: LinesOfLog, note: bytes | None) -> KeyLine:
        """The line of one of the keys whose seeds are here, which signed the tree head `note`. A seed may have been
        made for a rotation that never came to be. Raises `ProtocolError`."""
        refusal: ProtocolError | None = None
        for key in self._seeds if note is not None else [*self._seeds][-1:]:
            try:
                line = found.line(LEDGER, key)
                if note is not None:
                    open_head(note, line, verify)
                return line
            except ProtocolError as error:
                refusal = error
        assert refusal is not None
        raise refusal

    def take_line(self, store: Store) -> None:
        """The store's keys may be others than when it was opened."""
        self._line = store.rotations.line(LEDGER, store.public_key)

    def operator_line(self, store: Store) -> KeyLine:
        """The operator's keys as the log has them: which is in force follows from the log, so that an older trust.json
        brings none back. trust.json keeps the first. Raises `KeyUnusable`."""
        line = store.rotations.line(OPERATOR, self.trust.operator_key)
        if self.trust.operator_key != line.keys[0]:
            raise KeyUnusable(
                f"{self.path / TRUST}: expected the operator's key with which the log began, {line.keys[0].hex()},"
                f" found {self.trust.operator_key.hex()}"
            )
        return line

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """One process publishes at a time, so that a checkpoint never gives way to an older one."""
        with _locked(self.path / "publish.lock", wait=True):
            yield

    @contextmanager
    def auditing(self) -> Iterator[None]:
        """One process writes to the audit folder at a time. It may be far away, so nobody else waits for it."""
        with _locked(self.path / "audit.lock", wait=True):
            yield

    @contextmanager
    def serving(self) -> Iterator[None]:
        """One process serves at a time. Raises `AlreadyServing`."""
        with _locked(self.path / "serve.lock", wait=False):
            yield


@contextmanager
def _locked(path: Path, wait: bool) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)  # with each batch: nothing but this
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServing(
                f"{path.parent}: expected nobody to serve this ledger, found another process"
            ) from None
        yield
    finally:
        os.close(descriptor)


def init_folder(
    path: Path,
    origin: str,
    operator_key: bytes,
    publisher_key: bytes,
    database: str | None = None,
    audit: str = AUDIT,
) -> Folder:
    """Make a ledger with a key of its own, in the PostgreSQL database at the URL `database` or in a file of the folder;
    the same again is no error.

    The store comes last and in one transaction, so a crash before leaves no ledger and `init` can be run again.
    Raises `LedgerExists`, `StorageFailed`, `AuditUnusable`, `MessageError` for an origin that cannot name a log.
    """
    check_origin(origin)
    check_audit(audit, path)
    trust = Trust(origin, operator_key, publisher_key, audit)
    try:
        path.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        place = _place_for(path, database)
        begun = (path / STORE_NAME).exists() or (path / DATABASE).exists()
        if begun and (path / TRUST).exists() and read_trust(path / TRUST) != trust:
            raise LedgerExists(
                f"{path}: a ledger with another origin, other keys or another audit folder is here already"
            )
        has_tables = _has_tables(path, place, origin)
        if not has_tables:
            _check_no_remains(path)
            if not (path / KEY).exists():
                write_whole(path / KEY, secrets.token_bytes(32), 0o600)
        facts = {"origin": origin, "operator": operator_key.hex(), "publisher": publisher_key.hex(), "audit": audit}
        if not begun or not (path / TRUST).exists():
            write_whole(path / TRUST, json.dumps(facts, indent=2).encode() + b"\n", 0o600)
        if not has_tables:
            Store.create(place, origin, public_key(read_seed(path / KEY)))
        if isinstance(place, PostgresPlace):
            write_whole(path / DATABASE, place.url.encode() + b"\n", 0o600)
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{path}: {error}") from None
    return Folder(path)


def _place_for(path: Path, database: str | None) -> StorePlace:
    """Where a ledger's store is to be, in a folder that may be one already."""
    wanted = SqlitePlace(path / STORE_NAME) if database is None else PostgresPlace(database)
    other = (path / DATABASE) if database is None else (path / STORE_NAME)
    if other.exists() or ((path / DATABASE).exists() and read_place(path) != wanted):
        raise LedgerExists(f"{path}: a ledger with another database is here already")
    return wanted


def _has_tables(path: Path, place: StorePlace, origin: str) -> bool:
    """Whether the ledger is there, whole: no key is made for one that has lost its own. Raises `LedgerExists`."""
    if not place.exists():
        return False
    try:
        with Store(place) as store:
            line = store.rotations.line(LEDGER, store.public_key)
            if store.origin != origin:
                raise LedgerExists(f"{place}: the ledger of another origin is here already, {printable(store.origin)}")
    except NotALedger:
        if not place.empty():
            raise
        return False
    name = NEXT_KEY.format(len(line.rotations)) if line.rotations else KEY
    if not (path / name).exists():
        raise LedgerExists(
            f"{place}: a ledger is here already, and the file of its key {line.present.hex()} is not; put the copy of"
            f" {name} into {path}; no key was made"
        )
    if line.present not in read_seeds(path):
        raise LedgerExists(f"{place}: the ledger of another key is here already")
    return True


def _check_no_remains(path: Path) -> None:
    """A ledger whose store is gone is not begun anew: with its key that would be a second history. Raises
    `LedgerExists`."""
    remains = [path / "public" / _CHECKPOINT, path / AUDIT / _CHECKPOINT, path / NEXT_KEY.format(1)]
    found = next((file for file in remains if file.exists()), None)
    if found is not None:
        raise LedgerExists(
            f"{path}: expected an empty folder, found {found.relative_to(path)} of a ledger whose store is gone; `amos"
            " ledger recover` makes it again; nothing was made"
        )
