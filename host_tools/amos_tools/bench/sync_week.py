"""A courier through a week of two hundred players in a minute or two: whether its memory stays as it was after a day.

The courier is the real one, with its spool, over a real broker to a ledger's stub; only its clocks are not. They go on
as they do while anything is under way, and jump to the next look at the players when all is quiet. Players are in this
process, for their beats follow the same clock.

python -m amos_tools.bench.sync_week PLAYERS HOURS EARLY_HOURS [blocks]

prints JSON: bytes that the process has in memory after EARLY_HOURS and after HOURS; with `blocks` it is how many pieces
of memory Python has given out, of which there is at least one for whatever is kept.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

from amos.protocol.limits import REQUEST_WIDE_BYTES_MAX
from amos.protocol.link_device import DeviceLink
from amos_mqtt.broker import Broker
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.device import Device
from amos_sync.notes import Notes
from amos_sync.report import report
from amos_sync.spool_file import FILE_NAME
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.metronomes import Metronome
from amos_tools.bench.process_io import resident_bytes
from amos_tools.bench.stub_ledger import start_stub, stop_stub
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import Processes

PLAYERS, HOURS, EARLY_HOURS = 200, 7 * 24, 24
BEAT_S, SEGMENT_BYTES = 600.0, 1500
LOOK_MS = 3_600_000
"""Between two looks at the players: a second of a real courier, which has the same to do at each when nothing came."""

QUIET_MS = 60_000
GROWTH_MAX, SCALE_OF_A_WEEK = 1.1, 0.1
STUCK_S = 60
NAME = f"{PLAYERS} players behind one courier, a simulated week"


@dataclass(frozen=True)
class Week:
    """`early` and `late` in bytes or blocks, `segments` receipted and trimmed by then; `disk` is the spool's files."""

    early: int
    late: int
    early_segments: int
    segments: int
    disk: int


def figures(scale: float) -> list[Figure]:
    """Memory after seven days against after the first."""
    note_progress(NAME)
    if toolchain.mosquitto() is None:
        return [Figure("sync", NAME, None, "x", None, toolchain.explain("mosquitto"))]
    players = max(4, round(PLAYERS * min(scale, 1)))
    hours = HOURS if scale >= SCALE_OF_A_WEEK else EARLY_HOURS  # whoever only looks whether it runs has no minutes
    early_hours = hours * EARLY_HOURS // HOURS
    return measured("sync", NAME, lambda: [_figure(players, early_hours, simulated(players, hours, early_hours))])


def _figure(players: int, early_hours: int, week: Week) -> Figure:
    note = (
        f"{week.early / (1 << 20):.1f} MiB after {early_hours} hours -> {week.late / (1 << 20):.1f} MiB; {players}"
        f" players, {week.segments:,} segments receipted, {week.disk >> 20} MiB of spool"
    )
    return Figure(
        "sync", f"{NAME}: memory at its end / after a day", week.late / week.early, "x", ("at most", GROWTH_MAX), note
    )


def simulated(players: int, hours: int, early_hours: int, *more: str) -> Week:
    """In a process of its own, whose clocks are its. Raises `RuntimeError`."""
    words = [str(players), str(hours), str(early_hours), *more]
    done = subprocess.run([sys.executable, "-m", __name__, *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the simulated week ended with {done.returncode}: {done.stderr[-2000:]}")
    return Week(**json.loads(done.stdout))


class Clock:
    """This process's, from the moment at which it is `set`."""

    def __init__(self) -> None:
        self._monotonic_ns, self._time_ns = time.monotonic_ns, time.time_ns
        self._ahead_ns = 0

    def set(self) -> None:
        """Everything here reads it from then on, but for what waits for the broker."""
        time.monotonic_ns = lambda: self._monotonic_ns() + self._ahead_ns
        time.time_ns = lambda: self._time_ns() + self._ahead_ns
        time.time = lambda: time.time_ns() / 1e9

    def jump(self, ms: int) -> None:
        self._ahead_ns += ms * 1_000_000


class Simulated(Metronome):
    """A player whose beat follows the clock of this process."""

    @property
    def sealed(self) -> int:
        return max(0, int((time.monotonic_ns() / 1e9 - self._first_s) / self._beat_s) + 1)


class MemoryPort:
    """A line to a player in this process."""

    def __init__(self, address: str, player: Metronome) -> None:
        self.address = address
        self.unsent = 0
        self._link = DeviceLink(player, REQUEST_WIDE_BYTES_MAX)
        self._answers = bytearray()

    def fileno(self) -> None:
        """Nothing to wait for: the answer is there."""

    def read(self) -> bytes:
        data = bytes(self._answers)
        self._answers.clear()
        return data

    def write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            at = self._link.serve(data, at, self._answers.extend)

    def close(self) -> None:
        """It is always there."""


class Hurried(Courier):
    """One that does not wait while nothing is under way."""

    clock: Clock

    def _wait(self, wait_ms_max: int) -> None:
        due_ms = min(device.next_due_ms() for device in self.devices) - time.monotonic_ns() // 1_000_000
        if due_ms < QUIET_MS:
            super()._wait(0)
        elif self.outbox.asked() or self.spool.staged or not self.mqtt.up:
            super()._wait(min(wait_ms_max, 20))
        else:
            self.clock.jump(max(device.next_due_ms() for device in self.devices) - time.monotonic_ns() // 1_000_000)


def run(players: int, hours: int, early_hours: int, counted: bool) -> Week:
    """Raises `RuntimeError` where it does not go on."""
    program = toolchain.mosquitto()
    assert program is not None
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="amos-bench-")))
        (folder / "logs").mkdir()
        port = free_port()
        start_mosquitto(ends.enter_context(Processes(folder / "logs")), program, folder / "broker", port)
        ends.callback(stop_stub, start_stub(port))
        clock = Clock()
        clock.set()
        courier = _courier(folder / "spool", port, players, ends)
        courier.clock = clock
        ends.callback(courier.close)
        _until(courier, early_hours)
        early, early_segments = _memory(counted), _returned(folder)
        _until(courier, hours)
        disk = sum(path.stat().st_size for path in (folder / "spool").glob(FILE_NAME + "*"))
        return Week(early, _memory(counted), early_segments, _returned(folder), disk)


def _courier(spool: Path, port: int, players: int, ends: ExitStack) -> Hurried:
    first_s = time.monotonic_ns() / 1e9
    made = {f"unix:{number}": Simulated(number, SEGMENT_BYTES, BEAT_S, first_s) for number in range(players)}
    ends.enter_context(patch("amos_sync.device.open_port", lambda address: MemoryPort(address, made[address])))
    ends.enter_context(patch("amos_sync.session.POLL_MS", LOOK_MS))
    settings = Settings("bench", tuple(made), Broker("127.0.0.1", port), spool)
    return Hurried(settings, Notes(lambda _sentence: None))


def _until(courier: Hurried, hours: int) -> None:
    """Turn until that hour, and until all of it has come home."""
    devices = courier.devices
    started_s, goal = time.monotonic(), int(hours * 3600 / BEAT_S)
    seen, seen_s = 0, started_s
    while not all(_last(one) >= goal for one in devices):
        courier.turn()
        last = sum(_last(one) for one in devices)
        if last > seen:
            seen, seen_s = last, time.monotonic()
        if time.monotonic() - seen_s > STUCK_S:
            raise RuntimeError(f"nothing was receipted for {STUCK_S} s: {'; '.join(courier.missing()[:3])}")


def _last(one: Device) -> int:
    status = one.session.status if one.session is not None else None
    return status.last_receipted if status is not None else 0


def _returned(folder: Path) -> int:
    return int(sum(found["returned"] for found in report(folder / "spool")["devices"]))


def _memory(counted: bool) -> int:
    gc.collect()
    return sys.getallocatedblocks() if counted else resident_bytes(os.getpid())


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:4]]
    print(json.dumps(asdict(run(numbers[0], numbers[1], numbers[2], sys.argv[4:] == ["blocks"]))))
