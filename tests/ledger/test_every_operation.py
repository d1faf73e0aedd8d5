"""A ledger that is killed at any operation on its disk, or finds it refused, loses nothing and counts nothing twice.

The script of a day (`crash_script`) is killed before its N-th storage operation, for every N; then a fresh process
goes on. What the world saw before and after is judged by `ledger_check`. Long sweeps are for `make sweep`; a seeded
sample runs always.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from crash_script import Script, Witness
from storage_faults import OPERATIONS, Operation, killed_at, recorded

SAMPLE = 16
TILE_WIDTH = 256


def kill_and_go_on(strace: list[str], witness: Witness, operation: Operation) -> bool:
    """Kill the day at this operation; whether it came to that. What is left is judged as it lies there, and later."""
    ran = killed_at(strace, operation, witness.script.run)
    for item in ran.told:
        witness.hear(item)
    assert ran.killed or ran.code == 0, ran.told[-1]
    witness.judge()
    witness.go_on()
    return ran.killed


def test_the_day_undisturbed(script: Script, fresh: Callable[[], Witness]) -> None:
    witness = fresh()
    script.run(witness.hear)
    assert not witness.refusals
    check = witness.judge()
    assert len(check.entries) > TILE_WIDTH > len(script.old)
    before = check.entries
    assert witness.go_on().entries == before, "doing all of it again changes nothing"


def test_killed_at_some_operations(
    strace: list[str], script: Script, fresh: Callable[[], Witness], tmp_path: Path
) -> None:
    operations = recorded(strace, OPERATIONS, fresh().script.run, tmp_path / "trace")
    assert len(operations) > 500
    for operation in random.Random(11).sample(operations, SAMPLE):
        kill_and_go_on(strace, fresh(), operation)


@pytest.mark.sweep
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_operation(strace: list[str], script: Script, fresh: Callable[[], Witness], name: str) -> None:
    number = 1
    while kill_and_go_on(strace, fresh(), Operation(name, number)):
        number += 1
    print(f"{name}: killed at {number - 1} operations")
