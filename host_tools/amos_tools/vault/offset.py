"""The constant that samples are off their middle by."""

import numpy as np
from numpy.typing import NDArray

from amos_tools.vault.audio import FloatFrames

_SURE_S = 2
"""From this length on the mean of music without an offset is none to speak of."""
_OF_PEAK = 1e-3


def offset_of(samples: FloatFrames, rate_hz: int) -> NDArray[np.float64]:
    """The offset of each channel of samples of shape (frames, channels).

    In what is shorter than 2 s a mean may be that of a wave cut short, and the stem would begin and end with a step
    without it. So there the smaller of two means counts, the plain one, and one in which the middle weighs most; and
    none that is below a thousandth of the peak.
    """
    offset: NDArray[np.float64] = samples.mean(axis=0, dtype=np.float64)
    if len(samples) < _SURE_S * rate_hz:
        weights = np.hanning(len(samples) + 2)[1:-1]
        middle = np.average(samples, axis=0, weights=weights)
        offset = np.where(np.abs(middle) < np.abs(offset), middle, offset)
        offset[np.abs(offset) <= _OF_PEAK * float(np.abs(samples).max())] = 0
    return offset
