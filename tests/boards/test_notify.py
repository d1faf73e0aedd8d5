"""What a supervisor hears: READY with the first turn, WATCHDOG while the loop turns, and silence when it does not."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amos.edges import notify_host
from amos.edges.clock import SystemClock
from amos.edges.notify_host import Heartbeat, heartbeat
from amos.link_service import LinkService
from amos.play_loop import PlayLoop
from amos_tools.device.run import micropython_environment


class Supervisor:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: str):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.path = path

    def heard(self, wait_s: float = 0) -> list[bytes]:
        """Every message so far; waits for the first."""
        messages = []
        self.socket.settimeout(wait_s or 0.000001)
        try:
            while True:
                messages.append(self.socket.recv(100))
                self.socket.settimeout(0.000001)
        except TimeoutError:
            return messages


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(str(tmp_path / "notify"))
    yield found
    found.socket.close()


@pytest.fixture
def now_ns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [5]
    monkeypatch.setattr(notify_host.time, "monotonic_ns", lambda: now[0])
    return now


def test_ready_once_then_watchdog_four_times_in_its_time(supervisor: Supervisor, now_ns: list[int]) -> None:
    beat = heartbeat({"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "4000000"})
    assert beat is not None and supervisor.heard() == []
    for _turn in range(100):
        beat()
        now_ns[0] += 100_000_000
    assert supervisor.heard() == [b"READY=1"] + [b"WATCHDOG=1"] * 9
    now_ns[0] += 60 * 10**9  # the loop hangs: nothing speaks in its place
    assert supervisor.heard() == []


@pytest.mark.parametrize("extra", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_without_a_watchdog_for_this_process_only_ready(
    supervisor: Supervisor, now_ns: list[int], extra: dict[str, str]
) -> None:
    beat = heartbeat({"NOTIFY_SOCKET": supervisor.path} | extra)
    assert beat is not None
    for _turn in range(5):
        beat()
        now_ns[0] += 10**9
    assert supervisor.heard() == [b"READY=1"]


def test_abstract_addresses() -> None:
    supervisor = Supervisor(f"@amos-test-{os.getpid()}")
    beat = heartbeat({"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_PID": str(os.getpid())})
    assert beat is not None
    beat()
    assert supervisor.heard(1) == [b"READY=1"]
    supervisor.socket.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_nobody_to_tell(environment: dict[str, str]) -> None:
    assert heartbeat(environment) is None


def test_a_supervisor_that_is_gone_or_deaf_stops_nothing(supervisor: Supervisor, now_ns: list[int]) -> None:
    beat = Heartbeat(supervisor.path, 4)
    for _turn in range(2000):  # far more than its queue takes
        beat()
        now_ns[0] += 10**6
    assert 1 < len(supervisor.heard()) < 2000
    os.unlink(supervisor.path)
    beat()


class Turns:
    """As much of a session as the player's loop touches: after three blocks one never returns."""

    rate_hz, block_frames = 48000, 64

    def __init__(self, sounding: bool) -> None:
        self.blocks = self.frame = 0
        self.sounding = sounding
        self.performance = self.log = self.output = self.packs = self
        self.busy = self.left = self.waiting = False
        self.lost = ""

    def step(self, frames: int, last: bool) -> None:
        if self.blocks == 3:
            raise OSError("stands for a block that never returns")
        self.blocks += 1
        self.frame += frames * self.sounding

    def over(self) -> None: ...
    def tidy(self) -> None: ...

    def poll(self, link: object, timeout_ms: int) -> bool:
        return True


@pytest.mark.parametrize(("sounding", "expected"), [(True, [1, 2, 3]), (False, [])])
def test_the_players_loop_beats_for_each_block_that_sounds(sounding: bool, expected: list[int]) -> None:
    beats: list[int] = []
    turns = Turns(sounding)
    config = type("Config", (), {"minutes": 0, "pace": "free"})
    service = LinkService(turns, turns, None, SystemClock())
    loop = PlayLoop(config, None, service, turns, print, lambda: False, lambda: beats.append(turns.blocks))
    with pytest.raises(OSError, match="never returns"):
        loop.play(turns, 0)
    assert beats == expected


def processes(folder: Path) -> list[list[str]]:
    spool, nowhere = str(folder / "spool"), f"unix:{folder}/none.sock"
    courier = ["amos_sync.cli", "run", "--site", "s", "--device", nowhere, "--broker", "127.0.0.1:1", "--spool", spool]
    return [["amos", str(folder / "player")], courier]


def told(supervisor: Supervisor) -> set[bytes]:
    """What it hears next, but for how the process fares."""
    messages: set[bytes] = set()
    while not messages:
        messages = {message for message in supervisor.heard(60) if not message.startswith(b"STATUS=")}
    return messages


@pytest.mark.parametrize("which", [0, 1], ids=["player", "courier"])
def test_the_processes_say_so_for_as_long_as_they_run(
    which: int, tmp_path: Path, supervisor: Supervisor, board_pack: tuple[Path, str]
) -> None:
    words = processes(tmp_path)[which]
    if which == 0:
        prepare_player(tmp_path / "player", *board_pack)
    environment = micropython_environment() | {"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "800000"}
    process = subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert supervisor.heard(60)[0] == b"READY=1"
        for _period in range(2):  # the courier turns once a second when nothing comes
            assert told(supervisor) == {b"WATCHDOG=1"}
        process.send_signal(signal.SIGSTOP)  # the loop hangs
        time.sleep(0.2)
        supervisor.heard()
        assert supervisor.heard(1.2) == []
        process.send_signal(signal.SIGCONT)
        assert told(supervisor) == {b"WATCHDOG=1"}
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


def prepare_player(directory: Path, pack: Path, key: str) -> None:
    from amos_tools.device.prepare import prepare

    prepare(
        directory,
        {
            "pack": str(pack),
            "publisher_key": key,
            "ledger_key": "00" * 32,
            "linger": "no",
            "out": f"wav:{directory}/heard.wav",
        },
    )


def test_how_it_fares_goes_with_it_when_it_changed(supervisor: Supervisor, now_ns: list[int]) -> None:
    beat = heartbeat({"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "4000000"})
    assert beat is not None
    told = ["broker\naway"]
    for said in ("broker\naway", "broker\naway", "x" * 600):
        told[0] = said
        beat(lambda: told[0])
        now_ns[0] += 1_000_000_000
    beat.stopping()
    heard = supervisor.heard()
    assert heard[:4] == [b"READY=1", b"STATUS=broker away", b"WATCHDOG=1", b"WATCHDOG=1"]
    assert heard[4].startswith(b"STATUS=xxx") and heard[5:] == [b"STOPPING=1"]
