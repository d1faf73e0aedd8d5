"""The SQLite file under the store: connection, transactions, and nothing about what is in it.

Contract: WAL with `synchronous=FULL`. When `transaction` ends without an error, everything in it survives a power cut;
when it ends otherwise, nothing of it happened. `sqlite3.Error` passes through: what it means depends on the caller.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from amos.edges.private_host import claim_private

WAIT_S = 10.0
"""How long a transaction waits for another process's: the longest of ours is a batch or a closing, well below."""

Row = tuple[Any, ...]


class Database:
    """An open SQLite file. Not shared between threads; any number of processes may have it open."""

    def __init__(self, path: Path, create: bool = False, read_only: bool = False) -> None:
        self._depth = 0
        if read_only:
            self._connection = _connected_to_read(path)
            return
        mode = "rwc" if create else "rw"  # a file that is gone must not come back empty
        if create:
            claim_private(path)  # what SQLite puts beside it takes its mode
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, durably, or nothing. Inside another transaction it is a part of that one."""
        with self._bracket("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside see one state, whatever other processes write meanwhile."""
        with self._bracket("BEGIN"):
            yield

    @contextmanager
    def _bracket(self, begin: str) -> Iterator[None]:
        if not self._depth:
            self._connection.execute(begin)
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self._connection.execute("COMMIT")
        except BaseException:
            if self._depth == 1:
                with suppress(sqlite3.Error):  # SQLite rolled back by itself, or the connection is of no use
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Execute one statement; the count of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each row."""
        self._connection.executemany(sql, rows)

    def run_script(self, script: str) -> None:
        """Execute statements one by one, inside the open transaction (`executescript` would commit it)."""
        for statement in script.split(";"):
            if statement.strip():
                self._connection.execute(statement)

    def one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows."""
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Rows one by one."""
        yield from self._connection.execute(sql, values)


def _connected_to_read(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, not even beside the file, where nothing can be written."""
    uri = path.absolute().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        log = path.with_name(path.name + "-wal")
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN or (log.exists() and log.stat().st_size):
            raise
        # SQLite wants a file beside it, to share it with who writes. There is nobody: the disk takes no writes.
        return sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
    except BaseException:
        connection.close()
        raise
    return connection
