"""A tier told to a player's process: its status says it, a cut at any moment leaves the old or the new one."""

import random
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from test_app import Player, pack

from amos.protocol.link import SET_TIER, Request, Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_talk import Pause, checked
from amos_tools.device.call import DeviceError, ask_status, converse

__all__ = ("pack",)  # a fixture

SETTING = 1
KILLS = 4
KILL_WITHIN_S = 0.01


class Venue:
    """A player in a folder that lingers for ever, and the line to it."""

    def __init__(self, folder: Path, pack: Path, command: list[str]):
        kind, line = ("unix", "unix") if command == [sys.executable] else ("pty", "serial")
        self._player = Player(folder / "player", pack, command)
        self._player.settings |= {"pace": "clocked", "linger": "forever", "out": f"wav:{folder}/out.wav"}
        self._player.settings |= {"tier": SETTING, "link": f"{kind}:{folder}/link"}
        self._line = folder / "link"
        self.line = f"{line}:{folder}/link"
        self.process: subprocess.Popen[str] | None = None

    def start(self, **settings: object) -> int:
        """Its tier, once it answers."""
        self._line.unlink(missing_ok=True)  # of one that was killed
        self.process = self._player.start(**settings)
        return ask_status(self.line, 60).tier

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            out, _err = self.process.communicate()
            assert "Traceback" not in out, out
            self.process = None

    def tell(self, tier: int) -> None:
        def steps(link: CourierLink) -> Generator[Ticket | Pause, Response | None, None]:
            checked(SET_TIER, (yield link.submit(Request(id=0, verb=SET_TIER, value=tier))))

        converse(self.line, steps, 60)


@pytest.fixture(params=["cpython", "micropython"])
def venue(request: pytest.FixtureRequest, pack: Path, tmp_path: Path) -> Generator[Venue]:
    command = [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython")
    place = Venue(tmp_path, pack, command)
    yield place
    place.kill()


def test_what_was_told_is_in_the_status_and_outlives_a_cut_until_the_setting_changes(venue: Venue) -> None:
    assert venue.start() == SETTING
    venue.tell(7)
    assert ask_status(venue.line).tier == 7
    venue.kill()
    assert venue.start() == 7
    venue.kill()
    assert venue.start(tier=3) == 3, "whoever edits the setting has the last word"


@pytest.mark.long
def test_a_cut_while_it_is_told_leaves_the_old_or_the_new_one(venue: Venue) -> None:
    chance = random.Random(11)
    before = venue.start()
    for tier in range(10, 10 + KILLS):
        assert venue.process is not None
        killer = threading.Timer(chance.uniform(0, KILL_WITHIN_S), venue.process.kill)
        killer.start()
        answered = False
        try:
            venue.tell(tier)
            answered = True
        except DeviceError:
            pass  # the line ended before the answer
        killer.join()
        venue.process.wait(60)
        venue.kill()
        after = venue.start()
        assert after == tier if answered else after in (before, tier)
        before = after
