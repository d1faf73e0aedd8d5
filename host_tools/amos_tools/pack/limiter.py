"""A look-ahead limiter for samples at rest: what little is over a true peak is brought below it, inaudibly.

The gain goes down before a peak comes and up after it has gone, over 30 ms each way: longer than half a wave of 20 Hz,
so that a bass note is turned down as a whole and not bent.
"""

import numpy as np
from numpy.typing import NDArray

from amos_tools.vault.audio import FloatFrames

LIMITER_VERSION = 1
"""Raised with every change that alters samples."""

_LOOK_AHEAD_S = 0.03
_OVERSAMPLING = 4  # ITU-R BS.1770-4, annex 2
_CONTEXT_FRAMES = 64  # more than the interpolating filter reaches to either side
_BLOCK_FRAMES = 1 << 18
_MARGIN = 0.985
"""0.13 dB: for what lies between the points at four times the rate, and for rounding."""


def limited(samples: FloatFrames, ceiling: float, rate_hz: int, loop: bool) -> tuple[FloatFrames, float]:
    """(`samples` of shape (frames, channels) with true peaks below `ceiling`, the least gain that this took).

    A loop's end meets its beginning. Full scale is 1.
    """
    from scipy.ndimage import minimum_filter1d, uniform_filter1d  # a second that most builds need not pay

    envelope = _envelope(samples, loop)
    with np.errstate(divide="ignore"):
        wanted = np.minimum(1.0, ceiling * _MARGIN / envelope)
    if wanted.min() == 1.0:
        return samples, 1.0
    half = round(_LOOK_AHEAD_S * rate_hz)
    mode = "wrap" if loop else "nearest"
    # A window's minimum, smoothed twice over half as much: at each peak every value that is averaged is low enough.
    gain = minimum_filter1d(wanted, 2 * half + 1, mode=mode)
    for _ in range(2):
        gain = uniform_filter1d(gain, half | 1, mode=mode)
    return (samples * gain[:, None]).astype(np.float32), float(gain.min())


def _envelope(samples: FloatFrames, loop: bool) -> NDArray[np.float64]:
    """The true peak around each frame, of the louder side."""
    from scipy.signal import resample_poly

    around = np.pad(samples, ((_CONTEXT_FRAMES, _CONTEXT_FRAMES), (0, 0)), mode="wrap" if loop else "constant")
    found = np.empty(len(samples))
    for start in range(0, len(samples), _BLOCK_FRAMES):
        end = min(start + _BLOCK_FRAMES, len(samples))
        block = around[start : end + 2 * _CONTEXT_FRAMES].astype(np.float64)
        fine = np.abs(resample_poly(block, _OVERSAMPLING, 1, axis=0)).max(axis=1).reshape(-1, _OVERSAMPLING)
        found[start:end] = fine.max(axis=1)[_CONTEXT_FRAMES : _CONTEXT_FRAMES + end - start]
    return found
