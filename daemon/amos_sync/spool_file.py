"""The courier's spool as a file: its lock, its tables, and how one of an earlier version is brought to the present."""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from amos.edges.private_host import claim_private, create_private
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos_sync.errors import SpoolBusy, SpoolDamaged, SpoolDiskFull, SpoolError
from amos_sync.limits import RESERVE_BYTES
from amos_sync.spool_damage import is_damage

FILE_NAME = "spool.sqlite"
LOCK_NAME = "spool.lock"
RESERVE_NAME = "spool.reserve"
LOOKERS_S = 10.0
"""For those who only look whether a courier runs: on a busy machine one may be stopped in the middle of its look."""
FAULTS_FACT = "faults"
PACK_DOCUMENT = "pack"
"""The manifest of the pack that the courier has for its players, as a document; its blobs' folder is a fact."""
SCHEMA_VERSION = 3
VERSIONS_MAX = 99
"""Beyond it a number is damage, and no later version's."""

_KEPT_SCHEMA = """
ALTER TABLE entries ADD COLUMN leaf_index INTEGER;
ALTER TABLE entries ADD COLUMN returned_unix_s INTEGER;
CREATE INDEX entries_kept ON entries (returned_unix_s) WHERE state = 6 AND payload IS NOT NULL;
CREATE INDEX entries_receipted ON entries (leaf_index) WHERE payload IS NOT NULL AND receipt IS NOT NULL;
"""

_CARRIED_SCHEMA = """
ALTER TABLE entries ADD COLUMN carried_unix_s INTEGER;
CREATE INDEX entries_carried ON entries (device, sequence) WHERE carried_unix_s IS NOT NULL;
CREATE TABLE carried_devices (device BLOB PRIMARY KEY, site TEXT NOT NULL, unix_s INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    device BLOB NOT NULL, name TEXT NOT NULL, source INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (device, name, source)
) WITHOUT ROWID;
"""

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (
    device BLOB PRIMARY KEY, port TEXT NOT NULL, line_bytes INTEGER NOT NULL DEFAULT 0,
    folded_segments INTEGER NOT NULL DEFAULT 0, folded_segment_bytes INTEGER NOT NULL DEFAULT 0,
    folded_message_bytes INTEGER NOT NULL DEFAULT 0, folded_sends INTEGER NOT NULL DEFAULT 0,
    folded_sent_bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, device BLOB NOT NULL, sequence INTEGER NOT NULL, segment_sha256 BLOB NOT NULL,
    message_sha256 BLOB NOT NULL, segment_bytes INTEGER NOT NULL, message_bytes INTEGER NOT NULL,
    state INTEGER NOT NULL, sends INTEGER NOT NULL DEFAULT 0, verdict INTEGER, detail TEXT,
    payload BLOB, receipt BLOB,
    UNIQUE (device, sequence, segment_sha256)
);
CREATE INDEX entries_open ON entries (device, sequence) WHERE state != 6;
"""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Failures of SQLite and of the disk are `SpoolError`, and `SpoolDamaged` where the file is to blame."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        kind = SpoolDamaged if is_damage(error) else SpoolDiskFull if is_full(error) else SpoolError
        raise kind(f"spool: cannot {what}: {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        if what == "write":
            raise  # ours, and no column of another kind or range than was written
        raise SpoolDamaged(f"spool: cannot {what}: {error}") from error


def is_full(error: Exception) -> bool:
    """Whether the disk has no room."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def keep_reserve(folder: Path) -> None:
    """A file that is only there to be deleted when the disk is full: to let go of anything takes room, too."""
    path = folder / RESERVE_NAME
    with suppress(OSError):
        if path.exists() and path.stat().st_size == RESERVE_BYTES:
            return
        try:
            with create_private(path) as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            path.unlink(missing_ok=True)


def lock_spool(path: Path) -> int:
    """The lock file's descriptor, for as long as the spool is used. Raises `SpoolBusy` when another courier has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    end_s = time.monotonic() + LOOKERS_S
    # The kernel gives it back when the process ends, in whatever way.
    while not _locked(descriptor, fcntl.LOCK_EX):
        # Lookers share it among themselves and with this look; a courier shares it with nobody.
        is_looked_at = _locked(descriptor, fcntl.LOCK_SH)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        if not is_looked_at or time.monotonic() >= end_s:
            os.close(descriptor)
            raise SpoolBusy(f"spool {path.parent}: another courier uses it; stop it or name another folder")
        time.sleep(0.02)
    return descriptor


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def spool_in_use(folder: Path) -> bool:
    """Whether a courier has it at this moment. Raises OSError."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def open_database(path: Path) -> sqlite3.Connection:
    """The spool's file, made when it is absent, in the present version. Raises `SpoolError` for one that is later."""
    claim_private(path)  # what SQLite puts beside it takes its mode
    database = sqlite3.connect(path, isolation_level=None, timeout=10)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if not 0 <= version <= VERSIONS_MAX:
        raise SpoolDamaged(f"spool {path}: expected schema version {SCHEMA_VERSION}, found {version}")
    if version < SCHEMA_VERSION:
        steps = (_SCHEMA, _KEPT_SCHEMA, _CARRIED_SCHEMA)
        database.executescript(f"BEGIN IMMEDIATE; {''.join(steps[version:])}")
        if version < 2:
            _note_leaves(database)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.execute("COMMIT")
    elif version != SCHEMA_VERSION:
        raise SpoolError(f"spool {path}: expected schema version {SCHEMA_VERSION}, found {version}")
    return database


def _note_leaves(database: sqlite3.Connection) -> None:
    """Version 1 kept receipts of segments on their way to players, without where they stand in the log."""
    rows = database.execute("SELECT id, receipt FROM entries WHERE receipt IS NOT NULL").fetchall()
    for id, receipt in rows:
        with suppress(ProtocolError):
            leaf_index = parse_receipt(receipt).leaf_index
            database.execute("UPDATE entries SET leaf_index = ? WHERE id = ?", (leaf_index, id))
