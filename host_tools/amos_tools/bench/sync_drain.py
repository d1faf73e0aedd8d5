"""A courier's backlog brought to a ledger: from the spool through Mosquitto to a stub that gives receipts, and the
receipts into the spool.

The yardstick is what Mosquitto's own clients bring through the same broker, at least once on both ways as segments do:
from `mosquitto_pub -l` to the last message that `mosquitto_sub` has. The broker has the bounds of
`boards/mosquitto/amos.conf`: by its own it keeps a thousand for who acknowledges, and drops the rest. A backlog goes to
a real ledger, too.
"""

import random
import subprocess
import tempfile
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from amos.protocol.envelope_host import wrap
from amos.protocol.topics import USAGE, device_topic
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.outbox import PULL_STATE, State
from amos_sync.spool import Spool
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.ledger_feeder import Feeder
from amos_tools.bench.ledger_fleet import SEGMENT_S, Fleet, Signer
from amos_tools.bench.stub_ledger import SEQUENCE_BYTES, start_stub, stop_stub
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import DemoError, Processes, amos_command
from amos_tools.processor_time import tree_s

SEGMENTS, SEGMENT_BYTES, DEVICES = 6000, 4500, 8
SHARE_MIN = 0.8
WAIT_S = 120.0
NAME = "backlog of 4.5 KB segments, spool to receipts, messages/s against mosquitto_pub -l | mosquitto_sub"
LEDGER_NAME = "backlog of a courier to a real ledger, spool to receipts"
LEDGER_SEGMENTS, LEDGER_ROWS, LEDGER_PLAYERS = 4000, 100, 32
SITE = "bench"
BROKER_BOUNDS = ("max_inflight_messages 100", "max_queued_messages 100000")


def figures(scale: float) -> list[Figure]:
    """The share of what Mosquitto's own clients do, and both rates."""
    note_progress(NAME)
    broker, clients = toolchain.mosquitto(), toolchain.mosquitto_clients()
    if broker is None or clients is None:
        why = toolchain.explain("mosquitto" if broker is None else "mosquitto-clients")
        return [Figure("sync", NAME, None, "x", ("at least", SHARE_MIN), why)]
    return [
        *measured("sync", NAME, lambda: _measured(broker, clients, max(200, round(SEGMENTS * scale)))),
        *measured("sync", LEDGER_NAME, lambda: _to_a_ledger(broker, scale)),
    ]


def _measured(program: list[str], clients: dict[str, list[str]], count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "logs").mkdir()
        segments = _segments(count)
        devices = [Signer(f"player {number}").id for number in range(DEVICES)]
        entries = ((devices[index % DEVICES], index + 1, segment) for index, segment in enumerate(segments))
        _fill(folder / "spool", entries)
        try:
            with Processes(folder / "logs") as processes:
                start_mosquitto(processes, program, folder / "broker", port, BROKER_BOUNDS)
                bare_s = _bare_s(clients, port, segments)
                stub = start_stub(port)
                try:
                    drained_s, cpu_s = _drained(folder / "spool", port)
                finally:
                    stop_stub(stub)
        except DemoError as error:
            raise RuntimeError(str(error)) from None
    note = f"{count / drained_s:,.0f} against {count / bare_s:,.0f} messages/s, both at least once (QoS 1) to the last"
    note += f"; CPU of the courier {cpu_s / count * 1e6:.0f} us each"
    return [Figure("sync", NAME, bare_s / drained_s, "x", ("at least", SHARE_MIN), note)]


def _to_a_ledger(program: list[str], scale: float) -> list[Figure]:
    """The backlog of a day of players that were offline, each in its own order, to `amos ledger serve`."""
    each = max(4, round(LEDGER_SEGMENTS * scale / LEDGER_PLAYERS))
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "logs").mkdir()
        fleet = Fleet(folder / "ledger", LEDGER_PLAYERS, LEDGER_ROWS, began_s=int(time.time()) - (each + 2) * SEGMENT_S)
        fleet.ledger.close()
        first, turns = list(fleet.sealed(LEDGER_PLAYERS)), enumerate(fleet.sealed(LEDGER_PLAYERS * each))
        sealed = [(player.key.id, 2 + turn // LEDGER_PLAYERS, segment) for turn, (player, segment) in turns]
        _fill(folder / "spool", sealed)
        try:
            with Processes(folder / "logs") as processes:
                start_mosquitto(processes, program, folder / "broker", port, BROKER_BOUNDS)
                words = ("ledger", "serve", str(fleet.folder.path), "--broker", f"127.0.0.1:{port}")
                ledger = processes.start("ledger", amos_command(*words))
                with Feeder(port) as feeder:  # what comes before the ledger has subscribed is lost
                    feeder.deliver(player.message(segment) for player, segment in first)
                before_s = tree_s(ledger.pid)
                drained_s, cpu_s = _drained(folder / "spool", port)
                taken_s = tree_s(ledger.pid) - before_s
        except DemoError as error:
            raise RuntimeError(str(error)) from None
    count = len(sealed)
    note = (
        f"segments of {sum(len(segment) for _id, _number, segment in sealed) / count:,.0f} bytes, {LEDGER_ROWS} rows;"
    )
    note += f" CPU of the ledger {taken_s / count * 1e6:.0f} us each, of the courier {cpu_s / count * 1e6:.0f} us"
    return [Figure("sync", LEDGER_NAME, count / drained_s, "segments/s", None, note)]


def _segments(count: int) -> list[bytes]:
    """Bytes that nothing packs smaller, as signed segments nearly are; they begin with their number."""
    draw = random.Random(1)
    rest = SEGMENT_BYTES - SEQUENCE_BYTES
    return [number.to_bytes(SEQUENCE_BYTES, "big") + draw.randbytes(rest) for number in range(1, count + 1)]


def _fill(folder: Path, entries: Iterable[tuple[bytes, int, bytes]]) -> None:
    """A spool with these segments, each of a device and with its number, pulled and not yet sent."""
    spool = Spool(folder)
    for device_id, number, segment in entries:
        message = wrap(segment)
        digest = sha256(message).digest()
        spool.stage_pull(device_id, number, sha256(segment).digest(), len(segment), message, digest, PULL_STATE)
    spool.commit()
    spool.close()


def _bare_s(clients: dict[str, list[str]], port: int, segments: list[bytes]) -> float:
    """Seconds until Mosquitto's subscriber has what its publisher reads line by line, of as many bytes each."""
    topic = device_topic(SITE, bytes(16), USAGE)
    where = ["-h", "127.0.0.1", "-p", str(port), "-t", topic]
    lines = b"".join(segment.hex()[: len(segment)].encode() + b"\n" for segment in segments)
    hears = subprocess.Popen(
        [*clients["mosquitto_sub"], *where, "-q", "1", "-C", str(len(segments)), "-W", str(round(WAIT_S))],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(1.0)  # it has no way to say that it is subscribed
    began_s = time.perf_counter()
    subprocess.run([*clients["mosquitto_pub"], *where, "-q", "1", "-l"], input=lines, check=True, timeout=WAIT_S)
    if hears.wait(WAIT_S):
        raise RuntimeError("mosquitto_sub did not get every message")
    return time.perf_counter() - began_s


def _drained(spool: Path, port: int) -> tuple[float, float]:
    """(seconds, CPU seconds of the courier) from its start until every segment has its receipt on the disk."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    courier = Courier(Settings(SITE, (), Broker("127.0.0.1", port), spool))
    try:
        while _waits(courier):
            courier.turn()
            if time.perf_counter() - began_s > WAIT_S:
                raise RuntimeError(f"segments without receipts: {courier.missing()}")
        return time.perf_counter() - began_s, time.process_time() - began_cpu_s
    finally:
        courier.close()


def _waits(courier: Courier) -> bool:
    """Whether a segment has no receipt yet; the last of a device get theirs last, so that looking there is quick."""
    return any(slot.state is not State.RECEIPTED for slot in reversed(courier.outbox.all()))
