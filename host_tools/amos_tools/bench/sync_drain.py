"""A courier's backlog brought to a ledger: from the spool through Mosquitto to a stub that gives receipts, and the
receipts into the spool.

The yardstick is what Mosquitto's own clients bring through the same broker: from `mosquitto_pub -l`, which sends as the
courier does, at least once, to `mosquitto_sub`, at most once, since the broker keeps a thousand for who acknowledges.
"""

import random
import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from amos.protocol.envelope_host import wrap
from amos.protocol.topics import USAGE, device_topic
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier, Settings
from amos_sync.outbox import PULL_STATE, State
from amos_sync.spool import Spool
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.ledger_fleet import Signer
from amos_tools.bench.stub_ledger import SEQUENCE_BYTES, start_stub, stop_stub
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import DemoError, Processes

SEGMENTS, SEGMENT_BYTES, DEVICES = 6000, 4500, 8
SHARE_MIN = 0.8
WAIT_S = 120.0
NAME = "backlog of 4.5 KB segments, spool to receipts, messages/s against mosquitto_pub -l | mosquitto_sub"
SITE = "bench"


def figures(scale: float) -> list[Figure]:
    """The share of what Mosquitto's own clients do, and both rates."""
    note_progress(NAME)
    broker, clients = toolchain.mosquitto(), toolchain.mosquitto_clients()
    if broker is None or clients is None:
        why = toolchain.explain("mosquitto" if broker is None else "mosquitto-clients")
        return [Figure("sync", NAME, None, "x", ("at least", SHARE_MIN), why)]
    return measured("sync", NAME, lambda: _measured(broker, clients, max(200, round(SEGMENTS * scale))))


def _measured(program: list[str], clients: dict[str, list[str]], count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "logs").mkdir()
        segments = _segments(count)
        fill_spool(folder / "spool", segments)
        try:
            with Processes(folder / "logs") as processes:
                start_mosquitto(processes, program, folder / "broker", port)
                bare_s = _bare_s(clients, port, segments)
                drained_s, cpu_s = _drained(folder / "spool", port)
        except DemoError as error:
            raise RuntimeError(str(error)) from None
    note = f"{count / drained_s:,.0f} against {count / bare_s:,.0f} messages/s; CPU {cpu_s / count * 1e6:.0f} us each"
    return [Figure("sync", NAME, bare_s / drained_s, "x", ("at least", SHARE_MIN), note)]


def _segments(count: int) -> list[bytes]:
    """Bytes that nothing packs smaller, as signed segments nearly are; they begin with their number."""
    draw = random.Random(1)
    rest = SEGMENT_BYTES - SEQUENCE_BYTES
    return [number.to_bytes(SEQUENCE_BYTES, "big") + draw.randbytes(rest) for number in range(1, count + 1)]


def fill_spool(folder: Path, segments: list[bytes]) -> None:
    """A spool with these segments, pulled from a few devices in turn and not yet sent."""
    spool = Spool(folder)
    devices = [Signer(f"player {number}").id for number in range(DEVICES)]
    for index, segment in enumerate(segments):
        message = wrap(segment)
        digest = sha256(message).digest()
        device_id = devices[index % DEVICES]
        spool.stage_pull(device_id, index + 1, sha256(segment).digest(), len(segment), message, digest, PULL_STATE)
    spool.commit()
    spool.close()


def _bare_s(clients: dict[str, list[str]], port: int, segments: list[bytes]) -> float:
    """Seconds until Mosquitto's subscriber has what its publisher reads line by line, of as many bytes each."""
    topic = device_topic(SITE, bytes(16), USAGE)
    where = ["-h", "127.0.0.1", "-p", str(port), "-t", topic]
    lines = b"".join(segment.hex()[: len(segment)].encode() + b"\n" for segment in segments)
    hears = subprocess.Popen(
        [*clients["mosquitto_sub"], *where, "-q", "0", "-C", str(len(segments)), "-W", str(round(WAIT_S))],
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
    stub = start_stub(port)
    try:
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
    finally:
        stop_stub(stub)


def _waits(courier: Courier) -> bool:
    """Whether a segment has no receipt yet; the last of a device get theirs last, so that looking there is quick."""
    return any(slot.state is not State.RECEIPTED for slot in reversed(courier.outbox.all()))
