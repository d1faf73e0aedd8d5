"""The SQLite file under the store: connection, transactions, and nothing about what is in it.

Inside a transaction, rows may wait (`later`) to be written together with others of their statement, and what was read
may be remembered (`remembered`). Neither shows: any other read or write first writes what waits, and any other write
forgets what is remembered, as does the transaction's end. So only `later` and `remembered` have to agree with each
other: whoever lets a row wait notes what it changes of what is remembered.

Contract: WAL with `synchronous=FULL`. When `transaction` ends without an error, everything in it survives a power cut;
when it ends otherwise, nothing of it happened. `sqlite3.Error` passes through: what it means depends on the caller.
"""

import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from amos.edges.private_host import claim_private

WAIT_S = 10.0
"""How long a transaction waits for another process's: the longest of ours is a batch or a closing, well below."""

Row = tuple[Any, ...]
Found = TypeVar("Found")


class Database:
    """An open SQLite file. Not shared between threads; any number of processes may have it open."""

    def __init__(self, path: Path, create: bool = False, read_only: bool = False) -> None:
        self._depth = 0
        self._waiting: dict[str, list[Sequence[object]]] = {}
        self._gathered: dict[Callable[[dict[Any, Any]], None], dict[Any, Any]] = {}
        self._memory: dict[Hashable, Any] = {}
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
            self._forget()
            self._connection.execute(begin)
        self._depth += 1
        try:
            yield
            if self._depth == 1:
                self.write_waiting()
                self._connection.execute("COMMIT")
        except BaseException:
            if self._depth == 1:
                with suppress(sqlite3.Error):  # SQLite rolled back by itself, or the connection is of no use
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._gathered.clear()
        self._memory.clear()

    def later(self, sql: str, row: Sequence[object]) -> None:
        """Execute the statement for this row, after those of the same statement that wait, before anything else that
        the database is asked for. Statements that wait side by side must not depend on each other."""
        if self._depth:
            self._waiting.setdefault(sql, []).append(row)
        else:
            self._connection.execute(sql, row)

    def gathered(self, write: Callable[[dict[Any, Any]], None]) -> dict[Any, Any]:
        """What is gathered for `write`, which is called with it, and lets rows wait, when these are written."""
        assert self._depth, "expected a transaction"
        return self._gathered.setdefault(write, {})

    def write_waiting(self) -> None:
        """Write the rows that wait."""
        while self._gathered:
            write, gathered = self._gathered.popitem()
            write(gathered)
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            for sql, rows in waiting.items():
                self._connection.executemany(sql, rows)

    def remembered(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What `find` finds, or what was noted or found under `key` before in this transaction.

        `find` reads with `first`: what waits cannot change it, since whoever let that wait noted what it changes.
        """
        if not self._depth:
            return find()
        try:
            return self._memory[key]  # type: ignore[no-any-return]
        except KeyError:
            found = self._memory[key] = find()
            return found

    def note(self, key: Hashable, value: object) -> None:
        """Remember `value` under `key`."""
        if self._depth:
            self._memory[key] = value

    def known(self, key: Hashable) -> Any:
        """What is remembered under `key`, None when nothing is."""
        return self._memory.get(key)

    def first(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """As `one`, for `remembered`: without writing what waits."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def first_rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """As `rows`, for `remembered`."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Execute one statement; the count of rows it changed."""
        self.write_waiting()
        self._memory.clear()
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute one statement for each row."""
        self.write_waiting()
        self._memory.clear()
        self._connection.executemany(sql, rows)

    def run_script(self, script: str) -> None:
        """Execute statements one by one, inside the open transaction (`executescript` would commit it)."""
        self.write_waiting()
        self._memory.clear()
        for statement in script.split(";"):
            if statement.strip():
                self._connection.execute(statement)

    def one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, or None."""
        self.write_waiting()
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows."""
        self.write_waiting()
        return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Rows one by one."""
        self.write_waiting()
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
