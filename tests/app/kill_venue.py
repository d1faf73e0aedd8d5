"""A venue whose processes die: players on two runtimes, the courier, a broker and the ledger, killed and started again.

Every life of a player writes its own WAV file. What is in it after the kill is what was delivered, told by the file
system and not by the player; what the ledger's log holds is what was counted.
"""

import contextlib
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from noise_pack import OPERATOR, PUBLISHER, SITE, enrolment_of, make_pack, prepare_player

from amos import crypto
from amos.edges.audio_sink import FRAME_BYTES
from amos.edges.wav_out import HEADER_BYTES as WAV_HEADER_BYTES
from amos.protocol.segment import Usage
from amos.protocol.usage_reader import open_usage
from amos_ledger import registry
from amos_ledger.folder import Folder, init_folder
from amos_ledger.totals import Totals
from amos_tools.demo.broker import start_broker
from amos_tools.demo.processes import Processes, amos_command, wait_until
from amos_tools.device.run import micropython_environment

STARTING_S = 0.6
"""About what a player takes to play, on an idle machine."""
PLAYING_SHARE = 0.8
START_S = 60
SETTLE_S = 240
"""For the ledger to have everything once nobody is killed any more."""


@dataclass(frozen=True)
class Life:
    """One life of a player: its session (None: it did not come to play), what its WAV file holds, how it ended."""

    session: int | None
    delivered_frames: int
    killed: bool


class Player:
    """A player's directory, and its lives so far. `lives` belongs to the one thread that kills it."""

    def __init__(self, folder: Path, name: str, command: list[str], link: str, address: str):
        self.name = name
        self.address = address
        self.seed = (name.encode() * 32)[:32]
        self.public_key = crypto.public_key(self.seed)
        self.device_id = crypto.key_id(self.public_key)
        self.lives: list[Life] = []
        self.folder = folder / name
        self._command = command
        self._link = link

    def prepare(self, pack: Path, ledger_key: bytes) -> None:
        more = {"link": self._link, "out": "null", "journal_bytes": 1 << 20}
        prepare_player(self.folder, self.seed, pack, ledger_key, more)

    def enrolment(self) -> bytes:
        return enrolment_of(self.seed, self.name)

    def live(self, kill_after_s: float | None, *settings: str, playing: bool = False) -> int:
        """One life; killed at that age, or so long after it began to play, or left to end by itself. Its exit code."""
        wav, said = self.folder / "out.wav", self.folder / "said"
        words = [*self._command, "-m", "amos", str(self.folder), f"out=wav:{wav}", *settings]
        environment = micropython_environment() | {"PYTHONUNBUFFERED": "1"}
        with said.open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        try:
            if playing:
                wait_until(lambda: wav.exists() or process.poll() is not None, f"{self.name} playing", START_S)
            process.wait(SETTLE_S if kill_after_s is None else kill_after_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
        code = process.wait()
        if self._link.startswith("pty:"):  # else it leads the courier to whoever gets that terminal's number next
            Path(self._link.removeprefix("pty:")).unlink(missing_ok=True)
        text = said.read_text()
        assert "Traceback" not in text and "stopped:" not in text and code in (0, -9), f"{self.name}: {text}"
        session = re.search(r"^playing: session (\d+)", text, re.MULTILINE)
        frames = max(0, wav.stat().st_size - WAV_HEADER_BYTES) // FRAME_BYTES if wav.exists() else 0
        self.lives.append(Life(int(session[1]) if session else None, frames, code != 0))
        wav.unlink(missing_ok=True)
        return code


class Service:
    """The courier or the ledger; started again whenever it is killed."""

    def __init__(self, name: str, command: list[str], folder: Path):
        self.name = name
        self.kills = 0
        self.log = folder / f"{name}.log"
        self._command = command
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self._logged = log.tell()
            return subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9; it must have been running."""
        assert self._process.poll() is None, f"{self.name} had ended: {self.log.read_text()[-2000:]}"
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._process = self._start()

    def connected(self) -> None:
        """Return once it is: what comes for a ledger before is lost, and sent again ten seconds later."""
        wait_until(lambda: " connected" in self.log.read_text()[self._logged :], f"{self.name} connected", START_S)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Plan:
    """How a run goes. `kills` of players in all, up to `life_s` after they began to play, and some while they start;
    `free_share` of their lives play unclocked. Services are killed with pauses of up to `service_life_s`.
    """

    seed: int
    kills: int
    life_s: float
    free_share: float
    service_life_s: float


class Venue:
    """Everything, made in `folder`; a context that ends every process it started."""

    def __init__(self, folder: Path, micropython: list[str]):
        self._folder = folder
        pack = make_pack(folder)
        self._ledger_folder = folder / "ledger"
        keys = crypto.public_key(OPERATOR), crypto.public_key(PUBLISHER)
        self.folder = init_folder(self._ledger_folder, "ledger.example/kills", *keys)
        socket, line = f"unix:{folder / 'bar.sock'}", folder / "lounge.pty"
        self.players = [
            Player(folder, "bar", [sys.executable], socket, socket),
            Player(folder, "lounge", micropython, f"pty:{line}", f"serial:{line}"),
        ]
        with self.folder.open_store() as store:
            registry.add_pack(self.folder, store, *registry.read_pack(pack))
            for player in self.players:
                player.prepare(pack, self.folder.public_key)
                registry.enrol(self.folder, store, player.enrolment())
            registry.publish(self.folder, store)

    def run(self, plan: Plan) -> list[Service]:
        """Play and kill as planned, then let everybody finish; the services, for their kills."""
        with Processes(self._folder) as processes, contextlib.ExitStack() as stack:
            kind, port = start_broker(processes, self._folder / "broker")
            services = self._services(kind, port)
            for service in services:
                stack.callback(service.stop)
            with busy_cores():
                self._kill_all(plan, services)
            for service in services:
                service.kill()  # resends begin afresh, in place of the long pauses after many tries
                service.connected()
            self.play("linger=receipted")
        return services

    def play(self, *settings: str) -> None:
        """One unclocked minute of each player, all at a time; each must end by itself. A courier asks ever less often
        for players that are not there."""
        with ThreadPoolExecutor() as pool:
            codes = list(pool.map(lambda player: player.live(None, "pace=free", "minutes=1", *settings), self.players))
        assert codes == [0] * len(self.players)

    def _services(self, kind: str, port: int) -> list[Service]:
        broker = f"--broker=127.0.0.1:{port}"
        words = [f"--site={SITE}", f"--spool={self._folder / 'spool'}", f"--ledger-key={self.folder.public_key.hex()}"]
        if kind == "amqtt":
            words.append("--mqtt-version=3.1.1")
        words += [f"--device={player.address}" for player in self.players]
        ledger = Service("ledger", amos_command("ledger", "serve", str(self._ledger_folder), broker), self._folder)
        ledger.connected()
        return [ledger, Service("courier", amos_command("courier", "run", broker, *words), self._folder)]

    def _kill_all(self, plan: Plan, services: list[Service]) -> None:
        """One thread a player, which kills it again and again, and one for the services."""
        over = threading.Event()
        failures: list[BaseException] = []

        def guarded(work: "Iterator[None]") -> None:
            try:
                for _ in work:
                    if failures:
                        return
            except BaseException as error:
                failures.append(error)

        shares = [plan.kills // 2, plan.kills - plan.kills // 2]
        killers = [
            threading.Thread(target=guarded, args=(_kill_player(player, share, plan),))
            for player, share in zip(self.players, shares, strict=True)
        ]
        services_killer = threading.Thread(target=guarded, args=(_kill_services(services, plan, over),))
        for thread in [*killers, services_killer]:
            thread.start()
        for thread in killers:
            thread.join()
        over.set()
        services_killer.join()
        if failures:
            raise failures[0]

    def log(self, player: Player) -> list[tuple[bytes, Usage]]:
        """Every segment of the player in the ledger's log, as signed and as read, in the order of the log."""
        with Folder(self._ledger_folder).open_store() as store:
            entries = [entry for _index, entry in store.entries(0, store.size())]
        found = []
        for entry in entries:
            with contextlib.suppress(ValueError):  # another player's, or an enrolment
                found.append((entry, open_usage(entry, player.public_key, crypto.verify)))
        return found

    def totals(self) -> Totals:
        """What the ledger says of itself."""
        with Folder(self._ledger_folder).open_store() as store:
            return store.totals()


def _kill_player(player: Player, kills: int, plan: Plan) -> Iterator[None]:
    """Until so many lives ended by the kill: while the player recovers and seals what the last life left, or plays."""
    chance = random.Random(f"{plan.seed} {player.name}")
    killed = 0
    while killed < kills:
        pace = "free" if chance.random() < plan.free_share else "clocked"
        block = chance.choice((256, 1024, 4096))
        playing = chance.random() < PLAYING_SHARE
        age_s = chance.uniform(0, plan.life_s if playing else STARTING_S)
        killed += player.live(age_s, f"pace={pace}", f"block_frames={block}", playing=playing) != 0
        yield


def _kill_services(services: list[Service], plan: Plan, over: threading.Event) -> Iterator[None]:
    chance = random.Random(f"{plan.seed} services")
    while not over.wait(chance.uniform(plan.service_life_s / 4, plan.service_life_s)):
        chance.choice(services).kill()
        yield


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Every core has something else to do."""
    spin = [sys.executable, "-I", "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _core in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
