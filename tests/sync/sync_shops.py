"""Shops for the tests: a courier as a process each, with players in memory; those without a broker use sticks."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from patience import wait_until
from sync_players import LEDGER_KEY, FakePlayer, PlayerThread, sealed
from typer.testing import CliRunner

from amos_sync.cli import app
from amos_sync.errors import SpoolError
from amos_sync.report import reading, report
from amos_sync.stick_export import names_of
from amos_tools.demo.broker import free_port


class Shop:
    """`port` of the broker; None for a shop that has none."""

    def __init__(self, folder: Path, name: str, counts: list[int], port: int | None = None, *options: str) -> None:
        self.name = name
        self.spool = folder / name
        self.players = []
        self._options = options
        self._port = port or free_port()
        for number, count in enumerate(counts):
            seed = hashlib.sha256(f"{folder} {name} {number}".encode()).digest()
            self.players.append(PlayerThread(FakePlayer(seed, sealed(seed, count)), f"unix:{folder}/{name}-{number}"))
        self.sealed = [data for line in self.players for data in line.player.segments.values()]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        devices = [word for line in self.players for word in ("--device", line.address)]
        devices = devices or ["--device", f"unix:{self.spool}-nobody"]
        command = [sys.executable, "-m", "amos_sync.cli", "run", "--site", self.name, "--broker"]
        command += [f"127.0.0.1:{self._port}", "--spool", str(self.spool), "--ledger-key", LEDGER_KEY.hex(), *devices]
        with self.spool.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options], stderr=log)
        wait_until(self._is_up, lambda: f"{self.name} does not start")

    def _is_up(self) -> bool:
        """Whether its courier came so far that sticks can be brought to it, even if it is killed the next moment. A
        spool of before has its names already, while this courier is still coming up."""
        try:
            with reading(self.spool) as database:
                return bool(names_of(database)) and bool(self.report()["running"])
        except SpoolError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        self.kill()
        for line in self.players:
            line.stop()

    def report(self) -> dict[str, Any]:
        return report(self.spool)

    def wait_pulled(self) -> None:
        """Until every segment of every player is in the spool."""

        def pulled() -> bool:
            return sum(device["segments"] for device in self.report()["devices"]) == len(self.sealed)

        wait_until(pulled, lambda: f"{self.name} has not pulled all")

    def wait_home(self) -> None:
        """Until every player has trimmed everything."""
        wait_until(self.is_home, lambda: f"{self.name}: {[line.player.last_receipted for line in self.players]}")

    def is_home(self) -> bool:
        return all(not line.player.segments for line in self.players) and self.report()["waiting"] == 0


def stick_command(*words: str | Path, ends: int | None = 0) -> dict[str, Any]:
    """`amos courier WORDS --json` beside the couriers' processes; what it says."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert ends is None or done.exit_code == ends, (done.exit_code, done.output, done.exception)
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts
