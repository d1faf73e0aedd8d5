"""How soon players do what they are told: from publishing an opt-out list, or directives, to the last audible frame.

The way is the real one: a broker, a courier with all players connected, and each player's own check and file. What
follows in a player is measured once with real music (`told_tail`), since this machine cannot play a hundred times. Nor
has it a hundred disks: players keep what they are told at the same time, each on a thread, and not one behind the
other.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from amos import crypto
from amos.protocol import topics
from amos.protocol.directive import VERSION, Directive
from amos.protocol.directive_host import sign_directive
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.settings import ClientSettings
from amos_sync.message import Message
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.many_players import address_of
from amos_tools.bench.sync_player import PUBLISHER_SEED, make_pack
from amos_tools.bench.told_players import DIRECTIVE, OPT_OUTS, seed_of
from amos_tools.bench.told_tail import tail_s
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import DemoError, Process, Processes, amos_command, wait_until
from amos_tools.processor_time import tree_s

PLAYERS, ROUNDS = 100, 5
SECONDS_MAX, WAIT_S = 1.0, 60
SITE, OPERATOR_SEED = "harbour", b"o" * 32
STEMS, STEM_BYTES = 4, 1_000_000
NAME = "from publishing {} to the last audible frame, p99 over {} connected players"


def figures(scale: float) -> list[Figure]:
    """For opt-out lists and for directives."""
    note_progress(NAME.format("what players are told", PLAYERS))
    program = toolchain.mosquitto()
    if program is None:
        bound, why = ("at most", SECONDS_MAX), toolchain.explain("mosquitto")
        return [Figure("sync", NAME.format(what, PLAYERS), None, "s", bound, why) for what in (OPT_OUTS, DIRECTIVE)]
    return measured("sync", NAME.format("", PLAYERS), lambda: _measured(program, scale))


def _measured(program: list[str], scale: float) -> list[Figure]:
    count = max(10, round(PLAYERS * min(scale, 1)))
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        pack = make_pack(folder / "pack", STEMS, STEM_BYTES)
        with Processes(folder / "logs") as processes:
            port = free_port()
            start_mosquitto(processes, program, folder / "broker", port)
            fleet = _Fleet(processes, folder, count, port)
            try:
                return [_figure(fleet, what, folder, pack) for what in (DIRECTIVE, OPT_OUTS)]
            except DemoError as error:
                raise RuntimeError(str(error)) from None
            finally:
                fleet.stop()


class _Fleet:
    """Players that are connected to one courier, and whoever publishes."""

    def __init__(self, processes: Processes, folder: Path, count: int, port: int) -> None:
        self.count = count
        players = folder / "players"
        players.mkdir()
        keys = [crypto.public_key(seed).hex() for seed in (PUBLISHER_SEED, OPERATOR_SEED)]
        words = [sys.executable, "-m", "amos_tools.bench.told_players", str(players), str(count), *keys]
        self._players: Process = processes.start("players", words)
        self._log = folder / "logs" / "players.log"
        wait_until(lambda: self._lines() == ["ready"], "players", WAIT_S)
        devices = [word for number in range(count) for word in ("--device", address_of(players, number))]
        words = ["courier", "run", "--site", SITE, "--broker", f"127.0.0.1:{port}", "--spool", str(folder / "spool")]
        self._courier = processes.start("courier", amos_command(*words, *devices))
        self.statuses: set[str] = set()
        client = ClientSettings("bench", 4096)
        self._client: MqttClient[Message] = MqttClient(Broker("127.0.0.1", port), client, self._read, lambda: None)
        self._client.start(_now_ms())
        wait_until(self._connects, "the broker", WAIT_S)
        self._client.subscribe([f"{topics.PREFIX}/{SITE}/+/{topics.STATUS}"])
        wait_until(self._knows_all, "statuses of all players", WAIT_S)

    def _read(self, topic: str, payload: bytes) -> Message | None:
        if topic != topics.courier_status_topic(SITE):
            self.statuses.add(topic)
        return None

    def _connects(self) -> bool:
        self._client.poll(_now_ms())
        return self._client.up

    def _knows_all(self) -> bool:
        self._poll()
        return len(self.statuses) == self.count

    def _poll(self) -> None:
        self._client.poll(_now_ms())

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines()

    def publish(self, topic: str, payload: bytes) -> int:
        """When that was, in nanoseconds."""
        at_ns = time.monotonic_ns()
        while not self._client.publish(topic, payload, retain=True):
            self._poll()
            time.sleep(0.001)
        return at_ns

    def cpu_s(self) -> float:
        """Of players and courier so far."""
        return tree_s(self._players.pid) + tree_s(self._courier.pid)

    def taken_s(self, what: str, publish: Callable[[], list[int]]) -> list[float]:
        """Publish it to all players, which gives when that was for each; how long each took."""
        before = len(self._lines())
        published = publish()

        def all_have() -> bool:
            self._poll()
            return len(self._lines()) >= before + self.count

        wait_until(all_have, f"all players to take {what}", WAIT_S)
        told = [line.split() for line in self._lines()[before:]]
        return [(int(at_ns) - published[int(number)]) / 1e9 for number, kind, at_ns in told if kind == what]

    def stop(self) -> None:
        """Hang up."""
        self._client.stop()


def _figure(fleet: _Fleet, what: str, folder: Path, pack: Path) -> Figure:
    took: list[float] = []
    before_s = fleet.cpu_s()
    for serial in range(1, ROUNDS + 1):
        took += fleet.taken_s(what, lambda serial=serial: _publish(fleet, what, serial))  # type: ignore[misc]
    took.sort()
    cpu_s = (fleet.cpu_s() - before_s) / ROUNDS
    way_s, half_s = took[min(len(took) * 99 // 100, len(took) - 1)], took[len(took) // 2]
    after_s = tail_s(folder / what, pack, what, OPERATOR_SEED)
    note = f"{way_s:.3f} s until taken (half of them {half_s:.3f} s; CPU of courier and all players {cpu_s:.3f} s),"
    note += f" {after_s:.3f} s of blocks, buffer and fade"
    return Figure("sync", NAME.format(what, fleet.count), way_s + after_s, "s", ("at most", SECONDS_MAX), note)


def _publish(fleet: _Fleet, what: str, serial: int) -> list[int]:
    if what == OPT_OUTS:
        key = crypto.key_id(crypto.public_key(PUBLISHER_SEED))
        listed = list_opt_outs(serial, 1, [serial.to_bytes(16, "big")])
        data = sign_opt_outs(listed, key, lambda text: crypto.sign(PUBLISHER_SEED, text))
        return [fleet.publish(topics.OPT_OUTS, data)] * fleet.count
    key = crypto.key_id(crypto.public_key(OPERATOR_SEED))
    devices = [crypto.key_id(crypto.public_key(seed_of(number))) for number in range(fleet.count)]
    told = {"version": VERSION, "serial": serial, "issued_unix_s": 0, "volume_q15": 16384 + serial}
    made = [sign_directive(Directive(device_id=each, **told), key, _signs) for each in devices]
    names = [topics.device_topic(SITE, each, topics.DIRECTIVE) for each in devices]
    return [fleet.publish(name, data) for name, data in zip(names, made, strict=True)]


def _signs(text: bytes) -> bytes:
    return bytes(crypto.sign(OPERATOR_SEED, text))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
