"""A ledger with two sites, whose sites are placed in pools, and what is played and settled there."""

import shutil
from pathlib import Path

from settled_world import OPERATOR, World, showing, unix_s
from statement_bytes import statement_bytes

from amos_ledger.folder import Folder
from amos_ledger.placing_sites import Placed, SitesWanted, place
from amos_ledger.registry import enrol
from amos_ledger.settle_period import Settled, settle_period
from amos_ledger.transferring import Order, transfer
from amos_tools.verify.audit import Audit
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

MICRO = 1_000_000
HOTEL = "hotels"
SEPTEMBER, MIDDLE = unix_s(2025, 9, 1), unix_s(2025, 9, 15)


def world_of_two_sites(path: Path) -> World:
    """Player 0 is at the cafe, player 1 at an inn."""
    world = World(path)
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[1].enrolment(site="inn", unix_s=2))
    return world


def copied(world: World, path: Path) -> World:
    """Another ledger that is the same."""
    other = object.__new__(World)
    other.__dict__.update(world.__dict__)
    other.path = Path(shutil.copytree(world.path, path))
    other.folder = Folder(other.path)
    return other


def put(world: World, action: int, pool: str, *sites: str, at: int, from_s: int | None = None) -> Placed:
    wanted = SitesWanted(action, pool, sites, from_s, "licence 7")
    with showing(world.folder, at):
        return place(world.folder, wanted, OPERATOR, lambda: at)


def income(world: World, pool: str, amount: int, period: str = "2025-09", currency: str = "EUR") -> None:
    order = Order("income", currency, "income/enterprise", f"pool/{pool}", amount * MICRO, "x", period)
    transfer(world.folder, order)


def settle(world: World, pool: str, period: str = "2025-09", currency: str = "EUR") -> Settled:
    return settle_period(world.folder, period, None, currency, pool)


def play(world: World, number: int, stem: int, seconds: int, at: int | None, received: int | None = None) -> None:
    frames = seconds * world.players[number].rate_hz
    world.play(number, [(stem, frames)], at, (at or SEPTEMBER) + 60 if received is None else received)


def paid(settled: Settled) -> dict[str, int]:
    result = settled.closed.result
    return dict(zip(result.payees, result.amounts, strict=True))


def ms_of(settled: Settled) -> int:
    return int(settled.closed.result.play_ms)


def verify_all(world: World) -> int:
    """Every statement, in the light and in full; how many."""
    audit = Audit(Published(world.path / "audit"), world.keys)
    statements = sorted((world.path / "public/statements").rglob("*.json.gz"))
    for path in statements:
        data = statement_bytes(path)
        check_statement(data, world.keys.ledger, world.keys.origin)
        audit.check(data)
    return len(statements)
