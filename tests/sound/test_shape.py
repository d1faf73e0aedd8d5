"""What pan, width and low-pass sound like: half the power at the cutoff, 6 dB an octave, no offset left."""

import math
from array import array

import numpy as np
import pytest
from mixer_reference import Stem

from amos.sound import shape_plain
from amos.sound.events import Start
from amos.sound.mixer import make_mixer
from amos.sound.shape import ShapedSource
from amos_tools.script.parse import parse_lines
from amos_tools.script.problems import Problems
from amos_tools.script.program import options_once
from amos_tools.script.shapes import layer_shape

RATE_HZ = 48_000
FRAMES = RATE_HZ


def shape_of(words: str) -> "array[int]":
    problems = Problems([], "")
    (play,) = parse_lines([f"play pads from p {words}"], problems)
    found = layer_shape(options_once(play.options, problems), RATE_HZ, problems)  # type: ignore[union-attr]
    assert found is not None and found.shape is not None
    return found.shape


def heard(words: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A stem in that shape, as it comes out; float64 of shape (frames, 2)."""
    pcm = np.rint(np.stack([left, right], 1)).clip(-32768, 32767).astype("<i2").reshape(-1)
    mixer = make_mixer(RATE_HZ, 1, 8192)
    start = Start(0, 0, 0, len(left), 32767, 0, 0)
    start.shape = shape_of(words)
    mixer.start(start, Stem(pcm, 2))
    blocks = [bytes(mixer.render(size)) for size in (8192, 8192, 8192, 8192, 8192, FRAMES - 5 * 8192)]
    return np.frombuffer(b"".join(blocks), "<i2").reshape(-1, 2).astype(float)


def sine(hz: float, peak: float = 12_000) -> np.ndarray:
    return peak * np.sin(2 * np.pi * hz * np.arange(FRAMES) / RATE_HZ)


def level_db(samples: np.ndarray, peak: float = 12_000) -> float:
    return 20 * math.log10(math.sqrt(float(np.mean(samples[FRAMES // 2 :] ** 2))) / (peak / math.sqrt(2)))


@pytest.mark.parametrize("cutoff_hz", [40, 200, 800, 3_000, 10_000])
def test_power_is_half_at_the_cutoff_and_falls_by_6_db_an_octave(cutoff_hz: int) -> None:
    def at(hz: float) -> float:
        return level_db(heard(f"lowpass {cutoff_hz} Hz", sine(hz), sine(hz))[:, 0])

    assert at(cutoff_hz) == pytest.approx(-3.01, abs=0.1)
    assert at(cutoff_hz / 8) == pytest.approx(-0.07, abs=0.05)
    if cutoff_hz <= 200:
        assert at(8 * cutoff_hz) - at(16 * cutoff_hz) == pytest.approx(6, abs=0.6)


def test_silence_after_a_tone_is_silence() -> None:
    tone = sine(60, 20_000)
    tone[FRAMES // 2 :] = 0
    rest = heard("lowpass 40 Hz", tone, -tone)[-RATE_HZ // 4 :]
    assert np.abs(rest).max() <= 1


def test_a_pan_is_of_equal_power_and_a_width_leaves_the_middle() -> None:
    left, right = sine(500), sine(700)
    half = heard("pan left 50 %", left, right)
    assert level_db(half[:, 1]) - level_db(half[:, 0]) == pytest.approx(
        20 * math.log10(math.tan(math.pi / 8)), abs=0.02
    )
    assert np.abs(heard("pan right 100 %", left, right)[:, 0]).max() == 0
    narrow = heard("width 0 %", left, right)
    assert np.array_equal(narrow[:, 0], narrow[:, 1])
    wide = heard("width 200 %", left, right)
    middle, sides = wide.sum(1) / 2, (wide[:, 0] - wide[:, 1]) / 2
    assert level_db(middle) == pytest.approx(level_db((left + right) / 2) - 6.02, abs=0.02)
    assert level_db(sides) == pytest.approx(level_db((left - right) / 2), abs=0.02)


@pytest.mark.parametrize("words", ["width 200 %", "width 133 % pan left 3 %", "width 180 % lowpass 10000 Hz"])
def test_full_scale_never_leaves_16_bits(words: str) -> None:
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        pcm = np.array([32767 if sign > 0 else -32768 for sign in signs] * 64, "<i2")
        buffer = bytearray(pcm.nbytes)
        ShapedSource(Stem(pcm, 2), shape_of(words), shape_plain).read_into(buffer, 0, 64)
        found = np.frombuffer(buffer, "<i2").reshape(-1, 2)
        assert (np.sign(found) == signs).all() and np.abs(found[-1].astype(int)).min() > 16_000


def test_frames_are_read_in_order() -> None:
    source = ShapedSource(Stem(np.zeros(400, np.int16), 2), shape_of("lowpass 800 Hz"), shape_plain)
    source.read_into(bytearray(400), 0, 64)
    with pytest.raises(ValueError, match="start_frame: expected 64, found 65"):
        source.read_into(bytearray(400), 65, 64)
