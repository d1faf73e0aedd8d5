"""A disk that is too small for the spool, as a real file system: said, survived, and used again when there is room."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mount_namespace import MountNamespace, mount_namespace
from patience import wait_until
from sync_brokers import TestBroker
from sync_ledgers import FakeLedger, truthful
from sync_players import LEDGER_KEY, FakePlayer, PlayerThread, sealed

from amos_tools.demo.broker import free_port

COUNT = 200


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PlayerThread]:
    seed = hashlib.sha256(os.fsencode(tmp_path)).digest()
    line = PlayerThread(FakePlayer(seed, sealed(seed, COUNT)), f"unix:{tmp_path}/p")
    yield line
    line.stop()


def started(mounts: MountNamespace, folder: Path, line: PlayerThread, port: int) -> "subprocess.Popen[bytes]":
    words = [*mounts.enter, sys.executable, "-m", "amos_sync.cli", "run", "--site", "cafe", "--device", line.address]
    words += ["--broker", f"127.0.0.1:{port}", "--spool", str(folder / "spool"), "--ledger-key", LEDGER_KEY.hex()]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(words, stderr=log)


def mounted(mounts: MountNamespace, folder: Path, size: str) -> None:
    (folder / "spool").mkdir()
    mounts.run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder / "spool"))


def test_a_full_disk_is_said_and_survived(tmp_path: Path, line: PlayerThread, broker: TestBroker) -> None:
    """Away from its broker the spool fills the disk; with more room it goes on, and everything arrives."""
    ledger = FakeLedger(broker.port, {line.player.device_id: line.player.public_key}, truthful)
    log = (tmp_path / "log").read_text
    with mount_namespace() as mounts:
        mounted(mounts, tmp_path, "160k")
        courier = started(mounts, tmp_path, line, free_port())
        wait_until(lambda: "its disk is full" in log(), log)
        courier.kill()
        courier.wait()
        mounts.run("mount", "-o", "remount,size=8m", str(tmp_path / "spool"))
        courier = started(mounts, tmp_path, line, broker.port)
        wait_until(lambda: not line.player.segments, log)
        courier.kill()
        courier.wait()
    ledger.stop()
    assert len(ledger.segments) == COUNT
    assert "Traceback" not in log()


def test_what_is_kept_for_a_lost_ledger_gives_way_on_a_small_disk(
    tmp_path: Path, line: PlayerThread, broker: TestBroker
) -> None:
    """With its broker, what has its receipt must not fill the disk for good: nobody comes to delete it."""
    ledger = FakeLedger(broker.port, {line.player.device_id: line.player.public_key}, truthful)
    log = (tmp_path / "log").read_text
    with mount_namespace() as mounts:
        mounted(mounts, tmp_path, "480k")
        courier = started(mounts, tmp_path, line, broker.port)
        try:
            wait_until(lambda: not line.player.segments, lambda: f"{len(ledger.segments)} {log()}")
        finally:
            courier.kill()
            courier.wait()
    ledger.stop()
    assert len(ledger.segments) == COUNT


def courier_command(mounts: MountNamespace, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [*mounts.enter, sys.executable, "-m", "amos_sync.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def filled(mounts: MountNamespace, spool: Path) -> None:
    subprocess.run([*mounts.enter, "dd", "if=/dev/zero", f"of={spool}/filler", "bs=1k"], capture_output=True)


@pytest.mark.parametrize("reserve", [True, False], ids=["reserve", "no reserve"])
def test_a_disk_that_is_full_at_the_start_is_said_and_read(
    tmp_path: Path, line: PlayerThread, broker: TestBroker, reserve: bool
) -> None:
    """Something else has filled it while no courier ran. What waits can be read, also where nothing is in reserve."""
    spool, stick = tmp_path / "spool", tmp_path / "stick"
    stick.mkdir()
    log = (tmp_path / "log").read_text
    ledger = FakeLedger(broker.port, {line.player.device_id: line.player.public_key}, truthful)
    with mount_namespace() as mounts:
        mounted(mounts, tmp_path, "2m")
        courier = started(mounts, tmp_path, line, free_port())

        def waiting() -> int:
            done = courier_command(mounts, "status", "--spool", spool, "--json")
            return int(json.loads(done.stdout)["waiting"]) if done.returncode == 0 else 0

        wait_until(lambda: waiting() == COUNT, log)
        courier.terminate()
        courier.wait()
        if not reserve:
            (mounts.path(spool) / "spool.reserve").unlink()
        filled(mounts, spool)
        assert waiting() == COUNT
        done = courier_command(mounts, "export", "--to", stick, "--spool", spool)
        assert done.returncode == 0 and list(stick.glob("amos/*.bundle")), done
        done = courier_command(mounts, "import", "--from", stick, "--spool", spool)
        assert "disk is full" in done.stderr or done.returncode == 0, done
        courier = started(mounts, tmp_path, line, broker.port)
        if not reserve:
            assert courier.wait(60) != 0
            assert "its disk is full; delete something there, or give it a larger one" in log()
            (mounts.path(spool) / "filler").unlink()
            courier = started(mounts, tmp_path, line, broker.port)
        else:
            wait_until(lambda: "its disk is full" in log() or not line.player.segments, log)
            (mounts.path(spool) / "filler").unlink()
        wait_until(lambda: not line.player.segments, log)
        courier.kill()
        courier.wait()
    ledger.stop()
    assert "Traceback" not in log()
