"""Ledgers of November 2026 for each test."""

import shutil
from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path

import pytest
from settled_world import World, play_november, unix_s

from amos_ledger.folder import Folder


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once, because every segment is flushed to the disk; tests get copies."""
    world = World(tmp_path_factory.mktemp("played") / "ledger")
    play_november(world)
    return world


@pytest.fixture
def november(played: World, tmp_path: Path) -> World:
    """The ledger after six segments of November 2026."""
    world = copy(played)
    world.path = Path(shutil.copytree(played.path, tmp_path / "ledger"))
    world.folder = Folder(world.path)
    world.players = deepcopy(played.players)
    return world


@pytest.fixture
def dates() -> Callable[..., int]:
    """Unix seconds of a UTC date."""
    return unix_s
