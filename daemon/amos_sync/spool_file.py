"""The courier's spool as a file: its lock, its reserve, and what is said when the disk or the file fails."""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from amos.edges.private_host import claim_private, create_private
from amos_sync.errors import SpoolBusy, SpoolDamaged, SpoolDiskFull, SpoolError
from amos_sync.limits import RESERVE_BYTES
from amos_sync.spool_damage import is_damage
from amos_sync.spool_schema import bring_to_present

FILE_NAME = "spool.sqlite"
LOCK_NAME = "spool.lock"
RESERVE_NAME = "spool.reserve"
LOOKERS_S = 10.0
"""For those who only look whether a courier runs: on a busy machine one may be stopped in the middle of its look."""
FAULTS_FACT, UNTAKEN_FACT = "faults", "untaken"
PACK_DOCUMENT = "pack"
"""The manifest of the pack that the courier has for its players, as a document; its blobs' folder is a fact."""


DISK_FULL = "its disk is full; delete something there, or give it a larger one"


@contextmanager
def named(what: str) -> Iterator[None]:
    """Failures of SQLite and of the disk are `SpoolError`, and `SpoolDamaged` where the file is to blame."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if is_full(error):
            raise SpoolDiskFull(f"spool: cannot {what}: {DISK_FULL}") from error
        kind = SpoolDamaged if is_damage(error) else SpoolError
        raise kind(f"spool: cannot {what}: {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        if what == "write":
            raise  # ours, and no column of another kind or range than was written
        raise SpoolDamaged(f"spool: cannot {what}: {error}") from error


def is_full(error: Exception) -> bool:
    """Whether the disk has no room."""
    code = getattr(error, "sqlite_errorcode", None)
    # The latter is of the index that SQLite makes beside its log, and the first thing that fails.
    full = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    return code in full or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def use_reserve(folder: Path) -> None:
    """Give the room back that was kept."""
    with suppress(OSError):
        (folder / RESERVE_NAME).unlink(missing_ok=True)


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
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA secure_delete = OFF")  # pages that are given back are not worth a write to a card
        bring_to_present(database, path)
    except BaseException:
        database.close()  # what a step began ends with it
        raise
    return database
