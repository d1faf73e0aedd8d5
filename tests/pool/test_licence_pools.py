"""Pools of their own: what a site plays is divided among its licence's income alone, and each segment counts once."""

from fractions import Fraction
from pathlib import Path

from settled_world import OPERATOR, World, unix_s

from amos.protocol.closing import COMMUNAL
from amos.protocol.licence_pool import OPEN
from amos_ledger.placing_sites import Placed, SitesWanted, place
from amos_ledger.registry import enrol
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import Settled, settle_period
from amos_ledger.transferring import Order, transfer
from amos_tools.verify.audit import Audit
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

MICRO = 1_000_000
HOTEL = "hotels"


def world_of_two_sites(path: Path) -> World:
    """Player 0 is at the cafe, player 1 at a hotel."""
    world = World(path)
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[1].enrolment(site="inn", unix_s=2))
    return world


def put(world: World, action: int, pool: str, *sites: str, at: int, from_s: int | None = None) -> Placed:
    wanted = SitesWanted(action, pool, sites, at if from_s is None else from_s, "licence 7")
    return place(world.folder, wanted, OPERATOR, lambda: at)


def income(world: World, pool: str, amount: int, period: str = "2025-09", currency: str = "EUR") -> None:
    order = Order("income", currency, "income/enterprise", f"pool/{pool}", amount * MICRO, "x", period)
    transfer(world.folder, order)


def settle(world: World, pool: str, period: str = "2025-09", currency: str = "EUR") -> Settled:
    return settle_period(world.folder, period, None, currency, pool)


def ms_of(settled: Settled) -> Fraction:
    return settled.closed.result.play_ms


def verify_all(world: World, *settled: Settled) -> None:
    """Every statement, in the light and in full."""
    audit = Audit(Published(world.folder.path / "audit"), world.keys)
    for one in settled:
        for path in one.statements.values():
            data = path.read_bytes()
            check_statement(data, world.keys.ledger, world.keys.origin)
            audit.check(data)


def test_two_pools_in_one_month(tmp_path: Path) -> None:
    world = world_of_two_sites(tmp_path / "ledger")
    put(world, OPEN, HOTEL, "inn", at=unix_s(2025, 9, 1))
    world.play(0, [(0, 44_100)], unix_s(2025, 9, 3), unix_s(2025, 9, 4))
    world.play(1, [(2, 96_000)], unix_s(2025, 9, 3), unix_s(2025, 9, 4))
    income(world, COMMUNAL, 10)
    income(world, HOTEL, 700)
    first, second = settle(world, HOTEL), settle(world, COMMUNAL)
    assert [item.closed.result.closing.version for item in (first, second)] == [6, 6]
    assert first.waiting_pools == (COMMUNAL,) and second.waiting_pools == ()
    assert dict(zip(first.closed.result.payees, first.closed.result.amounts, strict=True)) == {
        "bob": 350 * MICRO,
        "cy-dee": 350 * MICRO,
    }
    assert dict(zip(second.closed.result.payees, second.closed.result.amounts, strict=True)) == {"ann": 10 * MICRO}
    assert (ms_of(first), ms_of(second)) == (2000, 1000)
    verify_all(world, first, second)
    assert scrub(world.folder) == []
