"""The fade table is what its formula says, and the curve made of it is an equal-power one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.sound.envelope import Envelope, fade_gain, first_audible
from amos.sound.events import Start
from amos.sound.fade_numpy import fade_gains
from amos.sound.fade_table import FADE_Q15, FADE_STEPS

FADES = st.one_of(st.integers(1, 300), st.integers(1, 1 << 22))
GAINS = st.integers(0, 32767)


def test_table_is_a_quarter_of_a_sine() -> None:
    generated = tuple(round(32768 * math.sin(math.pi / 2 * k / FADE_STEPS)) for k in range(FADE_STEPS + 1))
    assert generated == FADE_Q15, "\n".join(map(str, generated))


@given(FADES, st.floats(0, 1), GAINS)
def test_fade_in_and_out_are_one_power(fade: int, part: float, gain: int) -> None:
    frame = round(part * fade)
    rising, falling = fade_gain(gain, frame, fade), fade_gain(gain, fade - frame, fade)
    # Each of the two falls short by up to 3, so both together by up to 3 times the root of 2.
    assert math.hypot(rising, falling) == pytest.approx(gain, abs=3 * math.sqrt(2))
    assert rising == pytest.approx(gain * math.sin(math.pi / 2 * frame / fade), abs=3)


@given(FADES, st.integers(0, 1 << 22), GAINS)
def test_fade_never_falls_back_and_keeps_small_ints(fade: int, frame: int, gain: int) -> None:
    assert fade_gain(gain, frame, fade) <= fade_gain(gain, frame + 1, fade) <= gain


@given(st.integers(1, 300000), GAINS)
def test_numpy_curve_is_the_same(fade: int, gain: int) -> None:
    frames = np.unique(np.linspace(0, fade + 10, 200).astype(np.int64))
    assert fade_gains(gain, frames, fade).tolist() == [fade_gain(gain, int(frame), fade) for frame in frames]


@given(FADES, st.one_of(st.integers(1, 600), st.integers(1, 32767)), st.booleans())
def test_first_audible_is_the_border(fade: int, gain: int, linear: bool) -> None:
    frame = first_audible(gain, fade, linear)
    assert 0 <= frame <= fade and fade_gain(gain, frame, fade, linear) > 0
    assert frame == 0 or fade_gain(gain, frame - 1, fade, linear) == 0


def test_node_steps_forward_and_back_meet_the_same_nodes() -> None:
    envelope = Envelope()
    envelope.begin(Start(37, 0, 0, 400, 9, 70, 150))
    forward = [0]
    while forward[-1] < 400:
        forward.append(envelope.node_after(forward[-1], 400))
    backward = [400]
    while backward[-1] > 0:
        backward.append(envelope.node_before(backward[-1], 0))
    assert forward == sorted({0, 400, 70, 250, *range(27, 400, 64)}) == backward[::-1]
