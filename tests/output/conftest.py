"""What the tests of outputs share: a clock that they move, and a sound card on it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from output_card import Card, StepClock
from output_player import Player, make_pack

from amos.edges import alsa_host, audio_out


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StepClock:
    stepped = StepClock()
    for module in (alsa_host, audio_out):
        monkeypatch.setattr(module, "sleep_ms", stepped.sleep_ms)
    return stepped


@pytest.fixture
def card(clock: StepClock) -> Card:
    return Card(clock)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def player(pack: Path, tmp_path: Path, alsa: str) -> Player:
    return Player(tmp_path, pack, alsa)
