"""The apportionment: exact, fair to one micro-unit, the same in any order, and always the whole pool."""

import random
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.apportionment import SettlementError, apportion, settle, tie_key

RATES = (22_050, 44_100, 48_000, 8_001, 191_999)
pools = st.integers(0, 10**18)
weight_lists = st.lists(st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 10**40)), min_size=1, max_size=30)


def keys(count: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(count)]


@pytest.mark.parametrize(
    ("pool", "weights", "amounts"),
    [
        (7_000_000_000_000_000, [1, 2], [2_333_333_333_333_333, 4_666_666_666_666_667]),
        (100, [1, 1, 1], [34, 33, 33]),
        (1, [3, 3, 3], [1, 0, 0]),
        (2, [0, 1, 0], [0, 2, 0]),
        (0, [0, 0], [0, 0]),
        (10, [1, 10**30], [0, 10]),
        (5, [], None),
    ],
)
def test_vectors(pool: int, weights: list[int], amounts: list[int] | None) -> None:
    if amounts is None:
        with pytest.raises(SettlementError, match="above 0"):
            apportion(pool, weights, keys(len(weights)))
    else:
        assert apportion(pool, weights, keys(len(weights))) == amounts


@given(pools, weight_lists)
@example(7_000_000_000_000_000, [1, 2])
def test_sum_and_quota(pool: int, weights: list[int]) -> None:
    if not sum(weights):
        weights[0] = 1
    amounts = apportion(pool, weights, keys(len(weights)))
    assert sum(amounts) == pool
    for amount, weight in zip(amounts, weights, strict=True):
        exact = Fraction(pool * weight, sum(weights))
        assert abs(amount - exact) < 1
        assert weight or not amount


@given(pools, weight_lists, st.randoms())
def test_order_of_input_decides_nothing(pool: int, weights: list[int], chance: random.Random) -> None:
    weights[0] += 1
    ties = [tie_key("2026-11", f"payee-{number}") for number in range(len(weights))]
    order = list(range(len(weights)))
    chance.shuffle(order)
    amounts = apportion(pool, weights, ties)
    shuffled = apportion(pool, [weights[at] for at in order], [ties[at] for at in order])
    assert shuffled == [amounts[at] for at in order]


def test_equal_remainders_fall_by_period_and_payee() -> None:
    def winner(period: str) -> str:
        result = settle(period, 1, {(bytes(16), 0, 44_100): 5}, {bytes(16): [("ann", 500_000), ("bob", 500_000)]})
        return next(payout.payee for payout in result.payouts if payout.amount_micro)

    winners = {f"{year}-{month:02}": winner(f"{year}-{month:02}") for year in (2026, 2027) for month in range(1, 13)}
    assert set(winners.values()) == {"ann", "bob"}
    assert winner("2026-01") == winners["2026-01"]


@pytest.mark.parametrize(("pool", "weights", "ties"), [(-1, [1], [b"a"]), (1, [-1, 2], [b"a", b"b"])])
def test_negative_is_refused(pool: int, weights: list[int], ties: list[bytes]) -> None:
    with pytest.raises(SettlementError, match="below 0"):
        apportion(pool, weights, ties)


def test_equal_tie_keys_are_refused() -> None:
    with pytest.raises(SettlementError, match="different"):
        apportion(1, [1, 1], [b"a", b"a"])


@st.composite
def periods(draw: st.DrawFn) -> tuple[dict, dict]:
    """A roll-up over up to 6 stems at mixed rates and tiers, and splits for all of them."""
    splits = {}
    rollup = {}
    for number in range(draw(st.integers(0, 6))):
        stem_id = bytes([number]) * 16
        cuts = sorted(draw(st.lists(st.integers(0, PPM), max_size=3)))
        shares = [b - a for a, b in zip([0, *cuts], [*cuts, PPM], strict=True)]
        names = draw(st.permutations(["ann", "bob", "cy", "dee"]))
        splits[stem_id] = list(zip(names, shares, strict=False))
        for rate in draw(st.lists(st.sampled_from(RATES), unique=True, max_size=3)):
            rollup[stem_id, draw(st.integers(0, 2)), rate] = draw(st.integers(0, 10**15))
    return rollup, splits


@settings(max_examples=40)
@given(pools, periods(), st.randoms())
def test_a_period_adds_up(pool: int, period: tuple[dict, dict], chance: random.Random) -> None:
    rollup, splits = period
    result = settle("2026-11", pool, rollup, splits)
    assert sum(payout.amount_micro for payout in result.payouts) + result.carried_micro == pool
    played = sum((Fraction(frames * 1000, rate) for (_, _, rate), frames in rollup.items()), Fraction(0))
    assert result.play_ms == played
    assert result.carried_micro == (0 if played else pool)
    for payout in result.payouts:
        earning = sum(
            Fraction(frames * 1000 * ppm, rate * PPM)
            for (stem_id, _, rate), frames in rollup.items()
            for payee, ppm in splits[stem_id]
            if payee == payout.payee
        )
        assert abs(payout.amount_micro - pool * earning / played) < 1
        assert sum(line.amount_micro for line in payout.lines) == payout.amount_micro
    shuffled = list(rollup.items())
    chance.shuffle(shuffled)
    assert settle("2026-11", pool, dict(shuffled), dict(reversed(splits.items()))) == result


def test_an_empty_period_carries_everything() -> None:
    result = settle("2026-11", 1_000_000_000, {}, {})
    assert (result.carried_micro, result.payouts, result.rate) == (1_000_000_000, (), 0)


def test_equal_time_at_different_rates_earns_the_same() -> None:
    a, b = b"a" * 16, b"b" * 16
    splits = {a: [("ann", PPM)], b: [("bob", PPM)]}
    result = settle("2026-11", 1000, {(a, 0, 44_100): 441, (b, 0, 48_000): 480}, splits)
    assert [payout.amount_micro for payout in result.payouts] == [500, 500]
    assert result.play_ms == 20


def test_tier_is_no_weight() -> None:
    a, b = b"a" * 16, b"b" * 16
    splits = {a: [("ann", PPM)], b: [("bob", PPM)]}
    result = settle("2026-11", 1000, {(a, 0, 44_100): 50, (a, 1, 44_100): 50, (b, 9, 44_100): 100}, splits)
    assert [payout.amount_micro for payout in result.payouts] == [500, 500]


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({}, "expected its splits in the catalogue"),
        ({bytes(16): [("ann", PPM - 1)]}, "sum to 1000000"),
        ({bytes(16): [("ann", 500_000), ("ann", 500_000)]}, "each payee once"),
        ({bytes(16): [("ann", PPM + 1), ("bob", -1)]}, "sum to 1000000"),
    ],
)
def test_splits_that_cannot_be_are_refused(splits: dict, said: str) -> None:
    with pytest.raises(SettlementError, match=said):
        settle("2026-11", 1, {(bytes(16), 0, 44_100): 1}, splits)


def test_a_split_of_nothing_makes_no_line() -> None:
    result = settle("2026-11", 7, {(bytes(16), 0, 44_100): 1}, {bytes(16): [("ann", PPM), ("bob", 0)]})
    assert [(payout.payee, payout.amount_micro) for payout in result.payouts] == [("ann", 7)]
