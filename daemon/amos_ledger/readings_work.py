"""What is added up while a period is worked out, kept on disk when there is much of it.

SQLite's private temporary database (an empty name) lives in its cache until that is full, and is gone when it is
closed. So a period takes as much memory with a million segments as with ten thousand.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from tempfile import TemporaryFile
from types import TracebackType

from amos_ledger.settlement.played import Played, Row

KEYS_IN_MEMORY = 25_000
"""Some 8 MB, and as much again while they are added to the database."""

ROWS_AT_A_TIME = 8192
"""NumPy's work on their columns stays in a cache, and its calls cost little beside it."""

_READ = "SELECT key, frames, plays, coalesce(first_s, -1), coalesce(last_s, -1) FROM played ORDER BY key"

_ADD = """
    INSERT INTO played VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
        frames = frames + excluded.frames, plays = plays + excluded.plays,
        first_s = min(coalesce(first_s, excluded.first_s), coalesce(excluded.first_s, first_s)),
        last_s = max(coalesce(last_s, excluded.last_s), coalesce(excluded.last_s, last_s))
"""


class SpilledFile:
    """Bytes in a file without a name, which is gone when nobody holds it; see `settlement.played.Spill`."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  It lasts as long as this.

    def add(self, data: bytes) -> None:
        """More of them."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)

    def read(self, begin: int, end: int) -> bytes:
        """Those between these places."""
        self._file.seek(begin)
        return self._file.read(end - begin)


class PlayedSums:
    """Play by key, in order of keys; see `settlement.played.Sums`."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE played (key BLOB PRIMARY KEY, frames INTEGER NOT NULL, plays INTEGER NOT NULL,"
            " first_s INTEGER, last_s INTEGER) WITHOUT ROWID"
        )
        self._fresh: dict[bytes, Played] = {}

    def close(self) -> None:
        """Let go of all of it."""
        self._connection.close()

    def __enter__(self) -> "PlayedSums":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, more: Mapping[bytes, Played]) -> None:
        """Add to what there is by these keys."""
        fresh = self._fresh
        for key, played in more.items():
            before = fresh.get(key)
            fresh[key] = played if before is None else before.and_(played)
        if len(fresh) >= KEYS_IN_MEMORY:
            self._flush()

    def rows(self) -> Iterator[list[Row]]:
        """All of it, by ascending key, some thousands at a time."""
        self._flush()
        found = self._connection.execute(_READ)
        while rows := found.fetchmany(ROWS_AT_A_TIME):
            yield rows

    def spill(self) -> "SpilledFile":
        """A place for bytes that lasts longer than these sums."""
        return SpilledFile()

    def _flush(self) -> None:
        rows = sorted((key, *played) for key, played in self._fresh.items())
        self._connection.execute("BEGIN")
        self._connection.executemany(_ADD, rows)
        self._connection.execute("COMMIT")
        self._fresh.clear()
