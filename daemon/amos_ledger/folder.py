"""The ledger's folder: who is trusted, the ledger's own key, and where everything is.

ledger.sqlite   the store                       ledger.key   32-byte seed, mode 0600
trust.json      origin, operator, publisher     public/      what any static web server may serve
ahead/          signed tree heads that the log does not contain, while there are such
database        in place of ledger.sqlite: the URL of the PostgreSQL database that is the store, mode 0600
"""

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amos.crypto import key_id, public_key, sign
from amos.crypto.key_text import key_of_hex
from amos.edges.durable_host import write_whole
from amos.edges.private_host import open_private
from amos.protocol.checkpoint_host import check_origin
from amos.protocol.errors import MessageError
from amos_ledger.errors import AlreadyServing, KeyUnusable, LedgerExists, NotALedger, OlderSchema, StorageFailed
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.place import Place, SqlitePlace
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store

STORE_NAME = "ledger.sqlite"
_KEY, _TRUST, _DATABASE = "ledger.key", "trust.json", "database"

_FOLDER_MODE = 0o711
"""Others may pass through to `public`, which a web server of another user serves, and list nothing."""


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: of enrolments the operator's, of packs and catalogues the publisher's."""

    origin: str
    operator_key: bytes
    publisher_key: bytes


class Folder:
    """An existing ledger's folder; to be `recovered`, one that has its key and whom it trusts. Raises `NotALedger`,
    `KeyUnusable`."""

    def __init__(self, path: Path, recovered: bool = False) -> None:
        self.path = path
        self.place = _read_place(path)
        if not recovered and self.place == SqlitePlace(self.store_path) and not self.store_path.is_file():
            raise NotALedger(f"{path}: expected a ledger's folder with {STORE_NAME}; make one with `init`")
        self.trust = _read_trust(path / _TRUST)
        self._seed = _read_seed(path / _KEY)
        self.public_key = public_key(self._seed)
        self.key_id = key_id(self.public_key)

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
    def ahead(self) -> Path:
        """Where tree heads are kept that the log does not contain (`heads.py`)."""
        return self.path / "ahead"

    def sign(self, message: bytes) -> bytes:
        """The ledger's signature, 64 bytes."""
        return sign(self._seed, message)

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
        if (store.origin, store.public_key) != (self.trust.origin, self.public_key):
            store.close()
            raise KeyUnusable(f"{self.path}: expected {_KEY} and {_TRUST} to be those of {self.place}, found others")
        return store

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """One process publishes at a time, so that a checkpoint never gives way to an older one."""
        with _locked(self.path / "publish.lock", wait=True):
            yield

    @contextmanager
    def serving(self) -> Iterator[None]:
        """One process serves at a time. Raises `AlreadyServing`."""
        with _locked(self.path / "serve.lock", wait=False):
            yield


@contextmanager
def _locked(path: Path, wait: bool) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends."""
    with open_private(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServing(
                f"{path.parent}: expected nobody to serve this ledger, found another process"
            ) from None
        yield


def init_folder(
    path: Path, origin: str, operator_key: bytes, publisher_key: bytes, database: str | None = None
) -> Folder:
    """Make a ledger with a key of its own, in the PostgreSQL database at the URL `database` or in a file of the folder;
    the same again is no error.

    The store comes last and in one transaction, so a crash before leaves no ledger and `init` can be run again.
    Raises `LedgerExists`, `StorageFailed`, `MessageError` for an origin that cannot name a log.
    """
    check_origin(origin)
    trust = Trust(origin, operator_key, publisher_key)
    try:
        path.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        place = _place_for(path, database)
        begun = (path / STORE_NAME).exists() or (path / _DATABASE).exists()
        if begun and (path / _TRUST).exists() and _read_trust(path / _TRUST) != trust:
            raise LedgerExists(f"{path}: a ledger with another origin or other keys is here already")
        if not (path / _KEY).exists():
            write_whole(path / _KEY, secrets.token_bytes(32), 0o600)
        facts = {"origin": origin, "operator": operator_key.hex(), "publisher": publisher_key.hex()}
        if not begun or not (path / _TRUST).exists():
            write_whole(path / _TRUST, json.dumps(facts, indent=2).encode() + b"\n", 0o600)
        own_key = public_key(_read_seed(path / _KEY))
        if not _has_tables(place, own_key):
            Store.create(place, origin, own_key)
        if isinstance(place, PostgresPlace):
            write_whole(path / _DATABASE, place.url.encode() + b"\n", 0o600)
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{path}: {error}") from None
    return Folder(path)


def parse_key(text: str, what: str) -> bytes:
    """A public key in hex. Raises `KeyUnusable`."""
    key = key_of_hex(text)
    if key is None:
        raise KeyUnusable(f"{what}: expected a public key of 64 hex digits, found {text[:80]!r}")
    return key


def _place_for(path: Path, database: str | None) -> Place:
    """Where a ledger's store is to be, in a folder that may be one already."""
    wanted = SqlitePlace(path / STORE_NAME) if database is None else PostgresPlace(database)
    other = (path / _DATABASE) if database is None else (path / STORE_NAME)
    if other.exists() or ((path / _DATABASE).exists() and _read_place(path) != wanted):
        raise LedgerExists(f"{path}: a ledger with another database is here already")
    return wanted


def _has_tables(place: Place, own_key: bytes) -> bool:
    if not place.exists():
        return False
    try:
        with Store(place) as store:
            if store.public_key != own_key:
                raise LedgerExists(f"{place}: the ledger of another key is here already")
    except NotALedger:
        if not place.empty():
            raise
        return False
    return True


def _read_place(path: Path) -> Place:
    if not (path / _DATABASE).is_file():
        return SqlitePlace(path / STORE_NAME)
    try:
        return PostgresPlace((path / _DATABASE).read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path / _DATABASE}: {error}") from None


def _read_seed(path: Path) -> bytes:
    try:
        seed = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    if len(seed) != 32:
        raise KeyUnusable(f"{path}: expected a seed of 32 bytes, found {len(seed)}")
    return seed


def _read_trust(path: Path) -> Trust:
    try:
        facts = json.loads(path.read_bytes()[:4096])
        trust = Trust(
            str(facts["origin"]),
            parse_key(str(facts["operator"]), f"{path}: operator"),
            parse_key(str(facts["publisher"]), f"{path}: publisher"),
        )
        check_origin(trust.origin)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, MessageError):
        raise KeyUnusable(f"{path}: expected JSON with origin, operator and publisher") from None
    return trust
