"""A schema of a PostgreSQL database as the database, over psycopg.

Transactions are READ COMMITTED, and rows that others must not change meanwhile are locked; snapshots are REPEATABLE
READ. Nothing else of the server is used than tables, indexes, row locks and cursors, so that databases that speak its
protocol do. What the network or the server ends is a `ConnectionLost`; connections that hang end after `_PATIENCE_S`.

A commit has to be on the server's disk before anybody hears of it. Where the server, the database or the role says
`synchronous_commit = off`, these sessions say `on`. Its other values flush on the server itself, and say which replicas
must have it as well: that is the operator's to choose.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import RawCursor
from psycopg.adapt import Loader
from psycopg.types.numeric import Int8Dumper

from amos_ledger.store.database import WAIT_S, Database, Row, marks
from amos_ledger.store.failures import Conflict, ConnectionLost, PostgresFailed, PostgresUnavailable
from amos_ledger.store.patient_connection import PatientConnection

_PATIENCE_S = 20
"""As long as a silent peer is waited for, on both sides."""

_FETCHED_AT_ONCE = 1024
_ROWS_AT_ONCE = (256, 64, 16, 4, 1)
"""Rows that one INSERT brings: a few sizes, so that the server knows the statements."""

_ANSWERS_S = 1.5 * _PATIENCE_S
"""As long as an impatient session waits for the server's next word: longer than the server works at a statement."""

_SETTINGS = (
    f"SET lock_timeout = {int(WAIT_S * 1000)}",
    f"SET idle_in_transaction_session_timeout = {_PATIENCE_S * 1000}",
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
_STANDS = "SET LOCAL idle_in_transaction_session_timeout = 0"
"""Long work may lie between the statements of this transaction."""

_WATCHED = tuple(
    f"SET LOCAL tcp_keepalives_{what} = {value}"
    for what, value in (("idle", _PATIENCE_S // 2), ("interval", _PATIENCE_S // 4), ("count", 2))
)
"""The server notices that this host is gone, although the session says nothing."""

_TYPES = ((" WITHOUT ROWID", ""), ("INTEGER", "BIGINT"), ("BLOB", "BYTEA"))
"""Of `schema.py` → of PostgreSQL."""

_PLAIN_INSERT = re.compile(r"(INSERT INTO \w+(?: \([^)]*\))? VALUES )\(\?(?:, \?)*\)")
_LOST = frozenset({"57P01", "57P02", "57P03", "25P03"})
_PASSING = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots", "terminating")
_UNAVAILABLE = frozenset({"53", "55", "57", "58"})
"""Classes: resources, something held, operator, system."""


class _Whole(Loader):
    """A sum, which has a type without bounds, as a whole number."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


class PostgresDatabase(Database):
    """An open connection to the schema of a database. `url` is as libpq wants it."""

    def __init__(self, url: str, schema: str, create: bool = False, read_only: bool = False) -> None:
        super().__init__()
        self._schemas = {"main": schema}
        self._cursors = 0
        with _refusals():
            self._connection = PatientConnection.connect(
                url,
                autocommit=True,
                cursor_factory=RawCursor,
                connect_timeout=int(WAIT_S),
                keepalives=1,
                keepalives_idle=_PATIENCE_S // 2,
                keepalives_interval=_PATIENCE_S // 4,
                keepalives_count=2,
                tcp_user_timeout=_PATIENCE_S * 1000,
            )
        self._connection.answers_s = _ANSWERS_S
        try:
            self._connection.adapters.register_dumper(int, Int8Dumper)
            self._connection.adapters.register_loader("numeric", _Whole)
            with _failures():
                if create:
                    self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                self._connection.execute(f"SET search_path = {schema}")
                for setting in (*_SETTINGS, *(["SET default_transaction_read_only = on"] if read_only else [])):
                    self._connection.execute(setting)
            self._connection.answers_s = None
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._connection.close()

    def serve(self) -> None:
        self._command(f"SET statement_timeout = {_PATIENCE_S * 1000}")
        self._connection.answers_s = _ANSWERS_S

    def has_table(self, name: str) -> bool:
        sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
        return self._fetch_one(sql, (self._schemas["main"], name)) is not None

    def locked(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._fetch(sql + " FOR UPDATE", values)

    def lock(self, sql: str, values: Sequence[object] = ()) -> None:
        self.locked(sql, values)

    def clock_ms(self) -> int | None:
        row = self._fetch_one("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", ())
        assert row is not None
        return int(row[0])

    def stand(self) -> None:
        """Hold what this transaction holds for as long as it takes; others wait."""
        for sql in (_STANDS, *_WATCHED):
            self._command(sql)

    def attach(self, schema: str) -> None:
        """Have the tables of another schema beside these, as `live.…`."""
        self._schemas["live"] = schema

    def _begin(self, writes: bool) -> None:
        if writes:
            self._command("BEGIN ISOLATION LEVEL READ COMMITTED")
        else:  # nobody waits for what is only read
            self._command(f"BEGIN ISOLATION LEVEL REPEATABLE READ; {_STANDS}")

    def _only_writer(self) -> bool:
        return False  # the server does not tell

    def _commit(self) -> None:
        # What failed inside and was passed over leaves nothing to commit, and the server only says so.
        if self._command("COMMIT") != "COMMIT":
            raise PostgresFailed("the transaction was undone: a statement of it had failed")

    def _roll_back(self) -> None:
        self._command("ROLLBACK")

    def _command(self, sql: str) -> str | None:
        with _failures(self._connection):
            return self._connection.execute(sql.encode()).statusmessage

    def _fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        with _failures(self._connection):
            return self._connection.execute(self._translated(sql), values).fetchall()

    def _fetch_one(self, sql: str, values: Sequence[object]) -> Row | None:
        with _failures(self._connection):
            return self._connection.execute(self._translated(sql), values).fetchone()

    def _fetch_each(self, sql: str, values: Sequence[object]) -> Iterator[Row]:
        """A cursor of the server inside a transaction; outside, where there is none, all rows come at once."""
        if not self.in_transaction:
            yield from self._fetch(sql, values)
            return
        self._cursors += 1
        name = f"rows_{self._cursors}"
        self._execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", values)
        try:
            while rows := self._fetch(f"FETCH {_FETCHED_AT_ONCE} FROM {name}", ()):
                yield from rows
        finally:
            with suppress(PostgresFailed):  # the transaction is over, and the cursor with it
                self._execute(f"CLOSE {name}", ())

    def _execute(self, sql: str, values: Sequence[object]) -> int:
        with _failures(self._connection):
            return self._connection.execute(self._translated(sql), values).rowcount

    def _execute_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        plain = _PLAIN_INSERT.fullmatch(sql)
        with _failures(self._connection):
            if plain is None:
                with self._connection.cursor() as cursor:
                    cursor.executemany(self._translated(sql), rows)
                return
            start, columns = 0, len(rows[0]) if rows else 0
            while start < len(rows):
                count = next(size for size in _ROWS_AT_ONCE if size <= len(rows) - start)
                many = plain[1] + ", ".join([f"({marks(columns)})"] * count)
                values = [value for row in rows[start : start + count] for value in row]
                self._connection.execute(self._translated(many), values)
                start += count

    def _define(self, statement: str) -> None:
        for ours, theirs in _TYPES:
            statement = statement.replace(ours, theirs)
        self._execute(statement, ())

    def _translated(self, sql: str) -> bytes:
        return _translated(sql, self._schemas["main"], self._schemas.get("live", ""))


@lru_cache(maxsize=512)
def _translated(sql: str, main: str, live: str) -> bytes:
    """The statement in PostgreSQL's words."""
    count = 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${match[1] or count}"

    sql = re.sub(r"\?(\d*)", numbered, sql)
    sql = re.sub(r"\b(main|live)\.", lambda match: f"{main if match[1] == 'main' else live}.", sql)
    sql = re.sub(r"zeroblob\((\d+)\)", lambda match: f"'\\x{'00' * int(match[1])}'::bytea", sql)
    return sql.encode()


@contextmanager
def _failures(connection: "psycopg.Connection[Any] | None" = None) -> Iterator[None]:
    """psycopg's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise _failure(error, connection is not None and connection.closed) from None


@contextmanager
def _refusals() -> Iterator[None]:
    """The same of connecting, where errors have no code. What the server refuses for good, as a password, is no matter
    of waiting; that it begins, ends or is full is."""
    try:
        yield
    except psycopg.Error as error:
        sentence = " ".join(str(error).split())
        for_good = "FATAL:" in sentence and not any(word in sentence for word in _PASSING)
        raise (PostgresFailed if for_good else ConnectionLost)(sentence) from None


def _failure(error: psycopg.Error, closed: bool) -> PostgresFailed:
    state = error.sqlstate
    sentence = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    kinds: tuple[tuple[bool, Callable[[str], PostgresFailed]], ...] = (
        (closed or (state is None and isinstance(error, psycopg.OperationalError)), ConnectionLost),
        (state is not None and (state[:2] == "08" or state in _LOST), ConnectionLost),
        (state is not None and state[:2] == "40", Conflict),
        (state is not None and state[:2] in _UNAVAILABLE, PostgresUnavailable),
    )
    kind = next((kind for holds, kind in kinds if holds), PostgresFailed)
    return kind(sentence)
