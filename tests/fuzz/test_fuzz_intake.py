"""A million hostile messages to the ledger's intake, in shards that cores share; by default, a seeded sample of them.

`make fuzz` runs as many as it is told (AMOS_FUZZ_CASES), one test for each shard.
"""

import os
from collections.abc import Callable

import pytest

from fuzz_intake import Intake
from fuzz_messages import TAKEN
from fuzz_run import run_target, told

CASES = int(os.environ.get("AMOS_FUZZ_CASES", "6000"))
SHARD_CASES = 25_000
SHARDS = max(2, -(-CASES // SHARD_CASES))
SEED = 4100


@pytest.mark.parametrize("shard", range(SHARDS))
def test_hostile_intake(shard: int, record_property: Callable[[str, object], None]) -> None:
    cases = CASES // SHARDS + (shard < CASES % SHARDS)
    counts = run_target(Intake, SEED + shard, cases)
    record_property("fuzz", (told(Intake, counts), sum(counts.values())))
    assert (
        counts[TAKEN] > cases // 20 and len(counts) > 10
    )  # neither all refused, where nothing deep is met, nor all taken
