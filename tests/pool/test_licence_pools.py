"""Pools of their own: what a site plays is divided among its licence's income alone, and each segment counts once."""

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pool_worlds import (
    HOTEL,
    MICRO,
    MIDDLE,
    SEPTEMBER,
    income,
    ms_of,
    paid,
    play,
    put,
    settle,
    verify_all,
    world_of_two_sites,
)
from settled_world import PUBLISHER, STEMS, signer, unix_s

from amos.crypto import key_id, public_key
from amos.protocol.answer import ACCEPTED
from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN, PLACE
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_ledger.close_period import EarlierPeriodOpen, accounts_at
from amos_ledger.errors import PeriodClosed, PlacedAlready
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.registry import enrol, publish
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, transfer


def test_two_pools_in_one_month(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    play(world, 1, 2, 2, SEPTEMBER + 600)
    income(world, COMMUNAL, 10)
    income(world, HOTEL, 700)
    first, second = settle(world, HOTEL), settle(world, COMMUNAL)
    assert [item.closed.result.closing.version for item in (first, second)] == [6, 6]
    assert [item.closed.result.closing.title() for item in (first, second)] == ["2025-09-hotels-EUR", "2025-09-EUR"]
    assert (first.waiting_pools, second.waiting_pools) == ((COMMUNAL,), ())
    assert paid(first) == {"bob": 350 * MICRO, "cy-dee": 350 * MICRO}
    assert paid(second) == {"ann": 10 * MICRO}
    assert (ms_of(first), ms_of(second)) == (2000, 1000)
    assert settle(world, HOTEL).closed.entry == first.closed.entry
    assert verify_all(world) == 3
    assert scrub(world.folder) == []


def test_the_first_closing_says_for_all_pools_what_is_in_the_month(tmp_path: Path) -> None:
    """What comes after it is late, of whichever pool, and earns in the next month."""
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    play(world, 1, 0, 2, SEPTEMBER + 600)
    for period in ("2025-09", "2025-10"):
        for pool in (COMMUNAL, HOTEL):
            income(world, pool, 10, period)
    october = unix_s(2025, 10, 5)
    found = [ms_of(settle(world, HOTEL))]
    for number, seconds in ((0, 4), (1, 8)):
        play(world, number, 1, seconds, MIDDLE, october)
    found.append(ms_of(settle(world, COMMUNAL)))
    found += [ms_of(settle(world, pool, "2025-10")) for pool in (COMMUNAL, HOTEL)]
    assert found == [2000, 1000, 4000, 8000]
    verify_all(world)


def test_a_month_closed_in_time_for_another_pool_is_not_closed_after_later_ones(tmp_path: Path) -> None:
    """Verifiers take a month after later ones only where its first closing, of whichever pool, came after them."""
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    income(world, COMMUNAL, 10)
    settle(world, COMMUNAL)
    play(world, 1, 0, 1, unix_s(2025, 10, 2))
    income(world, HOTEL, 5, "2025-10")
    settle(world, HOTEL, "2025-10")
    with pytest.raises(PeriodClosed):
        income(world, HOTEL, 700)
    with pytest.raises(PeriodClosed):
        settle_period(world.folder, "2025-09", 0, "EUR", HOTEL)
    assert verify_all(world) == 2


def test_a_pool_closes_no_month_before_one_in_which_it_was_played(tmp_path: Path) -> None:
    """Else that month could never be closed for it, and its play would be lost."""
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    play(world, 1, 0, 1, SEPTEMBER + 600)
    play(world, 1, 0, 1, unix_s(2025, 10, 2))
    income(world, COMMUNAL, 10)
    settle(world, COMMUNAL)
    income(world, HOTEL, 5, "2025-10")
    with pytest.raises(EarlierPeriodOpen, match="found usage of 2025-09 in pool hotels; settle that first"):
        settle(world, HOTEL, "2025-10")
    settle_period(world.folder, "2025-10", 0, "EUR")  # the communal pool waits for no other
    assert ms_of(settle_period(world.folder, "2025-09", 0, "EUR", HOTEL)) == 1000
    assert ms_of(settle(world, HOTEL, "2025-10")) == 1000
    verify_all(world)


def test_a_ledger_without_pools_closes_as_before(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    play(world, 0, 0, 1, SEPTEMBER + 600)
    income(world, COMMUNAL, 10)
    assert settle(world, COMMUNAL).closed.result.closing.version == 4
    income(world, COMMUNAL, 5, currency="USD")
    assert settle(world, COMMUNAL, currency="USD").closed.result.closing.version == 5
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    income(world, COMMUNAL, 5, currency="JPY")
    income(world, HOTEL, 7)
    assert settle(world, COMMUNAL, currency="JPY").closed.result.closing.version == 5
    carried = settle(world, HOTEL).closed.result.closing
    assert (carried.version, carried.readings_of is None, carried.carry_out_micro) == (6, False, 7 * MICRO)
    assert verify_all(world) == 3


def test_what_a_pool_carries_stays_in_it(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    income(world, COMMUNAL, 10)
    income(world, HOTEL, 700)
    settle(world, COMMUNAL)
    settle(world, HOTEL)
    with world.folder.open_store() as store:
        found = accounts_at(store, "EUR", store.size()).balances
    assert (found["carry"], found["carry/hotels"], found["payee/ann"], sum(found.values())) == (
        0,
        700 * MICRO,
        10 * MICRO,
        0,
    )
    transfer(world.folder, Order("correction", "EUR", "carry/hotels", "payee/bob", 100 * MICRO, "x"))
    october = unix_s(2025, 10, 2)
    play(world, 1, 0, 1, october)
    income(world, HOTEL, 1, "2025-10")
    closing = settle(world, HOTEL, "2025-10").closed.result.closing
    assert (closing.carry_in_micro, closing.pool_micro, closing.carry_out_micro) == (600 * MICRO, 601 * MICRO, 0)
    verify_all(world)


def test_a_move_counts_for_what_begins_after_it(tmp_path: Path) -> None:
    """A segment is in one pool as a whole: that in which its beginning is. What comes late is where it was played."""
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 1, 0, 30, MIDDLE - 1)
    put(world, PLACE, COMMUNAL, "inn", at=MIDDLE)
    play(world, 1, 1, 40, MIDDLE + 40)
    put(world, PLACE, HOTEL, "inn", at=MIDDLE + 3600)
    play(world, 1, 2, 50, MIDDLE + 200, MIDDLE + 7200)
    play(world, 1, 3, 60, MIDDLE + 3600)
    for pool in (COMMUNAL, HOTEL):
        income(world, pool, 9)
    assert ms_of(settle(world, HOTEL)) == 90_000
    assert ms_of(settle(world, COMMUNAL)) == 90_000
    verify_all(world)


@pytest.mark.parametrize(
    ("began_ms", "pool"), [(-1, HOTEL), (0, COMMUNAL), (1, COMMUNAL), (999, COMMUNAL), (-1000, HOTEL)]
)
def test_a_move_at_the_millisecond(tmp_path: Path, began_ms: int, pool: str) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    put(world, PLACE, COMMUNAL, "inn", at=MIDDLE)
    segment = world.players[1].play([(0, 48_000)], MIDDLE, anchor_unix_ms=MIDDLE * 1000 + began_ms)
    assert world.send(1, segment, MIDDLE + 60) == [ACCEPTED]
    income(world, pool, 1)
    assert ms_of(settle(world, pool)) == 1000
    verify_all(world)


def test_a_stem_is_withdrawn_in_all_pools(tmp_path: Path) -> None:
    """What is played of it after that earns in none, and what comes late from before is frozen in each."""
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    listed = list_opt_outs(1, MIDDLE, [STEMS[0]])
    add_opt_outs(world.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))
    for number in (0, 1):
        play(world, number, 0, 10, MIDDLE - 600, MIDDLE + 600)
        play(world, number, 0, 20, MIDDLE + 1200)
        play(world, number, 1, 30, MIDDLE + 1300)
    for pool in (COMMUNAL, HOTEL):
        income(world, pool, 40)
        settled = settle(world, pool)
        core = settled.closed.result.core(0)
        assert (core["payee"], core["frozen_late_micro"], ms_of(settled)) == ("ann", 10 * MICRO, 40_000)
        assert [line["reason"] for line in core["unpaid"]] == ["post_opt_out"]
    verify_all(world)


def test_the_minute_of_reception_decides_as_the_log_tells_it(tmp_path: Path) -> None:
    """The ledger knows the second, and whoever verifies does not."""
    world = world_of_two_sites(tmp_path / "ledger")
    listed = list_opt_outs(1, MIDDLE + 30, [STEMS[0]])
    add_opt_outs(world.folder, sign_opt_outs(listed, key_id(public_key(PUBLISHER)), signer(PUBLISHER)))
    play(world, 0, 0, 10, MIDDLE - 600, MIDDLE + 105)
    income(world, COMMUNAL, 40)
    assert settle(world, COMMUNAL).closed.result.core(0)["frozen_late_micro"] == 0
    verify_all(world)


def test_no_entry_moves_what_was_played_before_it_was_in_the_log(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    play(world, 1, 0, 1, MIDDLE)
    placed = put(world, OPEN, HOTEL, "inn", at=MIDDLE + 3600, from_s=SEPTEMBER)
    assert placed.since_s == MIDDLE + 3600
    play(world, 1, 1, 2, MIDDLE + 1800, MIDDLE + 7200)
    play(world, 1, 2, 4, None, MIDDLE + 7200)
    income(world, HOTEL, 5)
    assert ms_of(settle(world, HOTEL)) == 4000
    verify_all(world)


def test_an_instant_to_come_is_waited_for_and_a_later_word_overrides_it(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER, from_s=MIDDLE)
    put(world, OPEN, "ships", "inn", at=SEPTEMBER, from_s=MIDDLE + 3600)
    play(world, 1, 0, 1, MIDDLE - 10)
    play(world, 1, 0, 2, MIDDLE)
    play(world, 1, 0, 4, MIDDLE + 3600)
    for pool in (COMMUNAL, HOTEL, "ships"):
        income(world, pool, 1)
    assert [ms_of(settle(world, pool)) for pool in ("ships", COMMUNAL, HOTEL)] == [4000, 1000, 2000]


def test_a_device_that_goes_to_another_site_leaves_its_play_behind(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 1, 0, 1, SEPTEMBER + 600)
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[1].enrolment(site="cafe", unix_s=MIDDLE))
        publish(world.folder, store)
    play(world, 1, 0, 2, SEPTEMBER + 1200, MIDDLE + 60)
    play(world, 1, 0, 4, MIDDLE)
    for pool in (COMMUNAL, HOTEL):
        income(world, pool, 9)
    assert (ms_of(settle(world, COMMUNAL)), ms_of(settle(world, HOTEL))) == (4000, 3000)
    verify_all(world)


PLAYS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(1, 90), st.integers(0, 9)), max_size=5)
MOVES = st.lists(
    st.tuples(st.sampled_from(["cafe", "inn"]), st.sampled_from([COMMUNAL, "a", "b"]), st.integers(0, 9)), max_size=4
)


ENROLMENTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["cafe", "inn"]), st.integers(0, 9)), max_size=2)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLAYS, MOVES, ENROLMENTS, st.permutations([COMMUNAL, "a", "b"]), st.data())
def test_all_pools_together_are_the_period(
    tmp_path_factory: pytest.TempPathFactory,
    plays: list[tuple[int, int, int, int]],
    moves: list[tuple[str, str, int]],
    enrolments: list[tuple[int, str, int]],
    order: list[str],
    data: st.DataObject,
) -> None:
    """In whatever order pools are settled, and whatever sites and devices did, every frame is in one of them, and each
    pool's money is its own."""
    world = world_of_two_sites(tmp_path_factory.mktemp("law") / "ledger")
    for name in ("a", "b"):
        put(world, OPEN, name, at=SEPTEMBER)
    put(world, PLACE, COMMUNAL, "cafe", "inn", at=SEPTEMBER)
    steps: list[tuple[str, Any]] = [("play", item) for item in plays] + [("move", item) for item in moves]
    steps += [("enrol", item) for item in enrolments]
    now, signed = SEPTEMBER + 600, 2
    for kind, item in data.draw(st.permutations(steps)):
        now += 600
        if kind == "play":
            play(world, item[0], item[1], item[2], now - 60 * item[3], now)
        elif kind == "enrol":
            signed = max(signed + 1, now - 60 * item[2])
            with world.folder.open_store() as store:
                enrol(world.folder, store, world.players[item[0]].enrolment(site=item[1], unix_s=signed))
                publish(world.folder, store)
        else:
            with suppress(PlacedAlready):
                put(world, PLACE, item[1], item[0], at=now, from_s=now - 60 * item[2])
    incomes = {name: data.draw(st.integers(1, 1000)) for name in order}
    for name in order:
        income(world, name, incomes[name])
    found = {name: settle(world, name).closed.result for name in order}
    frames: Counter[bytes] = Counter()
    for result in found.values():
        assert sum(result.amounts) + result.closing.carry_out_micro == result.closing.income_micro
        parts = result.meter.table.parts
        for stem, count, hz in zip(parts.stems, parts.frames.tolist(), parts.rate_hz.tolist(), strict=True):
            frames[stem.tobytes()] += count * 1000 // hz
    expected = Counter[bytes]()
    for _number, stem, seconds, _ago in plays:
        expected[STEMS[stem]] += 1000 * seconds
    assert frames == expected
    assert sum(result.segments for result in found.values()) == len(plays)
    assert {name: result.closing.income_micro for name, result in found.items()} == {
        name: amount * MICRO for name, amount in incomes.items()
    }
    verify_all(world)
    assert scrub(world.folder) == []
