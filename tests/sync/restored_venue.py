"""Players in a venue, a courier and a ledger as processes of their own over mosquitto; folders are copied, put back."""

import http.server
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from ledger_check import Check, Seen
from mosquitto_process import mosquitto_with
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until
from plain_tree import read_note
from settled_world import OPERATOR, World
from settled_world import Player as Sealer
from sync_players import FakePlayer, PlayerThread
from typer.testing import CliRunner

from amos.protocol import topics
from amos.protocol.answer import decode_answer
from amos.protocol.receipt import parse_receipt
from amos.protocol.several_host import holds_several, split_several
from amos_ledger.folder import Folder
from amos_tools.cli import app as amos
from amos_tools.demo.processes import amos_command

SITE = "cafe"
ROWS = [(0, 44_100), (1, 10_001)]


class Program:
    """A command of `amos` as a process; `said` is what it wrote since it was started last."""

    def __init__(self, log: Path, *words: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(amos_command(*words), stdout=file, stderr=file)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def says(self, text: str) -> None:
        wait_until(lambda: text in self.said, lambda: f"{text!r} in: {self.said[-3000:]}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)


class Listener:
    """What goes over the broker for all to see: receipts and tree heads."""

    def __init__(self, port: int) -> None:
        self.answers: list[Any] = []
        self.heads: set[bytes] = set()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_message = self._heard
        self._client.on_connect = lambda client, *_: client.subscribe("amos/1/#", 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _heard(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic == topics.CHECKPOINT:
            self.heads.add(message.payload)
        elif message.topic.endswith("/" + topics.RECEIPT):
            several = holds_several(message.payload)
            self.answers += map(decode_answer, split_several(message.payload) if several else [message.payload])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Venue:
    """One ledger, `couriers` of which each has players of its own, and one broker at a time."""

    def __init__(self, folder: Path, mosquitto: list[str], couriers: int = 1) -> None:
        self.folder = folder
        self.world = World(folder / "ledger")
        self.path = self.world.path
        self.ledger_key = self.world.folder.public_key
        (folder / "operator.key").write_bytes(OPERATOR)
        (folder / "operator.key").chmod(0o600)
        self._mosquitto = mosquitto
        self._couriers = couriers
        self.sealed: dict[tuple[bytes, int], bytes] = {}
        self.players = [FakePlayer(sealer.seed, [], self.ledger_key) for sealer in self.world.players]
        self._threads = [PlayerThread(player, self._address(at)) for at, player in enumerate(self.players)]
        self._brokers: list[Any] = []
        self._listener: Listener | None = None
        self.answers: list[Any] = []
        self.heads: set[bytes] = set()
        self.programs: dict[str, Program] = {}
        self._said: dict[str, int] = {}
        self.new_broker()

    # Processes.

    def new_broker(self) -> None:
        """One that has lost everything, if there was one before."""
        self._drop_broker()
        context = mosquitto_with(self._mosquitto, self.folder, "allow_anonymous true\n")
        self.port = context.__enter__()
        self._brokers.append(context)
        self._listener = Listener(self.port)
        self._listener.answers, self._listener.heads = self.answers, self.heads

    def _drop_broker(self) -> None:
        if self._listener is not None:
            self._listener.close()
        while self._brokers:
            self._brokers.pop().__exit__(None, None, None)

    def _start(self, name: str, *words: str) -> Program:
        if name in self.programs:
            self.programs[name].kill()
        number = self._said[name] = self._said.get(name, 0) + 1
        self.programs[name] = Program(self.folder / f"{name}-{number}.log", *words)
        return self.programs[name]

    def serve(self) -> Program:
        """The ledger; what comes before it is connected is lost, and sent again ten seconds later."""
        ledger = self._start("ledger", "ledger", "serve", str(self.path), f"--broker=127.0.0.1:{self.port}")
        ledger.says(" connected")
        return ledger

    def bring(self, courier: int = 0) -> Program:
        devices = [f"--device={self._address(at)}" for at in range(len(self.players)) if at % self._couriers == courier]
        return self._start(
            f"courier-{courier}", "courier", "run", f"--site={SITE}", f"--broker=127.0.0.1:{self.port}", *devices,
            f"--spool={self.spool(courier)}", f"--ledger-key={self.ledger_key.hex()}",
        )  # fmt: skip

    def spool(self, courier: int = 0) -> Path:
        return self.folder / f"spool-{courier}"

    def _address(self, number: int) -> str:
        return f"unix:{self.folder / f'{number}.sock'}"

    def kill(self) -> None:
        """Everything but the broker."""
        for program in self.programs.values():
            program.kill()

    def close(self) -> None:
        self.kill()
        for thread in self._threads:
            thread.stop()
        self._drop_broker()

    # Players.

    def play(self, count: int, *numbers: int) -> None:
        """Seal so many segments on each of the players, or on these."""
        for number in numbers or range(len(self.players)):
            player, sealer = self.players[number], self.world.players[number]
            for _ in range(count):
                self._seal(player, sealer)

    def _seal(self, player: FakePlayer, sealer: Sealer) -> None:
        segment = sealer.play(ROWS, None)
        self.sealed[player.device_id, sealer.sequence] = segment
        player.segments[sealer.sequence] = segment
        player.next_sequence = sealer.sequence + 1

    def freed(self, *numbers: int) -> None:
        """Until these players, or all, have receipts for all that they sealed, and have freed it."""
        chosen = [self.players[number] for number in numbers or range(len(self.players))]
        wait_until(lambda: not any(player.segments for player in chosen), self._all_said)

    def reboot(self, number: int) -> None:
        """Power off and on: the courier has to find it again."""
        self._threads[number].stop()
        self.players[number].reboot()
        self._threads[number] = PlayerThread(self.players[number], self._address(number))

    # The ledger's folder.

    def copy(self, name: str, of: str = "ledger") -> Path:
        """A copy of the folder, or of one in it."""
        return Path(shutil.copytree(self.folder / of, self.folder / name))

    def put_back(self, copy: Path) -> None:
        self.kill()
        shutil.rmtree(self.path)
        shutil.copytree(copy, self.path)

    def size(self) -> int:
        with Folder(self.path).open_store_to_read() as store:
            return store.size()

    def accepted(self, count: int) -> None:
        """Until the ledger has so many segments, and has published them, so that each has its receipt."""

        def all_there() -> bool:
            with Folder(self.path).open_store_to_read() as store:
                checkpoint = self.path / "public" / "checkpoint"
                return store.totals().accepted >= count and int(checkpoint.read_text().split("\n")[1]) >= store.size()

        wait_until(all_there, self._all_said)

    def _all_said(self) -> str:
        return "\n".join(f"{name}: {program.said[-3000:]}" for name, program in self.programs.items())

    # The operator.

    def amos(self, *words: object, code: int = 0) -> str:
        """A command; what it shows."""
        found = CliRunner().invoke(amos, [str(word) for word in words])
        assert found.exit_code == code, f"{words}: {found.exit_code}: {found.output}"
        return found.output

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.amos("ledger", "status", self.path, "--json")))

    def settle(self, *more: object, code: int = 0) -> str:
        words = "--income", "100.00", "--currency", "EUR", "--ledger", self.path, "--close-now"
        return self.amos("pool", "settle", "--period", month(), *words, *more, code=code)

    def forgo(self, kept_size: int | None = None) -> None:
        """Give up what is lost, as `status` says it."""
        found = self.status()
        out = self.folder / f"forgone-{found['ahead']['size']}.cose"
        self.amos(
            *("device", "forgo", "--kept-size", kept_size or found["log_size"], "--lost-size", found["ahead"]["size"]),
            *("--lost-root", found["ahead"]["root"], "--operator-key-file", self.folder / "operator.key"),
            *("--out", out),
        )
        self.amos("ledger", "forgo", self.path, out)

    def judge(self) -> None:
        """Everything that the world saw since `forget_seen` holds."""
        folder = Folder(self.path)
        seen = Seen(sent=set(self.sealed.values()))
        for answer in self.answers:
            if answer.receipt is not None and parse_receipt(answer.receipt).message.kid == folder.key_id:
                seen.receipts.add((self.sealed[answer.device_id, answer.sequence], answer.receipt))
        check = Check(self.path, folder.trust.origin, folder.public_key)
        heads = set(self.heads)
        for key in folder.line.keys:
            check.key = key
            signed = {note for note in heads if _signed(note, check)}
            check.history(signed)
            heads -= signed
        assert not heads, "a tree head that no key of the ledger's signed"
        Check(self.path, folder.trust.origin, folder.public_key).all(seen)

    def forget_seen(self) -> None:
        """Receipts and heads so far are of a history that the operator gives up."""
        self.answers.clear()
        self.heads.clear()


def _signed(note: bytes, check: Check) -> bool:
    try:
        read_note(note, check.origin, check.key)
    except AssertionError:
        return False
    return True


def month() -> str:
    """The one that is running."""
    return time.strftime("%Y-%m", time.gmtime())


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """The folder at an address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
