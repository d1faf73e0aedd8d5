"""A ledger that is killed at any operation on its disk loses nothing and counts nothing twice.

The script of a day (`crash_script`) stops before each storage operation, and a fresh process goes on with the disk as
it stands there: that is how a kill leaves it. What the world saw before and after is judged by `ledger_check`. All of
it is for `make sweep`; a seeded sample runs always, in which the process is killed for good.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from aftermath import Aftermaths
from crash_script import Script, Witness
from folder_state import read_state
from stops import GO_ON, Stop, Tell, run_stopping
from storage_faults import OPERATIONS, killed_at, recorded

SAMPLE = 16
SHARDS = 2
TILE_WIDTH = 256

pytestmark = pytest.mark.usefixtures("stops")


def test_the_day_undisturbed(script: Script, fresh: Callable[[], Witness]) -> None:
    witness = fresh()
    begun = witness.judge()
    script.run(witness.hear)
    assert not witness.refusals
    check = witness.judge()
    assert len(check.entries) > TILE_WIDTH > len(begun.entries)
    before = check.entries
    assert witness.go_on().entries == before, "doing all of it again changes nothing"


def test_killed_at_some_operations(script: Script, fresh: Callable[[], Witness]) -> None:
    fresh()
    operations = recorded(OPERATIONS, script.run)
    assert len(operations) > 500
    for operation in random.Random(11).sample(operations, SAMPLE):
        witness = fresh()
        ran = killed_at(operation, script.run)
        for item in ran.told:
            witness.hear(item)
        assert ran.killed
        witness.judge()
        witness.go_on()


def each_moment(script: Script, fresh: Callable[[], Witness], path: Path, look: Callable[[int, Witness], None]) -> int:
    """Live the day in the folder `path`; `look` is called before each operation with its number from 1 on and what the
    world saw so far. How many there are."""
    witness = fresh()
    shutil.copytree(script.world.path, path)
    heard = count = 0

    def work(tell: Tell) -> None:
        script.move(path)
        script.run(tell)

    def stopped(stop: Stop) -> int:
        nonlocal heard, count
        for item in stop.told[heard:]:
            witness.hear(item)
        heard = len(stop.told)
        count += 1
        witness.seen.checkpoints.add((path / "public" / "checkpoint").read_bytes())
        look(count, witness)
        return GO_ON

    ran = run_stopping(OPERATIONS, work, stopped)
    assert ran.code == 0, ran.told[-1]
    return count


def test_what_was_seen_is_judged_of_a_state_that_is_known(script: Script, fresh: Callable[[], Witness]) -> None:
    aftermaths, witness = Aftermaths(), fresh()
    state = read_state(script.world.path)
    aftermaths.follow(witness, state)
    aftermaths.follow(witness, state)
    assert str(aftermaths) == "2 cuts, 1 different states, 1 when recovered"
    fresh()
    script.run(witness.hear)
    with pytest.raises(AssertionError, match="a receipt for leaf"):
        aftermaths.follow(witness, state)


@pytest.mark.sweep
@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_operation(script: Script, fresh: Callable[[], Witness], tmp_path: Path, shard: int) -> None:
    aftermaths = Aftermaths()

    def look(count: int, witness: Witness) -> None:
        if count % SHARDS == shard:
            aftermaths.follow(witness, read_state(tmp_path / "ledger"))

    count = each_moment(script, fresh, tmp_path / "ledger", look)
    assert abs(aftermaths.cuts - count / SHARDS) <= 1
    print(f"killed before {aftermaths}, of {count} operations")
