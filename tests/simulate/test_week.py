"""A week's calendar: what holds when, as the player's clock of the day takes it."""

from array import array
from copy import copy
from pathlib import Path
from xml.etree import ElementTree

import pytest

from amos.score.score import Daypart, Score
from amos_tools.fleet.orders.work import Packs
from amos_tools.simulate.week import STYLE, Held, week_of, week_svg
from pack_examples import Pack as Made

WEEKDAYS, DAILY, HOLIDAY = 0b11111, 0b1111111, 7
MORNING, NOON, LATE = ("intensity 0.25",), ("intensity 0.5",), ("→ rest",)


@pytest.fixture
def held(score: Score) -> list[Held]:
    """Of a score whose noon comes before its morning, and whose Saturday goes on after midnight."""
    score.dayparts = [
        Daypart(days=WEEKDAYS, from_minute=540, until_minute=720, slider=0, position_q15=16384),
        Daypart(days=DAILY, from_minute=420, until_minute=600, slider=0, position_q15=8192),
    ]
    rest = next(number for number, section in enumerate(score.sections) if section.name == "rest")
    score.day_sections = array("H", [1 << 5, 1320, 1440, rest, 1 << 6, 0, 120, rest])
    return week_of(score)


def test_the_first_row_that_covers_a_time_holds(held: list[Held]) -> None:
    days = [[item for item in held if item.day == day] for day in range(8)]
    assert days[0] == [Held(0, 420, 540, MORNING), Held(0, 540, 720, NOON)]
    assert days[5] == [Held(5, 420, 600, MORNING), Held(5, 1320, 1440, LATE)]
    assert days[6] == [Held(6, 0, 120, LATE), Held(6, 420, 600, MORNING)]
    assert days[HOLIDAY] == []


def test_curves_stand_between_what_parts_of_the_day_set(score: Score) -> None:
    score = copy(score)
    score.day_sections = None
    score.dayparts = [Daypart(days=1 << 6, from_minute=720, until_minute=780, slider=0, position_q15=0)]
    score.day_sliders = array("H", [DAILY, 360, 900, 0, 8192, 24576, DAILY, 900, 1800, 0, 24576, 8192])
    found = [item for item in week_of(score) if item.day in (0, 6)]
    night = ("intensity 0.45 to 0.25",), ("intensity 0.25 to 0.75",), ("intensity 0.75 to 0.45",)
    assert found[:3] == [Held(0, 0, 360, night[0]), Held(0, 360, 900, night[1]), Held(0, 900, 1440, night[2])]
    assert found[3:] == [
        Held(6, 0, 360, night[0]),
        Held(6, 360, 720, ("intensity 0.25 to 0.583",)),
        Held(6, 720, 780, ("intensity 0",)),
        Held(6, 780, 900, ("intensity 0.639 to 0.75",)),
        Held(6, 900, 1440, night[2]),
    ]


def test_the_calendar_shows_each_day_and_is_empty_without_parts_of_the_day(held: list[Held], score: Score) -> None:
    root = ElementTree.fromstring(week_svg(held, "a <test>", STYLE))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Mon", "Sun", "holiday", "07:00", "→ rest", "intensity 0.5"} <= {*texts}
    assert texts.count("→ rest") == 2
    score.dayparts = score.day_sections = None
    assert week_of(score) == [] and "holiday" not in week_svg([], "none")
    assert week_svg([Held(0, 0, 1, ("<b>",))], "x").count("<b>") == 0


def test_no_number_is_broken_over_two_lines() -> None:
    words = ("intensity 0.8 to 0.38", "→ a_section_of_a_very_long_name", "warmth 0.125")
    root = ElementTree.fromstring(week_svg([Held(6, 0, 600, words)], "x"))
    texts = [text.text or "" for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-6:-1] == ["intensity 0.8 to", "0.38", "→ a_section_of_a_ver", "y_long_name", "warmth 0.125"]


def test_the_week_of_a_pack_is_that_of_its_score(tmp_path: Path) -> None:
    made = Made(8)
    (tmp_path / "p" / "blobs").mkdir(parents=True)
    (tmp_path / "p" / "manifest.cose").write_bytes(made.signed)
    assert Packs(tmp_path, None).week("p") is None, "its score is not there"
    for name, data in made.blobs.items():
        (tmp_path / "p" / "blobs" / name.hex()).write_bytes(data)
    assert "Mon</text>" in str(Packs(tmp_path, None).week("p"))
