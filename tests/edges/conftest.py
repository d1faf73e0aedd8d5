"""What the tests of outputs share: a clock that they move, and a sound card on it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.append(str(Path(__file__).parent))

from output_card import Card, StepClock
from output_player import Player, make_pack

from amos.edges import alsa_host, clocked_sink


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StepClock:
    stepped = StepClock()
    for module in (alsa_host, clocked_sink):
        monkeypatch.setattr(module, "sleep_ms", stepped.sleep_ms)
    return stepped


@pytest.fixture
def card(clock: StepClock) -> Card:
    return Card(clock)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def player(pack: Path, tmp_path: Path, alsa: str) -> Iterator[Player]:
    made = Player(tmp_path, pack, alsa)
    yield made
    made.end()


@pytest.fixture
def memory_player(pack: Path, tmp_path: Path, alsa: str) -> Iterator[Player]:
    """A player whose files are in memory: where the load is on the cores, no other process's syncs come in between."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        made = Player(Path(folder), pack, alsa)
        yield made
        made.end()
