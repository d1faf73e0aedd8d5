"""A pool divided over millions of shares: what `apportionment.settle` gives, of arrays in the place of objects. Pure.

The plain form holds half a kilobyte of Python for each share of a stem; here one takes some twenty bytes. Weights,
their products with an amount and what is left of a division exceed 64 bits, so these are Python's integers, those of
one payee at a time. The hash that decides between equal remainders is made only where it decides something.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.divide_many import divide_each

Integers = npt.NDArray[np.int64]

AMOUNT_MAX = 2**63 - 1
"""Amounts are kept in 64 bits; ten times the highest pool is below that (`money.INCOME_UNITS_MAX`)."""

_PPM_BITS = PPM.bit_length()
_KEY_MAX = AMOUNT_MAX >> _PPM_BITS
"""Payee times stem, with its ppm in one integer."""


@dataclass(frozen=True)
class Shares:
    """Who has how much of which stem, by payee and stem, both as indexes: those of payee p are `starts[p]` to
    `starts[p + 1]`."""

    starts: Integers
    stems: npt.NDArray[np.int32]
    ppm: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Amounts:
    """Micro-units of each payee, and of each share in the order of `Shares`; a payee's shares sum to its amount.
    `weights`: of each payee, the ticks of all shares times their ppm."""

    payees: Integers
    shares: Integers
    carried_micro: int
    weights: list[int]


def shares_of(stems: npt.ArrayLike, payees: npt.ArrayLike, ppm: npt.ArrayLike, payee_count: int) -> Shares:
    """Shares given in any order, as three columns. Those of 0 ppm are left out.

    Raises `SettlementError` unless those of each stem that is named sum to 1,000,000 ppm, none is below 0, and no payee
    has two of one stem.
    """
    columns = [np.asarray(column) for column in (stems, payees, ppm)]
    of_stem, named = np.bincount(columns[0], columns[2]), np.bincount(columns[0]) > 0
    if (columns[2] < 0).any() or (of_stem[named] != PPM).any():
        raise SettlementError(f"splits: expected those of each stem to sum to {PPM} ppm, none below 0")
    if not columns[2].all():
        some = columns[2] > 0
        columns = [column[some] for column in columns]
    starts = np.concatenate(([0], np.bincount(columns[1], minlength=payee_count).cumsum()))
    keys, of_keys = _sorted(columns[1].astype(np.int64) * len(of_stem) + columns[0], columns[2])
    if (keys[1:] == keys[:-1]).any():
        raise SettlementError("splits: expected each payee once for each stem")
    return Shares(starts, (keys % len(of_stem)).astype(np.int32), of_keys)


def _sorted(keys: Integers, ppm: npt.NDArray[Any]) -> tuple[Integers, npt.NDArray[np.int32]]:
    """Both in order of the keys. One integer sorts in place, ten times as fast as an order is found of two."""
    if keys.max(initial=0) > _KEY_MAX:
        order = np.argsort(keys)
        return keys[order], ppm[order].astype(np.int32)
    keys <<= _PPM_BITS
    keys |= ppm
    keys.sort()
    of_keys = (keys & ((1 << _PPM_BITS) - 1)).astype(np.int32)
    keys >>= _PPM_BITS
    return keys, of_keys


def apportion_shares(
    pool_micro: int,
    ticks: Sequence[int] | npt.NDArray[Any],
    shares: Shares,
    payee_key: Callable[[int], bytes],
    share_key: Callable[[int, int], bytes],
) -> Amounts:
    """Divide the pool by time in play, as `apportionment.settle` does; a payee without play gets 0.

    ticks      of each stem by its index: 64-bit integers, or Python's where they are larger (an array of objects)
    payee_key  payee's index → its tie key; share_key: (payee's index, stem's index) → that of its line

    Raises `SettlementError` for a pool below 0 or above `AMOUNT_MAX`, and for ticks below 0.
    """
    if not 0 <= pool_micro <= AMOUNT_MAX:
        raise SettlementError(f"pool: expected from 0 to {AMOUNT_MAX}, found {pool_micro}")
    played = ticks if isinstance(ticks, np.ndarray) else np.array(ticks, object)
    if len(played) and played.min() < 0:
        raise SettlementError(f"ticks: expected none below 0, found {played.min()}")
    weights = _weights(played, shares)
    starts, wide = shares.starts, weights.dtype == object
    totals = _sums_of(weights, starts)
    payees = divide(pool_micro, totals, payee_key) if any(totals) else [0] * len(totals)
    of_shares = np.zeros(len(shares.stems), np.int64)
    left = range(len(payees)) if wide else divide_each(np.array(payees, np.int64), totals, weights, starts, of_shares)
    for payee in left:
        amount, (first, end) = payees[payee], starts[payee : payee + 2].tolist()
        if amount:
            key_of = partial(_key_of, share_key, payee, shares.stems[first:end])
            of_shares[first:end] = divide(amount, weights[first:end].tolist(), key_of)
    return Amounts(np.array(payees, np.int64), of_shares, pool_micro - sum(payees), totals)


def divide(pool: int, weights: Sequence[int], key_of: Callable[[int], bytes]) -> list[int]:
    """As `apportionment.apportion`, for weights not below 0 that are not all 0; tie keys differ, and are asked for only
    where remainders are equal and not all of them get a unit."""
    total = sum(weights)
    divided = [divmod(pool * weight, total) for weight in weights]
    amounts = [amount for amount, _remainder in divided]
    left = pool - sum(amounts)
    if not left:
        return amounts
    remainders = [remainder for _amount, remainder in divided]
    order = sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)
    # The remainders sum to left x total and each is below total, so there are more that are not zero than are left.
    least = remainders[order[left - 1]]
    if remainders[order[left]] == least:
        surely = [index for index in order[:left] if remainders[index] > least]
        equal = [index for index, remainder in enumerate(remainders) if remainder == least]
        order = surely + sorted(equal, key=key_of)
    for index in order[:left]:
        amounts[index] += 1
    return amounts


def _key_of(share_key: Callable[[int, int], bytes], payee: int, stems: npt.NDArray[np.int32], index: int) -> bytes:
    return share_key(payee, int(stems[index]))


def _weights(ticks: npt.NDArray[Any], shares: Shares) -> npt.NDArray[Any]:
    """Of each share, as Python's integers where 63 bits do not hold all."""
    if ticks.dtype == object and (not len(ticks) or int(ticks.max()) * PPM <= AMOUNT_MAX):
        ticks = ticks.astype(np.int64)
    if len(ticks) and int(ticks.max()) * PPM > AMOUNT_MAX:
        ticks = ticks.astype(object)
    weights: npt.NDArray[Any] = ticks[shares.stems] * shares.ppm
    return weights


def _sums_of(weights: npt.NDArray[Any], starts: Integers) -> list[int]:
    """The exact sum of each payee's weights."""
    if weights.dtype == object:
        return [sum(weights[first:end].tolist()) for first, end in pairwise(starts.tolist())]
    high = group_sums(weights >> 32, starts).tolist()
    low = group_sums(weights & 0xFFFF_FFFF, starts).tolist()
    return [(one << 32) + other for one, other in zip(high, low, strict=True)]


def group_sums(values: npt.NDArray[Any], starts: Integers) -> Integers:
    """Of values that sum within 63 bits."""
    found = np.zeros(len(starts) - 1, np.int64)
    some = starts[1:] > starts[:-1]
    if some.any():
        found[some] = np.add.reduceat(values, starts[:-1][some])
    return found
