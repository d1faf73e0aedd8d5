"""A disk that refuses any single operation, or from one on all of them, makes the ledger unavailable, and no more.

Nothing is receipted that is not durable, nothing but named refusals comes out, and the same process goes on as soon as
the disk does. Judged as in `test_every_operation.py`.
"""

import random
import resource
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from crash_script import Script, Witness
from storage_faults import FAILING, Operation, Ran, failing_at, failing_from, recorded, run

SAMPLE = 5
ERRORS = ("EIO", "ENOSPC", "EINTR")


def live_on(ran: Ran, witness: Witness) -> None:
    """The first day had errors, the second had none."""
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    witness.judge_end()


@pytest.fixture(scope="module")
def operations(
    strace: list[str], script: Script, fresh: Callable[[], Witness], tmp_path_factory: Any
) -> list[Operation]:
    """Those of the first day, which a second one may follow in the same process."""
    return recorded(
        strace, FAILING, partial(fresh().script.run, close=False), tmp_path_factory.mktemp("trace") / "trace"
    )


@pytest.mark.parametrize("error", ERRORS)
def test_some_operations_fail(
    strace: list[str], fresh: Callable[[], Witness], operations: list[Operation], error: str
) -> None:
    for operation in random.Random(error).sample(operations, SAMPLE):
        witness = fresh()
        live_on(failing_at(strace, operation, error, partial(witness.script.run, days=2)), witness)


@pytest.mark.sweep
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", FAILING)
def test_every_operation_fails(
    strace: list[str], fresh: Callable[[], Witness], operations: list[Operation], name: str, error: str
) -> None:
    for operation in operations:
        if operation.name == name:
            witness = fresh()
            live_on(failing_at(strace, operation, error, partial(witness.script.run, days=2)), witness)


def full_from(strace: list[str], witness: Witness, operations: list[Operation], at: int) -> None:
    """The disk is full from this operation on, for the rest of a day; another process goes on when it is not."""
    ran = failing_from(strace, operations, at, "ENOSPC", witness.script.run)
    for item in ran.told:
        witness.hear(item)
    assert ran.code == 0, ran.told[-1]
    witness.judge()
    witness.go_on()


def test_full_from_some_operations_on(
    strace: list[str], fresh: Callable[[], Witness], operations: list[Operation]
) -> None:
    for at in random.Random(5).sample(range(len(operations)), SAMPLE):
        full_from(strace, fresh(), operations, at)


@pytest.mark.sweep
def test_full_from_every_operation_on(
    strace: list[str], fresh: Callable[[], Witness], operations: list[Operation]
) -> None:
    for at in range(len(operations)):
        full_from(strace, fresh(), operations, at)


@pytest.mark.parametrize("kib", (40, 150, 300, 460, 500, 600))
def test_files_that_cannot_grow(strace: list[str], fresh: Callable[[], Witness], kib: int) -> None:
    """A limit on the size of files makes writes short at it: what fits is written, and the rest refused."""
    witness = fresh()

    def limited(tell: Callable[[Any], None]) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, resource.RLIM_INFINITY))
        witness.script.run(tell)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        witness.script.run(tell)

    live_on(run(strace, ["trace=none"], limited), witness)
