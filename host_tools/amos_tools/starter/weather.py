"""Textures: rain, an old record, wind chimes."""

import numpy as np

from amos_tools.starter import notes
from amos_tools.starter.sound import (
    BAR_FRAMES,
    RATE_HZ,
    Signal,
    band_noise,
    decay,
    place,
    room,
    sine,
    stereo,
    stretch,
    swell,
    wave,
)


def rain(bars: int, seed: int) -> Signal:
    """Rain that comes nearer and goes, with drops on a window sill."""
    frames = bars * BAR_FRAMES
    loop = stereo(frames)
    shower = wave(2, frames, 0.35, 0.8) * wave(5, frames, 0.85, 1.0)
    for channel in (0, 1):
        hiss = stretch(band_noise(seed + channel, 700, 4200, 1.5), 0, frames)
        roar = stretch(band_noise(seed + 2 + channel, 120, 600, 1.0), 40_000, frames)
        loop[channel] = (0.055 * hiss + 0.03 * roar) * shower
    drops = np.random.RandomState(seed)
    for _ in range(bars * 26):
        at, pitch, pan, size = drops.random_sample(4)
        length = 1600 + int(size * 2600)
        drop = sine(900 + 2600 * pitch, length) * decay(length, 0.004 + 0.007 * size) * swell(length, 30, 300)
        place(loop, drop, int(at * frames), 0.04 + 0.12 * size * size, 1.6 * pan - 0.8)
    return room(loop, 0.25) * swell(frames, 2 * RATE_HZ, 2 * RATE_HZ)


def record(bars: int, seed: int) -> Signal:
    """The run-in groove of an old record: hiss, a hint of rumble, crackle."""
    frames = bars * BAR_FRAMES
    loop = stereo(frames)
    for channel in (0, 1):
        hiss = stretch(band_noise(seed + channel, 500, 5500, 1.0), 0, frames)
        rumble = stretch(band_noise(seed + 2, 30, 90, 2.0), 0, frames)
        loop[channel] = 0.010 * hiss + 0.012 * rumble * wave(bars, frames, 0.5, 1.0)
    specks = np.random.RandomState(seed)
    for _ in range(bars * 34):
        at, start, pan, size = specks.random_sample(4)
        length = 90 + int(size * 500)
        speck = stretch(band_noise(seed + 3, 900, 6000, 1.0), int(start * 100_000), length) * decay(length, 0.0009)
        place(loop, speck, int(at * frames), 0.02 + 0.16 * size**4, 1.2 * pan - 0.6)
    return loop * swell(frames, RATE_HZ, RATE_HZ)


def chimes(bars: int, seed: int) -> Signal:
    """Wind chimes in gusts, on the pentatonic of D minor."""
    frames = bars * BAR_FRAMES
    loop = stereo(frames)
    scale = (74, 77, 79, 81, 84, 86, 89)
    gusts = np.random.RandomState(seed)
    for gust in range(bars // 2):
        for strike in range(7):
            delay, which, pan, force = gusts.random_sample(4)
            at = (gust * 2 + 0.15 + 0.18 * strike + 0.2 * delay) * BAR_FRAMES
            gain = (0.05 + 0.16 * force) * (1 - strike / 9)
            place(loop, notes.glass(scale[int(which * len(scale))]), int(at), gain, 1.4 * pan - 0.7)
    return room(loop, 0.9)


def bell(bars: int) -> Signal:
    """A ship's bell: two strokes a bar, each in a pair, with a partial a little out of tune that beats."""
    loop = stereo(bars * BAR_FRAMES)
    length = 2 * BAR_FRAMES
    stroke = sine(880, length) * decay(length, 0.5) + 0.5 * sine(883.4, length) * decay(length, 0.35)
    stroke += 0.3 * sine(2129, length) * decay(length, 0.12)
    stroke *= swell(length, 40, 8000)
    for number in range(2 * bars):
        place(loop, stroke, int((number / 2 + 0.16 * (number % 2)) * BAR_FRAMES), 0.5, 0.2)
    return room(loop, 0.5)


def horn(bars: int, frequency: float, wet: float) -> Signal:
    """A fog horn: two low reeds, a long breath in every second bar."""
    loop = stereo(bars * BAR_FRAMES)
    length = 2 * BAR_FRAMES
    partials = range(1, 7)
    breath = sum((sine(frequency * n, length) + sine(frequency * 4 / 3 * n, length)) / n for n in partials)
    for number in range(bars // 2):
        place(loop, breath * swell(length, RATE_HZ // 2, RATE_HZ), number * length, 0.4)
    return room(loop, wet)
