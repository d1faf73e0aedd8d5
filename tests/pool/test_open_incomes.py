"""What waits in a pool is told by the period that it was put in for."""

import json
from pathlib import Path
from typing import Any

import pytest
from pool_worlds import HOTEL, SEPTEMBER, income, play, put, settle, world_of_two_sites
from settled_world import World
from typer.testing import CliRunner

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN
from amos_tools.cli import app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """September is divided in the communal pool alone; only read."""
    world = world_of_two_sites(tmp_path_factory.mktemp("open") / "ledger")
    put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    for pool, amount, period, currency in (
        *((COMMUNAL, 100, "2025-09", "EUR"), (HOTEL, 7, "2025-09", "EUR"), (HOTEL, 30, "2025-11", "EUR")),
        *((COMMUNAL, 40, "2025-10", "EUR"), (HOTEL, 3, "2025-11", "EUR"), (HOTEL, 9, "2025-10", "USD")),
    ):
        income(world, pool, amount, period, currency)
    settle(world, COMMUNAL)
    return world


def ask(path: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["pool", "balance", *words, "--ledger", str(path)])
    assert done.exit_code == 0, done.output
    return done.stdout


def open_in(world: World, currency: str) -> list[tuple[str, str, int]]:
    found: dict[str, Any] = json.loads(ask(world.path, "--currency", currency, "--json"))
    for pool in (COMMUNAL, HOTEL):
        waiting = sum(item["amount_micro"] for item in found["open_incomes"] if item["pool"] == pool)
        assert waiting == found["balances_micro"].get(f"pool/{pool}", 0)
    return [(item["pool"], item["period"], item["amount_micro"]) for item in found["open_incomes"]]


def test_it_is_told_by_pool_and_period_in_each_currency(world: World) -> None:
    assert open_in(world, "EUR") == [
        (COMMUNAL, "2025-10", 40_000_000),
        (HOTEL, "2025-09", 7_000_000),
        (HOTEL, "2025-11", 33_000_000),
    ]
    assert open_in(world, "USD") == [(HOTEL, "2025-10", 9_000_000)]
    assert open_in(world, "GBP") == []


def test_people_read_it_under_the_accounts(world: World) -> None:
    told = ask(world.path, "--currency", "EUR")
    assert "Income of open periods" in told
    rows = [line.strip("│ ").split() for line in told.splitlines() if "│ 2025-" in line]
    assert [[cell for cell in row if cell != "│"] for row in rows] == [
        [COMMUNAL, "2025-10", "40.000000"],
        [HOTEL, "2025-09", "7.000000"],
        [HOTEL, "2025-11", "33.000000"],
    ]
    assert "open periods" not in ask(world.path, "--currency", "GBP")


def test_a_payees_accounts_have_none(world: World) -> None:
    assert "open periods" not in ask(world.path, "ann", "--currency", "EUR")
    assert json.loads(ask(world.path, "ann", "--currency", "EUR", "--json")).keys() == {"currency", "balances_micro"}
