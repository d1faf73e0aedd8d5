"""Storage that fails under a player's process: it stops, tries again, and plays on without being started again."""

import ctypes
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_app import Player, pack

from amos.edges.sessions_file import append_session
from amos_tools.device.run import micropython_environment

__all__ = ("pack",)  # a fixture

NOTHING_WRITTEN = 0
"""The largest file that may be written to, in bytes: with this limit each write fails, as on a disk gone wrong."""


@pytest.fixture(params=["cpython", "micropython"])
def player(request: pytest.FixtureRequest, pack: Path, tmp_path: Path) -> Player:
    command = [sys.executable] if request.param == "cpython" else request.getfixturevalue("micropython")
    return Player(tmp_path / "player", pack, command)


def start(player: Player) -> "subprocess.Popen[str]":
    """A player that lingers for ever. A write beyond the limit gives it an error, and does not end it."""
    settings = player.settings | {"linger": "forever", "pace": "clocked"}
    (player.folder / "player.json").write_text(json.dumps(settings))
    words = [*player._command, "-m", "amos", str(player.folder)]
    environment = micropython_environment() | {"PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        return subprocess.Popen(
            words,
            env=environment,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            restore_signals=False,
            preexec_fn=let_anybody_watch,
        )
    finally:
        signal.signal(signal.SIGXFSZ, before)


FAILURES = {
    "a sync that fails": "fsync:error=EIO",
    "one write": "write:error=EIO:when=1",
    "one sync": "fsync:error=EIO:when=1",
    "a medium that is gone": "write,fsync,lseek,read,openat:error=ENODEV",
}
"""What strace has the kernel answer, for the files of the journal alone."""

_PR_SET_PTRACER = 0x59616D61
_ANYBODY = ctypes.c_ulong(-1)


def let_anybody_watch() -> None:
    """Yama lets nobody watch a process uninvited; what is set here holds for the program that follows."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)


def read_until(process: "subprocess.Popen[str]", words: str) -> list[str]:
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        assert "Traceback" not in line, lines
        if words in line:
            return lines
    raise AssertionError(lines)


def test_a_player_goes_on_when_its_storage_works_again(player: Player) -> None:
    process = start(player)
    try:
        read_until(process, "playing: session 1")
        _soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (NOTHING_WRITTEN, hard))
        read_until(process, "tried again within a minute")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        read_until(process, "its storage works again")
        read_until(process, "playing: session 2")
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    check_log(player)


@pytest.mark.long
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_kind_of_write_fails_the_player_goes_on_by_itself(
    player: Player, strace: list[str], failure: str
) -> None:
    process = start(player)
    try:
        read_until(process, "playing: session 1")
        files = [player.folder / "journal.ring", *player.folder.glob("*.reserved")]
        watched = [word for path in files for word in ("-P", str(path))]
        inject = f"inject={FAILURES[failure]}"
        words = [*strace, "-f", "-qq", *watched, "-e", inject, "-o", "/dev/null", "-p", str(process.pid)]
        with subprocess.Popen(words) as storage:
            read_until(process, "tried again within a minute")
            storage.terminate()
        read_until(process, "its storage works again")
        read_until(process, "playing: session 2")
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    check_log(player)


def check_log(player: Player) -> None:
    """What it metered before and after is sealed once, in its order."""
    assert player.run(minutes=1)[0] == 0
    usages = player.segments()
    assert len({usage.sequence for usage in usages}) == len(usages)
    places = [(usage.session, usage.first_frame) for usage in usages]
    assert places == sorted(set(places)) and usages[-1].session >= 3


def test_a_line_that_a_full_disk_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "sessions.jsonl"
    path.write_text('{"boot": 1}\n{"boo')
    assert append_session(str(tmp_path), {"boot": 3}) is None
    lines = path.read_text().splitlines()
    assert [json.loads(line) for line in (lines[0], lines[-1])] == [{"boot": 1}, {"boot": 3}]
