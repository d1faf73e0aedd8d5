"""A disk that refuses any single operation, or from one on all of them, makes the ledger unavailable, and no more.

Nothing is receipted that is not durable, nothing but named refusals comes out, and the same process goes on as soon as
the disk does. Judged as in `test_every_operation.py`.
"""

import errno
import random
import resource
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aftermath import Aftermaths
from crash_script import Script, Witness
from folder_state import read_state
from stops import DIE, GO_ON, Operation, Ran, Stop, run_stopping
from storage_faults import FAILING, OPERATIONS, failing_at, failing_from, recorded

SAMPLE = 5
BEGINNING = 8
"""Operations until a ledger has read its folder and begun its work."""
SHARDS = 4
ERRORS = ("EIO", "ENOSPC")
OPENING = ("open", "openat")
"""Of these the first names the file in its first word, the other in its second."""

pytestmark = pytest.mark.usefixtures("stops")


def live_on(ran: Ran, witness: Witness) -> None:
    """The first day had errors, the second had none."""
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    witness.judge_end()


@pytest.fixture(scope="module")
def operations(script: Script, fresh: Callable[[], Witness]) -> list[Operation]:
    """Those of the first day, which a second one may follow in the same process."""
    fresh()
    return recorded(FAILING, partial(script.run, close=False))


def fail_once(fresh: Callable[[], Witness], operation: Operation, error: str) -> None:
    witness = fresh()
    live_on(failing_at(operation, error, partial(witness.script.run, days=2)), witness)


@pytest.mark.parametrize("error", (*ERRORS, "EINTR"))
def test_some_operations_fail(fresh: Callable[[], Witness], operations: list[Operation], error: str) -> None:
    for operation in random.Random(error).sample(operations, SAMPLE):
        fail_once(fresh, operation, error)


@pytest.mark.sweep
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_operation_fails(
    fresh: Callable[[], Witness], operations: list[Operation], shard: int, error: str
) -> None:
    chosen = operations[shard::SHARDS]
    for operation in chosen:
        fail_once(fresh, operation, error)
    print(f"{error} at {len(chosen)} of {len(operations)} operations")


class Interrupter:
    """Interrupts each operation once. Who calls again at once, from the same place and with the same words, is where it
    was before, and goes on as if nothing had been: so one day does for all of these. The day ends at the first which is
    not repeated, named in `given_up`; those in `passed_over` are not interrupted."""

    def __init__(self, passed_over: set[Operation]) -> None:
        self.passed_over = passed_over
        self.repeated: Counter[str] = Counter()
        self.given_up: Operation | None = None
        self._interrupted: Stop | None = None
        self._path = b""

    def decide(self, stop: Stop) -> int:
        name, number = stop.operation.name, stop.operation.number
        if self._interrupted is not None:
            if (self._interrupted.call, self._path) != (stop.call, self._path_of(stop)):
                return DIE
            self._interrupted = self.given_up = None
            self.repeated[name] += 1
            return GO_ON
        operation = Operation(name, number - self.repeated[name])
        if operation in self.passed_over:
            return GO_ON
        self._interrupted, self.given_up, self._path = stop, operation, self._path_of(stop)
        return errno.EINTR

    def _path_of(self, stop: Stop) -> bytes:
        """That of a file to be opened: the same words may be at the same place for another one."""
        name = stop.operation.name
        return stop.text(OPENING.index(name)) if name in OPENING else b""


@pytest.mark.sweep
def test_every_operation_is_interrupted(
    script: Script, fresh: Callable[[], Witness], operations: list[Operation]
) -> None:
    apart: set[Operation] = set()
    while True:
        witness = fresh()
        interrupter = Interrupter(apart)
        ran = run_stopping(FAILING, partial(script.run, close=False), interrupter.decide)
        if interrupter.given_up is None:
            break
        apart.add(interrupter.given_up)
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    witness.judge_end()
    repeated = sum(interrupter.repeated.values())
    assert repeated + len(apart) == len(operations)
    for operation in operations:
        if operation in apart:
            fail_once(fresh, operation, "EINTR")
    print(f"EINTR at {len(operations)} operations, of which {repeated} were repeated at once")


def full_from(aftermaths: Aftermaths, witness: Witness, operations: list[Operation], at: int) -> None:
    """The disk is full from this operation on, for the rest of a day; another process goes on when it is not."""
    ran = failing_from(operations, at, "ENOSPC", witness.script.run)
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    aftermaths.follow(witness, read_state(witness.script.world.path))


def test_full_from_some_operations_on(fresh: Callable[[], Witness], operations: list[Operation]) -> None:
    beginning = range(BEGINNING)
    for at in (*beginning, *random.Random(5).sample(range(BEGINNING, len(operations)), SAMPLE)):
        full_from(Aftermaths(), fresh(), operations, at)


@pytest.mark.sweep
@pytest.mark.parametrize("shard", range(SHARDS))
def test_full_from_every_operation_on(fresh: Callable[[], Witness], operations: list[Operation], shard: int) -> None:
    aftermaths = Aftermaths()
    for at in range(shard, len(operations), SHARDS):
        full_from(aftermaths, fresh(), operations, at)
    print(f"full from {aftermaths}, of {len(operations)} operations")


@pytest.mark.parametrize("kib", (40, 150, 300, 460, 500, 600))
def test_files_that_cannot_grow(fresh: Callable[[], Witness], kib: int) -> None:
    """A limit on the size of files makes writes short at it: what fits is written, and the rest refused."""
    witness = fresh()

    def limited(tell: Callable[[Any], None]) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, resource.RLIM_INFINITY))
        witness.script.run(tell)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        witness.script.run(tell)

    live_on(run_stopping(OPERATIONS, limited, lambda stop: GO_ON), witness)
