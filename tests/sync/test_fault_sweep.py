"""Everything goes wrong at once, on real processes: nothing that was sealed is lost, counted twice or trimmed early.

`make sweep` does two hundred runs, and prints how many processes it killed in them; the ordinary suite does a few. The
seed of each run is printed with what it found; AMOS_SWEEP_SEED is another series.
"""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from noise_pack import make_pack
from sweep_venue import Venue

SEED = os.environ.get("AMOS_SWEEP_SEED", "1")
RUNS = int(os.environ.get("AMOS_SWEEP_RUNS", "200"))
SAMPLE_RUNS = 2
NOTING = ["-X", "heapsize=1200k"]
"""Taking notes needs up to 80 KB, which is all that a player leaves of the smallest board's heap here."""
RUNS_OF_A_VENUE = 10
"""After which another begins, so that what is checked stays short, and first starts are met."""


@dataclass
class Found:
    """Of all runs; `happened` counts the kinds of faults, `signs` what was said of them."""

    runs: int = 0
    kills: int = 0
    segments: int = 0
    violations: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        told = [", ".join(f"{name} {n}" for name, n in sorted(kind.items())) for kind in (self.happened, self.signs)]
        return (
            f"{self.runs} runs, {self.kills} kills, {len(self.violations)} violations; {self.segments} segments;"
            f" faults: {told[0]}; heard of them: {told[1]}"
        )


def sweep(folder: Path, make: Callable[[Path], Venue], runs: int) -> Found:
    found = Found()
    for first in range(0, runs, RUNS_OF_A_VENUE):
        numbers = list(range(first, min(first + RUNS_OF_A_VENUE, runs)))
        while numbers:  # a violation ends a venue, and the other runs are another's
            place = folder / str(numbers[0])
            place.mkdir()
            go_through(make(place), numbers, found)
    print(f"\n{found}")
    return found


def go_through(venue: Venue, numbers: list[int], found: Found) -> None:
    """The runs of one venue, until one finds something; `numbers` are then the runs that are left."""
    segments = 0
    try:
        while numbers:
            number = numbers.pop(0)
            found.runs += 1
            try:
                segments = venue.run(f"{SEED} {number}")
            except AssertionError as error:
                found.violations.append(f"run {number}: {error}")
                print(f"\nrun {number} of seed {SEED}, {venue.trail}: {error}")
                return
    finally:
        found.kills += venue.kills
        found.segments += segments
        found.happened.update(venue.happened)
        found.signs.update(venue.signs())
        venue.close()


@pytest.fixture
def make(mosquitto: list[str], micropython: list[str], tmp_path: Path) -> Callable[[Path], Venue]:
    pack = make_pack(tmp_path)
    return lambda folder: Venue(folder, mosquitto, micropython + NOTING, pack)


@pytest.mark.long
def test_a_few_runs_lose_nothing(tmp_path: Path, make: Callable[[Path], Venue]) -> None:
    found = sweep(tmp_path, make, SAMPLE_RUNS)
    assert not found.violations and found.kills and found.segments


@pytest.mark.sweep
def test_two_hundred_runs_lose_nothing(tmp_path: Path, make: Callable[[Path], Venue]) -> None:
    found = sweep(tmp_path, make, RUNS)
    assert not found.violations and found.kills > RUNS
    assert all(found.signs.values()), found.signs
