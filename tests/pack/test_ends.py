"""Pads that fade in their own files are held up at their ends if the fades of their layers do the same, else not."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from amos_tools.pack.ends import ABRUPT, DEEP, LONG, SILENT, held_up
from amos_tools.vault.audio import FloatFrames

RATE_HZ = 22_050
SECONDS = 12
LONG_S = 24
FADE = RATE_HZ
"""A second."""


def tone(seconds: float) -> NDArray[np.float64]:
    return np.sin(np.arange(round(seconds * RATE_HZ)) * (2 * np.pi * 220 / RATE_HZ))


def to_end(seconds: float) -> NDArray[np.float64]:
    """How far it is from each frame to the end."""
    frames = round(seconds * RATE_HZ)
    return (frames - 1 - np.arange(frames)) / RATE_HZ


def stereo(wave: NDArray[np.float64]) -> FloatFrames:
    return (0.1 * wave)[:, None].repeat(2, axis=1).astype(np.float32)


def faded(rise_s: float, fall_s: float) -> FloatFrames:
    left = to_end(SECONDS)
    shape = np.minimum(1, np.minimum(left[::-1] / max(rise_s, 1e-9), left / max(fall_s, 1e-9)))
    return stereo(tone(SECONDS) * shape)


def fallen(shape: str, fall_s: float) -> FloatFrames:
    """24 s that fall in their last `fall_s`."""
    left = np.minimum(1, to_end(LONG_S) / fall_s)
    curves = {"linear": left, "power": np.sin(np.pi / 2 * left), "50 dB": 10 ** (-2.5 * (1 - left))}
    return stereo(tone(LONG_S) * curves[shape])


def loudness_db(samples: FloatFrames, from_s: float, until_s: float) -> float:
    """Of a part, below the whole tone."""
    part = samples[round(from_s * RATE_HZ) : round(until_s * RATE_HZ)].astype(np.float64)
    return float(10 * np.log10(np.square(part).mean() / (0.01 / 2)))


@pytest.mark.parametrize("fall_s", [0.4, 0.5, 1, 1.5])
def test_a_fall_is_held_up_but_for_its_last_50_ms(fall_s: float) -> None:
    samples = faded(0, fall_s)
    held, hold = held_up(samples, RATE_HZ, FADE)
    assert loudness_db(samples, SECONDS - 0.4, SECONDS) < -4.5
    assert loudness_db(held, SECONDS - 0.4, SECONDS) > -1
    for begin in np.arange(SECONDS - 2, SECONDS - 0.15, 0.1):
        assert abs(loudness_db(held, begin, begin + 0.1)) < 0.7
    # 20 log (fall / 50 ms) and what a hop and the smoothing are off.
    assert abs(hold.mdb / 1000 - 20 * np.log10(fall_s / 0.05)) < 1.5 and not hold.holes
    last = slice(len(held) - RATE_HZ // 30, len(held))
    assert np.allclose(held[last], samples[last] * 10 ** (hold.mdb / 20_000), atol=1e-4)
    assert np.array_equal(held[: 8 * RATE_HZ], samples[: 8 * RATE_HZ])


@pytest.mark.parametrize(
    ("shape", "fall_s"), [("linear", 1.8), ("linear", 2.8), ("linear", 5), ("power", 2.8), ("power", 5), ("50 dB", 0.4)]
)
def test_a_fall_of_more_than_30_db_is_held_up_by_30(shape: str, fall_s: float) -> None:
    samples = fallen(shape, fall_s)
    held, hold = held_up(samples, RATE_HZ, 3 * FADE)
    assert loudness_db(samples, LONG_S - 0.4, LONG_S) < -10
    assert loudness_db(held, LONG_S - 0.4, LONG_S) > -3
    assert 29_000 < hold.mdb <= 30_000 and not hold.holes


def test_of_what_falls_too_deep_30_db_are_made_up_and_the_hole_is_told() -> None:
    for fall_s in (1, 2):
        samples = fallen("50 dB", fall_s)
        held, hold = held_up(samples, RATE_HZ, 3 * FADE)
        (hole,) = hold.holes
        assert 29_000 < hold.mdb <= 30_000 and hole.reason == DEEP
        before, after = (loudness_db(part, LONG_S - 0.4, LONG_S) for part in (samples, held))
        assert before + 20 < after < -3 and abs(after + hole.mdb / 1000) < 0.3


def chorused(seed: int, cents: float) -> NDArray[np.float64]:
    """24 s of three voices to a partial, which beat slowly; as loud as the tone."""
    random = np.random.RandomState(seed)
    at = np.arange(LONG_S * RATE_HZ) / RATE_HZ
    voices = [220 * partial * 2 ** (step * cents / 1200) for partial in (1, 2, 3) for step in (-1, 0, 1)]
    wave = sum(np.sin(2 * np.pi * (voice * at + random.rand())) for voice in voices)
    return np.asarray(wave / np.std(wave) * np.sqrt(0.5))


CURVES = {
    "linear": lambda left: left,
    "sine": lambda left: np.sin(np.pi / 2 * left),
    "root": np.sqrt,
    "20 dB": lambda left: 10 ** (left - 1),
    "squared": np.square,
    "cubed": lambda left: left**3,
    "cosine": lambda left: (1 - np.cos(np.pi * left)) / 2,
    "60 dB": lambda left: 10 ** (3 * (left - 1)),
}


def both_faded(wave: NDArray[np.float64], curve: str, seconds: float) -> FloatFrames:
    """As a file of 16 bits has it."""
    shape = CURVES[curve](np.minimum(1, to_end(LONG_S) / seconds))
    return (np.rint(stereo(wave * shape * shape[::-1]) * 32767) / 32768).astype(np.float32)


@pytest.mark.parametrize("cents", [2, 10])
@pytest.mark.parametrize(("curve", "seconds"), [("linear", 3), ("linear", 5), ("sine", 3), ("root", 5), ("20 dB", 5)])
def test_fades_of_tones_that_beat_are_held_up(curve: str, seconds: float, cents: float) -> None:
    for seed in range(3):
        samples = both_faded(chorused(seed, cents), curve, seconds)
        held, hold = held_up(samples, RATE_HZ, 3 * FADE)
        assert not hold.holes
        for begin in (0, LONG_S - 0.4):
            before, after = (loudness_db(part, begin, begin + 0.4) for part in (samples, held))
            assert after > before + 5


@pytest.mark.parametrize(
    ("curve", "seconds"),
    [("squared", 3), ("squared", 5), ("cubed", 1), ("cubed", 5), ("cosine", 5), ("60 dB", 3), ("60 dB", 5)],
)
def test_a_fade_that_ends_far_down_is_held_up_and_no_silence(curve: str, seconds: float) -> None:
    for wave in (tone(LONG_S), chorused(4, 2)):
        samples = both_faded(wave, curve, seconds)
        held, hold = held_up(samples, RATE_HZ, 3 * FADE)
        assert 29_000 < hold.mdb <= 30_000 and [hole.reason for hole in hold.holes] == [DEEP, DEEP]
        for begin in (0, LONG_S - 0.4):
            before, after = (loudness_db(part, begin, begin + 0.4) for part in (samples, held))
            assert after > before + 20


def test_a_rise_is_held_up_as_a_fall_is() -> None:
    falling, fall = held_up(faded(0, 0.8), RATE_HZ, FADE)
    rising, rise = held_up(faded(0.8, 0), RATE_HZ, FADE)
    assert abs(rise.mdb - fall.mdb) < 100
    assert abs(loudness_db(rising, 0, 0.4) - loudness_db(falling, SECONDS - 0.4, SECONDS)) < 0.1
    both, _hold = held_up(faded(0.8, 0.8), RATE_HZ, FADE)
    assert loudness_db(both, 0, 0.4) > -1 and loudness_db(both, SECONDS - 0.4, SECONDS) > -1


def followed(samples: FloatFrames, silent_s: float) -> FloatFrames:
    """With so much silence at its end."""
    silent = round(silent_s * RATE_HZ)
    return np.concatenate((samples, np.zeros((silent, 2), np.float32)))


def test_a_fall_is_held_up_before_silence_of_less_than_100_ms() -> None:
    samples = followed(faded(0, 1), 0.08)
    held, hold = held_up(samples, RATE_HZ, FADE)
    assert hold.mdb > 20_000 and not hold.holes
    assert loudness_db(held, SECONDS - 0.4, SECONDS) > -1 and not held[-RATE_HZ * 7 // 100 :].any()
    assert len(held) == len(samples)


def softly(db: float, seconds: float, rise_s: float = 0) -> FloatFrames:
    """A tone that is softer by so much over its last `seconds`, to where it goes within `rise_s`."""
    over = np.clip((to_end(SECONDS) - seconds) / max(rise_s, 1e-9), 0, 1)
    return stereo(tone(SECONDS) * 10 ** (-db / 20 * (1 - over)))


def hissing() -> FloatFrames:
    """The noise of a room, and then a hard end."""
    noise = np.random.RandomState(1).normal(0, 10 ** (-40 / 20), SECONDS * RATE_HZ)
    return stereo(np.where(to_end(SECONDS) > 0.6, tone(SECONDS), noise))


def breath() -> FloatFrames:
    at = to_end(SECONDS)
    noise = np.random.RandomState(2).normal(0, 10 ** (-24 / 20), SECONDS * RATE_HZ)
    return stereo(np.where(at > 0.7, tone(SECONDS), noise * np.sin(np.pi * np.minimum(1, at / 0.7)) ** 2))


def swell() -> FloatFrames:
    """What falls from 12 dB below the tone before it, in 0.6 s by 18 dB."""
    at = to_end(SECONDS)
    return stereo(tone(SECONDS) * np.where(at > 0.6, 1, 10 ** ((at * 30 - 30) / 20)))


def clicked() -> FloatFrames:
    samples = faded(0, 1)
    at = len(samples) - RATE_HZ // 4
    samples[at : at + 40] = 0.1
    return samples


@pytest.mark.parametrize(
    ("samples", "fade_frames", "reason"),
    [
        (faded(0, 0), FADE, None),
        (faded(0.15, 0.15), FADE, None),
        (faded(0, 0.5), 0, None),
        (faded(0, 2.5), FADE, LONG),
        (faded(0, 0.5)[-RATE_HZ:], FADE, None),
        (followed(faded(0, 0), 1), FADE, SILENT),
        (followed(faded(0, 0.8), 0.4), FADE, SILENT),
        (followed(fallen("linear", 2.8), 0.4), 3 * FADE, SILENT),
        (hissing(), FADE, ABRUPT),
        (breath(), FADE, ABRUPT),
        (swell(), FADE, ABRUPT),
        (softly(12, 0.9, 0.1), FADE, ABRUPT),
        (softly(20, 0.9, 0.3), FADE, ABRUPT),
        (np.zeros_like(faded(0, 0)), FADE, None),
    ],
    ids=["steady", "as it speaks", "no fade", "longer than twice the fade", "short", "a rest", "a fall and a rest",
         "a long fall and a rest",
         "the noise of a room", "a breath", "a swell", "a step", "a plateau", "silence"],
)  # fmt: skip
def test_what_stays_as_it_is(samples: FloatFrames, fade_frames: int, reason: str | None) -> None:
    for turned in (samples, samples[::-1]):
        held, hold = held_up(turned, RATE_HZ, fade_frames)
        assert held is turned and hold.mdb == 0
        assert [hole.reason for hole in hold.holes] == ([reason] if reason else [])


def test_a_side_that_stays_is_not_lifted_with_one_that_falls() -> None:
    steady, falling = faded(0, 0)[:, :1], faded(0, 1)[:, :1]
    held, _hold = held_up(np.hstack((steady, falling)), RATE_HZ, FADE)
    assert np.abs(held[:, 0]).max() < 0.1 * 1.06
    noise = np.random.RandomState(4).normal(0, 0.07, steady.shape).astype(np.float32)
    held, _hold = held_up(np.hstack((noise, falling)), RATE_HZ, FADE)
    assert loudness_db(held[:, :1], SECONDS - 0.5, SECONDS) < loudness_db(held[:, :1], 3, 9) + 0.5
    # What is silent on one side, but for its noise, falls on the other.
    noise = np.random.RandomState(3).normal(0, 1e-6, steady.shape).astype(np.float32)
    one_sided, hold = held_up(np.hstack((noise, falling)), RATE_HZ, FADE)
    assert hold.mdb > 20_000 and loudness_db(one_sided[:, 1:], SECONDS - 0.4, SECONDS) > -1


def hop_values(samples: FloatFrames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Peak and power of each 10 ms on each side."""
    hops = len(samples) * 100 // RATE_HZ
    borders = np.arange(hops + 1) * len(samples) // hops
    parts = [samples[begin:end].astype(np.float64) for begin, end in pairwise(borders)]
    peaks = np.array([np.abs(part).max(axis=0) for part in parts])
    return peaks, np.array([np.square(part).mean(axis=0) for part in parts])


def strange(seed: int) -> FloatFrames:
    """Tone or noise of 6 s whose ends fall somehow, with steps, clicks and noises in them, each side by itself."""
    random = np.random.RandomState(seed)
    frames = 6 * RATE_HZ
    at = np.arange(frames) / RATE_HZ
    sides = []
    for _side in range(2):
        sine = np.sin(2 * np.pi * random.uniform(60, 900) * at)
        wave = random.normal(0, 0.3, frames) if random.rand() < 0.4 else sine
        wave *= 1 + random.uniform(0, 0.9) * np.sin(2 * np.pi * random.uniform(0.1, 9) * at)
        for turned in (at, at[::-1]):
            wave *= np.minimum(1, (turned + 1e-3) / random.uniform(0.01, 1.5)) ** random.choice([0, 1, 2])
            if random.rand() < 0.5:
                wave[turned < random.uniform(0, 1)] *= 10 ** random.uniform(-3, 0)
            before = round(random.rand() * RATE_HZ)
            click = before if turned is at else frames - 1 - before
            wave[click : click + random.randint(1, 200)] += random.uniform(-1, 1) * random.choice([0, 0.1, 1])
        sides.append(wave * random.choice([1, 1, 0.1, 1e-4]) + random.normal(0, 10 ** random.uniform(-6, -2), frames))
    return np.array(sides).T.astype(np.float32)


@pytest.mark.parametrize("samples", [clicked(), *[strange(seed) for seed in range(40)]])
def test_nothing_sticks_out_of_the_middle(samples: FloatFrames) -> None:
    held, hold = held_up(samples, RATE_HZ, FADE)
    assert (held is samples) == (hold.mdb == 0)
    before, after = hop_values(samples), hop_values(held)
    middle = slice(len(before[0]) // 4, -(len(before[0]) // 4))
    loud = before[1][middle].sum(axis=1).max()
    for exponent, was, became in zip((1, 2), before, after, strict=True):
        faint = (1e-4 * loud) ** (exponent / 2)
        bound = np.maximum(was, np.maximum(was[middle].max(axis=0), faint) * 1.13**exponent)
        assert (became <= bound * 1.0001).all()


def test_signals_at_random_are_held_up_and_left() -> None:
    holds = [held_up(strange(seed), RATE_HZ, FADE)[1] for seed in range(40)]
    assert sum(hold.mdb > 6_000 for hold in holds) > 5 and sum(hold.mdb == 0 for hold in holds) > 5
