"""An order about sites that is given again, with the same instant, a later one, an earlier one, or none."""

from pathlib import Path

import pytest
from pool_worlds import HOTEL, MIDDLE, SEPTEMBER, put, world_of_two_sites
from settled_world import OPERATOR, World
from typer.testing import CliRunner

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN, PLACE
from amos_cli.output import Exit
from amos_ledger.errors import PlacedAlready, PoolRefused
from amos_ledger.placing_sites import Placed
from amos_ledger.pool_segments import membership
from amos_ledger.registry import enrol
from amos_tools.cli import app

DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, at=SEPTEMBER)
    return world


def move(world: World, *, at: int, from_s: int | None = None, to: str = HOTEL) -> Placed:
    return put(world, PLACE, to, "inn", at=at, from_s=from_s)


def pool_at(world: World, unix_s: int) -> str:
    with world.folder.open_store() as store:
        return membership(store).pool_of_site("inn", store.size(), unix_s)


def test_a_site_that_closed_is_moved_for_what_was_played_there(world: World) -> None:
    """Its player stands elsewhere since."""
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[1].enrolment(site="harbour", unix_s=3))
    assert move(world, at=MIDDLE).fresh and pool_at(world, MIDDLE) == HOTEL
    with pytest.raises(PoolRefused, match="expected one at which a device is or was enrolled, found moon"):
        put(world, PLACE, HOTEL, "inn", "moon", at=MIDDLE)


@pytest.mark.parametrize("from_s", [MIDDLE + DAY, SEPTEMBER + 7, None])
def test_the_same_again_is_the_one_before(world: World, from_s: int | None) -> None:
    first = move(world, at=MIDDLE, from_s=from_s)
    again = move(world, at=MIDDLE + 3600, from_s=from_s)
    assert first.fresh and not again.fresh
    assert (again.leaf_index, again.since_s) == (first.leaf_index, first.since_s)


def test_with_an_earlier_instant_it_is_brought_forward(world: World) -> None:
    move(world, at=MIDDLE, from_s=MIDDLE + 9 * DAY)
    assert move(world, at=MIDDLE, from_s=MIDDLE + DAY).fresh
    assert [pool_at(world, MIDDLE + days * DAY) for days in (0, 1)] == [COMMUNAL, HOTEL]
    assert move(world, at=MIDDLE + 60).fresh
    assert pool_at(world, MIDDLE + 60) == HOTEL


@pytest.mark.parametrize("now", [MIDDLE, MIDDLE + 2 * DAY])
def test_with_a_later_instant_it_would_move_nothing_and_is_refused(world: World, now: int) -> None:
    """The site is there earlier by the first entry, which a second does not undo."""
    first = move(world, at=MIDDLE, from_s=MIDDLE + DAY)
    said = (
        "from: expected a time at which inn is not in pool hotels yet, found 2025-09-19T00:00:00Z: entry"
        f" {first.leaf_index} places it there from 2025-09-16T00:00:00Z on; to put that off, move it to another pool"
        " until then"
    )
    with pytest.raises(PlacedAlready) as refused:
        move(world, at=now, from_s=MIDDLE + 4 * DAY)
    assert str(refused.value) == said


def test_a_move_is_put_off_by_the_way_that_the_refusal_names(world: World) -> None:
    move(world, at=MIDDLE, from_s=MIDDLE + DAY)
    move(world, at=MIDDLE, from_s=MIDDLE + DAY, to=COMMUNAL)
    assert move(world, at=MIDDLE, from_s=MIDDLE + 4 * DAY).fresh
    found = [pool_at(world, MIDDLE + days * DAY) for days in (0, 1, 3, 4)]
    assert found == [COMMUNAL, COMMUNAL, COMMUNAL, HOTEL]


def test_a_later_instant_after_which_the_site_leaves_is_a_move(world: World) -> None:
    move(world, at=MIDDLE, from_s=MIDDLE + DAY)
    move(world, at=MIDDLE, from_s=MIDDLE + 8 * DAY, to=COMMUNAL)
    assert move(world, at=MIDDLE, from_s=MIDDLE + 4 * DAY).fresh
    assert pool_at(world, MIDDLE + 9 * DAY) == HOTEL


def test_an_order_of_before_the_last_one_is_known_too_while_it_holds(world: World) -> None:
    """So a list of commands that broke off in the middle is run again from the beginning."""
    first = move(world, at=MIDDLE)
    put(world, PLACE, HOTEL, "cafe", at=MIDDLE)
    assert move(world, at=MIDDLE + 60).leaf_index == first.leaf_index
    move(world, at=MIDDLE + 120, to=COMMUNAL)
    assert move(world, at=MIDDLE + 180).fresh


def test_what_no_entry_placed_elsewhere_is_communal_from_ever(world: World) -> None:
    said = "inn is not in pool communal yet, found 2025-09-16T00:00:00Z: no entry places it elsewhere"
    with pytest.raises(PlacedAlready, match=said):
        move(world, at=MIDDLE, from_s=MIDDLE + DAY, to=COMMUNAL)


def test_opened_again_from_another_instant_is_refused(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    first = put(world, OPEN, HOTEL, "inn", at=MIDDLE, from_s=MIDDLE + DAY)
    assert put(world, OPEN, HOTEL, "inn", at=MIDDLE + 60, from_s=MIDDLE + DAY).leaf_index == first.leaf_index
    for from_s in (MIDDLE, MIDDLE + 4 * DAY, None):
        with pytest.raises(PoolRefused, match="expected a name that no pool has, found hotels, which is open"):
            put(world, OPEN, HOTEL, "inn", at=MIDDLE + 60, from_s=from_s)


def test_by_command(world: World, tmp_path: Path) -> None:
    key = tmp_path / "operator.key"
    key.write_bytes(OPERATOR)
    key.chmod(0o600)
    by = ["--ledger", str(world.path), "--operator-key-file", str(key), "--reason", "licence 7"]

    def order(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["pool", "move", "inn", "--to", HOTEL, *words, *by])
        return done.exit_code, " ".join(done.output.split())

    assert order("--from", "2101-01-01T00:00")[0] == Exit.FINE
    code, said = order("--from", "2101-01-01 00:00:00")
    assert code == Exit.FINE and "from 2101-01-01 00:00:00 UTC on" in said and said.endswith(", as before")
    code, said = order("--from", "2101-02-01")
    assert code == Exit.FINDING and "expected a time at which inn is not in pool hotels yet" in said
    code, said = order()
    assert code == Exit.FINE and "as before" not in said
