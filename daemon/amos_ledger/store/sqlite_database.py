"""A SQLite file as the database: WAL with `synchronous=FULL`. One transaction writes at a time, so that locks of rows
come for nothing."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from amos.edges.private_host import claim_private
from amos_ledger.store.database import WAIT_S, Database, Row

_CACHE_KIB = 16 << 10
"""Of pages, while intake is served. A batch of 256 devices touches some 3,300 pages of a ledger of a million segments,
and SQLite's own 2 MiB are 500, with which it reads each five times (`amos bench ledger-large` prints what is read)."""

_PAGE_BYTES = 2048
"""Of a new file. A segment touches some 25 pages of small rows: with SQLite's usual 4 KiB a quiet ledger writes half as
much again, and 1 KiB costs a busy one a tenth of its CPU."""

_LOG_BYTES = 16 << 20
"""Of the write-ahead log before its pages go into the file. Those at the ends of tables are written by commit after
commit, and into the file once each time: at SQLite's own 1,000 pages a quarter more is written."""


class SqliteDatabase(Database):
    """An open SQLite file."""

    def __init__(self, path: Path, create: bool = False, read_only: bool = False) -> None:
        super().__init__()
        self._version: int = -1
        if read_only:
            self._connection = _connected_to_read(path)
            return
        mode = "rwc" if create else "rw"  # a file that is gone must not come back empty
        if create:
            claim_private(path)  # what SQLite puts beside it takes its mode
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
        try:
            if create:
                self._connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_BYTES // page_bytes}")
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def serve(self) -> None:
        """More pages are kept. Nobody else works at a statement, and a lock is waited for `WAIT_S`."""
        self._connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")

    def has_table(self, name: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self._fetch_one(sql, (name,)) is not None

    def locked(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._fetch(sql, values)

    def lock(self, sql: str, values: Sequence[object] = ()) -> None:
        pass  # nobody else writes

    def clock_ms(self) -> int | None:
        return None

    def attach(self, path: Path) -> None:
        """Have the tables of another file beside these, as `live.…`."""
        self.run("ATTACH ? AS live", (f"{path.absolute().as_uri()}?mode=rw",))

    def _begin(self, writes: bool) -> None:
        self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    def _only_writer(self) -> bool:
        # The number is of this connection alone, and is another one once somebody else has committed.
        before = self._version
        (self._version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return before == self._version

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        self._connection.execute("ROLLBACK")

    def _fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def _fetch_one(self, sql: str, values: Sequence[object]) -> Row | None:
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def _fetch_each(self, sql: str, values: Sequence[object]) -> Iterator[Row]:
        yield from self._connection.execute(sql, values)

    def _execute(self, sql: str, values: Sequence[object]) -> int:
        return self._connection.execute(sql, values).rowcount

    def _execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._connection.executemany(sql, rows)

    def _define(self, statement: str) -> None:
        self._connection.execute(statement)  # `executescript` would commit the open transaction


def _connected_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, not even beside the file, where nothing can be written."""
    uri = path.absolute().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        log = path.with_name(path.name + "-wal")
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
            raise
        if log.exists() and log.stat().st_size:
            raise sqlite3.OperationalError(
                f"{log}: expected a disk that takes writes, to read what a ledger that did not end left there; copy"
                " the folder to one"
            ) from None
        # SQLite wants a file beside it, to share it with who writes. There is nobody: the disk takes no writes.
        return sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection
