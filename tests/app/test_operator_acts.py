"""Hundreds of acts of operators, staff, nights and worn cards on one player: every frame is heard before it counts.

`make sweep` goes on for ten minutes and prints its seed; the ordinary suite does a few.
"""

import os
import time
from pathlib import Path

import pytest
from operator_acts import Cafe

SEED = 20
ACTS = 6
SWEEP_S = 600
ROUND_ACTS = 60
"""Acts on one player, after which its log is held against its files, and another one begins."""


def go_through(folder: Path, seed: int, acts: int) -> tuple[Cafe, int, int]:
    cafe = Cafe(folder, seed)
    trail: list[str] = []
    try:
        for _ in range(acts):
            trail.append(cafe.act())
        delivered, counted = cafe.check_log()
    except BaseException:
        print(f"\nseed {seed}: {', '.join(trail)}, then {list(cafe.done)[-1:]}")
        raise
    finally:
        cafe.close()
    return cafe, delivered, counted


@pytest.mark.long
def test_some_acts(tmp_path: Path) -> None:
    cafe, delivered, counted = go_through(tmp_path, SEED, ACTS)
    assert sum(cafe.done.values()) == ACTS and delivered >= counted > 0


@pytest.mark.sweep
def test_ten_minutes_of_acts(tmp_path: Path) -> None:
    seed = int(os.environ.get("AMOS_SEED", "0")) or int(time.time())
    print(f"\nfrom seed {seed} on")
    done: dict[str, int] = {}
    rounds = delivered = counted = 0
    ends_s = time.monotonic() + SWEEP_S
    while time.monotonic() < ends_s:
        cafe, heard, metered = go_through(tmp_path / str(rounds), seed + rounds, ROUND_ACTS)
        rounds, delivered, counted = rounds + 1, delivered + heard, counted + metered
        for name, times in cafe.done.items():
            done[name] = done.get(name, 0) + times
    print(f"{rounds} players, {sum(done.values())} acts: {delivered} frames delivered, {counted} in the ledger; {done}")
    assert rounds and delivered >= counted > 0
