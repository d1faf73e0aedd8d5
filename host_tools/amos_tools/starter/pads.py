"""Warm pads after P. Nasca's PADsynth: every harmonic is a narrow band of noise, so a chord is many detuned voices."""

import numpy as np

from amos_tools.starter.sound import (
    BAR_FRAMES,
    RATE_HZ,
    Signal,
    hertz,
    spectrum_noise,
    stereo,
    stretch,
    swell,
    wave,
)

_FRAMES = 1 << 18
_BIN_HZ = RATE_HZ / _FRAMES
Chord = tuple[int, ...]
"""MIDI note numbers."""


def pad(
    chords: tuple[Chord, ...], bars: int, seed: int, *, cents: float, dark: float, bright: float, vowel_hz: float = 0.0
) -> Signal:
    """A loop of `chords`, each as long as the others, over `bars` bars; shape (2, frames). Each chord swells over the
    one before it, the first over the end of the last.

    cents       how far the voices of one note spread
    dark        harmonics fall with their number to this power while the filter is closed ...
    bright      ... and with this one while it is open; it opens and closes once in the loop
    vowel_hz    centre of a formant, 0 = none
    """
    frames = bars * BAR_FRAMES
    loop = stereo(frames)
    filter_open = wave(1, frames, 0.0, 1.0, phase_cycles=-0.25)
    each = frames // len(chords)
    attack, release = int(1.1 * RATE_HZ), int(1.5 * RATE_HZ)
    length = each + release
    envelope = swell(length, attack, release)
    for at, chord in enumerate(chords):
        where = (at * each + np.arange(length)) % frames
        opened = filter_open[where]
        for channel in (0, 1):
            voice_seed = seed + 100 * at + channel
            closed_tone = spectrum_noise(voice_seed, _harmonics(chord, cents, dark, vowel_hz), _FRAMES)
            open_tone = spectrum_noise(voice_seed, _harmonics(chord, cents, bright, vowel_hz), _FRAMES)
            tone = stretch(closed_tone, 0, length)
            tone += opened * (stretch(open_tone, 0, length) - tone)
            np.add.at(loop[channel], where, tone * envelope)
    return loop


def _harmonics(chord: Chord, cents: float, slope: float, vowel_hz: float) -> Signal:
    """Amplitudes of the bins: a Gaussian band around each harmonic of each note, under 7 kHz."""
    shape = np.zeros(_FRAMES // 2 + 1)
    for midi in chord:
        fundamental = hertz(midi)
        for harmonic in range(1, min(24, int(7000 / fundamental)) + 1):
            centre = fundamental * harmonic
            width = (2 ** (cents / 1200) - 1) * fundamental * harmonic**0.8
            strength = harmonic**-slope * (220 / fundamental) ** 0.5
            if vowel_hz:
                strength *= 0.25 + 1 / (1 + ((centre - vowel_hz) / (0.35 * vowel_hz)) ** 2)
            low, high = int((centre - 3 * width) / _BIN_HZ), int((centre + 3 * width) / _BIN_HZ) + 2
            offset = (np.arange(low, high) * _BIN_HZ - centre) / width
            shape[low:high] += strength / np.sqrt(width) * np.exp(-offset * offset)
    return shape
