"""Where closings and statements lie, and what they are called, depends on period, pool and currency alone: in whatever
order they are settled."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from pool_worlds import HOTEL, SEPTEMBER, income, play, put, settle, verify_all, world_of_two_sites
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN
from amos_ledger.closings import opened
from amos_tools.cli import app
from amos_tools.pool.frozen import frozen_of
from amos_tools.pool.history import history

WANTED = [(COMMUNAL, "EUR"), (HOTEL, "EUR"), (COMMUNAL, "USD")]


def played(path: Path, pools: bool) -> World:
    world = world_of_two_sites(path)
    if pools:
        put(world, OPEN, HOTEL, "inn", at=SEPTEMBER)
    play(world, 0, 0, 1, SEPTEMBER + 600)
    play(world, 1, 2, 2, SEPTEMBER + 600)
    for pool, currency in WANTED:
        if pools or pool == COMMUNAL:
            income(world, pool, 10, currency=currency)
    return world


def told(world: World) -> dict[str, tuple[str, str, str]]:
    """Folder → what its statements say of period, pool and currency."""
    found = {}
    for path in sorted((world.path / "public/statements").glob("*/*.json.gz")):
        core: dict[str, Any] = json.loads(statement_bytes(path))["core"]
        said = core["period"], core["pool"].get("name", COMMUNAL), core["currency"]
        assert found.setdefault(path.parent.name, said) == said
    return found


def titles(world: World) -> list[set[str]]:
    """Of all closings: as the store has them, as the log gives them, and as their files are called in each folder."""
    with world.folder.open_store() as store:
        known = store.closings()
        said = {opened(store, at.leaf_index, at.entry).title() for at in known}
    folders = (world.path / "public/closings", world.path / "audit/closings")
    return [{at.title for at in known}, said, *({path.stem for path in folder.iterdir()} for folder in folders)]


@pytest.mark.parametrize("order", list(permutations(WANTED)))
def test_with_pools_in_any_order(tmp_path: Path, order: list[tuple[str, str]]) -> None:
    world = played(tmp_path / "ledger", pools=True)
    for pool, currency in order:
        settle(world, pool, currency=currency)
    assert told(world) == {
        "2025-09-EUR": ("2025-09", COMMUNAL, "EUR"),
        "2025-09-USD": ("2025-09", COMMUNAL, "USD"),
        "2025-09-hotels-EUR": ("2025-09", HOTEL, "EUR"),
    }
    assert titles(world) == [{"2025-09-EUR", "2025-09-USD", "2025-09-hotels-EUR"}] * 4
    verify_all(world)


@pytest.mark.parametrize("order", [["EUR", "USD"], ["USD", "EUR"]])
def test_without_pools_in_any_order_of_currencies(tmp_path: Path, order: list[str]) -> None:
    world = played(tmp_path / "ledger", pools=False)
    for currency in order:
        settle(world, COMMUNAL, currency=currency)
    assert told(world) == {
        "2025-09-EUR": ("2025-09", COMMUNAL, "EUR"),
        "2025-09-USD": ("2025-09", COMMUNAL, "USD"),
    }
    assert titles(world) == [{"2025-09-EUR", "2025-09-USD"}] * 4


def test_copies_have_the_same_names(tmp_path: Path) -> None:
    world = played(tmp_path / "ledger", pools=True)
    for pool, currency in ((HOTEL, "EUR"), (COMMUNAL, "USD")):
        words = ["settle", "--period", "2025-09", "--pool", pool, "--currency", currency, "--out", tmp_path / "out"]
        given = ["pool", *map(str, words), "--ledger", str(world.path), "--unasked"]
        done = CliRunner().invoke(app, given)
        assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"2025-09-hotels-EUR", "2025-09-USD"}


def test_what_an_earlier_version_wrote_stays_in_its_place(tmp_path: Path) -> None:
    """It named the folder of a month's first closing by the month alone; settling again writes there."""
    world = played(tmp_path / "ledger", pools=False)
    settle(world, COMMUNAL)
    statements = world.path / "public/statements"
    (statements / "2025-09-EUR").rename(statements / "2025-09")
    before = (statements / "2025-09/ann.json.gz").read_bytes()
    (statements / "2025-09/ann.json.gz").unlink()
    assert settle(world, COMMUNAL).folder == statements / "2025-09"
    settle(world, COMMUNAL, currency="USD")
    assert (statements / "2025-09/ann.json.gz").read_bytes() == before
    assert {path.name for path in statements.iterdir()} == {"2025-09", "2025-09-USD"}


def test_a_statement_that_also_lies_where_it_was_before_counts_once(tmp_path: Path) -> None:
    """As a payee's copies may, of before and of now."""
    world = played(tmp_path / "ledger", pools=False)
    settle(world, COMMUNAL)
    statements = world.path / "public/statements"
    stems = {
        line["stem"] for line in json.loads(statement_bytes(statements / "2025-09-EUR/ann.json.gz"))["core"]["lines"]
    }
    before = history("ann", statements), frozen_of(stems, statements)
    (statements / "2025-09").mkdir()
    (statements / "2025-09/ann.json.gz").write_bytes((statements / "2025-09-EUR/ann.json.gz").read_bytes())
    assert (history("ann", statements), frozen_of(stems, statements)) == before
