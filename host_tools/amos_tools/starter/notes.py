"""Single notes and strokes, mono, cached: each pitch of an instrument is made once."""

from functools import cache

import numpy as np

from amos_tools.starter.sound import RATE_HZ, Signal, band_noise, decay, hertz, sine, stretch, swell


def _frames(seconds: float) -> int:
    return int(seconds * RATE_HZ)


@cache
def electric_piano(midi: int, bright: float = 1.0) -> Signal:
    """A tine piano: phase modulation that mellows as it rings, and a short bell at the attack."""
    frames = _frames(3.2)
    frequency = hertz(midi)
    index = (0.16 * bright * decay(frames, 0.35) + 0.05) * min(1.0, 400 / frequency)
    body = sine(frequency, frames, index * sine(frequency, frames))
    body += 0.25 * sine(frequency * 1.0012, frames)
    bell_frames = _frames(0.25)
    body *= decay(frames, 0.55 * (220 / frequency) ** 0.4)
    body[:bell_frames] += 0.10 * bright * sine(min(frequency * 7, 9000), bell_frames) * decay(bell_frames, 0.025)
    return body * swell(frames, 110, 8000)


@cache
def vibraphone(midi: int) -> Signal:
    """Bars tuned 1 : 4 : 10 with a slow motor."""
    frames = _frames(3.4)
    frequency = hertz(midi)
    note = sine(frequency, frames) * decay(frames, 0.7)
    note += 0.22 * sine(frequency * 4.0, frames) * decay(frames, 0.16)
    if frequency * 10 < 12_000:
        note[:8000] += 0.06 * sine(frequency * 10.0, 8000) * decay(8000, 0.03)
    motor = 1 - 0.22 * (1 + sine(4.9, frames)) / 2
    return note * motor * swell(frames, 70, 9000)


@cache
def kalimba(midi: int) -> Signal:
    """A thumb piano: a round tone, one inharmonic overtone, a soft knock."""
    frames = _frames(1.6)
    frequency = hertz(midi)
    note = sine(frequency, frames) * decay(frames, 0.22)
    note += 0.18 * sine(frequency * 5.4, frames) * decay(frames, 0.04)
    note += 0.10 * sine(frequency * 2.0, frames) * decay(frames, 0.12)
    knock = stretch(band_noise(311, 250, 1400), midi * 977, 2600) * decay(2600, 0.006)
    note[:2600] += 0.10 * knock
    return note * swell(frames, 50, 6000)


@cache
def nylon(midi: int) -> Signal:
    """A plucked string: harmonics that die the faster the higher they are, plucked a fifth from the bridge."""
    frames = _frames(2.0)
    frequency = hertz(midi)
    note = np.zeros(frames)
    for harmonic in range(1, 11):
        strength = abs(np.sin(np.pi * harmonic / 5.3)) / harmonic**1.6
        stretched = frequency * harmonic * (1 + 0.00012 * harmonic * harmonic)
        if stretched < 9000:
            note += strength * sine(stretched, frames) * decay(frames, 0.42 / harmonic**0.9)
    note[:1800] += 0.05 * stretch(band_noise(313, 400, 2500), midi * 613, 1800) * decay(1800, 0.006)
    return note * swell(frames, 60, 9000)


@cache
def glass(midi: int) -> Signal:
    """A small bell with a soft attack."""
    frames = _frames(3.0)
    frequency = hertz(midi)
    note = np.zeros(frames)
    for ratio, strength, half_life_s in ((1.0, 1.0, 0.6), (2.756, 0.28, 0.22), (5.404, 0.1, 0.09), (0.5, 0.15, 0.5)):
        if frequency * ratio < 14_000:
            note += strength * sine(frequency * ratio, frames) * decay(frames, half_life_s)
    return note * swell(frames, 220, 9000)


@cache
def upright(midi: int, beats: float) -> Signal:
    """A plucked double bass, damped after about `beats` beats."""
    frames = _frames(beats * 60 / 84)
    frequency = hertz(midi)
    note = np.zeros(frames)
    harmonics = ((1, 1.0, 0.6), (2, 0.55, 0.33), (3, 0.3, 0.2), (4, 0.14, 0.12), (5, 0.08, 0.09), (7, 0.03, 0.05))
    for harmonic, strength, half_life_s in harmonics:
        note += strength * sine(frequency * harmonic, frames) * decay(frames, half_life_s)
    thump = min(5000, frames)
    note[:thump] += 0.10 * stretch(band_noise(317, 90, 900), midi * 401, thump) * decay(thump, 0.012)
    return note * swell(frames, 350, min(4500, frames // 3))


@cache
def sub(midi: int, beats: float) -> Signal:
    """A round, even bass tone with a little second and third harmonic, so that small speakers hear it."""
    frames = _frames(beats * 60 / 84)
    frequency = hertz(midi)
    note = sine(frequency, frames) + 0.20 * sine(2 * frequency, frames) + 0.07 * sine(3 * frequency, frames)
    return note * swell(frames, 1800, min(9000, frames // 3)) * (0.35 + 0.65 * decay(frames, 1.2))


@cache
def kick() -> Signal:
    """A soft bass drum: a fall from 95 to 48 Hz and a felt beater."""
    frames = _frames(0.45)
    phase_cycles = np.cumsum(48 + 47 * decay(frames, 0.022)) / RATE_HZ
    drum = sine(0.0, frames, phase_cycles) * decay(frames, 0.075)
    drum[:1200] += 0.06 * stretch(band_noise(331, 300, 2200), 0, 1200) * decay(1200, 0.004)
    return drum * swell(frames, 60, 4000)


@cache
def brush(stroke: int) -> Signal:
    """A wire brush on a snare head: a tap with a short tail; each `stroke` sounds a little different."""
    frames = _frames(0.28)
    wires = stretch(band_noise(337, 1400, 6500, 1.5), stroke * 10_007, frames) * decay(frames, 0.030)
    head = 0.5 * sine(186, frames) * decay(frames, 0.028)
    return (0.8 * wires + head) * swell(frames, 130, 3000)


@cache
def sweep(beats: float, stroke: int) -> Signal:
    """A brush drawn round the head for `beats` beats."""
    frames = _frames(beats * 60 / 84)
    wires = stretch(band_noise(347, 1900, 5200, 1.5), stroke * 7919, frames)
    return wires * swell(frames, int(frames * 0.62), int(frames * 0.36))


@cache
def rim() -> Signal:
    """A cross-stick click."""
    frames = _frames(0.09)
    click = sine(1720, frames) * decay(frames, 0.006) + 0.6 * sine(430, frames) * decay(frames, 0.012)
    return click * swell(frames, 12, 1200)


@cache
def snap() -> Signal:
    """Two fingers: the slip, and the clap of the finger on the palm."""
    frames = _frames(0.12)
    snap = stretch(band_noise(341, 1300, 3600, 2.0), 0, frames) * decay(frames, 0.010)
    slip = _frames(0.012)
    snap[slip:] += 1.6 * snap[: frames - slip]
    return snap * swell(frames, 20, 2000)


@cache
def block() -> Signal:
    """A hollow piece of wood under a soft stick."""
    frames = _frames(0.14)
    wood = sine(812, frames) * decay(frames, 0.016) + 0.45 * sine(1327, frames) * decay(frames, 0.009)
    wood += 0.08 * stretch(band_noise(343, 900, 3000), 0, frames) * decay(frames, 0.004)
    return wood * swell(frames, 14, 2000)


@cache
def shaker(stroke: int, beats: float) -> Signal:
    """Seeds in a gourd: soft in, quicker out."""
    frames = _frames(beats * 60 / 84)
    seeds = stretch(band_noise(349, 3600, 8500, 1.6), stroke * 8111, frames)
    return seeds * swell(frames, int(frames * 0.35), int(frames * 0.6))


@cache
def hat(stroke: int, half_life_s: float) -> Signal:
    """A hi-hat: bright noise and a few clashing partials."""
    frames = _frames(min(0.6, 10 * half_life_s))
    plate = stretch(band_noise(353, 5600, 12_500, 2.0), stroke * 9001, frames)
    for partial_hz in (4120, 5987, 7411, 8873):
        plate = plate + 0.16 * sine(partial_hz, frames)
    return plate * decay(frames, half_life_s) * swell(frames, 40, frames // 4)


@cache
def ride(stroke: int) -> Signal:
    """A ride cymbal struck lightly: a ping over a wash."""
    frames = _frames(1.3)
    wash = 0.32 * stretch(band_noise(359, 3200, 9500, 1.4), stroke * 6007, frames) * decay(frames, 0.16)
    for partial_hz, strength in ((2963, 0.22), (3517, 0.16), (4421, 0.18), (5309, 0.12), (6733, 0.1)):
        wash += strength * sine(partial_hz, frames) * decay(frames, 0.2)
    ping = _frames(0.1)
    wash[:ping] += 0.3 * sine(3811, ping) * decay(ping, 0.014)
    return wash * swell(frames, 60, 9000)
