"""Decibels to gains, in whole numbers. SCORE.md, "Levels", is the reference.

Only a score whose gains or volume move loads this.
"""

from amos.sound.limiter import UNITY_Q15

_DECADE_DB = 20
_DECADES = 5
DECIBELS_Q15 = (
    32768, 29205, 26029, 23198, 20675, 18427, 16423, 14637, 13045, 11627, 10362,
    9235, 8231, 7336, 6538, 5827, 5193, 4629, 4125, 3677, 3277,
)  # fmt: skip
"""Gains of 0, -1 … -20 dB."""


def gain_of(decibels_q15: int) -> int:
    """The gain of so many decibels, in Q15 both: 0 .. 32768, at 0 dB and above unity.

    Between two whole decibels along their chord, 0.015 dB too much at most.
    """
    if decibels_q15 >= 0:
        return UNITY_Q15
    whole = -decibels_q15 >> 15
    decades = whole // _DECADE_DB
    if decades >= _DECADES:
        return 0
    step = whole - decades * _DECADE_DB
    gain = DECIBELS_Q15[step]
    gain -= (gain - DECIBELS_Q15[step + 1]) * (-decibels_q15 & 32767) >> 15
    return gain // 10**decades
