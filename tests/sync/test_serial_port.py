"""A serial line that goes away at any moment is missing or gone, and ends no courier."""

import os
import termios
from typing import Any

import pytest

from amos_sync.errors import PortMissing
from amos_sync.ports import open_port


def test_a_player_that_goes_away_while_its_line_is_set_up_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    path, set_up = os.ttyname(slave), termios.tcsetattr

    def gone(*words: Any) -> None:
        os.close(master)
        set_up(*words)

    monkeypatch.setattr(termios, "tcsetattr", gone)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(PortMissing, match="nobody is at its other end any more"):
        open_port(f"serial:{path}")
    assert len(os.listdir("/proc/self/fd")) == before - 1, "but for the master, what was open still is"
    os.close(slave)
