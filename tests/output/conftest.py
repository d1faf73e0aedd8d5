"""What the tests of outputs share: a clock that they move, and a sound card on it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from output_card import Card, StepClock

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
