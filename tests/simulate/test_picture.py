"""The picture: a well-formed document that shows every stem, section and slider; its size does not follow the hours."""

import re
from xml.etree import ElementTree

import pytest

from amos.score.inputs import INPUT_SLIDER
from amos.score.score import Score
from amos_tools.simulate import SimStem, TimedInput, watch
from amos_tools.simulate.day import Day
from amos_tools.simulate.drawing import LEFT, WIDTH
from amos_tools.simulate.svg import day_svg
from amos_tools.simulate.tally import Tally

SVG = "{http://www.w3.org/2000/svg}"


def run(score: Score, stems: list[SimStem], hours: int) -> tuple[Tally, Day]:
    tally, day = Tally(score, stems), Day(score, len(stems), hours * 3600 * score.rate_hz)
    half = hours * 1800 * score.rate_hz
    watch(score, stems, bytes(32), hours, [tally, day], [TimedInput(half, INPUT_SLIDER, 32768)])
    return tally, day


@pytest.mark.parametrize("hours", [1, 12])
def test_columns_add_up_to_the_run(score: Score, stems: list[SimStem], hours: int) -> None:
    tally, day = run(score, stems, hours)
    assert day.section_shares().sum(axis=0) == pytest.approx(1)
    width = tally.frames / day.columns
    assert day.stem_shares().sum(axis=1) * width == pytest.approx([stem.frames for stem in tally.by_stem], rel=1e-3)
    assert day.slider_means()[0, 0] == pytest.approx(0.25, abs=1e-3) and day.slider_means()[0, -1] == 1


@pytest.mark.parametrize("hours", [1, 12])
def test_the_picture_names_everything_and_stays_in_its_frame(score: Score, stems: list[SimStem], hours: int) -> None:
    picture = day_svg(score, stems, *run(score, stems, hours), "a <test>")
    root = ElementTree.fromstring(picture)
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {stem.title for stem in stems} | {"pads", "beats", "intensity", "sections", "test day", "a <test>"} <= texts
    assert any(text and text.startswith("drift ") for text in texts)
    lefts = [float(x) for path in root.iter(f"{SVG}path") for x in re.findall(r"M([\d.]+) ", path.attrib["d"])]
    assert min(lefts) >= LEFT and max(lefts) <= LEFT + WIDTH
    assert len(picture) < 400_000


def test_many_stems_share_rows(score: Score) -> None:
    stems = [SimStem(22_050, 20_000, "pads", f"Stem {number}", "A") for number in range(200)]
    tally, day = Tally(score, stems), Day(score, len(stems), 3600)
    tally.frames = 3600
    picture = day_svg(score, stems, tally, day, "")
    assert "185 others" in picture and "Stem 14<" in picture and "Stem 15<" not in picture
