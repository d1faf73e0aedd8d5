"""The rules that `amos pool simulate` compares: each gives the whole pool, and each is as fair as it says."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos_ledger.settlement.apportion_numpy import apportion_shares
from amos_ledger.settlement.apportionment import tie_key
from amos_ledger.settlement.money import MICRO
from amos_ledger.settlement.standing import OVER_TIME_SLACK_S
from amos_tools.pool.simulate_figures import gini, lorenz, spread
from amos_tools.pool.simulate_fraud import VOICES, claim, looped, one_stem
from amos_tools.pool.simulate_rules import (
    BY_LICENCE,
    COMMUNAL,
    PERIOD,
    PLAYS,
    STRICT,
    LicencePools,
    by_plays,
    by_popularity,
    payee_name,
    stem_id,
    strict_time,
)
from amos_tools.pool.simulate_run import CAPPED, FAKE, HONEST, LOOP, SAYS, Simulated, simulate
from amos_tools.pool.simulate_world import ACCOMPLICE, ACCOMPLICE_STEM, CHEAT, DAY_MS, Batch, Play, make_world

WORLD = make_world(40, 24, 10, 7)
pools = st.integers(0, 10**18)
of_a_venue = st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 300_000)), min_size=24, max_size=24)
columns = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 300_000)), min_size=24, max_size=24)


def play_of(rows: list[tuple[int, int]]) -> Play:
    """From (plays, milliseconds each) of every stem."""
    plays, each = (np.array(column) for column in zip(*rows, strict=True))
    return Play(plays, plays * each)


@pytest.fixture(scope="module")
def found() -> Simulated:
    return simulate(make_world(400, 120, 60, 3), 400 * 60 * MICRO)


@settings(max_examples=40)
@given(pools, columns)
@example(10**18, [(0, 1)] * 23 + [(1, 1)])
def test_every_rule_gives_the_whole_pool(pool: int, rows: list[tuple[int, int]]) -> None:
    play = play_of(rows)
    for rule in COMMUNAL.values():
        amounts = rule(WORLD, pool, play)
        assert amounts.min() >= 0 and int(amounts.sum()) == (pool if play.plays.any() else 0)


@settings(max_examples=25)
@given(st.integers(0, 10**12), st.lists(of_a_venue, min_size=3, max_size=3))
def test_pools_of_licences_give_all_fees_but_of_the_silent(pool: int, of_players: list[list[tuple[int, int]]]) -> None:
    world = make_world(3, 24, 10, 7)
    plays = [play_of(rows) for rows in of_players]
    pools_of_licences = LicencePools(world, pool)
    chosen = world.packs[0]
    assert len(world.packs) == 1 and len(chosen) == world.stems
    batch = Batch(np.arange(3), 0, np.stack([play.plays for play in plays]), np.stack([play.ms for play in plays]))
    pools_of_licences.add(batch, left_out=CHEAT)
    fees = pools_of_licences.fees_micro
    assert sum(fees) == pool and max(fees) - min(fees) <= 1
    paid = sum(fee for fee, play in zip(fees, plays, strict=True) if play.ms.any())
    whole = pools_of_licences.with_licence(CHEAT, plays[CHEAT])
    assert int(whole.sum()) == paid and whole.min() >= 0
    for player, play in enumerate(plays):
        alone = LicencePools(world, pool)
        alone.add(Batch(np.array([player]), 0, play.plays[None], play.ms[None]), left_out=-1)
        assert np.array_equal(alone.amounts, strict_time(world, fees[player], play))


@settings(max_examples=40)
@given(st.integers(MICRO, 10**15), columns, st.integers(0, 23), st.integers(1, 10**9))
def test_a_play_cut_in_two_changes_nothing_by_time(
    pool: int, rows: list[tuple[int, int]], stem: int, more: int
) -> None:
    rows[stem] = (rows[stem][0] + 1, rows[stem][1])
    play = play_of(rows)
    cut = Play(play.plays.copy(), play.ms)
    cut.plays[stem] += more
    assert np.array_equal(strict_time(WORLD, pool, play), strict_time(WORLD, pool, cut))


def test_a_play_cut_in_two_pays_twice_by_plays() -> None:
    whole = play_of([(1000, 60_000)] * 24)
    cut = Play(whole.plays.copy(), whole.ms)
    cut.plays[ACCOMPLICE_STEM] *= 2
    pool = 25_000 * MICRO
    before, after = (int(by_plays(WORLD, pool, play)[ACCOMPLICE]) for play in (whole, cut))
    assert before == pytest.approx(pool / 24, abs=1) and after == pytest.approx(pool * 2 / 25, abs=1)
    assert by_popularity(WORLD, pool, cut)[ACCOMPLICE] > after > strict_time(WORLD, pool, cut)[ACCOMPLICE]


@settings(max_examples=25)
@given(pools, columns)
def test_strict_time_is_the_ledgers_and_over_arrays_the_same(pool: int, rows: list[tuple[int, int]]) -> None:
    play = play_of(rows)
    over_arrays = apportion_shares(
        pool,
        play.ms,
        WORLD.splits,
        lambda payee: tie_key(PERIOD, payee_name(payee)),
        lambda payee, stem: tie_key(PERIOD, payee_name(payee), stem_id(stem)),
    )
    assert np.array_equal(strict_time(WORLD, pool, play), over_arrays.payees)


def plain_gini(amounts: list[int]) -> Fraction:
    """Half the relative mean difference, pair by pair."""
    total = sum(amounts)
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    return Fraction(differences, 2 * len(amounts) * total) if total else Fraction(0)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=40))
@example([0, 0])
@example([5])
def test_gini_and_lorenz_against_the_pairs(amounts: list[int]) -> None:
    of_amounts = np.array(amounts)
    assert gini(of_amounts) == pytest.approx(float(plain_gini(amounts)), abs=1e-12)
    curve = lorenz(of_amounts)
    assert curve[0] == 0 and curve[-1] == (1 if sum(amounts) else 0) and (np.diff(curve) >= 0).all()
    area = float(((curve[1:] + curve[:-1]) / 2).mean())
    assert not sum(amounts) or 1 - 2 * area == pytest.approx(gini(of_amounts), abs=1e-9)


def test_the_spread_of_ten_incomes_by_hand() -> None:
    told = spread(np.array([9, 0, 1, 1, 2, 3, 4, 30, 20, 30]) * MICRO)
    assert (told.median_micro, told.bottom_half, told.bottom_tenth) == (3_500_000, 0.07, 0)
    assert (told.top_hundredth, told.below_one_unit) == (0.3, 0.1)


@given(st.integers(1, 30), st.integers(1, 40))
@example(365, 100)
def test_the_ledger_counts_no_more_than_real_time(days: int, times: int) -> None:
    claimed = claim(days, times)
    assert claimed.said_ms == days * times * DAY_MS
    most = days * DAY_MS * 1001 // 1000 + OVER_TIME_SLACK_S * 1000
    assert claimed.counted_ms == min(claimed.said_ms, most // DAY_MS * DAY_MS)


@settings(max_examples=40)
@given(st.integers(0, 10**15), columns, st.integers(1, 30))
def test_the_cap_bounds_a_fake_device_by_the_share_of_real_time(
    pool: int, rows: list[tuple[int, int]], days: int
) -> None:
    rows[ACCOMPLICE_STEM] = (0, 1)
    others = play_of(rows)
    amounts = strict_time(WORLD, pool, others + one_stem(WORLD, claim(days).counted_ms * VOICES))
    real_ms = (days * DAY_MS * 1001 // 1000 + OVER_TIME_SLACK_S * 1000) * VOICES
    assert amounts[ACCOMPLICE] <= Fraction(pool * real_ms, int(others.ms.sum()) + real_ms) + 1


def test_what_a_fraud_reaches(found: Simulated) -> None:
    """A pool of its own never gives a licence back more than it paid; one pool of all does, and more without a cap."""
    assert list(found.outcomes) == list(SAYS)
    for scenario in (LOOP, FAKE, CAPPED):
        assert 0.5 < found.times_fee(scenario, BY_LICENCE) <= 1
        assert found.times_fee(scenario, STRICT) > 2
    assert found.times_fee(LOOP, PLAYS) > 3 * found.times_fee(LOOP, STRICT)
    assert found.times_fee(FAKE, STRICT) > 20 * found.times_fee(CAPPED, STRICT)
    slack = 1 + OVER_TIME_SLACK_S / (found.world.days * DAY_MS / 1000)
    assert found.outcomes[CAPPED].cheat_ms == pytest.approx(found.outcomes[LOOP].cheat_ms * slack, rel=0.01)
    assert {rule: found.times_fee(HONEST, rule) for rule in COMMUNAL} == dict.fromkeys(COMMUNAL, 0)


def test_all_scenarios_sum_to_the_pool(found: Simulated) -> None:
    for outcome in found.outcomes.values():
        assert {rule: int(amounts.sum()) for rule, amounts in outcome.incomes.items()} == dict.fromkeys(
            outcome.incomes, found.pool_micro
        )


def test_a_seed_is_a_world() -> None:
    ones, others = (simulate(make_world(30, 20, 5, seed), MICRO) for seed in (1, 1))
    for scenario, outcome in ones.outcomes.items():
        for rule, amounts in outcome.incomes.items():
            assert np.array_equal(amounts, others.outcomes[scenario].incomes[rule])
    another = simulate(make_world(30, 20, 5, 2), MICRO)
    assert not np.array_equal(another.outcomes[HONEST].incomes[STRICT], ones.outcomes[HONEST].incomes[STRICT])


@given(st.integers(2, 60), st.integers(2, 60), st.integers(1, 5), st.integers(0, 2**63 - 1))
@settings(max_examples=30)
def test_a_world_is_whole(players: int, stems: int, days: int, seed: int) -> None:
    """Every player plays once, every stem is in a pack, the accomplice has its stem alone, and a cut halves."""
    world = make_world(players, stems, days, seed)
    batches = list(world.honest_play())
    assert sorted(player for batch in batches for player in batch.players) == list(range(players))
    assert set().union(*(pack.tolist() for pack in world.packs)) == set(range(stems))
    first, end = world.splits.starts[ACCOMPLICE : ACCOMPLICE + 2]
    assert world.splits.stems[first:end].tolist() == [ACCOMPLICE_STEM] and world.splits.ppm[first] == 1_000_000
    for batch in batches:
        longest = batch.plays * world.length_ms[world.packs[batch.pack]]
        assert ((longest + 1) // 2 <= batch.ms + batch.plays).all() and (batch.ms <= longest).all()
    assert int(looped(world).ms.sum()) == days * DAY_MS * VOICES
