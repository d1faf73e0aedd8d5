"""A player's process through turns of summer time, leap days and a wall clock that is set: each reaches the score."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from patience import wait_until
from test_app import RATE_HZ, Player
from test_operator_input import SPEAKING, a_pack, inputs_of

from amos.score.day_clock import DAY_SECONDS
from amos.score.inputs import INPUT_CLOCK
from amos_tools.device.call import ask_status
from amos_tools.device.run import micropython_environment

ZONE = "Europe/Berlin"
LEAP_DAY = "2028-02-29"
BEFORE_S, PLAYED_S, LATE_S = 1, 3, 4

MOMENTS = {
    "summer time begins": (2026, 3, 29, 1),
    "it ends": (2026, 10, 25, 1),
    "a leap day begins": (2028, 2, 28, 23),
    "and ends": (2028, 2, 29, 23),
    "a year ends, long before": (2026, 12, 31, 23),
}
"""In UTC. Between two of them the wall clock is set, by months or years, forwards and back."""


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_pack(tmp_path_factory.mktemp("speaking"), SPEAKING)


def set_wall(player: Player, unix_s: int) -> None:
    other = player.folder / "wall.new"
    other.write_text(str(unix_s))
    other.rename(player.folder / "wall")


def told(player: Player) -> list[tuple[int, bool, int]]:
    """(weekday, holiday, second of the day) of each clock input, in their order."""
    found = []
    for usage in player.segments()[:-1]:
        for _frame, kind, value in inputs_of(usage):
            if kind == INPUT_CLOCK:
                day, second = divmod(value, DAY_SECONDS)
                found.append((day >> 1, bool(day & 1), second))
    return found


def says(clock: tuple[int, bool, int], unix_s: int) -> bool:
    """Whether it is what clocks in the zone show then, or some seconds later."""
    for late_s in range(LATE_S):
        local = datetime.fromtimestamp(unix_s + late_s, ZoneInfo(ZONE))
        second = (local.hour * 60 + local.minute) * 60 + local.second
        if clock == (local.weekday(), local.date().isoformat() == LEAP_DAY, second):
            return True
    return False


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_each_turn_and_each_setting_reaches_the_score(
    speaking: Path, tmp_path: Path, runtime: str, request: pytest.FixtureRequest
) -> None:
    command = [sys.executable] if runtime == "cpython" else request.getfixturevalue("micropython")
    player = Player(tmp_path / "player", speaking, command)
    kind, line = ("unix", "unix") if runtime == "cpython" else ("pty", "serial")
    settings = player.settings | {"pace": "clocked", "holidays": LEAP_DAY, "link": f"{kind}:{player.folder}/link"}
    (player.folder / "player.json").write_text(json.dumps(settings))
    moments = [int(datetime(*moment, tzinfo=UTC).timestamp()) for moment in MOMENTS.values()]
    set_wall(player, moments[0] - 3600)
    words = [*command, str(Path(__file__).with_name("wall_player.py")), str(player.folder)]
    process = subprocess.Popen(words, env=micropython_environment() | {"TZ": ZONE}, stdout=subprocess.PIPE)
    port = f"{line}:{player.folder}/link"
    try:
        wait_until(lambda: ask_status(port, 60).frame > 0, "play")
        for moment in moments:
            frame = ask_status(port).frame
            set_wall(player, moment - BEFORE_S)
            wait_until(lambda since=frame: ask_status(port).frame > since + PLAYED_S * RATE_HZ, "play")  # type: ignore[misc]
    finally:
        process.terminate()
        process.communicate(timeout=60)
    code, out = player.run(minutes=1, pace="free")  # which seals what one that was killed had flushed
    assert code == 0, out
    clocks = told(player)
    for name, moment in zip(MOMENTS, moments, strict=True):
        while clocks and not says(clocks[0], moment - BEFORE_S):
            clocks.pop(0)
        assert clocks, f"{name}: expected to hear of the clock that was set"
        while clocks and not says(clocks[0], moment):
            clocks.pop(0)
        assert clocks, f"{name}: expected to hear of the turn"
