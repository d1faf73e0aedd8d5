"""How loud a stem is from moment to moment, and as a whole (ITU-R BS.1770-4)."""

import math

import numpy as np
from numpy.typing import NDArray

from amos_tools.vault.audio import FloatFrames
from amos_tools.vault.loudness import SILENCE_MLUFS

Profile = NDArray[np.float64]
"""Mean square of each 100 ms of a stem, K-weighted, both sides together as they sound; full scale is 1."""

HOPS_PER_S = 10
_HOPS_PER_BLOCK = 4  # 400 ms, another one every 100 ms
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = 10.0
_OFFSET = -0.691


def profile_of(samples: FloatFrames, rate_hz: int) -> Profile:
    """The profile of `samples` of shape (frames, 1 or 2): a mono stem sounds on both sides.

    The last value is of what is left, taken as a whole 100 ms that ends in silence.
    """
    from pyloudnorm import IIRfilter  # brings in SciPy, a second that commands without audio need not pay

    weighted = samples.astype(np.float64)
    for gain, quality, frequency, kind in (
        (4.0, 1 / math.sqrt(2), 1500.0, "high_shelf"),
        (0.0, 0.5, 38.0, "high_pass"),
    ):
        stage = IIRfilter(gain, quality, frequency, rate_hz, kind)
        for side in range(weighted.shape[1]):
            weighted[:, side] = stage.apply_filter(weighted[:, side])
    power = np.square(weighted).sum(axis=1) * (2 // samples.shape[1])
    hop = rate_hz // HOPS_PER_S
    hops = -(-len(power) // hop)
    profile: Profile = np.pad(power, (0, hops * hop - len(power))).reshape(hops, hop).mean(axis=1)
    return profile


def integrated_mlufs(power: Profile) -> int:
    """Integrated loudness: blocks of 400 ms, those under -70 LUFS and those 10 LU under the rest left out.

    What is shorter than a block is as loud as it is when it is repeated.
    """
    if len(power) < _HOPS_PER_BLOCK:
        return _mlufs(float(power.mean()))
    blocks = _blocks(power)
    with np.errstate(divide="ignore"):
        loudness = _OFFSET + 10 * np.log10(blocks)
    heard = blocks[loudness > _ABSOLUTE_GATE]
    if not len(heard):
        return SILENCE_MLUFS
    gate = _OFFSET + 10 * math.log10(float(heard.mean())) - _RELATIVE_GATE
    return _mlufs(float(blocks[loudness > max(gate, _ABSOLUTE_GATE)].mean()))


def momentary_mlufs(power: Profile) -> int:
    """The loudest 400 ms, with silence before and after: how loud a one-shot is, however long it rings."""
    silence = np.zeros(_HOPS_PER_BLOCK - 1)
    return _mlufs(float(_blocks(np.concatenate((silence, power, silence))).max()))


def _blocks(power: Profile) -> Profile:
    return np.convolve(power, np.full(_HOPS_PER_BLOCK, 1 / _HOPS_PER_BLOCK), "valid")


def _mlufs(power: float) -> int:
    """Thousandths of a LUFS; -70000 for what is below the gate."""
    if power <= 0:
        return SILENCE_MLUFS
    return max(SILENCE_MLUFS, round(1000 * (_OFFSET + 10 * math.log10(power))))
