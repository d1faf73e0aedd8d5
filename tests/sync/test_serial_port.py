"""A serial line that goes away at any moment is missing or gone, and ends no courier."""

import os
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from amos_sync.errors import PortMissing
from amos_sync.ports import open_port
from amos_tools.device.call import UnreachableError, ask_status


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


def test_a_link_whose_pty_was_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = os.openpty()  # of a shell, say, that has the number of a player which ended a second before
    link = tmp_path / "link"
    link.symlink_to(os.ttyname(other[1]))
    os.utime(link, (time.time() - 1, time.time() - 1), follow_symlinks=False)
    before = termios.tcgetattr(other[1])
    with pytest.raises(PortMissing, match="left by a player that ended"):
        open_port(f"serial:{link}")
    assert termios.tcgetattr(other[1]) == before
    for descriptor in other:
        os.close(descriptor)


def test_a_line_that_is_held_for_a_moment_is_waited_for_as_one_that_is_missing(tmp_path: Path) -> None:
    master, slave = os.openpty()
    path = tmp_path / "line"
    path.symlink_to(os.ttyname(slave))
    holder = open_port(f"serial:{path}")

    def end() -> None:
        path.unlink()  # first: the number of the pty is anybody's as soon as it is closed
        for descriptor in (master, slave):
            os.close(descriptor)
        holder.close()

    ending = threading.Timer(0.2, end)
    ending.start()
    with pytest.raises(UnreachableError, match="not there"):
        ask_status(f"serial:{path}", 1)
    ending.join()
