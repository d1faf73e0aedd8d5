"""Moods: sliders that stand together by a name, and the dayparts that name them."""

import pytest
from script_samples import VAULT

from amos.score.score import decode_score
from amos_tools.script import ScriptError, compile_script
from amos_tools.script.format import format_script
from amos_tools.script.moods import mood_positions

HEAD = """clock 44100 tempo 84
pool warm = stems where role pads
slider depth 0..2 start 0.5
slider mood -1..1 start 0
section a 4 bars
  play pads from warm chance 0.5 + 0.5 * mood
"""


def score(lines: str) -> bytes:
    return compile_script(HEAD + lines, VAULT).score


@pytest.mark.parametrize(
    ("by_mood", "by_sliders"),
    [
        ('mood "calm" depth 0.2, mood -1\ndaypart 07:00..09:00 mood "calm"', "set depth 0.2 set mood -1"),
        ('daypart 07:00..09:00 mood "calm"\nmood "calm" depth 0.2, mood -1', "set depth 0.2 set mood -1"),
        ('mood "calm" depth 0.2, mood -1\ndaypart 07:00..09:00 mood "calm" set depth 2', "set depth 2 set mood -1"),
        ('mood "calm" depth 0.2\nmood "dim" depth 1\ndaypart 07:00..09:00 mood "calm" mood "dim"', "set depth 1"),
    ],
)
def test_a_mood_is_its_sliders(by_mood: str, by_sliders: str) -> None:
    assert score(by_mood) == score(f"daypart 07:00..09:00 {by_sliders}")
    assert len(decode_score(score(by_mood)).dayparts or ()) == by_sliders.count("set")


@pytest.mark.parametrize(
    ("lines", "message", "suggestion"),
    [
        ('mood "calm" depth 3', "`depth` has no such value", None),
        ('mood "calm" deptj 1', "`deptj` is not a slider of this script", "depth"),
        ('mood "calm" depth 1, depth 2', "`depth` stands twice in this mood", None),
        ('mood "calm" depth 1\nmood "calm" depth 1', "mood “calm” is declared again; it was on line 7", None),
        ('mood "calm" depth 1\ndaypart 07:00..09:00 mood "calx"', "`calx` is not a mood of this script", "calm"),
        ('mood "calm"', "the line ends too early", None),
    ],
)
def test_what_is_wrong_with_a_mood_is_named(lines: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(ScriptError) as caught:
        score(lines)
    problem = caught.value.problems[0]
    assert message in problem.message and problem.suggestion == suggestion


def test_a_mood_is_read_from_a_script_without_a_vault() -> None:
    script = HEAD + 'mood "calm" depth 0.5, mood -1\nmood "loud" mood 1'
    assert mood_positions(script, "calm") == {"depth": 8192, "mood": 0}
    assert mood_positions(script, "loud") == {"mood": 32768}
    for source, message in ((script, "`calx` is not a mood of this script"), ("slider x", "the line ends too early")):
        with pytest.raises(ScriptError, match=message):
            mood_positions(source, "calx")


def test_a_mood_has_a_canonical_form() -> None:
    text = format_script(HEAD + 'mood  "calm"  depth 1.50,mood - 1\ndaypart 7:00 ..9:00 mood "calm"')
    assert 'mood "calm" depth 1.5, mood -1\ndaypart 07:00..09:00 mood "calm"\n' in text
