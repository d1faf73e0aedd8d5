"""Days of a courier and its players by simulated clocks: nothing piles up in memory, whatever went through it."""

import pytest

from amos_tools.bench.sync_week import simulated

PLAYERS, HOURS, EARLY_HOURS = 6, 50, 12
PIECE_BYTES_MAX = 20
"""Of memory for each segment that went through between the two looks: less than the smallest object would take."""


@pytest.mark.long
@pytest.mark.usefixtures("mosquitto")
def test_three_hundred_hours_of_players_leave_nothing_in_memory() -> None:
    week = simulated(PLAYERS, HOURS, EARLY_HOURS, "trace")
    assert week.segments >= PLAYERS * HOURS * 6
    grown = (week.late - week.early) / (week.segments - week.early_segments)
    assert grown < PIECE_BYTES_MAX, f"{week.early} -> {week.late} bytes of Python's, {grown:.0f} a segment"
