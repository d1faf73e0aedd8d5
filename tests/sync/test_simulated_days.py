"""Days of a courier and its players by simulated clocks: nothing piles up in memory, whatever went through it."""

import pytest

from amos_tools.bench.sync_week import simulated

PLAYERS, HOURS, EARLY_HOURS = 10, 30, 8
BLOCKS_MAX = 0.25
"""Of memory for each segment that went through between the two looks: whatever is kept of one takes a whole block."""


@pytest.mark.long
@pytest.mark.usefixtures("mosquitto")
def test_three_hundred_hours_of_players_leave_nothing_in_memory() -> None:
    week = simulated(PLAYERS, HOURS, EARLY_HOURS, "blocks")
    assert week.segments >= PLAYERS * HOURS * 6
    grown = (week.late - week.early) / (week.segments - week.early_segments)
    assert grown < BLOCKS_MAX, f"{week.early} -> {week.late} blocks of memory, {grown:.2f} a segment"
