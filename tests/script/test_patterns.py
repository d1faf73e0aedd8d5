"""Patterns as written: which strokes they are, what they need of the voices, and what `check` says."""

from dataclasses import replace

import pytest
from script_samples import VAULT, make_vm, stem

from amos.score.score import Layer, decode_score
from amos.sound.events import Start
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.patterns import euclidean

HATS = [
    replace(stem("tops", 70 + n, key=None, tempo_mbpm=None, title=f"hat {n}"), beats=None, frames=11025 * (n + 1))
    for n in range(3)
]
HEAD = 'pool hats = stems where role tops and (title "hat 0" or title "hat 1" or title "hat 2")\nmix voices 8\n'


def compiled(line: str, clock: str = "clock 44100 tempo 84", stems: list[object] | None = None) -> Compiled:
    text = f"{clock}\n{HEAD}section a 16 bars\n  play tops from hats {line}\n"
    return compile_script(text, [*VAULT, *(HATS if stems is None else stems)])  # type: ignore[list-item]


def compiled_layer(line: str, clock: str = "clock 44100 tempo 84") -> Layer:
    score = decode_score(compiled(line, clock).score)
    assert score.version == 2 and score.beats is None
    return score.sections[0].layers[0]


@pytest.mark.parametrize(
    ("line", "grid", "ticks", "strokes"),
    [
        ('pattern "x..x..x."', 4, 8, [0, 3, 6]),
        ('pattern "x..x | ..x."', 4, 8, [0, 3, 6]),
        ('pattern "x.x." every 2 beats', 2, 2, [0, 1]),
        ('pattern "x.xx" every 2 bars', 8, 4, [0, 2, 3]),
        ('pattern "x..x." division 1/16', 5, 20, [0, 3, 5, 8, 10, 13, 15, 18]),
        ('pattern "xx" division 1/16 every 1 bar', 4, 16, [0, 1]),
        ("euclid 5/16", 4, 16, [0, 3, 6, 9, 12]),
        ("euclid 5/8 rotate 1", 4, 8, [1, 3, 4, 6, 7]),
        ("division 1/8", 4, 8, list(range(8))),
        ("division 1/12", 4, 12, list(range(12))),
        ("division 3/16", 12, 16, list(range(16))),
        ("division 1/8 swing 58 %", 4, 200, [0, 29, 50, 79, 100, 129, 150, 179]),
        ('pattern "x..x" swing 75 %', 4, 8, [0, 7]),
        ('pattern "x.x." swing 60 %', 4, 2, [0, 1]),
    ],
)
def test_strokes_are_where_they_are_written(line: str, grid: int, ticks: int, strokes: list[int]) -> None:
    layer = compiled_layer(line)
    assert (layer.grid_beats, layer.ticks, list(layer.strokes or ())) == (grid, ticks, strokes)


def test_a_note_value_is_of_the_metre() -> None:
    layer = compiled_layer("division 1/16", "clock 44100 tempo 84 meter 6/8")
    assert (layer.grid_beats, layer.ticks) == (6, 12)


def test_euclid_is_what_musicians_know_by_that_name() -> None:
    known = {(3, 8): "x..x..x.", (5, 8): "x.xx.xx.", (5, 16): "x..x..x..x..x...", (2, 5): "x.x..", (4, 4): "xxxx"}
    for (strokes, steps), written in known.items():
        assert "".join("x" if struck else "." for struck in euclidean(strokes, steps)) == written
    for steps in range(1, 33):
        for strokes in range(1, steps + 1):
            assert sum(euclidean(strokes, steps, steps - 1)) == strokes


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("swing 58 %", "swing needs steps"),
        ("division 1/8 swing 49 %", "a swing in % is a whole number from 50 to 75"),
        ("euclid 17/16", "the number of strokes is a whole number from 1 to 16"),
        ("euclid 4/129", "the number of steps is a whole number from 1 to 128"),
        ("euclid 4/16 rotate 16", "a rotation is a whole number from 0 to 15"),
        ('pattern "x..x" euclid 3/8', "a line has a `pattern` or a `euclid`, not both"),
        ('pattern "X..x"', "`X` is no step of a pattern"),
        ('pattern "..."', "a pattern has a stroke"),
        (f'pattern "{"x" * 129}"', "a pattern has at most 128 steps, this one has 129"),
        ('pattern "x." fade 1 bar', "a pattern has no fade: its strokes are cut or ring out"),
        ('pattern "x." tail 1 s', "a pattern has no tail: `count` says how many strokes may sound at once"),
        ('pattern "x." count 1..2', "with a pattern, `count` is one number"),
        ('pattern "xxxxx" division 1/4 every 1 bar', "5 steps last 5 beats, longer than this"),
        ("division 1/0", "the lower number of a note value is a whole number from 1 to 192"),
        ("division 1/128", "strokes come 22 ms after one another, a player needs 47 ms"),
        ("division 5/191", "after 128 steps it has not come to a beat"),
        ('pattern "xxx" division 7/191 swing 51 % every 127 beats', "the steps are too fine for the player"),
    ],
)
def test_what_is_no_pattern_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled(line)
    assert said in str(refused.value)


def test_all_patterns_of_a_section_share_what_a_player_takes() -> None:
    with pytest.raises(ScriptError, match="its patterns may strike 42 times in a second, a player takes 40"):
        compiled("division 1/16" + "\n  play tops from hats division 1/16" * 6)


@pytest.mark.parametrize(
    ("line", "voices", "said"),
    [
        ('pattern "x..."', 1, None),
        (
            "division 1/4",
            2,
            "“hat 2” lasts 0.75 s, and strokes come 0.71 s after one another: the next cuts the one before",
        ),
        ("division 1/4 count 1", 2, None),
        ("division 1/4 count 2", 2, None),
        ("division 1/16 count 4", 5, None),
        ("division 1/16 count 5", 5, None),
    ],
)
def test_voices_are_those_of_strokes_that_sound_at_once(line: str, voices: int, said: str | None) -> None:
    found = compiled(line)
    assert found.voices_worst == voices
    told = [warning.message for warning in found.warnings if "rows" not in warning.message]
    assert told == ([said] if said else [])


def test_loops_are_struck_from_their_beginning_and_named() -> None:
    loops = [replace(hat, beats=4, tempo_mbpm=84_000, frames=4 * 31500) for hat in HATS]
    found = compiled('pattern "x...x..."', stems=list(loops))
    assert [warning.message for warning in found.warnings] == [
        "“hat 0” and 2 more of the pool are loops; a pattern strikes from the beginning each time"
    ]


def test_strokes_are_counted_in_the_cost_and_played_as_written() -> None:
    found = compiled('pattern "x..x..x."')
    assert found.decisions_per_hour_max == 3 * (84 * 60 // 4 + 1)
    events = make_vm(found, 7).advance(44100 * 600)
    steps = {0, 3, 6}
    frames = [event.frame for event in events if isinstance(event, Start)]
    assert frames == [bar * 126_000 + step * 15_750 for bar in range(210) for step in sorted(steps)]
