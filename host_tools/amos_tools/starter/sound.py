"""Building blocks of the starter stems: time grid, sine table, noise, envelopes, cyclic mixing, a room.

Everything is periodic over the loop: what rings past the end comes in at the start, so loops join without a seam.
Randomness comes from `RandomState`, whose streams NumPy keeps frozen, and all arithmetic is float64: what the last bit
of a sine or an FFT does on another machine is lost long before the rounding to int16.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

RATE_HZ = 44_100
TEMPO_BPM = 84
BEATS_PER_BAR = 4
BEAT_FRAMES = RATE_HZ * 60 // TEMPO_BPM
"""31,500: at 84 bpm a beat is a whole number of frames, and its only prime factors are 2, 3, 5 and 7 (quick FFTs)."""
BAR_FRAMES = BEAT_FRAMES * BEATS_PER_BAR

_TABLE_BITS = 16
_SINE: Signal = np.sin(np.arange(1 << _TABLE_BITS) * (2 * np.pi / (1 << _TABLE_BITS)))
_PHASE_BITS = 40
_NOISE_FRAMES = 1 << 17
_ROOM_S = 2.2


def hertz(midi: float) -> float:
    """Equal temperament, A4 (69) = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69) / 12))


def sine(frequency_hz: float, frames: int, modulation: Signal | None = None, phase_cycles: float = 0.0) -> Signal:
    """A sine of `frames`, starting at phase `phase_cycles`; `modulation` (in cycles) is added to its phase."""
    step = round(frequency_hz / RATE_HZ * (1 << _PHASE_BITS))
    phase = np.arange(frames, dtype=np.int64) * step + round(phase_cycles * (1 << _PHASE_BITS))
    index = phase >> (_PHASE_BITS - _TABLE_BITS)
    if modulation is not None:
        index += (modulation * (1 << _TABLE_BITS)).astype(np.int64)
    tone: Signal = _SINE[index & ((1 << _TABLE_BITS) - 1)]
    return tone


def wave(cycles: int, frames: int, low: float, high: float, phase_cycles: float = 0.0) -> Signal:
    """A slow sine between `low` and `high`, `cycles` whole times in `frames` (so that it loops)."""
    middle, depth = (high + low) / 2, (high - low) / 2
    return middle + depth * sine(cycles * RATE_HZ / frames, frames, phase_cycles=phase_cycles)


def decay(frames: int, half_life_s: float) -> Signal:
    """1 falling by half every `half_life_s`."""
    envelope: Signal = np.exp2(np.arange(frames) * (-1 / (half_life_s * RATE_HZ)))
    return envelope


def swell(frames: int, attack: int, release: int) -> Signal:
    """0 up to 1 over `attack` frames, down to 0 over the last `release`: smoothstep ramps."""
    envelope = np.ones(frames)
    envelope[:attack] *= _smooth(attack)
    envelope[frames - release :] *= _smooth(release)[::-1]
    return envelope


def _smooth(frames: int) -> Signal:
    ramp = np.arange(frames) / max(frames, 1)
    return ramp * ramp * (3 - 2 * ramp)


def spectrum_noise(seed: int, shape: Signal, frames: int) -> Signal:
    """Periodic noise of `frames`, unit rms: `shape` is the amplitude of its frames // 2 + 1 bins, phases are random."""
    index = np.random.RandomState(seed).randint(0, 1 << _TABLE_BITS, len(shape))
    quarter = 1 << (_TABLE_BITS - 2)
    spectrum = np.empty(len(shape), dtype=np.complex128)
    spectrum.real = shape * _SINE[(index + quarter) & ((1 << _TABLE_BITS) - 1)]
    spectrum.imag = shape * _SINE[index]
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, frames)
    unit: Signal = noise / np.sqrt(np.mean(noise * noise))
    return unit


@cache
def band_noise(seed: int, low_hz: float, high_hz: float, slope: float = 2.0) -> Signal:
    """Three seconds of periodic noise, unit rms, between two corners that fall off with `slope` (6 dB/octave each)."""
    bins = np.arange(_NOISE_FRAMES // 2 + 1) * (RATE_HZ / _NOISE_FRAMES)
    ratio = np.maximum(bins, 1.0)
    shape = 1 / np.sqrt((1 + (low_hz / ratio) ** (2 * slope)) * (1 + (ratio / high_hz) ** (2 * slope)))
    return spectrum_noise(seed, shape, _NOISE_FRAMES)


def stretch(noise: Signal, start: int, frames: int) -> Signal:
    """`frames` of periodic `noise` from `start`, round and round."""
    return np.resize(np.roll(noise, -start), frames)


def stereo(frames: int) -> Signal:
    """Silence of shape (2, frames)."""
    return np.zeros((2, frames))


def place(loop: Signal, note: Signal, at: int, gain: float, pan: float = 0.0) -> None:
    """Add mono `note` to the stereo `loop` at frame `at`; `pan` -1 left to 1 right. Wraps past the end."""
    left, right = gain * np.sqrt((1 - pan) / 2), gain * np.sqrt((1 + pan) / 2)
    frames = loop.shape[1]
    at %= frames
    while len(note):
        piece = note[: frames - at]
        loop[0, at : at + len(piece)] += left * piece
        loop[1, at : at + len(piece)] += right * piece
        note = note[len(piece) :]
        at = 0


def room(loop: Signal, wet: float) -> Signal:
    """`loop` (2, frames) plus its echo in a warm room, cyclic over the loop; `wet` is the echo's level over the dry."""
    frames = loop.shape[1]
    send = np.fft.rfft((loop[0] + loop[1]) / 2)
    left, right = _room_spectra(frames)
    for channel, spectrum in enumerate((left, right)):
        loop[channel] += wet * np.fft.irfft(send * spectrum, frames)
    return loop


@cache
def _room_spectra(frames: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Two decorrelated impulse responses: noise that darkens as it decays, after 18 ms; unit gain at 300 to 2000 Hz."""
    length = min(frames, int(_ROOM_S * RATE_HZ))
    spectra = []
    for seed in (7001, 7002):
        bright = stretch(band_noise(seed, 180, 5200, 1.0), 0, length) * decay(length, 0.09)
        dark = stretch(band_noise(seed + 10, 140, 1700, 1.0), 0, length) * decay(length, 0.24)
        impulse = (bright + 0.7 * dark) * swell(length, 900, 4000)
        impulse[:800] = 0
        padded = np.zeros(frames)
        padded[:length] = impulse
        spectrum = np.fft.rfft(padded)
        middle = np.abs(spectrum[300 * frames // RATE_HZ : 2000 * frames // RATE_HZ])
        spectra.append(spectrum / np.sqrt(np.mean(middle * middle)))
    return spectra[0], spectra[1]
