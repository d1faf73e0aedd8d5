"""What of a vault are loops of a script's clock, and that they keep their beats: rests, phrases and seams."""

from dataclasses import replace

import pytest
from script_samples import VAULT, stem

from amos.score.draw import numbered_seed
from amos.score.score import Score, decode_score
from amos_tools.script import compile_script
from amos_tools.script.loops import rings_out, script_beats
from amos_tools.script.preview import stem_frames
from amos_tools.script.units import ClockFacts
from amos_tools.simulate.run import SimStem, Totals, simulate
from amos_tools.stems import StemFacts

CLOCK = ClockFacts(rate_hz=44100, tempo_mbpm=84_000, beats_per_bar=4, key=None)
RELEASE = 74970  # 1.7 s
HEAD = """\
clock 44100 tempo 84 meter 4/4
pool low = stems where role bass
mix voices 8
section a 16 bars
"""


def ringing(count: int, bars: int = 4, release: int = RELEASE) -> list[StemFacts]:
    loops = [stem("bass", number, bars=bars) for number in range(count)]
    return [replace(loop, frames=loop.frames + release) for loop in loops]


def compiled_score(text: str, stems: list[StemFacts]) -> Score:
    return decode_score(compile_script(text, stems).score)


def an_hour(text: str, stems: list[StemFacts]) -> Totals:
    compiled = compile_script(text, stems)
    facts = [SimStem(frames, 20000, "bass", "t", "a") for frames in stem_frames(compiled)]
    return simulate(decode_score(compiled.score), facts, numbered_seed(1), 1)


@pytest.mark.parametrize("release", [-2000, -300, 0, 300, 3000, RELEASE])
@pytest.mark.parametrize("rest", ["", " tail 1700 ms", " tail 1701 ms"])
def test_rests_by_ring_out_are_none(release: int, rest: str) -> None:
    totals = an_hour(HEAD + "  play bass from low every 4 bars" + rest, ringing(3, release=release))
    # Edges of what is metered: a gain of 0 for a frame or two at each seam of loops that do not overlap.
    seams = totals.frames // (16 * 31500) + 1
    assert totals.silent_frames <= seams * max(0, -release) + 4 * seams


@pytest.mark.parametrize(
    ("tempo_mbpm", "bars", "beats"),
    [(84_000, 4, 16), (42_000, 4, 32), (168_000, 4, 8), (90_001, 1, 4), (100_000, 1, 0), (None, 4, 0)],
)
def test_beats_are_those_of_the_script(tempo_mbpm: int | None, bars: int, beats: int) -> None:
    assert script_beats(stem("bass", 1, tempo_mbpm=tempo_mbpm, bars=bars), CLOCK) == beats


def test_half_a_beat_is_no_beat() -> None:
    assert script_beats(replace(stem("bass", 1, tempo_mbpm=168_000), beats=7), CLOCK) == 0
    assert script_beats(replace(stem("bass", 1), beats=None), CLOCK) == 0


@pytest.mark.parametrize(("release", "rings"), [(-9000, False), (0, False), (2000, False), (3000, True)])
def test_what_the_builder_makes_fit_does_not_ring(release: int, rings: bool) -> None:
    assert rings_out(ringing(1, release=release)[0]) == rings


def test_only_a_layer_with_ring_out_takes_two_voices() -> None:
    text = HEAD + "  play bass from low\n"
    score = compiled_score(text, [*ringing(1), *ringing(4, release=0)[1:]])
    assert score.version == 2 and list(score.beats or ()) == [16] * 4
    assert score.sections[0].layers[0].rings and score.sections[0].voices() == 2
    assert compiled_score(text, ringing(3, release=0)).sections[0].voices() == 1
    assert not compiled_score(HEAD + "  play bass from low fade 1 bar\n", ringing(3)).sections[0].layers[0].rings


def test_only_a_fade_between_what_rings_and_what_is_no_loop_is_of_version_3() -> None:
    faded, pads = HEAD + "  play bass from low fade 1 bar\n", [replace(one, beats=None) for one in ringing(3)[2:]]
    score = compiled_score(faded, [*ringing(2), *pads])
    assert (score.version, score.seams) == (3, True)
    for text, stems in (
        (HEAD + "  play bass from low\n", [*ringing(2), *pads]),
        (faded, ringing(3)),
        (faded, [*ringing(2, release=0), *pads]),
    ):
        score = compiled_score(text, stems)
        assert (score.version, score.seams) == (2, None)


def test_a_score_without_loops_is_of_version_1() -> None:
    text = HEAD + "  play bass from low\n"
    shots = [replace(one, beats=None) for one in ringing(3)]
    score = compiled_score(text, shots)
    assert score.version == 1 and score.beats is None
    spoken = stem("fx", 99, key=None, title="closing")
    score = compiled_score(text + 'announce "closing" at 21:45\n', [*shots, spoken])
    assert score.version == 1 and score.stems == 4
    far = [replace(one, tempo_mbpm=100_000) for one in ringing(3)]
    assert compiled_score(text, far).version == 1


@pytest.mark.parametrize(
    ("play", "stems", "said"),
    [
        ("every 4 bars", ringing(3, release=0), None),
        ("fade 1 bar", ringing(3, release=0), None),
        ("every 8 bars chance 0.5 enter bar 5", ringing(3), None),
        ("every 8 bars", ringing(3), None),
        ("enter bar 3", ringing(3), "it enters 2 bars into a phrase of 4 bars, and loops begin there"),
        ("enter beat 2", ringing(3), "it enters 1 beat into a phrase of 4 bars, and loops begin there"),
        (
            "chance 0.5",
            ringing(3),
            "by chance at every bar, a loop of 4 bars may begin within its phrase; "
            "`every 4 bars` lets it begin with its phrase",
        ),
        ("every 3 bars", ringing(3), "a loop of 4 bars rests for 2 bars until `every 3 bars`"),
        (
            "fade 1 bar",
            ringing(3),
            "“bass 0”, “bass 1”, “bass 2” each rings out after its beats, "
            "so the next comes in over that without a fade",
        ),
        (
            "every 2 beats",
            [replace(one, beats=14) for one in ringing(1, release=-63000)],
            "“bass 0” does not fill whole bars of 4 beats, so its phrase is off the bar",
        ),
        (
            "every 1 bar",
            [replace(one, beats=15, tempo_mbpm=168_000) for one in ringing(1)],
            "“bass 0” has half a beat too many at the script's tempo, and keeps no phrase",
        ),
    ],
)
def test_what_cannot_keep_its_phrase_is_named(play: str, stems: list[StemFacts], said: str | None) -> None:
    warnings = compile_script(HEAD + f"  play bass from low {play}", stems).warnings
    messages = [warning.message for warning in warnings if "all of them" not in warning.message]
    assert messages == ([said] if said else [])


@pytest.mark.parametrize(
    ("bars", "plays", "step"),
    [
        ("16", "every 4 bars", None),
        ("16..32", "every 4 bars", 12),
        ("4..8", "", 6),
        ("16..32", "chance 0.5", None),
        ("6..11", "", 6),
        ("4..5", "", 4),
    ],
)
def test_a_section_lasts_whole_phrases_of_its_loops(bars: str, plays: str, step: int | None) -> None:
    stems = [*ringing(2, bars=4), *(replace(one, stem_id=bytes(16), beats=24) for one in ringing(1, bars=6))]
    text = HEAD.replace("16 bars", f"{bars} bars") + f"  play bass from low {plays}"
    assert compiled_score(text, stems).sections[0].step_bars == step


@pytest.mark.parametrize(("bars", "said"), [("6", "6 bars"), ("5..7", "5..7 bars"), ("8", None), ("5..8", None)])
def test_a_section_that_ends_within_a_phrase_is_named(bars: str, said: str | None) -> None:
    text = HEAD.replace("16 bars", f"{bars} bars") + "  play bass from low"
    messages = [warning.message for warning in compile_script(text, ringing(2)).warnings]
    assert messages == ([f"a section of {said} ends within a phrase of 4 bars"] if said else [])


def test_the_sample_vault_is_of_loops() -> None:
    assert all(script_beats(one, CLOCK) == one.beats for one in VAULT)
