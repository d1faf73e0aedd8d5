"""A look-ahead limiter for samples at rest: what little is over a true peak is brought below it, inaudibly.

The gain goes down before a peak comes and up after it has gone, over 30 ms each way: longer than half a wave of 20 Hz,
so that a bass note is turned down as a whole and not bent.
"""

import numpy as np
from numpy.typing import NDArray

from amos_tools.vault.audio import FloatFrames

_LOOK_AHEAD_S = 0.03
_OVERSAMPLING = 4  # ITU-R BS.1770-4, annex 2
_CONTEXT_FRAMES = 256  # more than the interpolating filter reaches to either side
_BLOCK_FRAMES = 1 << 18
_MARGIN = 0.985
"""0.13 dB: for what lies between the points at four times the rate, and for rounding."""


def limited(samples: FloatFrames, ceiling: float, rate_hz: int, loop: bool) -> tuple[FloatFrames, float]:
    """(`samples` of shape (frames, channels) with true peaks below `ceiling`, the least gain that this took).

    A loop's end meets its beginning. Full scale is 1.
    """
    envelope = _envelope(samples, loop)
    with np.errstate(divide="ignore"):
        wanted = np.minimum(1.0, ceiling * _MARGIN / envelope)
    if wanted.min() == 1.0:
        return samples, 1.0
    half = round(_LOOK_AHEAD_S * rate_hz)
    # A window's minimum, smoothed twice over half as much: at each peak every value that is averaged is low enough.
    gain = np.pad(wanted, 2 * half, mode="wrap" if loop else "edge")
    gain = _averages(_averages(_minima(gain, 2 * half + 1), half + 1), half + 1)
    return (samples * gain[:, None]).astype(np.float32), float(gain.min())


def _minima(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The least of each `width` neighbours: as many values fewer as it is wide, but for one."""
    held = 1
    while held < width:
        step = min(held, width - held)
        values = np.minimum(values[:-step], values[step:])
        held += step
    return values


def _averages(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return (sums[width:] - sums[:-width]) / width


def _envelope(samples: FloatFrames, loop: bool) -> NDArray[np.float64]:
    """The true peak around each frame, of the louder side."""
    import soxr  # imported where it is used, as in amos_tools.vault.audio

    around = np.pad(samples, ((_CONTEXT_FRAMES, _CONTEXT_FRAMES), (0, 0)), mode="wrap" if loop else "constant")
    found = np.empty(len(samples))
    for start in range(0, len(samples), _BLOCK_FRAMES):
        end = min(start + _BLOCK_FRAMES, len(samples))
        block = around[start : end + 2 * _CONTEXT_FRAMES].astype(np.float64)
        fine = np.abs(soxr.resample(block, 1, _OVERSAMPLING, quality="HQ")).max(axis=1)
        inner = fine[_OVERSAMPLING * _CONTEXT_FRAMES :][: _OVERSAMPLING * (end - start)]
        found[start:end] = np.maximum(
            inner.reshape(-1, _OVERSAMPLING).max(axis=1), np.abs(samples[start:end]).max(axis=1)
        )
    return found
