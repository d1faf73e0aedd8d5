"""One worker of a ledger in PostgreSQL, as a process that the bench starts: what it took, and for how long nobody else
could append meanwhile."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amos_ledger.intake.reading import Message
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.store.database import Database, Row
from amos_ledger.store.postgres_database import PostgresDatabase
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.worker import Worker
from amos_tools.processor_time import waited_s


@dataclass(frozen=True)
class Taken:
    """Seconds of one worker: `began_s` and `ended_s` by the clock of this machine, and in between those of CPU of its
    process, those in which it had the head of the log locked, and those in which it or its server waited for a core."""

    began_s: float
    ended_s: float
    cpu_s: float
    locked_s: float
    waited_s: float


class _Timed(PostgresDatabase):
    """Notes for how long the log's head is locked: from when the server has given it to when it says that the
    transaction has ended."""

    locked_s = 0.0
    server_pid = 0
    _since: float | None = None

    def __init__(self, url: str, schema: str, create: bool = False, read_only: bool = False) -> None:
        super().__init__(url, schema, create, read_only)
        _Timed.server_pid = self._connection.info.backend_pid

    def locked(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        rows = super().locked(sql, values)
        if "FROM log_head" in sql:
            self._since = time.monotonic()
        return rows

    def _commit(self) -> None:
        super()._commit()
        self._let_go()

    def _roll_back(self) -> None:
        super()._roll_back()
        self._let_go()

    def _let_go(self) -> None:
        if self._since is not None:
            _Timed.locked_s += time.monotonic() - self._since
            self._since = None


class _TimedPlace(PostgresPlace):
    def open(self, create: bool = False, read_only: bool = False) -> Database:
        return _Timed(self.url, self.schema, create, read_only)


def start_worker(url: str, messages: Sequence[Message], at_s: int) -> tuple[Callable[[], None], Callable[[], Taken]]:
    """A process that is ready to take these messages in batches: what lets it begin, and what waits for its end. Raises
    `RuntimeError` there when it could not."""
    go_in, go_out = os.pipe()
    said_in, said_out = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(said_out, _work(url, messages, at_s, go_in).encode())
        finally:
            os._exit(0)
    os.close(go_in)
    os.close(said_out)

    def begin() -> None:
        os.write(go_out, b"g")
        os.close(go_out)

    def ended() -> Taken:
        with os.fdopen(said_in) as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        try:
            return Taken(*map(float, said.split()))
        except (ValueError, TypeError):
            raise RuntimeError(f"a worker: {said or 'ended without a word'}") from None

    return begin, ended


def _work(url: str, messages: Sequence[Message], at_s: int, go: int) -> str:
    worker = Worker(_TimedPlace(url))
    worker.take([], at_s)  # it is connected before it is timed
    os.read(go, 1)
    waited, began, began_cpu = _waited_s(), time.monotonic(), time.process_time()
    for first in range(0, len(messages), BATCH_MESSAGES_MAX):
        worker.take(messages[first : first + BATCH_MESSAGES_MAX], at_s)
        if worker.trouble is not None:
            return worker.trouble
    ended, ended_cpu = time.monotonic(), time.process_time()
    found = (began, ended, ended_cpu - began_cpu, _Timed.locked_s, _waited_s() - waited)
    return " ".join(map(repr, found))


def _waited_s() -> float:
    return waited_s(os.getpid()) + waited_s(_Timed.server_pid)
