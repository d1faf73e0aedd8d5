"""How loud each stem is in a pack, so that what plays has the script's loudness. Pure.

Rule. All stems are brought to one working loudness, so that the script's own gains say who stands in front; and that is
chosen so that the forecast of the score meets the script's target. A stem's gain never rises above unity (one that is
quieter stays as it is; amplifying noise helps nobody), and never lets the stem's own peak pass the script's.
"""

import math
from collections.abc import Callable

UNITY_Q15 = 32768
GAIN_Q15_MAX = 32767
"""What the manifest can say; 0.0003 dB under unity."""

MONO_MLU = 3010
"""A mono stem sounds on both sides: twice the power that a meter finds in its one channel."""

_ROUNDS_MAX = 32
"""Two or three do, but where all stems are at unity and the whole is still too loud."""
_NEAR_MLU = 20
_WORKING_MAX_MLUFS = 0


def working_mlufs(target_mlufs: int, forecast: Callable[[int], int]) -> int:
    """Loudness each stem is brought to, in thousandths of a LUFS.

    `forecast(working)` is the loudness of the whole. Where stems at unity keep it from the target, it stays below.
    """
    working, stride, missing_before = target_mlufs, 1, math.inf
    too_quiet, too_loud = -math.inf, math.inf
    for _ in range(_ROUNDS_MAX):
        missing = target_mlufs - forecast(working)
        if abs(missing) <= _NEAR_MLU or (missing > 0 and working == _WORKING_MAX_MLUFS):
            break
        too_quiet, too_loud = (working, too_loud) if missing > 0 else (too_quiet, working)
        # The whole moves by no more than its stems are brought to, so a step by what is missing never goes too far; it
        # goes nowhere near far enough as long as most stems stay at unity.
        stride = 2 * stride if 2 * abs(missing) > missing_before else 1
        missing_before = abs(missing)
        step = min(working + stride * missing, _WORKING_MAX_MLUFS)
        working = step if too_quiet < step < too_loud else int(too_quiet + too_loud) // 2
    return working


def played_mlufs(loudness_mlufs: int, channels: int) -> int:
    """Loudness of a stem as it sounds, given what a meter says of its channels."""
    return loudness_mlufs + (MONO_MLU if channels == 1 else 0)


def stem_gain_q15(played_mlufs: int, peak: int, working: int, ceiling_mdb: int) -> int:
    """Gain for a stem of loudness `played_mlufs` whose largest sample has magnitude `peak` (0 .. 32768); 1 .. 32767."""
    wanted = _linear(working - played_mlufs) * UNITY_Q15
    safe = _linear(ceiling_mdb) * 32768 / max(peak, 1) * UNITY_Q15
    return max(1, min(math.floor(wanted), math.floor(safe), GAIN_Q15_MAX))


def _linear(mdb: int) -> float:
    return float(10 ** (mdb / 20_000))
