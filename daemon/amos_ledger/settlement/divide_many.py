"""Many amounts divided at once, each over its own weights by Hamilton's method, exactly. Pure, NumPy.

A product of an amount and a weight has up to 126 bits. It is divided by floating point, whose quotient is at most one
beside the true one, and the remainder is worked out in two words of 64 bits, which says whether it is and corrects it.
Who gets the units that are left is decided by remainders rounded to some forty bits; where that could decide otherwise
than exact ones would, the amount is left to the caller.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]

_QUOTIENT_MAX = 1 << 49
"""Below it the error of three roundings of 53 bits is below one half."""

_ORDER_BITS = 62
_HALF_WORD, _LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)


class _Wide(NamedTuple):
    """Integers modulo 2^128: the upper and the lower word."""

    high: _Words
    low: _Words

    def minus(self, other: "_Wide") -> "_Wide":
        low = self.low - other.low
        return _Wide(self.high - other.high - (self.low < other.low), low)

    @property
    def negative(self) -> npt.NDArray[np.bool_]:
        return self.high.view(np.int64) < 0


_SHARES_AT_A_TIME = 1 << 15
"""What is made of so many stays in a cache."""


def divide_each(
    amounts: Integers, totals: Sequence[int], weights: Integers, starts: Integers, result: Integers
) -> list[int]:
    """Divide amount g over weights `starts[g]` to `starts[g + 1]`, which sum to `totals[g]`, into the same places of
    `result`. The groups that are left to the caller, in whose places is nothing of use."""
    unsure: list[int] = []
    first = 0
    while first < len(amounts):
        end = int(np.searchsorted(starts, starts[first] + _SHARES_AT_A_TIME, "right")) - 1
        end = min(max(end, first + 1), len(amounts))
        bounds, shares = starts[first : end + 1] - starts[first], slice(starts[first], starts[end])
        found = _divide_some(amounts[first:end], totals[first:end], weights[shares], bounds, result[shares])
        unsure += [first + group for group in found]
        first = end
    return unsure


def _divide_some(
    amounts: Integers, totals: Sequence[int], weights: Integers, starts: Integers, result: Integers
) -> list[int]:
    counts = np.diff(starts)
    total = _Wide(
        np.array([value >> 64 for value in totals], np.uint64),
        np.array([value & 0xFFFF_FFFF_FFFF_FFFF for value in totals], np.uint64),
    )
    some = (amounts > 0) & (counts > 0)
    unsure = some & (amounts >= _QUOTIENT_MAX)
    amounts = np.where(unsure, 0, amounts)
    divisor = np.maximum(np.array(totals, np.float64), 1)
    of_shares = _Wide(*(word.repeat(counts) for word in total))
    part = (amounts / divisor).repeat(counts)
    quotients, rest = _quotients(amounts.repeat(counts), weights, part, of_shares)
    rest_of_one = _float(rest) / divisor.repeat(counts)
    result[:] = quotients
    ends = np.concatenate(([0], quotients.cumsum()))
    left = amounts - (ends[starts[1:]] - ends[starts[:-1]])
    unsure |= _give_units(result, left, rest_of_one, starts)
    result[~some.repeat(counts)] = 0
    found: list[int] = np.flatnonzero(unsure & some).tolist()
    return found


def _quotients(amounts: Integers, weights: Integers, part: npt.NDArray[Any], totals: _Wide) -> tuple[Integers, _Wide]:
    """Floor and remainder of amounts x weights / totals, where the floor is below `_QUOTIENT_MAX`."""
    products = _product(amounts.view(np.uint64), weights.view(np.uint64))
    quotients = (part * weights).astype(np.int64)
    rest = products.minus(_times(totals, quotients.view(np.uint64)))
    below = rest.negative
    quotients -= below
    zero = np.uint64(0)
    rest = _plus(rest, _Wide(*(np.where(below, word, zero) for word in totals)))
    less = rest.minus(totals)
    above = ~less.negative
    quotients += above
    rest = _Wide(*(np.where(above, one, other) for one, other in zip(less, rest, strict=True)))
    return quotients, rest


def _give_units(result: Integers, left: Integers, rest: npt.NDArray[Any], starts: Integers) -> npt.NDArray[np.bool_]:
    """Give what is left to the largest remainders of each group; the groups in which two could be taken for another."""
    counts = np.diff(starts)
    bits = _ORDER_BITS - max(1, len(counts).bit_length())
    scale = 1 << min(bits, 48)
    order_by = np.arange(len(counts)).repeat(counts) * scale + ((1 - rest) * (scale - 1)).astype(np.int64)
    order = np.argsort(order_by, kind="stable")
    rank = np.arange(len(order)) - starts[:-1].repeat(counts)
    result[order[rank < left.repeat(counts)]] += 1
    asked = np.flatnonzero((left > 0) & (left < counts))
    sorted_ = order_by[order]
    last = starts[:-1][asked] + left[asked]
    unsure = (left < 0) | (left >= np.maximum(counts, 1))
    unsure[asked] = sorted_[last] - sorted_[last - 1] <= 2
    return unsure


def _product(one: _Words, other: _Words) -> _Wide:
    """Of two words."""
    one_high, one_low, other_high, other_low = one >> _HALF_WORD, one & _LOW, other >> _HALF_WORD, other & _LOW
    low, middle, cross = one_low * other_low, one_high * other_low, one_low * other_high
    carried = (low >> _HALF_WORD) + (middle & _LOW) + (cross & _LOW)
    high = one_high * other_high + (middle >> _HALF_WORD) + (cross >> _HALF_WORD) + (carried >> _HALF_WORD)
    return _Wide(high, (carried << _HALF_WORD) | (low & _LOW))


def _times(wide: _Wide, words: _Words) -> _Wide:
    product = _product(wide.low, words)
    return _Wide(product.high + wide.high * words, product.low)


def _plus(one: _Wide, other: _Wide) -> _Wide:
    low = one.low + other.low
    return _Wide(one.high + other.high + (low < one.low), low)


def _float(wide: _Wide) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = wide.high * 2.0**64 + wide.low
    return found
