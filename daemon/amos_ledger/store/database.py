"""The database under the store: transactions, rows that wait, and nothing about what is in it.

Inside a transaction, rows may wait (`later`) to be written together with others of their statement, and what was read
may be remembered (`remembered`). Neither shows: any other read or write first writes what waits, and any other write
forgets what is remembered, as does the transaction's end. So only `later` and `remembered` have to agree with each
other: whoever lets a row wait notes what it changes of what is remembered. What is remembered of `devices` outlives the
transaction where the database can tell that nobody else has written since.

Contract: when `transaction` ends without an error, everything in it survives a power cut; when it ends otherwise,
nothing of it happened. The errors of `failures.py` pass through. Statements are the same for every database: `?` and
`?1` stand for values, of which bytes come back as bytes; the types are those of `schema.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.memory import Memory

WAIT_S = 10.0
"""How long a transaction waits for another process's: the longest of ours is a batch or a closing, well below."""

Row = tuple[Any, ...]
Found = TypeVar("Found")


class Database(ABC):
    """An open database. Not shared between threads; any number of processes may have it open."""

    def __init__(self) -> None:
        self._depth = 0
        self._waiting: dict[str, list[Sequence[object]]] = {}
        self._gathered: dict[Callable[[dict[Any, Any]], None], dict[Any, Any]] = {}
        self._memory: dict[Hashable, Any] = {}
        self.devices = Memory()

    # What each database does in its own way.

    @abstractmethod
    def serve(self) -> None:
        """For a service: keep more in memory, and end statements that take long, since its own are short and its peers
        wait."""

    @abstractmethod
    def close(self) -> None:
        """Close it; an open transaction is rolled back."""

    @abstractmethod
    def has_table(self, name: str) -> bool:
        """Whether there is a table of this name."""

    @abstractmethod
    def locked(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows, which no other process changes or locks before this transaction ends. What waits is not written."""

    @abstractmethod
    def lock(self, sql: str, values: Sequence[object] = ()) -> None:
        """Lock these rows in the same way, without telling of them."""

    @abstractmethod
    def clock_ms(self) -> int | None:
        """The Unix time in milliseconds by the database's own clock; None where that is this machine's."""

    @abstractmethod
    def _begin(self, writes: bool) -> None: ...

    @abstractmethod
    def _only_writer(self) -> bool:
        """Whether the transaction that has begun sees what this connection's last one left, and nothing else."""

    @abstractmethod
    def _commit(self) -> None: ...

    @abstractmethod
    def _roll_back(self) -> None: ...

    @abstractmethod
    def _fetch(self, sql: str, values: Sequence[object]) -> list[Row]: ...

    @abstractmethod
    def _fetch_one(self, sql: str, values: Sequence[object]) -> Row | None: ...

    @abstractmethod
    def _fetch_each(self, sql: str, values: Sequence[object]) -> Iterator[Row]: ...

    @abstractmethod
    def _execute(self, sql: str, values: Sequence[object]) -> int: ...

    @abstractmethod
    def _execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...

    @abstractmethod
    def _define(self, statement: str) -> None:
        """Execute a statement of a script, which may name types as `schema.py` does."""

    # Transactions.

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, durably, or nothing. Inside another transaction it is a part of that one."""
        with self._bracket(True):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside see one state, whatever other processes write meanwhile."""
        with self._bracket(False):
            yield

    @contextmanager
    def _bracket(self, writes: bool) -> Iterator[None]:
        if not self._depth:
            self._forget()
            self._begin(writes)
            self.devices.begin(still_true=self._only_writer())
        self._depth += 1
        committed = False
        try:
            yield
            if self._depth == 1:
                self.write_waiting()
                self._commit()
                committed = True
        except BaseException:
            if self._depth == 1:
                with suppress(*DATABASE_ERRORS):  # it rolled back by itself, or the connection is of no use
                    self._roll_back()
            raise
        finally:
            self._depth -= 1
            if not self._depth:
                self._forget()
                self.devices.end(committed)

    def _forget(self) -> None:
        self._waiting.clear()
        self._gathered.clear()
        self._memory.clear()

    # Rows that wait, and what is remembered.

    def later(self, sql: str, row: Sequence[object]) -> None:
        """Execute the statement for this row, after those of the same statement that wait, before anything else that
        the database is asked for. Statements that wait side by side must not depend on each other."""
        if self._depth:
            self._waiting.setdefault(sql, []).append(row)
        else:
            self.devices.forget()
            self._execute(sql, row)

    def all_later(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """The same for many rows."""
        if self._depth:
            self._waiting.setdefault(sql, []).extend(rows)
        else:
            self.devices.forget()
            self._execute_many(sql, rows)

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
                self._execute_many(sql, rows)

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
        return self._fetch_one(sql, values)

    def first_rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """As `rows`, for `remembered`."""
        return self._fetch(sql, values)

    # Statements.

    def run(self, sql: str, values: Sequence[object] = (), of_devices: bool = True) -> int:
        """Execute one statement; the count of rows it changed. Where it changes nothing that is remembered of devices,
        say so with `of_devices`."""
        self._write_first(of_devices)
        return self._execute(sql, values)

    def run_many(self, sql: str, rows: Sequence[Sequence[object]], of_devices: bool = True) -> None:
        """Execute one statement for each row, in the same way."""
        self._write_first(of_devices)
        self._execute_many(sql, rows)

    def _write_first(self, of_devices: bool) -> None:
        self.write_waiting()
        self._memory.clear()
        if of_devices:
            self.devices.forget()

    def run_script(self, script: str) -> None:
        """Execute statements one by one, inside the open transaction."""
        self._write_first(True)
        for statement in script.split(";"):
            if statement.strip():
                self._define(statement)

    def one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row, or None."""
        self.write_waiting()
        return self._fetch_one(sql, values)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows."""
        self.write_waiting()
        return self._fetch(sql, values)

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Rows one by one."""
        self.write_waiting()
        yield from self._fetch_each(sql, values)


def marks(count: int) -> str:
    """As many places for values, as `IN (…)` and `VALUES (…)` want them."""
    return ", ".join("?" * count)


def greater(left: str, right: str) -> str:
    """The greater of two expressions: databases do not agree on a name for it."""
    return f"CASE WHEN {left} > {right} THEN {left} ELSE {right} END"


def lesser(left: str, right: str) -> str:
    """The lesser of two expressions."""
    return f"CASE WHEN {left} < {right} THEN {left} ELSE {right} END"
