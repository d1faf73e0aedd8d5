"""How loud each stem is in a pack, so that what plays has the script's loudness. Pure.

Rule. All stems are brought to one working loudness, so that the script's own gains say who stands in front; and that is
chosen so that the forecast of the score meets the script's target. What is louder plays at a gain below unity; what is
quieter is amplified in its blob. Peaks over the script's are limited there, by a few decibels at most; a stem that
would need more, or more gain than brings music and not its noise, stays below and is named.
"""

import math
from collections.abc import Callable

UNITY_Q15 = 32768
GAIN_Q15_MAX = 32767
"""What the manifest can say; 0.0003 dB under unity."""

LIMIT_MDB_MAX = 6_000
"""A limiter that takes more than this from the highest peaks begins to be heard in strokes and plucked notes."""
STRONGLY_LIMITED_MDB = 3_000
"""Up to here a limiter goes unheard; from here on it is an intervention in the artist's recording, and is named."""
MAKE_UP_MDB_MAX = 30_000
"""A stem of -55 LUFS reaches -25; of what is below, as much would be the noise of the room it was recorded in."""
SHORT_MLU_MAX = 1_000
"""A stem that stays further below the working loudness is named."""

_STEP_MDB = 3_000
_STEP_LIMITED_MDB = 1_000
_ROUNDS_MAX = 32
"""Two or three do, but where all stems are as loud as they can be and the whole is still too quiet."""
_NEAR_MLU = 20
_WORKING_MAX_MLUFS = 0


def working_mlufs(target_mlufs: int, forecast: Callable[[int], int]) -> int:
    """Loudness each stem is brought to, in thousandths of a LUFS.

    `forecast(working)` is the loudness of the whole. Where the stems' peaks keep it from the target, it stays below.
    """
    working, stride, missing_before = min(target_mlufs, _WORKING_MAX_MLUFS), 1, math.inf
    too_quiet, too_loud = -math.inf, math.inf
    for _ in range(_ROUNDS_MAX):
        missing = target_mlufs - forecast(working)
        if abs(missing) <= _NEAR_MLU or (missing > 0 and working == _WORKING_MAX_MLUFS):
            break
        too_quiet, too_loud = (working, too_loud) if missing > 0 else (too_quiet, working)
        # The whole moves by no more than its stems are brought to, so a step by what is missing never goes too far; it
        # goes nowhere near far enough as long as most stems are as loud as they can be.
        stride = 2 * stride if 2 * abs(missing) > missing_before else 1
        missing_before = abs(missing)
        step = min(working + stride * missing, _WORKING_MAX_MLUFS)
        working = step if too_quiet < step < too_loud else int(too_quiet + too_loud) // 2
    return working


def stem_gain_mdb(stem_mlufs: int, peak: float, working: int, ceiling_mdb: int) -> int:
    """Gain in thousandths of a decibel that brings a stem of that loudness to the working one, or as near as may be.

    `peak` is the largest magnitude of its samples, full scale 1.
    """
    return min(working - stem_mlufs, MAKE_UP_MDB_MAX, ceiling_mdb - decibels(peak) + LIMIT_MDB_MAX)


def baked_mdb(gain_mdb: int, peak: float, ceiling_mdb: int) -> int | None:
    """Gain that is applied to the samples of a stem's blob; None: they stay as they are.

    In steps, the rest is done by the gain in play: so a script that moves the working loudness by a little leaves most
    blobs as they were, and players fetch only those that changed. Limiting deserves finer steps than room.
    """
    over = gain_mdb + decibels(peak) - ceiling_mdb
    if gain_mdb <= 0 and over <= 0:
        return None
    roomy = _up_to(gain_mdb, _STEP_MDB)
    return roomy if roomy + decibels(peak) <= ceiling_mdb else _up_to(gain_mdb, _STEP_LIMITED_MDB)


def gain_q15(gain_mdb: int, peak: float, ceiling_mdb: int) -> int:
    """The gain in play, 1 .. 32767, with which samples of magnitude `peak` stay below the ceiling."""
    safe_mdb = ceiling_mdb - decibels(peak)
    return max(1, min(math.floor(linear(min(gain_mdb, safe_mdb)) * UNITY_Q15), GAIN_Q15_MAX))


def linear(mdb: int) -> float:
    """Thousandths of a decibel as a factor of amplitude."""
    return float(10 ** (mdb / 20_000))


def decibels(magnitude: float) -> int:
    """In thousandths, rounded up, so that nothing passes a ceiling by rounding."""
    return math.ceil(20_000 * math.log10(max(magnitude, 1e-9)))


def _up_to(mdb: int, step: int) -> int:
    return -(-mdb // step) * step
