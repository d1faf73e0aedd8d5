"""The gain on the sum of all voices: master and operator gain, and less where a cell's peak would pass the ceiling.

`SPEC.md`, "Limiter", is the reference.
"""

from amos.compat import const

UNITY_Q15 = 32768
FULL_SCALE = 32767
_RELEASE_BITS = const(7)  # time constant of the recovery, 2**7 cells: 171 ms at 48 kHz
_OPERATOR_STEP = const(256)  # the operator gain's change a cell at most: 171 ms from end to end
_OPERATOR_CHANGES_MAX = const(1026)  # not yet rendered: one for each border of the largest block and its look-ahead
CEILING_MIN = 1024  # -30 dB; below 32 the limiter's gain could become 0
_TRUE_PEAK_MARGIN_MDB = const(1000)
"""The ceiling on samples is so much lower, because the wave between them may be higher than they are."""

_ONE_DB_Q15 = const(29205)  # 32768 * 10 ** (-1 / 20), rounded


def ceiling_for(peak_mdb: int) -> int:
    """The greatest sample to allow for a true peak of `peak_mdb` thousandths of a dBTP, 0 or less; 1024 .. 32767.

    A power of ten in integers: whole decibels by products, the rest of one along its chord (0.015 dB too much at most).
    """
    if peak_mdb > 0:
        raise ValueError("peak_mdb: expected 0 or less, got %d" % peak_mdb)
    decibels, rest = divmod(_TRUE_PEAK_MARGIN_MDB - peak_mdb, 1000)
    gain = UNITY_Q15
    for _ in range(min(decibels, 40)):
        gain = gain * _ONE_DB_Q15 >> 15
    gain -= (gain - (gain * _ONE_DB_Q15 >> 15)) * rest // 1000
    return max(CEILING_MIN, min(FULL_SCALE, gain))


class Limiter:
    """Hands out the gain at each border between two cells, from the peaks of both.

    The gain at both borders of a cell is at most the one that brings the cell's peak to the ceiling, and between two
    borders it is linear. So no sample of the cell can exceed the ceiling, no product of a sample and a gain exceeds 31
    bits, and nothing has to be clipped.
    """

    __slots__ = (
        "_ceiling",
        "_cell_bears",
        "_changes",
        "_operator",
        "_product_max",
        "_target",
        "_wanted",
        "gain",
        "master",
    )

    def __init__(self, master_gain_q15: int, ceiling: int) -> None:
        self.master = master_gain_q15
        self.gain = master_gain_q15  # at the last border handed out
        self._ceiling = ceiling
        self._product_max = ceiling * UNITY_Q15  # of a sample and a gain: the loudest that rounds to the ceiling
        self._cell_bears = UNITY_Q15  # what the cell after that border bears
        self._operator = UNITY_Q15  # at that border
        self._target = UNITY_Q15  # where the operator gain goes
        self._wanted = master_gain_q15  # both gains at that border
        self._changes = []  # [borders until it holds, operator gain] to come

    def set_volume(self, borders: int, gain_q15: int) -> None:
        """The operator gain goes to `gain_q15` from the border on that comes after `borders` others; the last
        one given for it holds."""
        if self._changes and self._changes[-1][0] == borders:
            self._changes.pop()
        if len(self._changes) >= _OPERATOR_CHANGES_MAX:
            raise ValueError("operator gains pending: expected at most %d" % _OPERATOR_CHANGES_MAX)
        self._changes.append([borders, gain_q15])

    def start(self) -> None:
        """Before the first border: an operator gain for it holds at once."""
        while self._changes and self._changes[0][0] == 0:
            self._operator = self._target = self._changes.pop(0)[1]
        self.gain = self._wanted = self._both()

    def next_gain(self, peak: int) -> int:
        """Gain at the next border, 1 .. 32768, given the greatest magnitude in the cell after it (both channels)."""
        if self._changes or self._operator != self._target:
            self._move_operator()
        gain = self.gain
        wanted = self._wanted
        if gain < wanted:
            gain += ((wanted - gain) >> _RELEASE_BITS) + 1
        bears = self._cell_bears
        if gain > bears:
            gain = bears
        self._cell_bears = UNITY_Q15
        if peak > self._ceiling:
            self._cell_bears = bears = self._product_max // peak
            if gain > bears:
                gain = bears
        if gain > wanted:
            gain = wanted
        self.gain = gain
        return gain

    def next_gains(self, peaks, borders, cells: int) -> None:
        """Fill `borders` with the gain at the last border and those at the next `cells`, as `next_gain` gives them."""
        borders[0] = self.gain
        for cell in range(cells):
            borders[cell + 1] = self.next_gain(peaks[cell])

    def at_rest(self, peak: int) -> bool:
        """True if cells up to `peak` keep every border at the gain there is."""
        return (
            not self._changes
            and self._operator == self._target
            and self.gain == self._wanted <= self._cell_bears
            and peak * self._wanted <= self._product_max
        )

    def _both(self) -> int:
        return max(1, self.master * self._operator >> 15)

    def _move_operator(self) -> None:
        for change in self._changes:
            change[0] -= 1
        while self._changes and self._changes[0][0] < 0:
            self._target = self._changes.pop(0)[1]
        change = self._target - self._operator
        self._operator += max(-_OPERATOR_STEP, min(_OPERATOR_STEP, change))
        self._wanted = self._both()
