"""A pad that rises and falls in its own file is held up at its ends if its layers fade, which do the same.

Both together leave a hole wherever sections change, for what comes in and what goes are soft at the same time. What is
heard alone at its ends keeps them: where a layer has no fade, or may rest.
"""

import math

import numpy as np
from numpy.typing import NDArray

from amos.score.score import Layer, Score
from amos_tools.pack.level import MAKE_UP_MDB_MAX, linear
from amos_tools.stems import ROLES
from amos_tools.vault.audio import FloatFrames

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
_PADS = ROLES.index("pads")


def fades_over(score: Score) -> list[int]:
    """Of each stem of the table, frames of the shortest fade under which it is heard at its ends; 0 if there is none
    or if it is no pad."""
    heard: list[list[int]] = [[] for _ in range(score.stems)]
    for section in score.sections:
        for layer in section.layers:
            pool = score.pools[layer.pool]
            for stem in {stem for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()}:
                heard[stem].append(_fade_of(layer))
    for item in score.announcements or ():
        if item.stem is not None:
            heard[item.stem].append(0)
    return [min(fades, default=0) for fades in heard]


def _fade_of(layer: Layer) -> int:
    rests = layer.chance is not None or layer.when is not None or layer.once or layer.until_beats is not None
    return 0 if rests or layer.role != _PADS else layer.fade_frames


def held_up(samples: FloatFrames, rate_hz: int, fade_frames: int) -> tuple[FloatFrames, int]:
    """`samples` of shape (frames, channels) without fades of their own, for fades of `fade_frames` take their place,
    and the most that this took, in thousandths of a decibel: 0, and the samples as they are, if they have none."""
    hops = len(samples) * _HOPS_PER_S // rate_hz
    if hops < 3 * _WINDOW_HOPS or not fade_frames:
        return samples, 0
    borders = np.arange(hops + 1) * len(samples) // hops
    power = np.add.reduceat(np.square(samples, dtype=np.float64).sum(axis=1), borders[:-1]) / np.diff(borders)
    fade_hops = min(_LONGER * fade_frames * _HOPS_PER_S // rate_hz, hops // 4)
    between = power[fade_hops : hops - fade_hops]
    held = float(np.percentile(np.convolve(between, np.full(_WINDOW_HOPS, 1 / _WINDOW_HOPS), "valid"), 10))
    around = np.pad(power, _SMOOTH_HOPS // 2, "edge")
    smooth = np.convolve(around, np.full(_SMOOTH_HOPS, 1 / _SMOOTH_HOPS), "valid")
    gains = np.maximum(_gains(smooth, held, fade_hops)[::-1], _gains(smooth[::-1], held, fade_hops))
    most = float(gains.max())
    if most == 1:
        return samples, 0
    middles = (borders[:-1] + borders[1:]) / 2
    curve = np.interp(np.arange(len(samples)), middles, gains).astype(np.float32)
    return samples * curve[:, None], round(20_000 * math.log10(most))


def _gains(power: NDArray[np.float64], held: float, fade_hops: int) -> NDArray[np.float64]:
    """What brings each hop of `power` up to `held`, the last hop first; 1 for all where it does not fall in the end.

    A fade falls for good: so the power of a hop is the most that is still to come.
    """
    to_come = np.maximum.accumulate(power[::-1])
    to_come[:_KEPT_HOPS] = to_come[_KEPT_HOPS]
    gains = np.sqrt(np.maximum(1, held / np.maximum(to_come, 1e-15)))
    softer = int(np.count_nonzero(gains > linear(_SOFTER_MDB)))
    if not _FADE_HOPS_MIN <= softer <= fade_hops or gains[0] > linear(MAKE_UP_MDB_MAX):
        return np.ones_like(gains)
    return gains
