"""The gain on the sum of all voices: master gain, and less where a cell's peak would not fit 16 bits.

`SPEC.md`, "Limiter", is the reference.
"""

UNITY_Q15 = 32768
PRODUCT_MAX = 32767 * UNITY_Q15  # of a sample and a gain: the loudest that rounds to 32767; a 31-bit small int
RELEASE_BITS = 7  # time constant of the recovery, 2**7 cells: 171 ms at 48 kHz


class Limiter:
    """Hands out the gain at each border between two cells, from the peaks of both.

    Every border of a cell has at most the gain that the cell's peak bears, and the gain between two borders is linear:
    so no sample of the cell can exceed 16 bits, nor its product with the gain 31, and nothing has to be clipped.
    """

    __slots__ = ("_cell_gain", "gain", "master", "rest_peak")

    def __init__(self, master_gain_q15: int) -> None:
        self.master = master_gain_q15
        self.gain = master_gain_q15  # at the last border handed out
        self.rest_peak = PRODUCT_MAX // master_gain_q15  # up to this the master gain alone holds
        self._cell_gain = master_gain_q15  # what the cell after that border bears

    def next_gain(self, peak: int) -> int:
        """Gain at the next border, 1 .. 32768, given the greatest magnitude in the cell after it (both channels)."""
        cell_gain = self.master if peak <= self.rest_peak else PRODUCT_MAX // peak
        gain = self.gain
        if gain < self.master:
            gain += ((self.master - gain) >> RELEASE_BITS) + 1
        self.gain = min(gain, cell_gain, self._cell_gain)
        self._cell_gain = cell_gain
        return self.gain

    def at_rest(self, peak: int) -> bool:
        """True if cells up to `peak` keep every border at the master gain."""
        return peak <= self.rest_peak and self.gain == self._cell_gain == self.master
