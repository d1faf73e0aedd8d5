"""Two settled months of a real ledger, with transfers between them."""

import copy
import shutil
from pathlib import Path

import pytest
from settled_world import World, play_november, unix_s
from typer.testing import CliRunner

from amos_ledger.folder import Folder
from amos_tools.cli import app

MONEY = ["--currency", "EUR", "--reason", '=HYPERLINK("x"), <b>"for" & the test</b>']


def pool(world: World, *words: object) -> str:
    """What `amos pool` says, which works."""
    done = CliRunner().invoke(app, ["pool", *map(str, words), "--ledger", str(world.folder.path)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """November and December, settled, with play that came late; only read by tests."""
    world = World(tmp_path_factory.mktemp("settled") / "ledger")
    play_november(world)
    pool(world, "settle", "--period", "2026-11", "--income", "1000", "--currency", "EUR", "--close-now", "--unasked")
    pool(world, "correct", "--from", "ann", "--to", "bob", "--amount", "12.50", "--period", "2026-11", *MONEY)
    pool(world, "hold", "ann", "--amount", "80", *MONEY)
    pool(world, "add-income", "--period", "2026-12", "--amount", "450", *MONEY)
    world.play(1, [(1, 50_000)], unix_s(2026, 11, 20), unix_s(2026, 12, 2))
    world.play(0, [(0, 44_100), (1, 17)], unix_s(2026, 12, 3), unix_s(2026, 12, 4))
    pool(world, "settle", "--period", "2026-12", "--currency", "EUR", "--close-now", "--rehearsal", "--unasked")
    return world


@pytest.fixture
def ledger(settled: World, tmp_path: Path) -> World:
    """A copy of it to write to."""
    world = copy.copy(settled)
    world.path = Path(shutil.copytree(settled.path, tmp_path / "ledger"))
    world.folder = Folder(world.path)
    return world
