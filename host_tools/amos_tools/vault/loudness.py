"""Integrated loudness of a stem (ITU-R BS.1770-4, pyloudnorm), in thousandths of a LUFS."""

import math

import numpy as np

from amos_tools.vault.audio import StoredFrames, to_float

SILENCE_MLUFS = -70_000
"""BS.1770's absolute gate: what is below, or silent, has no loudness."""

_BLOCK_S = 0.4


def measure_mlufs(samples: StoredFrames, rate_hz: int) -> int:
    """Loudness of `samples` of shape (frames, channels).

    A clip shorter than one gating block of 400 ms is repeated until it fills one: its own level, undiluted by silence.
    """
    from pyloudnorm import Meter  # imports SciPy's signal package: over a second that `amos list` need not pay

    block_frames = math.ceil(_BLOCK_S * rate_hz) + 1
    if len(samples) < block_frames:
        whole = np.tile(to_float(samples), (math.ceil(block_frames / len(samples)), 1))[:block_frames]
    else:
        whole = to_float(samples)
    with np.errstate(divide="ignore", invalid="ignore"):
        lufs = float(Meter(rate_hz).integrated_loudness(whole))
    if not math.isfinite(lufs):
        return SILENCE_MLUFS
    return max(SILENCE_MLUFS, round(lufs * 1000))
