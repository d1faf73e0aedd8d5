"""Sliders that curves lead through the day, as written."""

from dataclasses import replace

import numpy as np
import pytest
from script_samples import VAULT

from amos.score.day_clock import clock_value
from amos.score.day_sliders import DAY_SLIDER_FIELDS
from amos.score.draw import numbered_seed
from amos.score.inputs import INPUT_CLOCK, INPUT_SLIDER
from amos.score.score import Score, decode_score
from amos_tools.pack.working import Working
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem, TimedInput
from amos_tools.simulate.draw import play as run
from amos_tools.simulate.report import as_json, lines, mix_json

HEAD = """\
clock 44100 tempo 84
pool low = stems where role bass
slider calm 0..1 start 0.5
slider tide -2..2 start 0 slew 1 min

section a 16 bars
  play bass from low chance calm
  next a

"""
MANY = [
    f"curve calm {day} " + ", ".join(f"{minute // 60:02}:{minute % 60:02} 0.5" for minute in range(65))
    for day in ("mon", "tue")
]


def compiled(*written: str) -> Compiled:
    return compile_script(HEAD + "\n".join(written), VAULT)


def score_of(*written: str) -> Score:
    return decode_score(compiled(*written).score)


@pytest.mark.parametrize(
    ("written", "rows"),
    [
        (["curve calm 12:00 0.25"], [(255, 720, 2160, 0, 8192, 8192)]),
        (
            ["curve calm 06:00 0.2, 18:00 1, 23:59 0"],
            [(255, 360, 1080, 0, 6554, 32768), (255, 1080, 1439, 0, 32768, 0), (255, 1439, 1800, 0, 0, 6554)],
        ),
        (["curve tide sat, holiday 00:00 -1"], [(160, 0, 1440, 1, 8192, 8192)]),
        (
            ["curve calm 00:00 1", "curve tide 00:00 2", "curve calm sun 9:00 0"],
            [(64, 540, 1980, 0, 0, 0), (255, 0, 1440, 1, 32768, 32768), (255, 0, 1440, 0, 32768, 32768)],
        ),
    ],
)
def test_a_curve_goes_from_point_to_point_and_over_midnight(written: list[str], rows: list[tuple[int, ...]]) -> None:
    score = score_of(*written)
    numbers = score.day_sliders
    assert score.version == 4 and numbers is not None
    found = [tuple(numbers[at : at + DAY_SLIDER_FIELDS]) for at in range(0, len(numbers), DAY_SLIDER_FIELDS)]
    assert found == rows


def test_a_score_without_curves_is_what_it_was() -> None:
    for line in ("daypart 07:00..09:00 set calm 1", "volume 07:00 -3 dB"):
        score = score_of(line)
        assert (score.version, score.day_sliders) == (2, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("curve clam 18:00 0.5, 19:00 0.7", "`clam` is not a slider of this script"),
        ("curve calm 18:00 0.5, 19:00 1.1, 20:00 7", "`calm` has no such value"),
        ("curve tide 18:00 -2.5", "`tide` has no such value"),
        ("curve calm 18:00 0.5, 18:00 0.7", "the times of a curve run from morning to night"),
        ("curve calm 18:00 0.5, 07:00 0.7", "the times of a curve run from morning to night"),
        ("curve calm 24:00 0.5", "this is not a time of day"),
        ("curve calm mon-daily 12:00 0.5", "a range runs from one weekday to another"),
        ("\n".join(MANY), "a script has at most 128 points of curves of sliders"),
        ("curve calm 18:00", "the line ends too early"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_once(line: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled(line)
    [problem] = refused.value.problems
    assert said in problem.render()


def test_what_is_probably_not_meant_is_named_and_what_is_meant_is_not() -> None:
    def told(*written: str) -> list[str]:
        return [one.message for one in compiled(*written).warnings if "phrase" not in one.message]

    daily, sunday = "curve calm 12:00 0.2, 18:00 0.5", "curve calm sun 12:00 0.9"
    overlaps = "this overlaps what line 10 says of the same hours, and holds where it does"
    assert (
        told(daily, sunday) == told(daily, "curve tide 12:00 1") == told("curve calm mon-sat 12:00 0.1", sunday) == []
    )
    assert told(sunday, daily) == told("curve calm mon-fri 12:00 0.1", "curve calm fri-sun 12:00 0.2") == [overlaps]


def test_it_has_a_canonical_form_and_the_word_may_name_what_it_could() -> None:
    written = HEAD.replace("calm", "curve").replace("section a", "section curve").replace("next a", "next curve")
    written += "curve curve sat ,sun 7:00 0.50,12:00 1.0\ncurve tide 7:00 - 1\n"
    shown = format_script(written)
    assert shown.endswith("curve curve sat, sun 07:00 0.5, 12:00 1\ncurve tide 07:00 -1\n")
    assert compile_script(shown, VAULT).sections == ("curve",)


@pytest.fixture(scope="module")
def play() -> Play:
    """From 11:59 on a Friday; by hand from a minute on."""
    found = compiled("curve calm 06:00 0.2, 18:00 1", "curve tide 12:00 1", "daypart 12:01..12:02 set tide 0")
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist, np.ones(frames // 4410 + 1))
        for frames, one in zip(stem_frames(found), found.stems, strict=True)
    ]
    clock = TimedInput(0, INPUT_CLOCK, clock_value(4, False, 12 * 3600 - 60))
    by_hand = TimedInput(180 * 44_100, INPUT_SLIDER, 0)
    return Play(found, stems, numbered_seed(1), [clock, by_hand])


def test_explain_tells_where_a_curve_leads_and_what_is_set_by_hand(play: Play) -> None:
    way = "its curve of the day goes from 0.2 at 06:00 to 1 at 18:00"
    assert f"slider calm: 0.599\n  why         {way}" in explain_at(play, 30 * 44_100)
    told = explain_at(play, 90 * 44_100)
    assert f"slider calm: 0.6\n  why         {way}" in told
    assert "slider tide: 1\n  why         its curve of the day stays at 1" in told
    assert "slider tide" not in explain_at(play, 150 * 44_100), "a daypart sets it"
    told = explain_at(play, 200 * 44_100)
    assert f"slider calm: 0\n  why         set by hand, until 18:00 at the latest; {way}" in told
    untimed = replace(play, inputs=[])
    assert "slider" not in explain_at(untimed, 30 * 44_100)


def test_a_report_says_how_far_curves_go(play: Play) -> None:
    score = decode_score(play.compiled.score)
    played = run(score, play.stems, play.seed, 0.1, play.inputs[:1], None)
    working = Working(-20_000, score.target_mlufs, 0, ())
    report = as_json(score, play.stems, played.tally) | mix_json(score, play.stems, working, None)
    assert report["day_sliders"] == {"calm": [0.2, 1], "tide": [1, 1]}
    assert "curves   the day moves calm from 0.2 to 1, tide from 1 to 1" in lines(report)
