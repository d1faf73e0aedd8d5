"""November 2026 of `reported_world`, closed and open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from reported_world import INCOME_MICRO, PERIOD, copied, make, publish, usage_of
from settled_world import World

from amos_ledger.settle_period import settle_period
from amos_tools.report.usage import PeriodUsage


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once, because every segment is flushed to the disk; tests read it, or get copies."""
    return make(tmp_path_factory.mktemp("reported") / "ledger")


@pytest.fixture(scope="session")
def opened(made: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The ledger while November is open, published."""
    world = copied(made, tmp_path_factory.mktemp("open") / "ledger")
    publish(world)
    return world


@pytest.fixture(scope="session")
def settled(made: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The ledger after November was closed."""
    world = copied(made, tmp_path_factory.mktemp("closed") / "ledger")
    settle_period(world.folder, PERIOD, INCOME_MICRO, "EUR")
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> Iterator[World]:
    """A copy that the test may go on with."""
    yield copied(made, tmp_path / "ledger")


@pytest.fixture(scope="session")
def november(settled: World) -> PeriodUsage:
    """The closed period."""
    return usage_of(settled)


@pytest.fixture(scope="session")
def open_november(opened: World) -> PeriodUsage:
    """The same while it is open."""
    return usage_of(opened)
