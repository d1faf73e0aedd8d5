"""What a spool holds, for people and as data. Reads beside a running courier; changes nothing."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amos.protocol.answer import SENTENCES, VERDICTS
from amos_sync.errors import SpoolDiskFull, SpoolError
from amos_sync.outbox import State
from amos_sync.spool_file import (
    DISK_FULL,
    FAULTS_FACT,
    FILE_NAME,
    RESERVE_NAME,
    is_full,
    keep_reserve,
    spool_in_use,
    use_reserve,
)

REFUSALS_SHOWN_MAX = 20

_SUMS = """
SELECT e.device, state, count(*), sum(segment_bytes), sum(message_bytes), sum(sends), sum(sends * message_bytes),
       max(sequence)
FROM entries e GROUP BY e.device, state
"""
_REFUSALS = """
SELECT sequence, verdict, detail FROM entries
WHERE device = ? AND verdict IS NOT NULL AND state NOT IN (5, 6) ORDER BY sequence LIMIT ?
"""


def report(folder: Path) -> dict[str, Any]:
    """The spool as data. Raises `SpoolError` when there is none or it cannot be read.

    `running`: whether a courier uses it. `faults`: what is wrong, as that courier sees it: `sentence`, `since_unix_s`.
    `carried`: segments of other shops that sticks brought, `waiting` for the ledger and `answered`.
    Per device: `device` (hex), `port`, `last_sequence`, `segments` (ever pulled), one count per state in lower case,
    `segment_bytes` (as signed), `message_bytes` (as sent, once each), `sends`, `sent_bytes` (resends included),
    `line_bytes` (both ways, frames included), `refusals` (the first 20: sequence, verdict, detail,
    sentence: what it means and what to do).
    """
    with reading(folder) as database:
        devices = [_device(database, row) for row in database.execute("SELECT * FROM devices ORDER BY device")]
        kept = database.execute("SELECT value FROM facts WHERE name = ?", (FAULTS_FACT,)).fetchone()
        carried = _carried(database)
    running = _running(folder)
    return {
        "spool": str(folder),
        "running": running,
        "faults": json.loads(bytes.fromhex(kept["value"])) if kept and running else [],
        "waiting": sum(device["segments"] - device["returned"] for device in devices),
        "devices": devices,
        "carried": carried,
    }


def _carried(database: sqlite3.Connection) -> dict[str, int]:
    """Segments that sticks brought for other shops; a spool that an earlier version made has none."""
    columns = {row["name"] for row in database.execute("PRAGMA table_info(entries)")}
    if "carried_unix_s" not in columns:
        return {"waiting": 0, "answered": 0}
    (waiting, count) = database.execute(
        "SELECT count(*) FILTER (WHERE state IN (1, 2)), count(*) FROM entries WHERE carried_unix_s IS NOT NULL"
    ).fetchone()
    return {"waiting": waiting, "answered": count - waiting}


def _running(folder: Path) -> bool:
    try:
        return spool_in_use(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise SpoolError(f"spool {folder}: cannot be read: {error.strerror}") from error


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """One view of the spool, whatever its courier does meanwhile. Raises `SpoolError`."""
    path = folder / FILE_NAME
    none_yet = SpoolError(f"spool {folder}: none there yet; run the courier first")
    if not path.is_file():
        raise none_yet
    try:
        had_reserve = (folder / RESERVE_NAME).exists()
        database, version = _opened(folder)
        gave_reserve = had_reserve and not (folder / RESERVE_NAME).exists()
        try:
            if not version:
                raise none_yet  # a courier makes it at this moment
            yield database
        finally:
            database.close()
            if gave_reserve:
                keep_reserve(folder)
    except sqlite3.Error as error:
        if is_full(error):
            raise SpoolDiskFull(f"spool {folder}: cannot be read: {DISK_FULL}") from error
        raise SpoolError(f"spool {folder}: cannot be read: {error}") from error


def _opened(folder: Path) -> tuple[sqlite3.Connection, int]:
    """The spool's file in one view, and its version. SQLite makes an index beside it where no courier runs: on a full
    disk by what is kept in reserve, and where there is nothing any more, the file is read without."""
    path = folder / FILE_NAME
    try:
        return _view(path, "mode=ro")
    except sqlite3.Error as error:
        if not is_full(error):
            raise
    use_reserve(folder)
    try:
        return _view(path, "mode=ro")
    except sqlite3.Error as error:
        log = folder / (FILE_NAME + "-wal")
        if not is_full(error) or _running(folder) or (log.exists() and log.stat().st_size):
            raise
    return _view(path, "immutable=1")


def _view(path: Path, how: str) -> tuple[sqlite3.Connection, int]:
    database = sqlite3.connect(f"file:{path}?{how}", uri=True, timeout=10)
    database.row_factory = sqlite3.Row
    try:
        database.execute("BEGIN")
        return database, int(database.execute("PRAGMA user_version").fetchone()[0])
    except BaseException:
        database.close()
        raise


def _device(database: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    device: dict[str, Any] = {
        "device_id": bytes(row["device"]).hex(),
        "port": row["port"],
        "last_sequence": 0,
        "segments": row["folded_segments"],
        "segment_bytes": row["folded_segment_bytes"],
        "message_bytes": row["folded_message_bytes"],
        "sends": row["folded_sends"],
        "sent_bytes": row["folded_sent_bytes"],
        "line_bytes": row["line_bytes"],
    }
    device.update({state.name.lower(): 0 for state in State})
    device["returned"] = row["folded_segments"]
    for sums in database.execute(f"SELECT * FROM ({_SUMS}) WHERE device = ?", (row["device"],)):
        _device, state, count, segment_bytes, message_bytes, sends, sent_bytes, last = sums
        device[State(state).name.lower()] += count
        device["segments"] += count
        device["segment_bytes"] += segment_bytes
        device["message_bytes"] += message_bytes
        device["sends"] += sends
        device["sent_bytes"] += sent_bytes
        device["last_sequence"] = max(device["last_sequence"], last)
    device["refusals"] = [
        {"sequence": sequence, "verdict": VERDICTS[verdict], "detail": detail, "sentence": SENTENCES[verdict]}
        for sequence, verdict, detail in database.execute(_REFUSALS, (row["device"], REFUSALS_SHOWN_MAX))
    ]
    return device
