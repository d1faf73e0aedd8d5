"""A demo that is stopped leaves a folder in which the next goes on; without a folder it leaves one, in the cache."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import Patience, wait_until

from amos_tools.demo import content
from amos_tools.demo.processes import DemoError, ended_alike
from amos_tools.demo.report import player_facts
from amos_tools.demo.workdir import LOCK, Workdir, workdir
from amos_tools.starter import make_starter_vault

DEMO = [sys.executable, "-m", "amos_tools", "demo", "--json", "--minutes=1"]


def hears_ctrl_c() -> None:
    """In a new child: a background job, as test runs often are, hands on that it ignores Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def interrupted(work: Path, when: str, number: int = signal.SIGINT) -> None:
    """Ctrl-C, or that signal, as soon as the file `when` is below `work`; the demo says so in one line, and nobody that
    it started is left."""
    command = [*DEMO, f"--workdir={work}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=hears_ctrl_c) as demo:
        patience = Patience()
        while not list(work.glob(when)):
            assert patience.lasts() and demo.poll() is None
            time.sleep(0.005)
        demo.send_signal(number)
        out, err = demo.communicate(timeout=120)
    assert (demo.returncode, out, err) == (130, "", "amos demo: stopped; the same command again will continue\n")
    wait_until(lambda: not left(work), lambda: left(work))  # a command that was beginning ends by itself


def left(work: Path) -> list[str]:
    """Commands that name that folder and still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if str(work) in command]


@pytest.mark.long
def test_a_run_goes_on_after_ctrl_c_wherever_that_came(tmp_path: Path, micropython: list[str]) -> None:
    interrupted(tmp_path, "vault.partial/*")
    assert not (tmp_path / "vault").exists()
    interrupted(tmp_path, "ledger/*")
    interrupted(tmp_path, "players/lounge/journal.ring", signal.SIGTERM)
    interrupted(tmp_path, "logs/courier.log")
    done = subprocess.run([*DEMO, f"--workdir={tmp_path}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["content"]["stems"] == 32 and facts["verified"] and facts["totals"]["frames_agree"]


CHILDREN = """
import signal, sys, time
from pathlib import Path
from amos_tools.demo.processes import Processes, ended_alike
from amos_tools.demo.serve import Served, closed_pages
class Begun(Processes):
    def keep_running(self):
        print("begun", flush=True)
with ended_alike(), Begun(Path(sys.argv[1])) as processes:
    for name in ("one", "two"):
        processes.start(name, ["sleep", "1000"])
    if sys.argv[2] == "sleeps":
        processes.keep_running()
        time.sleep(1000)
    Served(closed_pages(), processes).keep()
    print("ignored" if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else "heard", flush=True)
"""


@contextlib.contextmanager
def children(folder: Path, does: str, before: Callable[[], None]) -> Iterator["subprocess.Popen[str]"]:
    """A demo that has begun; inside it is ended, and nobody that it started is left."""
    words = [sys.executable, "-c", CHILDREN, str(folder), does]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=before) as process:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        pids = [int((folder / f"{name}.pid").read_text()) for name in ("one", "two")]
        yield process
    assert [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists()] == []
    assert not list(folder.glob("*.pid"))


@pytest.mark.parametrize(
    ("number", "does"),
    [(signal.SIGINT, "sleeps"), (signal.SIGTERM, "sleeps"), (signal.SIGHUP, "sleeps"), (signal.SIGHUP, "serves")],
)
def test_a_signal_leaves_no_child_behind(tmp_path: Path, number: int, does: str) -> None:
    with children(tmp_path, does, hears_ctrl_c) as process:
        process.send_signal(number)
        assert process.wait(60) not in (-signal.SIGTERM, -signal.SIGHUP)


@pytest.mark.parametrize("does", ["sleeps", "serves"])
def test_a_demo_under_nohup_outlives_its_terminal(tmp_path: Path, does: str) -> None:
    with children(tmp_path, does, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        facts = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        assert int(facts["SigIgn"], 16) >> (signal.SIGHUP - 1) & 1
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[0].endswith("ignored\n" if does == "serves" else "")


def test_a_terminal_that_says_twice_that_it_is_closed_ends_a_demo_once() -> None:
    before, stopped = signal.signal(signal.SIGHUP, signal.SIG_DFL), list[bool]()
    try:
        with pytest.raises(KeyboardInterrupt), ended_alike():
            try:
                signal.raise_signal(signal.SIGHUP)
            finally:
                signal.raise_signal(signal.SIGHUP)  # while children are stopped
                stopped.append(True)
        assert stopped and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_vault_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Workdir(tmp_path)

    def stopped(path: Path) -> None:
        make_starter_vault(path).close()
        (path / "catalogue").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(content, "make_starter_vault", stopped)
    with pytest.raises(KeyboardInterrupt):
        content._vault(work, None, None)
    monkeypatch.undo()
    with content._vault(work, None, None) as vault:
        assert len(vault.stems()) == 32


@pytest.mark.parametrize("name", ["device_id", "device"])
def test_a_players_session_that_nobody_told_of_is_counted(tmp_path: Path, name: str) -> None:
    """A player that was killed has metered what its ledger gets, and left no line about it. One of 0.1.0 has another
    name for its id."""
    work = Workdir(tmp_path)
    (player,) = [Told()]
    work.player("bar").mkdir(parents=True)
    life = {name: "d", "session": 3, "rate_hz": 44_100, "receipted": 2}
    numbers = dict.fromkeys(
        ("frames", "took_ms", "placements", "segments", "rows", "played_frames", "segment_bytes", "trimmed"), 1
    )
    lines = [json.dumps(life | numbers | {"session": session}) for session in (1, 3)]
    (work.player("bar") / "sessions.jsonl").write_text("\n".join(lines) + "\n")
    sent = {"device_id": "d", "message_bytes": 1, "sends": 1, "sent_bytes": 1}
    (facts,) = player_facts(work, [player], {"devices": [sent]})  # type: ignore[list-item]
    assert facts["device_id"] == "d"
    assert (facts["sessions"], facts["untold_sessions"]) == (2, 1)


class Told:
    name, runtime, line = "bar", "cpython", "a Unix socket"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "amos" / "demo"


def test_without_a_folder_the_last_demos_results_are_in_the_cache(home: Path) -> None:
    with workdir(None) as work:
        assert work.root == home
        (home / "audio").mkdir()
        (home / "audio" / "bar.wav").touch()
        (home / "pack.json").touch()
    assert (home / "audio" / "bar.wav").exists()
    with workdir(None):
        assert os.listdir(home) == [LOCK]


def test_a_folder_that_was_asked_for_keeps_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "pack.json").touch()
    with workdir(tmp_path):
        assert (tmp_path / "pack.json").exists()


def test_two_demos_do_not_share_a_folder(home: Path) -> None:
    with workdir(None), pytest.raises(DemoError, match=r"another demo works in .*--workdir"), workdir(None):
        pass
