"""The whole way with a key that changes in the middle: player, courier, broker, ledger and verifier as processes.

What the player played before waits unsynced while the key changes, and all of it is accepted and paid.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards_pack import PUBLISHER
from typer.testing import CliRunner

from amos import crypto
from amos.config import load
from amos.device_key import load_key
from amos.edges.hardware import hardware_ids
from amos.identity import Identity
from amos.key_rotation import rotate
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import HANDOVERS_MAX, SEGMENT_BYTES_MAX
from amos_ledger import registry
from amos_ledger.folder import Folder
from amos_tools.cli import app
from amos_tools.demo.broker import start_broker
from amos_tools.demo.processes import Processes, amos_command, wait_until
from amos_tools.device.prepare import prepare
from amos_tools.device.run import micropython_environment

SITE, NAME = "harbour", "bar"


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


class Venue:
    """A renderer of that runtime, set up and never run; the ledger, which knows the pack."""

    def __init__(self, folder: Path, ledger: Folder, pack: Path, operator: Path, runtime: list[str], board: bool):
        self.folder, self.ledger, self.operator = folder, ledger, operator
        self.directory, line = folder / NAME, folder / "line"
        self.port = f"serial:{line}" if board else f"unix:{line}"
        self._runtime = runtime
        settings: dict[str, object] = {
            "pack": str(pack), "publisher_key": crypto.public_key(PUBLISHER).hex(), "out": "null", "pace": "free",
            "ledger_key": ledger.public_key.hex(), "tier": 255, "link": f"pty:{line}" if board else self.port,
        }  # fmt: skip
        prepare(self.directory, settings)
        with ledger.open_store() as store:
            registry.add_pack(ledger, store, *registry.read_pack(pack))
            registry.publish(ledger, store)

    def player(self, *settings: str) -> "subprocess.Popen[str]":
        words = [*self._runtime, "-m", "amos", str(self.directory), *settings]
        pipe = subprocess.PIPE
        # That of a life before leads to whoever got its terminal's number.
        (self.folder / "line").unlink(missing_ok=True)
        return subprocess.Popen(words, env=micropython_environment(), stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def play(self, minutes: int) -> str:
        """One life that ends by itself, with nobody at its link; what it said."""
        said, _none = self.player(f"minutes={minutes}", "linger=no").communicate(timeout=200)
        assert "Traceback" not in said and "stopped:" not in said
        return said

    def enrol(self) -> str:
        """The device's id, enrolled at its link by the operator's commands."""
        path = self.folder / "enrolment.cose"
        time.sleep(1.1)  # a later enrolment takes the place of an earlier one, by the second
        words = ("--site", SITE, "--name", NAME, "--tier", "255", "--operator-key-file", str(self.operator))
        said = run("device", "enrol", self.port, *words, "--out", str(path), "--wait-s", "60", "--json")
        run("ledger", "enrol", str(self.ledger.path), str(path), "--unasked")  # the broker may have ended
        return str(json.loads(said)["device_id"])

    def services(self, processes: Processes) -> None:
        kind, port = start_broker(processes, self.folder / "broker")
        broker = [f"--broker=127.0.0.1:{port}"]
        processes.start("ledger", amos_command("ledger", "serve", str(self.ledger.path), *broker))
        broker += ["--mqtt-version=3.1.1"] if kind == "amqtt" else []
        words = [f"--site={SITE}", f"--spool={self.folder / 'spool'}", f"--device={self.port}", *broker]
        processes.start(
            "courier", amos_command("courier", "run", *words, f"--ledger-key={self.ledger.public_key.hex()}")
        )

    def signers(self) -> list[str]:
        """The key ids of the segments in the ledger's log, in their order."""
        with self.ledger.open_store() as store:
            entries = [entry for _index, entry in store.entries(0, store.size())]
        found = []
        for entry in entries:
            try:
                found.append(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).kid.hex())
            except ProtocolError:
                continue
        return found

    def verified(self) -> int:
        """Micro-units paid out by statements that `amos verify` found right."""
        words = ("--income", "1000", "--currency", "EUR", "--ledger", str(self.ledger.path), "--close-now", "--json")
        period, out = time.strftime("%Y-%m", time.gmtime()), str(self.folder / "statements")
        # The broker has ended by then, so nobody can be asked for the ledger's head.
        settled = json.loads(run("pool", "settle", "--period", period, "--unasked", "--out", out, *words))
        keys = self.folder / "keys.json"
        pinned = {"ledger": self.ledger.public_key, "publisher": crypto.public_key(PUBLISHER)}
        pinned["operator"] = crypto.public_key(self.operator.read_bytes())
        told = {name: key.hex() for name, key in pinned.items()} | {"origin": self.ledger.trust.origin}
        keys.write_text(json.dumps(told))
        public = str(self.ledger.path / "audit")
        assert json.loads(run("verify", out, "--published", public, "--keys", str(keys), "--json"))["verified"]
        return sum(int(payee["amount_micro"]) for payee in settled["payees"])


@pytest.fixture(params=["cpython", "micropython"])
def venue(
    request: pytest.FixtureRequest, tmp_path: Path, ledger: Folder, pack: Path, operator: Path
) -> Iterator[Venue]:
    board = request.param == "micropython"
    runtime = [*request.getfixturevalue("micropython"), "-X", "heapsize=8m"] if board else [sys.executable]
    yield Venue(tmp_path, ledger, pack, operator, runtime, board)


def test_a_key_changes_in_the_middle_and_nothing_is_lost(venue: Venue) -> None:
    said = venue.play(12)
    assert "key: rotated" not in said
    old_file = (venue.directory / "device.key").read_bytes()
    waiting = venue.player("minutes=1", "linger=forever")
    first_key = venue.enrol()
    waiting.terminate()
    waiting.communicate(timeout=60)

    assert "request: written" in run("device", "rotate-key", str(venue.directory))
    assert "request: was there" in run("device", "rotate-key", str(venue.directory))
    with Processes(venue.folder) as processes:
        player = venue.player("minutes=24", "linger=receipted")
        wait_until(lambda: (venue.directory / "key-history.0").exists(), "the rotation", 60)
        wait_until(lambda: not (venue.directory / "next.key").exists(), "its end", 60)
        assert venue.enrol() == first_key, "the device is the same"
        venue.services(processes)
        said, _none = player.communicate(timeout=300)
    assert player.returncode == 0 and "key: rotated; from segment" in said, said
    assert (venue.directory / "device.key").read_bytes() != old_file
    assert stat_of(venue.directory / "device.key") == stat_of(venue.directory / "key-history.1") == 0o600
    signers = venue.signers()
    assert signers[0] == first_key and signers[-1] != first_key and len(signers) >= 4
    assert len(set(signers)) == 2 and signers == sorted(signers, key=lambda kid: kid != first_key)
    totals = json.loads(run("ledger", "status", str(venue.ledger.path), "--json"))
    assert (totals["accepted"], totals["evidence"], totals["quarantined"]) == (len(signers), 0, [])
    assert venue.verified() == 10**9


def stat_of(path: Path) -> int:
    return os.stat(path).st_mode & 0o777


def test_a_new_key_that_is_not_enrolled_yet_is_asked_about_again(venue: Venue) -> None:
    """The player plays on while the operator is away; its courier loses nothing."""
    if venue.port.startswith("serial:"):
        pytest.skip("a serial line has room for one, and the courier is there")
    venue.play(12)
    run("device", "rotate-key", str(venue.directory))
    venue.play(12)
    waiting = venue.player("minutes=1", "linger=receipted")
    with Processes(venue.folder) as processes:
        venue.services(processes)
        log = venue.folder / "courier.log"
        wait_until(lambda: log.exists() and "unknown device" in log.read_text(), "the ledger's answer", 100)
        venue.enrol()
        said, _none = waiting.communicate(timeout=300)
    assert waiting.returncode == 0, said
    assert len(venue.signers()) >= 4


def test_what_is_no_player_is_refused(tmp_path: Path, venue: Venue) -> None:
    for folder in (tmp_path, tmp_path / "none", venue.directory):
        assert "expected a player's directory with its key" in run("device", "rotate-key", str(folder), code=2)
    venue.play(1)
    said = json.loads(run("device", "rotate-key", str(venue.directory), "--json"))
    assert said["target"] == str(venue.directory) and len(said["steps"]) == 2
    (venue.directory / "device.key").unlink()
    assert "expected a player's directory" in run("device", "rotate-key", str(venue.directory), code=2)


def test_a_key_that_changed_too_often_is_refused_by_name(venue: Venue) -> None:
    if venue.port.startswith("serial:"):
        pytest.skip("the limit is the player's own, and tests/portable has it")
    directory = str(venue.directory)
    venue.play(1)
    for number in range(HANDOVERS_MAX):
        run("device", "rotate-key", directory)
        seed, history, _bound = load_key(directory, hardware_ids())
        rotate(directory, Identity(seed, load(directory, ()), history), number + 2, hardware_ids())
    assert "changed less than 8 times" in run("device", "rotate-key", directory, code=1)
