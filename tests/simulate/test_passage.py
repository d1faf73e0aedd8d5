"""A few minutes in full: bars as the meter has them, a picture that stays in its frame, names that are told apart."""

import re
from copy import copy
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.score.inputs import INPUT_SKIP, INPUT_SLIDER
from amos.score.score import Score
from amos_tools.simulate import SimStem, TimedInput, watch
from amos_tools.simulate.drawing import LEFT
from amos_tools.simulate.loudness import LoudnessCurve
from amos_tools.simulate.marks import Mark, Marks, Span
from amos_tools.simulate.names import Names
from amos_tools.simulate.passage import Passage
from amos_tools.simulate.passage_svg import passage_svg
from amos_tools.simulate.run import Row, Step

SVG = "{http://www.w3.org/2000/svg}"
CURVE = LoudnessCurve(np.full(50, -21.0), np.full(50, -23.0))


class Rows:
    """What the meter counted: a watcher."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def event(self, event: object) -> None:
        """Rows say it all."""

    def step(self, step: Step) -> None:
        self.rows += step.ended

    def finish(self) -> None:
        """Nothing is left to do."""


@pytest.fixture(scope="module")
def played(score: Score, stems: list[SimStem]) -> tuple[Passage, Rows]:
    second = score.rate_hz
    passage, rows = Passage(300 * second, 420 * second), Rows()
    inputs = [TimedInput(330 * second, INPUT_SKIP, 0), TimedInput(350 * second, INPUT_SLIDER, 32768)]
    watch(score, stems, bytes(32), 0.2, [passage, rows], inputs)
    return passage, rows


def test_bars_are_the_placements_that_the_meter_counted(played: tuple[Passage, Rows]) -> None:
    passage, rows = played
    counted = [
        (stem, start, start + frames)
        for stem, start, frames, _flags in rows.rows
        if start < passage.until and start + frames > passage.first
    ]
    assert len(passage.bars) == len(counted) > 20
    bars = sorted(passage.bars, key=lambda bar: (bar.stem, bar.first))
    for bar, (stem, first, until) in zip(bars, sorted(counted), strict=True):
        # A fade begins and ends with a frame or two that are silent, and these are not counted.
        assert bar.stem == stem and 0 <= first - bar.first <= 64 and 0 <= bar.until - until <= 64


def test_bars_have_their_fades(score: Score, stems: list[SimStem], played: tuple[Passage, Rows]) -> None:
    beats = 2 * score.rate_hz * 60_000 // score.tempo_mbpm
    pads = [bar for bar in played[0].bars if stems[bar.stem].role == "pads"]
    assert pads
    for bar in pads:
        frames, levels = zip(*bar.shape, strict=True)
        assert list(frames) == sorted(set(frames)) and (frames[0], frames[-1]) == (bar.first, bar.until)
        assert all(0 <= level <= 1 for level in levels) and levels[-1] == 0 and max(levels) > 0.9
        loudest = levels.index(max(levels))
        assert list(levels[: loudest + 1]) == sorted(levels[: loudest + 1])
    assert any(abs(bar.shape[8][0] - bar.first - beats) <= 1 for bar in pads)


def test_the_picture_names_what_sounds_and_stays_in_its_frame(
    score: Score, stems: list[SimStem], played: tuple[Passage, Rows]
) -> None:
    passage, second = played[0], score.rate_hz
    marks = Marks(
        [Span(0, 400 * second, "morning <1>")],
        [Span(340 * second, 345 * second, "closing")],
        [Mark(330 * second, "skip"), Mark(331 * second, "intensity 1"), Mark(10 * second, "before")],
    )
    picture = passage_svg(score, stems, passage, CURVE, marks, "a <test>", 43_200)
    root = ElementTree.fromstring(picture)
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert {"morning <1>", "closing", "skip", "intensity 1", "pads", "beats", "drift", "a <test>"} <= set(texts)
    assert "before" not in texts and "12:05:30" in texts
    names = Names([stem.title for stem in stems])
    for bar in passage.bars:
        assert {names.within(bar.stem, letters) for letters in range(4, 9)} & set(texts)
    assert len(list(root.iter(f"{SVG}polygon"))) == len(passage.bars) + 1
    right = float(root.attrib["width"])
    for shape in root.iter(f"{SVG}polygon"):
        places = [float(x) for x in re.findall(r"([\d.]+),", shape.attrib["points"])]
        assert min(places) >= LEFT and max(places) <= right


def test_bars_are_numbered_by_the_tempo_of_their_section(
    score: Score, stems: list[SimStem], played: tuple[Passage, Rows]
) -> None:
    """The same events, drawn as of sections at half the tempo, have half as many bars."""
    slower = copy(score)
    slower.sections = [copy(section) for section in score.sections]
    for section in slower.sections:
        section.tempo_mbpm = score.tempo_mbpm // 2
    bars = []
    for one in (score, slower):
        picture = passage_svg(one, stems, played[0], CURVE, Marks([], [], []), "a", 43_200)
        bars.append(picture.count('stroke-opacity=".3"'))
    assert bars[1] > 10 and abs(bars[0] - 2 * bars[1]) <= 2 * len(played[0].sections)


@given(st.lists(st.text("abc …#1", min_size=1, max_size=30), min_size=1, max_size=40), st.integers(1, 40))
def test_no_two_names_are_alike(titles: list[str], letters: int) -> None:
    names = Names(titles)
    found = [names.within(stem, letters) for stem in range(len(titles))]
    assert len(set(found)) == len(found)
    assert max(map(len, found)) <= max(letters, 5)


def test_a_name_is_its_title_where_that_fits_and_else_its_beginning_and_end() -> None:
    names = Names(["Kit 090bpm Am close", "Kit 090bpm Am room", "Bell"])
    assert names.within(0, 30) == "Kit 090bpm Am close"
    assert [names.within(stem, 10) for stem in range(3)] == ["Kit 0…lose", "Kit 0…room", "Bell"]
    same = Names(["Kit 090bpm Am take 1 the end", "Kit 090bpm Am take 2 the end"])
    assert [same.within(stem, 12) for stem in (0, 1)] == ["Kit 0…end#1", "Kit 0…end#2"]
