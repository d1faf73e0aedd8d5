"""Gains that move: with sliders and over time, as compiled, refused, explained, forecast and drawn."""

from collections.abc import Sequence

import numpy as np
import pytest
from script_samples import VAULT

from amos.score.expression import evaluate
from amos.score.inputs import INPUT_SLIDER
from amos.score.score import Layer, decode_score
from amos_tools.pack.forecast import forecast_power
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate.inputs import TimedInput
from amos_tools.simulate.passage import Passage
from amos_tools.simulate.run import SimStem, Watcher, watch

HEAD = """experience "x" seed 7
clock 44100 tempo 120 meter 4/4 key D minor
pool warm = stems where role pads
slider depth 0..2 start 0.5
slider mood -1..1 start 0
section a 4 bars
  play pads from warm fade 1 bar gain {gain}
"""
Q15 = 32768


def compiled(gain: str) -> Compiled:
    return compile_script(HEAD.format(gain=gain), VAULT)


def layer(gain: str) -> Layer:
    return decode_score(compiled(gain).score).sections[0].layers[0]


def decibels_q15(gain: str, sliders: Sequence[float]) -> int:
    """The gain of the layer in Q15 decibels below its greatest, as a player would evaluate it."""
    code = layer(gain).level
    assert code is not None
    return evaluate(code, [round(value * Q15) for value in sliders])


@pytest.mark.parametrize(
    ("gain", "greatest_db", "sliders", "below_db"),
    [
        ("-12 dB + 5 dB * depth", -2, [0.5, 0], -7.5),
        ("-12 dB + 5 dB * depth", -2, [2, 0], 0),
        ("(depth - 1) * -3 dB - 9 dB", -6, [2, 0], -6),
        ("-20 dB * (mood > 0 and depth < 1) - 6 dB", -6, [0.5, 0.1], -20),
        ("-(6 dB * mood * mood)", 6, [0, 1], -12),
        ("+3 dB - 1.5 dB * depth", 0, [1, 0], -1.5),
    ],
)
def test_a_gain_is_its_greatest_and_what_the_sliders_take_from_it(
    gain: str, greatest_db: float, sliders: list[float], below_db: float
) -> None:
    # Above 0 dB comes out of the headroom of stems: the loudest layer is at unity.
    assert layer(gain).gain_q15 == round(Q15 * 10 ** (min(0, greatest_db) / 20))
    assert decibels_q15(gain, sliders) == pytest.approx(below_db * Q15, abs=4)


@pytest.mark.parametrize("gain", ["-3 dB - 3 dB", "-3 dB * 2", "-6..-6 dB over 8 bars", "-6 dB + 0 dB * depth"])
def test_a_gain_that_stays_is_the_same_score_as_ever(gain: str) -> None:
    plain = compiled("-6 dB")
    assert compiled(gain).score == plain.score
    assert layer(gain).level is None


def test_a_gain_over_time_has_a_slider_of_its_own() -> None:
    rising = layer("-18..-6 dB over 8 bars")
    assert rising.rise_frames == 8 * 4 * 44100 // 2 and rising.gain_q15 == round(Q15 * 10 ** (-6 / 20))
    assert decibels_q15("-18..-6 dB over 8 bars", [0, 0, 0]) == -12 * Q15
    assert decibels_q15("-18..-6 dB over 8 bars", [0, 0, 1]) == 0
    assert decibels_q15("-6..-18 dB over 30 s", [0, 0, 0.5]) == -6 * Q15


@pytest.mark.parametrize(
    ("gain", "message"),
    [
        ("10 * depth", "a gain is in dB"),
        ("-6", "a gain is in dB"),
        ("-6 dB + depth", "one of these is in dB and the other is a number"),
        ("-6 dB * 3 dB", "decibels times decibels are none"),
        ("-6 dB * (depth > 1 dB)", "one of these is in dB and the other is a number"),
        ("20 dB * depth", "this gain may be +40 dB, and one is from -96 to +12 dB"),
        ("-90 dB - 10 dB * depth", "this gain may be -110 dB, and one is from -96 to +12 dB"),
        ("-97..-3 dB over 2 bars", "this gain may be -97 dB"),
        ("-97 dB", "a gain is from -96 to +12 dB"),
        ("-6 dB * loud", "`loud` is not a slider of this script"),
        ("-18..-6 dB over 0 bars", "a gain over time lasts a while"),
        ("-18..-6 dB over 9999 h", "a gain over time lasts at most 24347 s"),
        ("-18..-6 dB", "the line ends too early"),
        ("-1 dB" + " - 1 dB * depth" * 13, "the expression is too long for the player"),
    ],
)
def test_what_is_no_gain_is_refused_by_name(gain: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        compiled(gain)
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("-12dB+10 dB*depth", "-12 dB + 10 dB * depth"),
        ("-18 .. -6dB over 8 bar", "-18..-6 dB over 8 bars"),
        ("+3dB-(1.50 dB*-mood)", "+3 dB - (1.5 dB * -mood)"),
    ],
)
def test_a_gain_has_a_canonical_form(written: str, canonical: str) -> None:
    text = format_script(HEAD.format(gain=written))
    assert f"fade 1 bar gain {canonical}\n" in text
    assert compile_script(text, VAULT).score == compiled(written).score


def stems(script: Compiled) -> list[SimStem]:
    frames = stem_frames(script)
    return [SimStem(n, Q15 - 1, s.role, s.title, s.artist) for n, s in zip(frames, script.stems, strict=True)]


def test_explain_says_what_moves_a_gain_and_where_it_is() -> None:
    script = compiled("-12 dB + 5 dB * depth")
    told = [TimedInput(44100 * 3, INPUT_SLIDER, Q15)]
    text = explain_at(Play(script, stems(script), bytes(32), told), 44100 * 5)
    assert "  gain        moves with depth: -2.0 dB at 0:00:05.000\n" in text and ", voice 0, -9.5 dB\n" in text
    script = compiled("-18..-6 dB over 2 bars")
    text = explain_at(Play(script, stems(script), bytes(32)), 44100 * 2)
    assert "  gain        moves over 4.0 s from the entry of its layer on: -12.0 dB at 0:00:02.000\n" in text


def test_the_forecast_hears_a_gain_that_moves() -> None:
    """A rise over the first ten seconds: 12 dB softer at first, the same in the end."""
    parts = []
    for gain in ("-18..-6 dB over 5 bars", "-6 dB"):
        script = compiled(gain)
        score, frames = decode_score(script.score), list(stem_frames(script))
        profiles = [np.ones(length // 4410 + 1) for length in frames]
        parts.append(forecast_power(score, frames, [Q15 - 1] * len(frames), profiles))
    rising, steady = parts
    softer_db = 10 * np.log10(rising[:200] / steady[:200])
    assert softer_db[0] == pytest.approx(-12, abs=0.3) and softer_db[50] == pytest.approx(-6, abs=0.3)
    assert (np.diff(softer_db[:100]) > -0.1).all() and np.abs(softer_db[101:]).max() < 0.02


def test_the_picture_of_minutes_draws_a_gain_that_moves() -> None:
    script = compiled("-18..-6 dB over 2 bars")
    passage = Passage(0, 44100 * 8)
    watchers: list[Watcher] = [passage]
    watch(decode_score(script.score), stems(script), bytes(32), 0.01, watchers)
    shape = dict(passage.bars[0].shape)
    assert shape[44100 * 2] == pytest.approx(10 ** (-6 / 20), abs=0.01) and shape[44100 * 4] > 0.98
