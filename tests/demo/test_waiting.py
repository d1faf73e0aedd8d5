"""Waits of the demo: for a slow player as long as it works, for a dead or stuck one not at all."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amos_tools.demo import processes, run
from amos_tools.demo.idleness import BUSY_SHARE, Idleness
from amos_tools.demo.players import cast
from amos_tools.demo.processes import DemoError, Process, Processes, run_amos
from amos_tools.demo.workdir import Workdir
from amos_tools.processor_time import processor_s


class Clock:
    """A clock that a test moves, and the processor time of the process with pid 1."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.taken_s: float | None = 7.0

    def __call__(self) -> float:
        return self.now_s

    def used(self, _pid: int) -> float | None:
        return self.taken_s

    def passes(self, seconds: float, share: float) -> None:
        self.now_s += seconds
        if self.taken_s is not None:
            self.taken_s += share * seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idleness(clock: Clock) -> Idleness:
    return Idleness(clock, clock.used)


def test_who_works_is_never_idle(clock: Clock, idleness: Idleness) -> None:
    for _ in range(1000):
        clock.passes(2, share=2 * BUSY_SHARE)
        assert idleness.seconds([1]) == 0


def test_who_only_waits_is_idle_from_then_on(clock: Clock, idleness: Idleness) -> None:
    clock.passes(10, share=1)
    assert idleness.seconds([1]) == 0
    for n in range(1, 50):
        clock.passes(2, share=BUSY_SHARE / 4)
        assert idleness.seconds([1]) == 2 * n
    clock.passes(2, share=0.5)
    assert idleness.seconds([1]) == 0


def test_where_nobody_can_tell_they_count_as_working(clock: Clock, idleness: Idleness) -> None:
    clock.taken_s = None
    clock.passes(1000, share=0)
    assert idleness.seconds([1]) == 0


def test_processor_time_is_the_systems() -> None:
    began, deadline = processor_s_of_self(), time.monotonic() + 60
    while processor_s_of_self() < began + 0.1:
        assert time.monotonic() < deadline


def processor_s_of_self() -> float:
    taken = processor_s(int(Path("/proc/self").readlink().name))
    assert taken is not None
    return taken


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Process]:
    """One that says something and then sleeps."""
    process = Process("lounge", [sys.executable, "-uc", "print('I sleep'); import time; time.sleep(600)"], tmp_path)
    yield process
    process.stop()


def test_a_player_that_died_is_told_at_once_with_its_last_words(tmp_path: Path) -> None:
    died = Process("lounge", [sys.executable, "-c", "print('no pack'); raise SystemExit(3)"], tmp_path)
    died._popen.wait()
    began = time.monotonic()
    with pytest.raises(DemoError, match=r"^lounge ended with 3: no pack$"):
        run_amos("device", "enrol", f"unix:{tmp_path}/none", "--site=a", "--name=b", *keys(tmp_path), beside=died)
    assert time.monotonic() - began < 30


def keys(folder: Path) -> list[str]:
    run_amos("key", str(folder / "operator.key"))
    return [f"--operator-key-file={folder / 'operator.key'}", f"--out={folder / 'e.cose'}", "--wait-s=3600"]


def test_a_player_that_does_nothing_is_told_too(
    tmp_path: Path, player: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "IDLE_S_MAX", 2)
    with pytest.raises(DemoError, match=r"^lounge runs, but has done nothing for 2 s .*: I sleep$"):
        run_amos("device", "enrol", f"unix:{tmp_path}/none", "--site=a", "--name=b", *keys(tmp_path), beside=player)


def test_receipts_are_waited_for_while_anybody_works(
    tmp_path: Path, player: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RECEIPT_WAIT_S", 2)
    monkeypatch.setattr(run, "TELL_S", 0.5)
    work, said, began = Workdir(tmp_path), list[str](), time.monotonic()
    work.audio.mkdir()
    (work.audio / "lounge.wav").write_bytes(bytes(44_100 * 4 * 3))
    busy = Process(
        "ledger", [sys.executable, "-c", "import time\nwhile time.process_time() < 3: pass\ntime.sleep(600)"], tmp_path
    )
    try:
        with pytest.raises(DemoError, match="no receipts for lounge"):
            run._until_receipted(work, {"lounge": player}, [busy], said.append)
    finally:
        busy.stop()
    assert time.monotonic() - began > 3 + 2  # what the ledger works, and then the patience
    assert said[0] == "still at work: lounge has 3 s of music"


def test_a_socket_whose_path_is_too_long_gets_a_short_one(tmp_path: Path) -> None:
    deep = Workdir(tmp_path / "long" / ("x" * 90))
    (bar, again) = (cast(deep)[0], cast(deep)[0])
    assert len(bar.link.encode()) < 108 and bar == again
    assert cast(Workdir(Path("/w")))[0].link == "unix:/w/players/bar/link.sock"


def test_a_command_beside_a_player_still_says_its_own_fault(tmp_path: Path, player: Process) -> None:
    with pytest.raises(DemoError, match="No such option"):
        run_amos("device", "status", "--nothing", beside=player)


def test_ctrl_c_amid_a_start_leaves_no_child_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = subprocess.Popen

    def interrupted(*words: Any, **settings: Any) -> "subprocess.Popen[bytes]":
        child = begin(*words, **settings)
        signal.raise_signal(signal.SIGINT)
        return child

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), Processes(tmp_path) as running:
        running.start("courier", ["sleep", "600"])
    (child,) = running._started
    assert child.ended() is not None
