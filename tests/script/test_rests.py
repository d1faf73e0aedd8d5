"""`once`, `until bar` and `after … visits` as written."""

from dataclasses import replace

import pytest
from script_samples import VAULT, make_vm

from amos.score.draw import numbered_seed
from amos.score.score import Score, decode_score
from amos.sound.events import Section, Start
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at, explain_placement
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem

HEAD = "clock 44100 tempo 84\npool low = stems where role bass\nmix voices 8\nsection a 16 bars\n"


def compiled(line: str, follows: str = "") -> Compiled:
    return compile_script(f"{HEAD}  play bass from low {line}\n{follows}", VAULT)


def score_of(found: Compiled) -> Score:
    score = decode_score(found.score)
    assert score.version == 2
    return score


def test_words_are_the_fields_of_a_layer() -> None:
    layer = score_of(compiled("enter bar 5 once until bar 13")).sections[0].layers[0]
    assert (layer.once, layer.enter_beats, layer.until_beats) == (True, 16, 48)
    assert score_of(compiled("", "  next a after 3 visits\n")).sections[0].nexts[0].after_visits == 3


def test_a_layer_rests_after_one_stem_and_a_section_waits() -> None:
    text = (
        "clock 44100 tempo 84\npool low = stems where role bass\nsection a 16 bars\n  play bass from low once\n"
        "  next a 1, b 1000 after 3 visits\nsection b 16 bars\n  play bass from low until bar 5\n  next a\n"
    )
    events = make_vm(compile_script(text, VAULT), 3).advance(8 * 16 * 126_000)
    assert [event.section for event in events if isinstance(event, Section)] == [0, 0, 0, 1, 0, 0, 0, 1]
    begun = [event.frame // 126_000 for event in events if isinstance(event, Start)]
    assert {bar % 16 for bar in begun if bar // 16 % 4 < 3} == {0}


@pytest.mark.parametrize(
    ("line", "follows", "said"),
    [
        ("until bar 1", "", "the bar at which a layer stops is a whole number from 2"),
        ("enter bar 5 until bar 5", "", "the layer stops before it enters"),
        ('pattern "x..." once', "", "a pattern has no once: `until bar 5` ends it"),
        ("", "  next a after 0 visits\n", "a number of visits is a whole number from 1 to 65535"),
    ],
)
def test_what_cannot_be_is_refused_by_name(line: str, follows: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled(line, follows)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("line", "follows", "said"),
    [
        ("until bar 17", "", "a section of at most 16 bars ends before this bar begins"),
        ("until bar 4", "", "it stops 3 bars into a phrase of 16 bars"),
        ("until bar 9 every 16 bars", "", "it stops 8 bars into a phrase of 16 bars"),
        ("", "  next a after 3 visits\n", "each waits for visits, so until then any of them follows"),
    ],
)
def test_what_is_probably_not_meant_is_named(line: str, follows: str, said: str) -> None:
    assert said in [warning.message for warning in compiled(line, follows).warnings]


def test_once_has_no_rest_to_warn_of() -> None:
    assert not any("rests" in warning.message for warning in compiled("every 3 bars once").warnings)


TOLD = """\
clock 44100 tempo 84
pool low = stems where role bass
pool warm = stems where role pads
section a 16 bars
  play pads from warm fade 1 bar until bar 13
  play bass from low once enter bar 5 every 4 bars chance 0.6
  next a, b 1000 after 3 visits, c after 40 visits
section b 16 bars
  play bass from low until bar 5
  next b when 1 == 0, a after 9 visits
section c 16 bars
  next c after 2 visits
"""
ENTERS = "rests: bass from low in section a (visit 1)\n  why         it enters at 0:00:11.428"
UNTIL = "rests: pads from warm in section a (visit 1)\n  why         it plays until bar 13, which began at 0:00:34.285"
ONCE = "(visit 2)\n  why         it plays once a visit, and has: “bass 0” from 0:00:57.142"
NOT_YET = "(visit 1)\n  why         nothing began at its last point, by chance or a rule; the next is at 0:00:22.857"


@pytest.fixture(scope="module")
def play() -> Play:
    found = compile_script(TOLD, VAULT)
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist)
        for frames, one in zip(stem_frames(found), found.stems, strict=True)
    ]
    return Play(found, stems, numbered_seed(4))


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        (2, "  until       bar 13, at 0:00:34.285\n"),
        (2, ENTERS),
        (2, "next: b after 3 visits of a\n  why         this is visit 1 that counts: it waits"),
        (8, "  once        its layer begins nothing more in this visit\n"),
        (14, UNTIL),
        (30, ONCE),
        (46, "next: b after 3 visits of a\n  why         this is visit 3 that counts: it may follow"),
        (46, "next: c after 40 visits of a\n  why         this is visit 3 that counts: it waits"),
        (50, "section b (visit 4)\n  why         drawn after 3 visits of a"),
        (
            50,
            "next: a after 9 visits of b\n  why         this is visit 1 that counts: it may follow, for noth",
        ),
    ],
)
def test_explain_tells_why_a_layer_rests_and_what_waits(play: Play, bar: int, told: str) -> None:
    assert told in explain_at(play, bar * 126_000 + 44_100)


def test_explain_tells_that_nothing_has_begun_yet(play: Play) -> None:
    found = compile_script(TOLD.replace("chance 0.6", "chance 0"), VAULT)
    told = explain_at(replace(play, compiled=found), 6 * 126_000)
    assert NOT_YET in told
    last = explain_at(replace(play, compiled=found), 15 * 126_000)
    assert "nothing began at its points, and none is left in this visit" in last


def test_what_plays_in_full_is_not_said_to_rest(play: Play) -> None:
    told = explain_at(play, 8 * 126_000)
    assert "rests:" not in told and "section a" in told and "section a (visit 1)\n" not in told
    placed = explain_placement(play, 2, hours_max=1)
    assert placed is not None and "\n  once " in placed
