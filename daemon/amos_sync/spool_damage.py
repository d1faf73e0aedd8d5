"""A spool whose file is damaged: told apart from one that cannot be written, set aside, and what is whole in it saved.

Nobody is asked: the players have every segment that has no receipt, and list it again. What is saved is what only the
spool has, returned segments for a ledger that lost them, and what would otherwise cross slow lines a second time.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_sync.errors import SpoolDamaged
from amos_sync.outbox import State

FOLDER_NAME = "damaged"
KEPT_MAX = 2
"""Files that were set aside, for whoever wants to look: the newest."""

ROWS_LOST_MAX = 1000
"""Unreadable in a row, after which no more are looked for."""

_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_WORDS = (
    "no such table",
    "no such column",
    "already exists",
    "duplicate column",
    "malformed",
    "ould not decode",
    "unsupported file format",
)
_UNREADABLE = (sqlite3.Error, ValueError, TypeError, OverflowError)
"""What reading a damaged file raises."""

_COLUMNS = (
    "id, device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes, state, sends, payload,"
    " receipt, leaf_index, returned_unix_s, carried_unix_s"
)
_APART = {
    "payload": "(SELECT payload FROM messages WHERE messages.id = entries.id)",
    "receipt": "(SELECT receipt FROM receipts WHERE receipts.id = entries.id)",
}
"""Where they lie since schema 4."""


def is_damage(error: Exception) -> bool:
    """Whether an error of SQLite is about what stands in the file, and not about the disk that it lies on."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _CODES:
        return True
    return isinstance(error, sqlite3.Error) and any(word in str(error) for word in _WORDS)


def check(database: sqlite3.Connection) -> None:
    """Raise `SpoolDamaged` unless SQLite finds the file whole; some seconds for a full spool."""
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise SpoolDamaged(f"spool: damaged: {str(found).splitlines()[-1][:200]}")


def check_held(database: sqlite3.Connection) -> None:
    """Raise `SpoolDamaged` unless each entry has the message and the receipt that it says it has."""
    found = database.execute(
        "SELECT entries.id FROM entries LEFT JOIN messages USING (id) LEFT JOIN receipts USING (id)"
        " WHERE held_bytes != coalesce(length(payload), 0) + coalesce(length(receipt), 0)"
        " OR (held_bytes > 0 AND message_bytes IS NOT length(payload)) LIMIT 1"
    ).fetchone()
    if found is not None:
        raise SpoolDamaged(f"spool: damaged: entry {found[0]} lacks its message or its receipt")


def set_aside(path: Path) -> Path:
    """Move the file, and what SQLite keeps beside it, to a folder of their own. Raises OSError."""
    above = path.parent / FOLDER_NAME
    above.mkdir(mode=0o700, exist_ok=True)
    before = sorted((entry for entry in above.iterdir() if entry.name.isdigit()), key=lambda entry: int(entry.name))
    folder = above / str(int(before[-1].name) + 1 if before else 1)
    for entry in before[: max(len(before) - KEPT_MAX + 1, 0)]:
        shutil.rmtree(entry, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for behind in ("-wal", "-shm", ""):  # the file last: without it there is nothing to set aside
        with suppress(FileNotFoundError):
            os.replace(f"{path}{behind}", folder / f"{path.name}{behind}")
    return folder / path.name


def save(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy what is whole into the fresh spool, inside a transaction; how many segments."""
    count = 0
    with suppress(*_UNREADABLE), closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        with suppress(*_UNREADABLE):
            row = old.execute("SELECT value FROM facts WHERE name = 'client_id'").fetchone()
            if row and isinstance(row[0], str) and row[0].startswith("amos-") and len(row[0]) == 21:
                database.execute("INSERT INTO facts VALUES ('client_id', ?) ON CONFLICT DO NOTHING", row)
        for entry in _entries(old):
            _put(database, entry)
            device = (entry[1],)
            database.execute("INSERT INTO devices (device, port) VALUES (?, '') ON CONFLICT DO NOTHING", device)
            count += 1
    return count


def _put(database: sqlite3.Connection, entry: tuple[Any, ...]) -> None:
    id, payload, receipt = entry[0], entry[9], entry[10]
    row = (*entry[:9], *entry[11:], len(payload) + len(receipt or b""))
    done = database.execute(
        "INSERT INTO entries (id, device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes,"
        " state, sends, leaf_index, returned_unix_s, carried_unix_s, held_bytes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        row,
    )
    if done.rowcount:
        database.execute("INSERT INTO messages VALUES (?, ?)", (id, payload))
        if receipt is not None:
            database.execute("INSERT INTO receipts VALUES (?, ?)", (id, receipt))


def _columns_of(old: sqlite3.Connection) -> str:
    """`_COLUMNS` as a spool of this version has them."""
    with suppress(*_UNREADABLE):
        if "payload" not in {row[1] for row in old.execute("PRAGMA table_info(entries)")}:
            return ", ".join(_APART.get(name, name) for name in _COLUMNS.split(", "))
    return _COLUMNS


def _entries(old: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    columns = _columns_of(old)
    id, lost = 0, 0
    while lost < ROWS_LOST_MAX:
        try:
            row = old.execute(f"SELECT {columns} FROM entries WHERE id > ? ORDER BY id LIMIT 1", (id,)).fetchone()
        except _UNREADABLE:
            id, lost = id + 1, lost + 1
            continue
        if row is None or not isinstance(row[0], int) or row[0] <= id:
            return
        id, lost = row[0], 0
        if _is_whole(row):
            yield row


def _is_whole(row: tuple[Any, ...]) -> bool:
    """Whether each column says what the payload says, so that one that was damaged is not carried on."""
    _id, device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes, state, sends, payload = row[
        :10
    ]
    receipt, *times = row[10:]
    if not isinstance(payload, bytes) or hashlib.sha256(payload).digest() != message_sha256:
        return False
    if not all(isinstance(number, int) for number in (sequence, sends)):
        return False
    if not all(number is None or isinstance(number, int) for number in times):
        return False
    if state not in list(State) or (receipt is not None and not isinstance(receipt, bytes)):
        return False
    if (state in (State.RECEIPTED, State.RETURNED)) != (receipt is not None):
        return False
    try:
        segment = unwrap(payload)
    except ProtocolError:
        return False
    if (segment_bytes, message_bytes) != (len(segment), len(payload)):
        return False
    return hashlib.sha256(segment).digest() == segment_sha256 and names(segment) == (device, sequence)


def names(segment: bytes) -> tuple[bytes, int] | None:
    """(device, sequence) that a segment is of; None for one that is none."""
    try:
        usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    except ProtocolError:
        return None
    return usage.device_id, usage.sequence
