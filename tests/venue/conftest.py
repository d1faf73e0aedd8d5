"""One venue for all tests of a file; its helper is imported by plain name."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from venue_world import VenueWorld, a_pack


@pytest.fixture(scope="session")
def venue_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_pack(tmp_path_factory.mktemp("venue_pack"))


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory, venue_pack: Path) -> Iterator[VenueWorld]:
    """One for all tests of a file."""
    world = VenueWorld(tmp_path_factory.mktemp("v"), venue_pack)
    world.until(lambda player: player["stems"] and player["stems"][0]["title"])
    yield world
    world.stop()
