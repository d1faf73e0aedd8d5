"""A pool divided over arrays is the pool divided over objects, to the last micro-unit of the last line."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement import apportion_numpy
from amos_ledger.settlement.apportion_numpy import AMOUNT_MAX, Amounts, Shares, apportion_shares, divide, shares_of
from amos_ledger.settlement.apportionment import SettlementError, apportion, settle, tie_key

PERIOD = "2026-11"
RATE_HZ = 44_100
Split = list[tuple[int, int]]
"""(payee, ppm) of each share of a stem."""


def stem_id(stem: int) -> bytes:
    return stem.to_bytes(32, "big")


def payee_name(payee: int) -> str:
    return f"payee-{payee:03}"


@st.composite
def splits(draw: st.DrawFn) -> Split:
    payees = draw(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, PPM), min_size=len(payees) - 1, max_size=len(payees) - 1)))
    return list(zip(payees, np.diff([0, *cuts, PPM]).tolist(), strict=True))


EVEN = [(payee, PPM // 4) for payee in range(4)]
plays = st.one_of(st.integers(0, 3), st.just(1000), st.integers(0, 10**15), st.integers(0, 10**30))


def columns(of_stems: list[Split]) -> tuple[list[int], list[int], list[int]]:
    rows = [(stem, payee, ppm) for stem, split in enumerate(of_stems) for payee, ppm in split]
    stems, payees, ppm = ([row[column] for row in rows] for column in range(3))
    return stems, payees, ppm


def divided(pool: int, ticks: Any, shares: Shares) -> Amounts:
    return apportion_shares(
        pool,
        ticks,
        shares,
        lambda payee: tie_key(PERIOD, payee_name(payee)),
        lambda payee, stem: tie_key(PERIOD, payee_name(payee), stem_id(stem)),
    )


@given(st.integers(0, 10**18), st.lists(st.tuples(plays, st.one_of(splits(), st.just(EVEN))), min_size=1, max_size=12))
@example(1_000_003, [(1000, EVEN)] * 7)
@example(5, [(0, EVEN)])
@example(10**18, [(10**30, EVEN), (10**30 + 1, EVEN), (1, EVEN)])
def test_it_is_what_the_plain_form_gives(pool: int, played: list[tuple[int, Split]]) -> None:
    of_stems = [split for _ticks, split in played]
    plain = settle(
        PERIOD,
        pool,
        {(stem_id(stem), 1, RATE_HZ): ticks for stem, (ticks, _split) in enumerate(played)},
        {stem_id(stem): [(payee_name(payee), ppm) for payee, ppm in split] for stem, split in enumerate(of_stems)},
    )
    shares = shares_of(*columns(of_stems), 10)
    found = divided(pool, [ticks for ticks, _split in played], shares)
    expected = {payout.payee: payout.amount_micro for payout in plain.payouts}
    assert found.payees.tolist() == [expected.get(payee_name(payee), 0) for payee in range(10)]
    lines = {(payout.payee, line.stem_id): line.amount_micro for payout in plain.payouts for line in payout.lines}
    payee_of = np.repeat(np.arange(10), np.diff(shares.starts))
    for payee, stem, amount in zip(payee_of, shares.stems, found.shares, strict=True):
        assert lines.pop((payee_name(payee), stem_id(int(stem))), 0) == amount
    assert not lines and found.carried_micro == plain.carried_micro


@given(st.integers(0, 10**18), st.lists(st.integers(0, 5), min_size=1, max_size=40), st.randoms())
def test_equal_remainders_go_by_their_keys(pool: int, weights: list[int], chance: random.Random) -> None:
    weights[0] += 1
    keys = [number.to_bytes(2, "big") for number in range(len(weights))]
    chance.shuffle(keys)
    assert divide(pool, weights, keys.__getitem__) == apportion(pool, weights, keys)


@given(st.lists(splits(), min_size=1, max_size=8), st.randoms())
def test_the_order_of_shares_decides_nothing(of_stems: list[Split], chance: random.Random) -> None:
    rows = list(zip(*columns(of_stems), strict=True))
    ordered = shares_of(*zip(*rows, strict=True), 10)
    chance.shuffle(rows)
    shuffled = shares_of(*zip(*rows, strict=True), 10)
    ticks = np.arange(1, len(of_stems) + 1)
    assert np.array_equal(divided(10**9 + 7, ticks, ordered).shares, divided(10**9 + 7, ticks, shuffled).shares)


def test_a_key_is_asked_for_only_where_it_decides() -> None:
    def never(*_indexes: int) -> bytes:
        raise AssertionError("a key was made that decides nothing")

    shares = shares_of([0, 0, 1], [0, 1, 1], [400_000, 600_000, PPM], 2)
    found = apportion_shares(1001, np.array([7, 11]), shares, never, never)
    assert found.payees.sum() == found.shares.sum() == 1001


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(0, 0, PPM - 1)], "sum to"),
        ([(0, 0, PPM), (1, 0, PPM - 1), (1, 1, 2)], "sum to"),
        ([(0, 0, PPM + 1), (0, 1, -1)], "none below 0"),
        ([(0, 3, PPM // 2), (0, 3, PPM // 2)], "each payee once"),
    ],
)
def test_splits_that_are_none_are_refused(rows: list[tuple[int, int, int]], said: str) -> None:
    with pytest.raises(SettlementError, match=said):
        shares_of(*zip(*rows, strict=True), 5)


@pytest.mark.parametrize("pool", [-1, AMOUNT_MAX + 1])
def test_a_pool_that_does_not_fit_is_refused(pool: int) -> None:
    with pytest.raises(SettlementError, match="pool: expected from 0"):
        divided(pool, [1], shares_of([0], [0], [PPM], 1))


def test_play_below_nothing_is_refused() -> None:
    with pytest.raises(SettlementError, match="ticks: expected none below 0, found -1"):
        divided(1, [-1], shares_of([0], [0], [PPM], 1))


def test_keys_that_leave_no_room_for_their_ppm_sort_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(stem, payee, PPM // 4) for stem in range(4) for payee in range(4)][::-1]
    narrow = shares_of(*zip(*rows, strict=True), 4)
    monkeypatch.setattr(apportion_numpy, "_KEY_MAX", 0)
    wide = shares_of(*zip(*rows, strict=True), 4)
    for one, other in zip(vars(narrow).values(), vars(wide).values(), strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
