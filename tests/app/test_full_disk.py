"""A player whose file system is full: a tmpfs of so many pages, filled for real before it starts and while it plays."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mount_namespace import MountNamespace, mount_namespace
from patience import wait_until
from test_app import RATE_HZ, Player, pack

from amos.protocol.link import NOT_NOW, OK, SET_TIER, STATE_PLAYING, Request, Response
from amos.protocol.link_courier import CourierLink
from amos_tools.device.call import Steps, ask_status, converse
from amos_tools.device.run import micropython_environment

__all__ = ("pack",)  # a fixture

PAGE_BYTES = 4096
JOURNAL_BYTES = 256 << 10
PAGES_ENOUGH = 80
"""For everything that a player of such a journal keeps."""


class SmallPlayer(Player):
    """Its directory is a tmpfs of its own."""

    def __init__(self, namespace: MountNamespace, folder: Path, pack: Path, command: list[str]):
        super().__init__(folder, pack, [*namespace.enter, *command])
        key = (folder / "device.key").read_bytes()
        self._namespace, self._inside = namespace, folder
        namespace.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder))
        self.folder = namespace.path(folder)
        (self.folder / "device.key").write_bytes(key)
        (self.folder / "device.key").chmod(0o600)
        self.settings |= {"journal_bytes": JOURNAL_BYTES}

    def start(self, **settings: object) -> "subprocess.Popen[str]":
        """Whatever the settings are: `player.json` is there before the disk is full."""
        told = [f"{name}={value}" for name, value in settings.items()]
        words = [*self._command, "-m", "amos", str(self._inside), *told]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, env=micropython_environment(), stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def set_up(self) -> None:
        (self.folder / "player.json").write_text(json.dumps(self.settings))

    def leave_pages(self, pages: int) -> None:
        """From here on the disk has so many free pages."""
        self.free()
        self._write_until_full()
        if pages:
            with (self.folder / "filler").open("r+b") as file:
                file.truncate(max(0, (self.folder / "filler").stat().st_size - pages * PAGE_BYTES))

    def _write_until_full(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE_BYTES))
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def free(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)

    @property
    def line(self) -> str:
        return "unix" if self._command[-1] == sys.executable else "pty"

    def link(self) -> str:
        return f"{'serial' if self.line == 'pty' else 'unix'}:{self.folder / 'link'}"

    def tell_tier(self, tier: int) -> Response:
        def talk(link: CourierLink) -> Steps:
            return (yield link.submit(Request(id=0, verb=SET_TIER, value=tier)))

        answer = converse(self.link(), talk, 60)
        assert isinstance(answer, Response)
        return answer


@pytest.fixture(params=["cpython", "micropython"])
def player(request: pytest.FixtureRequest, pack: Path, tmp_path: Path) -> Iterator[SmallPlayer]:
    command = [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython")
    with mount_namespace() as namespace:
        yield SmallPlayer(namespace, tmp_path / "player", pack, command)


def checked(player: SmallPlayer, minutes: int) -> int:
    """How many segments there are: each signed, numbered, and in a chain."""
    code, out = player.run(minutes=minutes)
    assert code == 0, out
    return len(player.segments())


@pytest.mark.parametrize("pages", [0, 1, 3, 20, 64, 65, 66, 67, 68, 70, 80])
def test_a_first_start_on_a_disk_that_is_too_small_says_so_and_spoils_none_after_it(
    player: SmallPlayer, pages: int
) -> None:
    player.set_up()
    player.leave_pages(pages)
    code, out = player.run(minutes=1)
    assert code in (0, 2) and "Traceback" not in out, out
    assert code == 0 or (pages < PAGES_ENOUGH and len(out.splitlines()) <= 3 and "OSError" in out), out
    player.free()
    assert checked(player, 1) == 1 + (code == 0)


def test_a_disk_that_fills_up_under_a_player_stops_nothing(player: SmallPlayer, tmp_path: Path) -> None:
    player.set_up()
    settings = {"linger": "forever", "pace": "clocked", "tier": 1, "out": f"wav:{tmp_path}/out.wav"}
    process = player.start(link=f"{player.line}:{player._inside}/link", **settings)
    try:
        wait_until(lambda: os.path.lexists(player.folder / "link") or process.poll() is not None, "its link")
        assert process.poll() is None, process.communicate()
        wait_until(lambda: ask_status(player.link()).frame > RATE_HZ, "play")
        player.leave_pages(0)
        before = ask_status(player.link())
        refused = player.tell_tier(2)
        assert refused.code == NOT_NOW and "expected room to keep it" in str(refused.text)
        wait_until(lambda: ask_status(player.link()).frame > before.frame + 3 * RATE_HZ, "play on a full disk")
        status = ask_status(player.link())
        assert (status.state, status.failed_writes, status.tier) == (STATE_PLAYING, 0, 1)
        player.free()
        assert player.tell_tier(2).code == OK and ask_status(player.link()).tier == 2
        player.leave_pages(0)
    finally:
        process.terminate()
        out, _err = process.communicate(timeout=60)
    assert "Traceback" not in out
    code, out = player.run(minutes=1)  # the disk is full still
    assert code == 0, out
    player.free()
    assert checked(player, 1) in (3, 4)  # the tier changed, perhaps after what was flushed
    lines = (player.folder / "sessions.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])
