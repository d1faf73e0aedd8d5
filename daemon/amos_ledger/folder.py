"""The ledger's folder: who is trusted, the ledger's own key, and where everything is.

ledger.sqlite   the store                       ledger.key   32-byte seed, mode 0600
trust.json      origin, operator, publisher     public/      what any static web server may serve
                and where the audit folder is   audit/       the whole log, for auditors and mirrors (or elsewhere)
ahead/          signed tree heads that the log does not contain, while there are such
"""

import fcntl
import json
import secrets
import sqlite3
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
from amos_ledger.store.store import Store
from amos_places.named import place_at
from amos_places.place import Place

STORE_NAME = "ledger.sqlite"
_KEY, _TRUST = "ledger.key", "trust.json"

_FOLDER_MODE = 0o711
"""Others may pass through to `public`, which a web server of another user serves, and list nothing."""


AUDIT = "audit"
"""Where the audit folder is by default, seen from the ledger's."""

OPEN_AUDIT = "public/audit"
"""Where it is of a ledger whose entries anybody may read; also of one that was made before there was a choice."""


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: of enrolments the operator's, of packs and catalogues the publisher's. `audit` is the
    audit folder, or its URL."""

    origin: str
    operator_key: bytes
    publisher_key: bytes
    audit: str = AUDIT


class Folder:
    """An existing ledger's folder; to be `recovered`, one that has its key and whom it trusts. Raises `NotALedger`,
    `KeyUnusable`."""

    def __init__(self, path: Path, recovered: bool = False) -> None:
        self.path = path
        if not recovered and not (path / STORE_NAME).is_file():
            raise NotALedger(f"{path}: expected a ledger's folder with {STORE_NAME}; make one with `init`")
        self.trust = _read_trust(path / _TRUST)
        self._seed = _read_seed(path / _KEY)
        self.public_key = public_key(self._seed)
        self.key_id = key_id(self.public_key)

    @property
    def store_path(self) -> Path:
        """The store's file."""
        return self.path / STORE_NAME

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

    def sign(self, message: bytes) -> bytes:
        """The ledger's signature, 64 bytes."""
        return sign(self._seed, message)

    def open_store(self) -> Store:
        """The store, checked to be this key's. Raises `NotALedger`, `KeyUnusable`, `sqlite3.Error`."""
        return self._checked(Store(self.path / STORE_NAME))

    def open_store_to_read(self) -> Store:
        """The same, for what only reads: works where nothing can be written, and changes nothing, but that an older
        schema is brought to the present one."""
        try:
            return self._checked(Store(self.path / STORE_NAME, read_only=True))
        except OlderSchema:
            return self.open_store()

    def _checked(self, store: Store) -> Store:
        if (store.origin, store.public_key) != (self.trust.origin, self.public_key):
            store.close()
            raise KeyUnusable(f"{self.path}: expected {_KEY} and {_TRUST} to be those of {STORE_NAME}, found others")
        return store

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
    with open_private(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServing(
                f"{path.parent}: expected nobody to serve this ledger, found another process"
            ) from None
        yield


def init_folder(path: Path, origin: str, operator_key: bytes, publisher_key: bytes, audit: str = AUDIT) -> Folder:
    """Make a ledger with a key of its own; the same again is no error.

    The store comes last and in one transaction, so a crash before leaves no ledger and `init` can be run again.
    Raises `LedgerExists`, `StorageFailed`, `MessageError` for an origin that cannot name a log.
    """
    check_origin(origin)
    trust = Trust(origin, operator_key, publisher_key, audit)
    try:
        path.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        if (path / STORE_NAME).exists() and (path / _TRUST).exists() and _read_trust(path / _TRUST) != trust:
            raise LedgerExists(
                f"{path}: a ledger with another origin, other keys or another audit folder is here already"
            )
        if not (path / _KEY).exists():
            write_whole(path / _KEY, secrets.token_bytes(32), 0o600)
        facts = {"origin": origin, "operator": operator_key.hex(), "publisher": publisher_key.hex(), "audit": audit}
        if not (path / STORE_NAME).exists() or not (path / _TRUST).exists():
            write_whole(path / _TRUST, json.dumps(facts, indent=2).encode() + b"\n", 0o600)
        own_key = public_key(_read_seed(path / _KEY))
        if not _has_tables(path / STORE_NAME):
            Store.create(path / STORE_NAME, origin, own_key)
    except (OSError, sqlite3.Error) as error:
        raise StorageFailed(f"{path}: {error}") from None
    return Folder(path)


def parse_key(text: str, what: str) -> bytes:
    """A public key in hex. Raises `KeyUnusable`."""
    key = key_of_hex(text)
    if key is None:
        raise KeyUnusable(f"{what}: expected a public key of 64 hex digits, found {text[:80]!r}")
    return key


def _has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        Store(path).close()
    except NotALedger:
        with sqlite3.connect(path) as connection:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise
        return False
    return True


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
            str(facts.get("audit", OPEN_AUDIT)),
        )
        check_origin(trust.origin)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, MessageError):
        raise KeyUnusable(f"{path}: expected JSON with origin, operator and publisher") from None
    return trust
