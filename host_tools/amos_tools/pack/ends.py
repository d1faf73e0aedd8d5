"""A pad that rises and falls in its own file is held up at its ends if its layers fade, which do the same.

Both together leave a hole wherever sections change, for what comes in and what goes are soft at the same time. Only a
gradual rise or fall is a fade: what is quiet, silent or abrupt there stays as it was recorded.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amos_tools.pack.level import MAKE_UP_MDB_MAX, linear
from amos_tools.vault.audio import FloatFrames

LONG = "long"
DEEP = "deep"
ABRUPT = "abrupt"
SILENT = "silent"
"""Why an end is not held up, or not enough."""
HOLE_MDB_MIN = 3_000
"""An end that stays softer by more leaves a hole that is heard."""

_HOPS_PER_S = 100
_SMOOTH_HOPS = 5
"""Each value is of 50 ms, in which a low tone has its whole waves."""
_WINDOW_HOPS = 40
"""Momentary loudness is of 400 ms."""
_KEPT_HOPS = 5
"""The last and the first 50 ms keep their shape, so that nothing begins or ends harder than that."""
_FADE_HOPS_MIN = 20
"""What rises or falls in less is how an instrument speaks."""
_LONGER = 2
"""A file's own fade of up to so many times its layers' is undone; one that is longer means more than to end softly."""
_SOFTER_MDB = 1_000
_SILENT = 1e-5
_NOTHING = 1e-9
_SILENT_HOPS_MAX = 10
"""100 ms more than 50 dB down are not heard as a rest, and no fade that ends so is abrupt."""
_STILL = 1.4
_COURSE = 3
"""A fade that goes on down there is no silence, unless what follows stands still, by that in power, for so many times
as long."""
_STEP_HOPS = 5
_STEP_MDB_MAX = 8_000
"""In 50 ms: what falls by more is no fade."""
_LAST_HOPS = 10
_LAST_STEP_MDB_MAX = 12_500
"""A fade whose amplitude goes with the square of time does this in its last 150 ms."""
_SOFT_MDB = 6_000
"""A passage is soft if it is further down than that and what the middle itself goes up and down: tones that beat stand
still within a fade, too."""
_PLATEAU_MDB = 1_500
_PLATEAU = 0.05
_PLATEAU_INVERSE = 2
"""A fade that stands still for half of its time, by that in level and in amplitude, is a soft passage."""
_OVER_MDB = 1_000
"""A lifted hop passes the highest peak and power of the middle by no more."""
_FAINT = 1e-4
"""A side that is 40 dB below the whole is not asked: it may be noise alone."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hole:
    """An end that stays softer than the rest by `mdb` over 400 ms, which is more than `HOLE_MDB_MIN`, and why."""

    reason: str
    mdb: int


@dataclass(frozen=True, slots=True)
class Hold:
    """`mdb` is the most by which ends were held up, in thousandths of a decibel; 0: the samples are as they were."""

    mdb: int = 0
    holes: tuple[Hole, ...] = ()


def held_up(samples: FloatFrames, rate_hz: int, fade_frames: int) -> tuple[FloatFrames, Hold]:
    """`samples` of shape (frames, channels) without fades of their own, for fades of `fade_frames` take their place.

    No hop of 10 ms becomes louder than the loudest of the middle, but for a decibel.
    """
    hops = len(samples) * _HOPS_PER_S // rate_hz
    if hops < 3 * _WINDOW_HOPS or not fade_frames:
        return samples, Hold()
    borders = np.arange(hops + 1) * len(samples) // hops
    power = np.add.reduceat(np.square(samples, dtype=np.float64), borders[:-1]) / np.diff(borders)[:, None]
    fade_hops = min(_LONGER * fade_frames * _HOPS_PER_S // rate_hz, hops // 4)
    middle = slice(fade_hops, hops - fade_hops)
    windows = _means(power[middle], _WINDOW_HOPS)
    held = float(np.percentile(windows.sum(axis=1), 10))
    if not held:
        return samples, Hold()
    # A side that does not fade with the other is not lifted with it.
    loudest = np.maximum(np.percentile(windows, 90, axis=0), _FAINT * held)
    around = np.pad(power, ((_SMOOTH_HOPS // 2, _SMOOTH_HOPS // 2), (0, 0)), "edge")
    smooth = _means(around, _SMOOTH_HOPS)
    level = np.maximum(smooth.sum(axis=1) / held, (smooth / loudest).max(axis=1))
    low, high = np.percentile(level[middle], (10, 90))
    soft = linear(-_SOFT_MDB) * math.sqrt(low / max(high, _NOTHING))
    end, end_reason = _gains(level[::-1], fade_hops, soft)
    begin, begin_reason = _gains(level, fade_hops, soft)
    peaks = np.maximum.reduceat(np.abs(samples), borders[:-1]).astype(np.float64)
    gains = np.minimum(np.maximum(begin, end[::-1]), _bounds(power, peaks, middle, held))
    most = float(gains.max())
    lifted = power.sum(axis=1) * np.square(gains)
    found = (begin_reason, lifted[:_WINDOW_HOPS]), (end_reason, lifted[-_WINDOW_HOPS:])
    holes = [Hole(reason, _below_mdb(part, held)) for reason, part in found]
    hold = Hold(round(20_000 * math.log10(most)), tuple(hole for hole in holes if hole.mdb > HOLE_MDB_MIN))
    if not hold.mdb:
        return samples, hold
    curve = np.interp(np.arange(len(samples)), (borders[:-1] + borders[1:]) / 2, gains).astype(np.float32)
    return samples * curve[:, None], hold


def _gains(level: Floats, fade_hops: int, soft: float) -> tuple[Floats, str]:
    """What brings each hop of `level` up to 1, the outermost first, and why it may not do; 1 for all without a fade.

    A fade falls for good: so the level of a hop is the most between it and the end. Below the amplitude `soft`, it does
    not stand still.
    """
    ones = np.ones_like(level)
    to_end = np.maximum.accumulate(level)
    silent = int(np.searchsorted(to_end, _SILENT))
    still = int(np.searchsorted(to_end[:silent], max(_STILL * to_end[0], _NOTHING)))
    if still > max(_SILENT_HOPS_MAX, _COURSE * (silent - still)):
        return ones, SILENT
    first = silent + _KEPT_HOPS
    to_end[:first] = to_end[first]
    wanted = np.sqrt(np.maximum(1, 1 / to_end))
    gains = np.minimum(wanted, linear(MAKE_UP_MDB_MAX))
    softer = int(np.count_nonzero(gains > linear(_SOFTER_MDB)))
    if softer < _FADE_HOPS_MIN:
        return ones, DEEP
    if softer > fade_hops:
        return ones, LONG
    if not _is_gradual(gains[first:]) or _plateau_hops(wanted[first:softer], soft) * _PLATEAU_INVERSE > softer:
        return ones, ABRUPT
    return gains, DEEP


def _is_gradual(gains: Floats) -> bool:
    steps = gains[:-_STEP_HOPS] / gains[_STEP_HOPS:]
    last, others = steps[:_LAST_HOPS], steps[_LAST_HOPS:]
    return bool(last.max() <= linear(_LAST_STEP_MDB_MAX) and others.max() <= linear(_STEP_MDB_MAX))


def _plateau_hops(gains: Floats, soft: float) -> int:
    """The longest time in which gains stand still, from below the amplitude `soft` on."""
    amplitudes = 1 / gains
    begins = np.arange(np.searchsorted(amplitudes, soft))
    leaves = np.minimum(amplitudes * linear(_PLATEAU_MDB), amplitudes + _PLATEAU)[begins]
    return int((np.searchsorted(amplitudes, leaves) - begins).max(initial=0))


def _bounds(power: Floats, peaks: Floats, middle: slice, held: float) -> Floats:
    """The most gain of each hop with which no side's peak or power, nor its neighbours', passes those of the middle."""
    highest = np.maximum(peaks[middle].max(axis=0), math.sqrt(_FAINT * held))
    strongest = np.maximum(power[middle].max(axis=0), _FAINT * held)
    with np.errstate(divide="ignore"):
        own = np.minimum(highest / peaks, np.sqrt(strongest / power)).min(axis=1) * linear(_OVER_MDB)
    beside = np.pad(own, 1, "edge")
    bounds: Floats = np.maximum(1, np.minimum(own, np.minimum(beside[:-2], beside[2:])))
    return bounds


def _means(values: Floats, hops: int) -> Floats:
    """Running means along the first axis, of shape (count - hops + 1, channels)."""
    means: Floats = np.lib.stride_tricks.sliding_window_view(values, hops, axis=0).mean(axis=-1)
    return means


def _below_mdb(power: Floats, held: float) -> int:
    return round(-10_000 * math.log10(max(float(power.mean()) / held, 1e-9)))
