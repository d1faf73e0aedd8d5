"""The files of the ledger's folder that say whose it is and where its store is, read and checked."""

import os.path
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from amos.crypto import public_key
from amos.crypto.key_text import key_of_hex
from amos.protocol.checkpoint_host import check_origin
from amos.protocol.errors import MessageError
from amos.protocol.limits import ROTATIONS_MAX
from amos_ledger.errors import AuditUnusable, KeyUnusable
from amos_ledger.own_json import read_json
from amos_ledger.store.place import SqlitePlace, StorePlace
from amos_ledger.store.postgres_place import PostgresPlace

STORE_NAME = "ledger.sqlite"
KEY, TRUST, DATABASE = "ledger.key", "trust.json", "database"
NEXT_KEY = "ledger-{}.key"
"""After so many rotations."""

AUDIT = "audit"
"""Where the audit folder is by default, seen from the ledger's."""

OPEN_AUDIT = "public/audit"
"""Where it is of a ledger whose entries anybody may read; also of one that was made before there was a choice."""


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: of enrolments the operator's, of packs and catalogues the publisher's. The operator's key
    may have given way to another since (`Folder.operator_line`). `audit` is the audit folder, or its URL."""

    origin: str
    operator_key: bytes
    publisher_key: bytes
    audit: str = AUDIT


def parse_key(text: str, what: str) -> bytes:
    """A public key in hex. Raises `KeyUnusable`."""
    key = key_of_hex(text)
    if key is None:
        raise KeyUnusable(f"{what}: expected a public key of 64 hex digits, found {text[:80]!r}")
    return key


def read_seeds(path: Path) -> dict[bytes, bytes]:
    """Public key → seed, of every key of the ledger's that is here, the latest first. Raises `KeyUnusable`."""
    numbered = [(number, path / NEXT_KEY.format(number)) for number in range(1, ROTATIONS_MAX + 1)]
    files = [file for _number, file in reversed(numbered) if file.exists()]
    if not files or (path / KEY).exists():
        files.append(path / KEY)
    seeds = [read_seed(file) for file in files]
    return {public_key(seed): seed for seed in seeds}


def read_place(path: Path) -> StorePlace:
    """Where the store of the ledger in this folder is. Raises `KeyUnusable`."""
    if not (path / DATABASE).is_file():
        return SqlitePlace(path / STORE_NAME)
    try:
        return PostgresPlace((path / DATABASE).read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path / DATABASE}: {error}") from None


def read_seed(path: Path) -> bytes:
    """The seed in this file. Raises `KeyUnusable`."""
    try:
        seed = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from None
    if len(seed) != 32:
        raise KeyUnusable(f"{path}: expected a seed of 32 bytes, found {len(seed)}")
    return seed


def check_audit(audit: str, path: Path) -> None:
    """Raise `AuditUnusable` for an audit folder, of the ledger's folder `path`, in which the log would not be kept."""
    if not audit.isprintable() or not _is_place(audit):
        found = "no name of a place"
    elif audit.startswith("memory://"):
        found = "the memory of a process, which ends with it"
    elif audit.startswith(("http://", "https://")):
        found = "an address of the web, which cannot be written"
    elif "://" in audit and not audit.startswith("file://"):
        return
    else:
        name = unquote(urlsplit(audit).path) if "://" in audit else audit
        base, place = os.path.realpath(path), os.path.realpath(path / name)
        public = os.path.join(base, "public")
        if os.path.commonpath([base, place]) == place:
            found = "a folder that has the ledger's in it"
        elif os.path.commonpath([public, place]) == public and place != os.path.join(base, OPEN_AUDIT):
            found = f"the public folder, where others' files lie; of it only {OPEN_AUDIT} may be (--open)"
        else:
            return
    raise AuditUnusable(
        f"audit: expected a folder of its own, like {AUDIT}, or a URL that can be written, found {audit[:200]!r}:"
        f" {found}; {TRUST} names it, or --audit of `amos ledger init`"
    )


def _is_place(audit: str) -> bool:
    try:
        urlsplit(audit)
    except ValueError:
        return False
    return True


def read_trust(path: Path) -> Trust:
    """What this file says. Raises `KeyUnusable`, `AuditUnusable`."""
    try:
        facts = read_json(path)
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
    check_audit(trust.audit, path.parent)
    return trust
