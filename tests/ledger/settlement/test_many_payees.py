"""A pool divided among a great many payees: none, too little for all of them, an odd amount, and as much as there can
be. What each gets is worked out again by its definition, in Python's own integers."""

from hashlib import sha256

import numpy as np
import pytest

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.apportion_numpy import Amounts, apportion_shares, shares_of
from amos_ledger.settlement.apportionment import tie_key
from amos_ledger.settlement.money import INCOME_UNITS_MAX, MICRO

CUT = 333_333
"""Each stem is of two payees, who have this much of one stem, and the rest of another."""


def key_of(payee: int, stem: int | None = None) -> bytes:
    words = () if stem is None else (sha256(b"%d" % stem).digest(),)
    return tie_key("2026-11", f"payee-{payee}", *words)


def divided(pool_micro: int, ticks: np.ndarray) -> Amounts:
    """Stem n is of payee n, and of the one after it."""
    count = len(ticks)
    stems = np.arange(count).repeat(2)
    payees = (stems + np.tile([0, 1], count)) % count
    shares = shares_of(stems, payees, np.tile([CUT, PPM - CUT], count), count)
    return apportion_shares(pool_micro, ticks, shares, key_of, key_of)


@pytest.mark.parametrize("payees", [5_000, pytest.param(1_000_000, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("income", ["nothing", "one", "too little", "odd", "most"])
def test_each_gets_the_floor_of_its_share_or_one_more(payees: int, income: str) -> None:
    pool = {"nothing": 0, "one": 1, "too little": payees - 1, "odd": 1_000_000_007, "most": INCOME_UNITS_MAX * MICRO}[
        income
    ]
    ticks = np.arange(payees) * 7919 % 10_007  # some are not played at all
    found = divided(pool, ticks)
    weights = [
        CUT * own + (PPM - CUT) * other for own, other in zip(ticks.tolist(), np.roll(ticks, 1).tolist(), strict=True)
    ]
    total = sum(weights)
    assert found.weights == weights and total == PPM * int(ticks.sum())
    amounts = found.payees.tolist()
    floors = [pool * weight // total for weight in weights]
    more = [amount - floor for amount, floor in zip(amounts, floors, strict=True)]
    assert set(more) <= {0, 1} and sum(amounts) == pool and found.carried_micro == 0
    rests = [pool * weight % total for weight in weights]
    given = [(rest, key_of(payee)) for payee, (rest, one) in enumerate(zip(rests, more, strict=True)) if one]
    if given:
        least = min(rest for rest, _key in given)
        assert max((rest for rest, one in zip(rests, more, strict=True) if not one), default=0) <= least
        last = max(key for rest, key in given if rest == least)
        assert all(key_of(payee) > last for payee, rest in enumerate(rests) if rest == least and not more[payee])
    assert int(found.shares.sum()) == pool
    assert np.add.reduceat(found.shares, np.arange(0, 2 * payees, 2)).tolist() == amounts


@pytest.mark.parametrize("payees", [5_000, pytest.param(1_000_000, marks=pytest.mark.sweep)])
def test_without_play_all_of_it_is_carried(payees: int) -> None:
    found = divided(1_000_000_007, np.zeros(payees, np.int64))
    assert found.carried_micro == 1_000_000_007
    assert not found.payees.any() and not found.shares.any()
