"""The ledger's key gives way to another while money moves and a month is settled: every step is by the key in force."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from settled_world import OPERATOR, PUBLISHER, World, unix_s
from statement_bytes import statement_bytes

from amos.crypto import public_key
from amos_ledger import rotating, settle_period, transferring
from amos_ledger.folder import Folder
from amos_ledger.scrub import scrub
from amos_ledger.transferring import Order, transfer
from amos_tools.verify.audit import Audit
from amos_tools.verify.keys import Keys
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published


@pytest.fixture
def world(tmp_path: Path) -> World:
    """September settled, October played: rotations are by this machine's clock, which must not be behind."""
    world = World(tmp_path / "ledger")
    for number in (0, 1):
        world.play(number, [(0, 44_100), (1, 17)], unix_s(2025, 9, 3), unix_s(2025, 9, 4))
    settle_period.settle_period(world.folder, "2025-09", 10**9, "EUR")
    world.play(0, [(0, 44_100), (2, 17)], unix_s(2025, 10, 3), unix_s(2025, 10, 4))
    return world


def rotating_around(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, world: World) -> None:
    """Another process changes the key before that step and after it."""
    step: Callable[..., Any] = getattr(place, name)

    def around(*words: Any) -> Any:
        rotating.rotate_ledger(Folder(world.path), 0)
        result = step(*words)
        rotating.rotate_ledger(Folder(world.path), 0)
        return result

    monkeypatch.setattr(place, name, around)


def all_hold(world: World, first: bytes) -> None:
    """Every statement, by itself and against the log, by the key that was pinned first."""
    keys = Keys(first, public_key(PUBLISHER), public_key(OPERATOR), world.keys.origin)
    audit = Audit(Published(world.path / "audit"), keys)
    statements = sorted((world.path / "public" / "statements").rglob("*.json.gz"))
    assert statements
    for path in statements:
        check_statement(statement_bytes(path), first, keys.origin)
        audit.check(statement_bytes(path))
    assert scrub(Folder(world.path)) == []


@pytest.mark.parametrize(
    ("place", "name"),
    [(transferring, "_append"), (transferring, "publish"), (settle_period, "close_period")],
    ids=["moved", "published", "closed"],
)
def test_a_key_that_changes_at_a_step(world: World, monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    first, folder = world.folder.public_key, Folder(world.path)
    rotating_around(monkeypatch, place, name, world)
    for number in range(2):
        order = Order("payout", "EUR", "payee/ann", "bank", 1, "x", None, f"slip {number}")
        assert transfer(folder, order)[1].number == number + 1
    for _ in range(2):
        settle_period.settle_period(folder, "2025-10", 10**7, "EUR")
    all_hold(world, first)
