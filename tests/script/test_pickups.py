"""Pickups as sidecars say them: where they are in a script's tempo, and what `check` says of them."""

from dataclasses import replace
from fractions import Fraction

import pytest
from script_samples import make_vm, stem

from amos.score.score import Score, decode_score
from amos.sound.events import Start
from amos_tools.pickups import pickup_of, pickup_seconds
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.stems import StemFacts

HEAD = "clock 44100 tempo 84\npool low = stems where role bass\nmix voices 8\nsection a 16 bars\n"


def stems(text: str = "1 beat", **changes: object) -> list[StemFacts]:
    found = [replace(stem("bass", number), frames=17 * 31500, **changes) for number in range(3)]  # type: ignore[arg-type]
    return [replace(found[0], tags=(("pickup", text),)), *found[1:]]


def compiled(line: str = "", vault: list[StemFacts] | None = None) -> Compiled:
    return compile_script(f"{HEAD}  play bass from low {line}\n", vault or stems())


def score_of(found: Compiled) -> Score:
    return decode_score(found.score)


@pytest.mark.parametrize(
    ("text", "tempo", "seconds"),
    [
        ("1 beat", 120_000, Fraction(1, 2)),
        ("1.5 beats", 90_000, Fraction(1)),
        ("0,48 s", None, Fraction(48, 100)),
        ("480 ms", None, Fraction(48, 100)),
        ("2 beats", None, None),
        ("1 bar", 84_000, None),
        ("61 s", None, None),
        ("early", 84_000, None),
    ],
)
def test_a_pickup_is_a_length(text: str, tempo: int | None, seconds: Fraction | None) -> None:
    assert pickup_seconds(text, tempo) == seconds


def test_a_pickup_is_brought_to_the_tempo_with_its_stem() -> None:
    for tempo, frames in ((84_000, 31500), (80_000, 31500), (42_000, 63000)):
        found = score_of(compiled("enter bar 2", stems(tempo_mbpm=tempo)))
        assert found.version == 2 and sorted(found.pickups or ()) == [0, 0, frames]
    assert pickup_of(replace(stems()[0], tags=(("Downbeat", "250 ms"),))) == Fraction(1, 4)
    assert score_of(compiled("", [replace(one, tags=()) for one in stems()])).pickups is None


def test_downbeats_are_on_the_grid_and_the_voices_counted() -> None:
    found = compiled("every 4 bars enter bar 2")
    assert found.voices_worst == 2 and not found.warnings[1:]
    score = score_of(found)
    pickups = list(score.pickups or ())
    events = [event for event in make_vm(found, 3).advance(60 * 126_000) if isinstance(event, Start)]
    assert {(event.frame - event.offset + pickups[event.stem]) % 126_000 for event in events} == {0}
    assert any(event.frame % 126_000 for event in events)


@pytest.mark.parametrize(
    ("line", "said", "note"),
    [
        (
            "",
            "“bass 0” begins 0.71 s before its downbeat; where section `a` begins it comes in at that",
            "`enter beat 2`",
        ),
        ("enter beat 2", None, None),
        ("cue 1 beat enter bar 2", "stems of the pool say where their downbeats are, so this `cue` is of none", None),
        ('pattern "x..."', "“bass 0” has a pickup; a pattern strikes it at its beginning", None),
    ],
)
def test_what_keeps_a_pickup_from_being_heard_is_named(line: str, said: str | None, note: str | None) -> None:
    found = compiled(line).warnings
    matching = [warning for warning in found if said is not None and warning.message.startswith(said)]
    assert len(matching) == (said is not None)
    assert said is not None or not any("downbeat" in warning.message for warning in found)
    assert note is None or matching[0].notes[0].startswith(note)


def test_a_pickup_of_more_than_half_of_a_stem_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"“bass 0” has its first downbeat after 7\.14 s, and lasts 12\.14 s"):
        compiled("enter bar 9", stems("10 beats"))
