"""Whole numbers divided over lines so that they add up: Hamilton's method, over exact weights. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from amos_ledger.settlement.apportionment import apportion


def parts_of(total: int, weights: Sequence[Fraction], ids: Sequence[str]) -> list[int]:
    """`total` divided by the weights; among equal remainders the lower id wins. Weights that are all 0 get nothing."""
    common = lcm(*(weight.denominator for weight in weights)) if weights else 1
    whole = [weight.numerator * (common // weight.denominator) for weight in weights]
    return apportion(total, whole, [name.encode() for name in ids]) if any(whole) else [0] * len(whole)
