"""What the API and the pages tell of a venue."""

from datetime import datetime

from amos_sync.venue.pack_facts import DaypartFacts
from amos_sync.venue.values import _today


def test_a_day_is_told_in_its_order() -> None:
    parts = [
        DaypartFacts(0b1111111, 1260, 1440, "intensity", 0.1),
        DaypartFacts(0b1, 420, 600, "intensity", 0.25),
        DaypartFacts(0b1, 420, 540, "tide", -0.5),
        DaypartFacts(0b10, 0, 60, "intensity", 0),
    ]
    monday = _today(parts, datetime(2026, 11, 30))
    assert [(part["from"], part["slider"]) for part in monday] == [
        ("07:00", "intensity"), ("07:00", "tide"), ("21:00", "intensity"),
    ]  # fmt: skip
