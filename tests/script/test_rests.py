"""`once`, `until bar` and `after … visits` as written."""

import pytest
from script_samples import VAULT, make_vm

from amos.score.score import Score, decode_score
from amos.sound.events import Section, Start
from amos_tools.script import Compiled, ScriptError, compile_script

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
