"""Voices at steady gains as one product of matrices in float32, for CPython.

The product is exact: a gain is three digits of DIGIT_BITS, and no sum of 16 samples, each times a digit, passes
16 * 2**15 * 31 < 2**24, up to which float32 holds every integer, in whatever order it is added.
"""

import numpy as np
from numpy.typing import NDArray

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

DIGIT_BITS, DIGITS = 5, 3
DIGIT_MASK = (1 << DIGIT_BITS) - 1
ROWS_MAX = 16
ROW_PAD = 64  # samples between rows, whose distance must not be a power of two: they would crowd in the same cache sets
PRODUCT_SAMPLES = 1 << 12  # OpenBLAS does not spread products of this size over threads, which would wait for them
PRODUCT_ROWS = 4  # the fourth is nothing, and three rows take a third longer than four


def digits_of(gains: list[int]) -> Float32:
    """Digits of gains, lowest first, in rows. The last is not shifted: float32 holds 2**5 as exactly as 1."""
    digits = np.zeros((PRODUCT_ROWS, len(gains)), np.float32)
    digits[0] = [gain & DIGIT_MASK for gain in gains]
    digits[1] = [gain >> DIGIT_BITS & DIGIT_MASK for gain in gains]
    digits[2] = [gain >> DIGIT_BITS & ~DIGIT_MASK for gain in gains]
    return digits


def widen(samples: Int16, channels: int, row: Float32) -> None:
    """Samples of one or two channels to `row`, left and right in turn."""
    if channels == 2:
        row[:] = samples
    else:
        row[0::2] = samples
        row[1::2] = samples


class SteadyRows:
    """Rows of interleaved samples that wait for the product with their gains.

    views   the rows, each as long as the part under way; those of `gains`, from the first on, are filled
    gains   of the voices that wait, fewer than there are views: who fills the last has to call `multiply`
    """

    def __init__(self, rows: int, size: int) -> None:
        """Room for `rows` rows, at most ROWS_MAX, of `size` samples."""
        self.gains: list[int] = []
        self._rows = np.zeros((rows, size + ROW_PAD), np.float32)
        self._product_room = np.zeros((PRODUCT_ROWS, size + ROW_PAD), np.float32)
        self._sum_room = np.empty((DIGITS, size), np.int32)
        self._last_gains: list[int] = []  # of the product before; they change with the voices only
        self._digits = digits_of([])
        self.fit(size)

    def fit(self, size: int) -> None:
        """Parts have `size` samples from here on. They mostly are of one size, and to make a view takes time."""
        self.views = [row[:size] for row in self._rows]
        self._products = self._product_room[:DIGITS, :size]
        self._sums = self._sum_room[:, :size]

    def put(self, samples: Int16, channels: int, at: int, gain: int) -> None:
        """Fill the next row from frame `at` on, with silence around it."""
        row = self.views[len(self.gains)]
        begin, end = 2 * at, 2 * at + 2 // channels * len(samples)
        row[:begin] = 0
        row[end:] = 0
        widen(samples, channels, row[begin:end])
        self.gains.append(gain)

    def multiply(self) -> Int32:
        """Empty the rows: their sum, as int32 of shape (DIGITS, size). First samples times the lowest digits of their
        gains, then times the rest, in two parts, in units of 1 << DIGIT_BITS. It holds until the next call."""
        if self.gains != self._last_gains:
            self._last_gains = self.gains
            self._digits = digits_of(self.gains)
        rows = self._rows[: len(self.gains)]
        self.gains = []
        size = len(self.views[0])
        for begin in range(0, size, PRODUCT_SAMPLES):
            end = min(begin + PRODUCT_SAMPLES, size)
            np.matmul(self._digits, rows[:, begin:end], out=self._product_room[:, begin:end])
        np.copyto(self._sums, self._products, casting="unsafe")
        return self._sums
