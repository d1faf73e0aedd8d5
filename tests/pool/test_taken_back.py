"""Income in the wrong pool is taken back while the period is open; and what a lying ledger would log of that."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pool_worlds import (
    HOTEL,
    MICRO,
    SEPTEMBER,
    copied,
    income,
    paid,
    play,
    put,
    settle,
    verify_all,
    world_of_two_sites,
)
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN
from amos.protocol.transfer import Transfer, sign_transfer
from amos_cli.output import Exit
from amos_ledger.close_period import accounts_at
from amos_ledger.errors import PeriodClosed, PoolRefused
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, Repeated, TransferRefused, transfer
from amos_tools.cli import app
from amos_tools.pool.history import history
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.published import Published


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A month with two pools that is open, and 100 in the communal one. Only copied."""
    world = world_of_two_sites(tmp_path_factory.mktemp("taken") / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    play(world, 1, 2, 2, SEPTEMBER + 600)
    income(world, COMMUNAL, 100)
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return copied(made, tmp_path / "ledger")


def take(world: World, amount_micro: int, pool: str = COMMUNAL, to: str = "income/enterprise", **facts: Any) -> None:
    kind = "correction" if to.startswith("pool/") else "refund"
    order = {"period": "2025-09", "currency": "EUR"} | facts
    transfer(world.folder, Order(kind, debit=f"pool/{pool}", credit=to, amount_micro=amount_micro, reason="x", **order))


def balances(world: World) -> dict[str, int]:
    with world.folder.open_store() as store:
        return dict(accounts_at(store, "EUR", store.size()).balances)


def test_it_goes_to_the_right_pool_or_back_to_where_it_came_from(world: World) -> None:
    take(world, 70 * MICRO, to=f"pool/{HOTEL}")
    take(world, 10 * MICRO)
    found = balances(world)
    assert (found["pool/communal"], found[f"pool/{HOTEL}"], found["income/enterprise"]) == (
        20 * MICRO,
        70 * MICRO,
        -90 * MICRO,
    )
    assert sum(found.values()) == 0
    first, second = settle(world, COMMUNAL), settle(world, HOTEL)
    assert paid(first) == {"ann": 20 * MICRO} and paid(second) == {"bob": 35 * MICRO, "cy-dee": 35 * MICRO}
    assert (first.closed.result.closing.income_micro, second.closed.result.closing.income_micro) == (
        20 * MICRO,
        70 * MICRO,
    )
    assert sum(balances(world).values()) == 0 and balances(world)["pool/communal"] == 0
    assert verify_all(world) == 3
    assert scrub(world.folder) == []
    assert [month.earned_micro for month in history("ann", world.path / "public/statements")] == [20 * MICRO]


def test_no_more_is_taken_than_is_there_for_that_period_in_that_currency(world: World) -> None:
    income(world, COMMUNAL, 500, "2025-10")
    income(world, COMMUNAL, 500, currency="USD")
    for to in ("income/enterprise", f"pool/{HOTEL}"):
        said = r"pool/communal of 2025-09: expected at most 100\.000000 EUR, found 100\.000001"
        with pytest.raises(TransferRefused, match=said):
            take(world, 100 * MICRO + 1, to=to)
    with pytest.raises(
        TransferRefused, match=r"pool/hotels of 2025-09: expected at most 0\.000000 EUR, found 0\.000001"
    ):
        take(world, 1, HOTEL)
    take(world, 100 * MICRO)
    with pytest.raises(TransferRefused, match=r"expected at most 0\.000000 EUR"):
        take(world, 1)
    assert balances(world)["pool/communal"] == 500 * MICRO


def test_what_was_divided_is_not_taken_back(world: World) -> None:
    settle(world, COMMUNAL)
    income(world, HOTEL, 7)
    with pytest.raises(PeriodClosed, match="found 2025-09 of pool communal closed in EUR"):
        take(world, 1)
    with pytest.raises(PeriodClosed, match="found 2025-09 of pool communal closed in EUR"):
        take(world, 1, HOTEL, "pool/communal")
    take(world, 1, HOTEL)


def test_an_order_given_again_takes_once(world: World) -> None:
    take(world, MICRO)
    with pytest.raises(Repeated, match="--again 2 makes another"):
        take(world, MICRO)
    assert balances(world)["pool/communal"] == 99 * MICRO


def test_a_period_or_a_currency_that_was_meant_otherwise_holds_up_nothing(world: World) -> None:
    """Once it is taken back whole, it is as if it had never been added."""
    income(world, COMMUNAL, 5, "2024-01")
    take(world, 5 * MICRO, period="2024-01")
    income(world, HOTEL, 5, currency="USD")
    take(world, 5 * MICRO, HOTEL, currency="USD")
    take(world, 100 * MICRO)
    income(world, COMMUNAL, 90, currency="USD")
    assert settle(world, COMMUNAL, currency="USD").waiting_pools == (HOTEL,)
    stated = settle_period(world.folder, "2025-09", 40 * MICRO, "EUR", HOTEL)
    assert stated.closed.result.closing.income_micro == 40 * MICRO
    assert sum(balances(world).values()) == 0
    assert verify_all(world) == 3


def test_a_pool_without_play_does_not_wait_for_income_that_is_gone(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    income(world, HOTEL, 10)
    take(world, 10 * MICRO, HOTEL, "pool/communal")
    assert settle(world, COMMUNAL).waiting_pools == ()


def test_it_is_the_same_after_a_rebuild(world: World) -> None:
    take(world, 70 * MICRO, to=f"pool/{HOTEL}")
    take(world, 10 * MICRO)
    before = balances(world)
    rebuild_folder(world.folder, 0)
    assert balances(world) == before
    assert paid(settle(world, COMMUNAL)) == {"ann": 20 * MICRO}
    assert scrub(world.folder) == []


def forged(world: World, **changes: Any) -> bytes:
    facts: dict[str, Any] = {
        **{"version": 4, "number": 2, "reference": "x-2", "unix_s": 5, "kind": "refund", "currency": "EUR"},
        **{"debit": "pool/communal", "credit": "income/other", "amount_micro": 1, "reason": "x", "period": "2025-09"},
    }
    record = Transfer(**(facts | changes))
    record.fault = lambda: None  # type: ignore[method-assign]
    return sign_transfer(record, world.folder.key_id, world.folder.sign)


BETWEEN = {"kind": "correction", "credit": "pool/hotels"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, r"closing\.income_micro: expected 99999999, found 100000000"),
        (BETWEEN, r"closing\.income_micro: expected 99999999, found 100000000"),
        ({"amount_micro": 100 * MICRO + 1}, "no more than pool/communal had for 2025-09"),
        (BETWEEN | {"amount_micro": 100 * MICRO + 1}, "no more than pool/communal had for 2025-09"),
        ({"period": "2025-10"}, "no more than pool/communal had for 2025-10"),
        ({"currency": "USD"}, "no more than pool/communal had for 2025-09"),
        ({"debit": "pool/hotels"}, "no more than pool/hotels had for 2025-09"),
        ({"debit": "pool/ships"}, r"transfer\.debit: expected one of communal, hotels, found ships"),
        (BETWEEN | {"credit": "pool/ships"}, r"transfer\.credit: expected one of communal, hotels, found ships"),
        (BETWEEN | {"credit": "pool/communal"}, r"transfer\.credit: expected another account than the debit"),
        (BETWEEN | {"credit": "payee/ann"}, r"transfer\.credit: expected an account of the kind correction"),
        (BETWEEN | {"credit": "carry"}, r"transfer\.credit: expected an account of the kind correction"),
        (BETWEEN | {"debit": "payee/ann", "version": 3}, r"transfer\.credit: expected an account of the kind corr"),
        ({"kind": "payout", "credit": "bank"}, r"transfer\.debit: expected an account of the kind payout"),
        ({"period": None}, r"transfer\.period: expected the one whose pool it is for, found none"),
        ({"version": 3}, r"transfer\.version: expected 4 from a pool, 3 where one of its own is named, else 2 or 1"),
        ({"version": 2}, r"transfer\.version: expected 4 from a pool, 3 where one of its own is named, else 2 or 1"),
        ({"debit": "carry", "version": 4}, r"transfer\.version: expected 4 from a pool"),
        ({"version": 5}, r"transfer\.version: expected 1 to 4, found 5"),
    ],
)
def test_what_a_ledger_may_not_take_back_is_found(world: World, changes: dict[str, Any], said: str) -> None:
    """It is in the log, and the ledger's own accounts know nothing of it."""
    world.append(forged(world, **changes))
    settle(world, COMMUNAL)
    data = statement_bytes(next((world.path / "public/statements").glob("*/ann.json.gz")))
    with pytest.raises(Difference, match=said):
        Audit(Published(world.path / "audit"), world.keys).check(data)


@pytest.mark.parametrize("changes", [{}, BETWEEN, BETWEEN | {"debit": "pool/hotels", "credit": "pool/communal"}])
def test_nothing_is_taken_from_or_put_into_a_closed_pool(world: World, changes: dict[str, Any]) -> None:
    income(world, HOTEL, 5)
    settle(world, COMMUNAL)
    world.append(forged(world, number=3, **changes))
    settle(world, HOTEL)
    data = statement_bytes(world.path / "public/statements/2025-09-hotels-EUR/bob.json.gz")
    with pytest.raises(Difference, match=r"transfer\.period: expected one that is not closed, found 2025-09"):
        Audit(Published(world.path / "audit"), world.keys).check(data)


def test_as_an_operator_takes_it_back(world: World) -> None:
    money = ["--currency", "EUR", "--reason", "invoice 7", "--ledger", str(world.path), "--json"]
    month = ["--period", "2025-09", *money]

    def ask(*words: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(app, ["pool", *words])
        return done.exit_code, json.loads(done.stdout)

    code, said = ask("correct", "--from", "pool/communal", "--to", "pool/hotels", "--amount", "60", *month)
    assert code == Exit.FINE and (said["debit"], said["credit"], said["kind"]) == (
        *("pool/communal", "pool/hotels"),
        "correction",
    )
    code, said = ask("refund", "--from", "pool/hotels", "--source", "enterprise", "--amount", "10", *month)
    assert code == Exit.FINE and (said["debit"], said["credit"]) == ("pool/hotels", "income/enterprise")
    code, said = ask("refund", "--from", "pool/hotels", "--amount", "50.000001", *month)
    assert code == Exit.FINDING and said["refusal"]["name"] == "TransferRefused"
    for words, sentence in (
        (("refund", "--from", "pool/hotels", *money), "period: expected the one whose income is taken, found none"),
        (("correct", "--from", "pool/communal", "--to", "ann", *month), "to: expected pool/NAME, as --from is one"),
        (("correct", "--from", "pool/communal", *month), "to: expected pool/NAME, as --from is one"),
        (("correct", "--from", "ann", "--to", "pool/communal", *month), "to: expected a payee, carry or carry/POOL"),
        (("refund", "--from", "pool/Hot els", *month), "from: expected 1 to 64 of the letters a-z"),
    ):
        code, said = ask(*words, "--amount", "1")
        assert code == Exit.USAGE and sentence in said["refusal"]["sentence"], said
    with pytest.raises(PoolRefused, match="expected one that is open"):
        take(world, 1, "ships")


MOVES = st.lists(
    st.tuples(st.sampled_from(["in", "back", "over"]), st.sampled_from([COMMUNAL, HOTEL]), st.integers(1, 9)),
    max_size=12,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_pools_hold_what_was_put_in_less_what_was_taken(
    made: World, tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, str, int]]
) -> None:
    world = copied(made, tmp_path_factory.mktemp("law") / "ledger")
    there, from_sync = {COMMUNAL: 100, HOTEL: 0}, 0
    other = {COMMUNAL: HOTEL, HOTEL: COMMUNAL}
    for number, (step, pool, amount) in enumerate(moves):
        facts = {"amount_micro": amount * MICRO, "period": "2025-09", "reference": str(number), "reason": "x"}
        kind, debit, credit, sign = {
            "in": ("income", "income/sync", f"pool/{pool}", 1),
            "back": ("refund", f"pool/{pool}", "income/sync", -1),
            "over": ("correction", f"pool/{pool}", f"pool/{other[pool]}", -1),
        }[step]
        order = Order(kind, "EUR", debit, credit, **facts)
        if (sign < 0 and amount > there[pool]) or (step == "back" and amount > from_sync):
            with pytest.raises(TransferRefused, match="expected at most"):
                transfer(world.folder, order)
            continue
        transfer(world.folder, order)
        from_sync += {"in": amount, "back": -amount, "over": 0}[step]
        there[pool] += sign * amount
        there[other[pool]] += amount if step == "over" else 0
    for pool, amount in there.items():
        closing = settle_period(world.folder, "2025-09", None if amount else 0, "EUR", pool).closed.result.closing
        assert closing.income_micro == amount * MICRO
    assert sum(balances(world).values()) == 0
    verify_all(world)
    assert scrub(world.folder) == []
