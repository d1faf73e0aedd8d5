"""One courier for two hundred players: its share of a core at a segment a minute of each, and whether its memory stays
flat as the segments of days go through it.

Players, broker and a ledger that only receipts are processes of their own; the courier is `amos courier run`.
"""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from amos_sync.report import report
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.metronomes import start_metronomes, stop_metronomes
from amos_tools.bench.process_io import resident_bytes
from amos_tools.bench.stub_ledger import start_stub, stop_stub
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import DemoError, Process, Processes, amos_command
from amos_tools.processor_time import tree_s

PLAYERS, PLAYERS_MIN, SEGMENT_BYTES, BEAT_S = 200, 50, 1500, 60.0
"""With fewer than fifty for a few seconds a courier takes less than one tick of the clock by which CPU is counted."""

SHARE_S = 60.0
QUICK_BEAT_S, QUICK_S = 4.0, 60.0
"""Fifteen times as fast as players seal, which a courier works off without a backlog."""

RSS_MIB_MAX, GROWTH_MAX = 64.0, 1.1
SITE = "bench"
NAME = f"{PLAYERS} players behind one courier"


def figures(scale: float) -> list[Figure]:
    """CPU share and memory at real time; memory after many segments against after a quarter of them."""
    note_progress(NAME)
    program = toolchain.mosquitto()
    if program is None:
        return [Figure("sync", NAME, None, "%", None, toolchain.explain("mosquitto"))]
    return measured("sync", NAME, lambda: [*_at_rest(program, scale), *_in_haste(program, scale)])


def _players(scale: float) -> int:
    return max(PLAYERS_MIN, round(PLAYERS * min(scale, 1)))


def _at_rest(program: list[str], scale: float) -> list[Figure]:
    players = _players(scale)
    seconds = max(3.0, SHARE_S * min(scale, 1))
    with (
        tempfile.TemporaryDirectory(prefix="amos-bench-") as name,
        Venue(Path(name), program, players, BEAT_S) as venue,
    ):
        time.sleep(min(seconds, 10.0))  # they are found, and asked who they are
        before_s, began_s = tree_s(venue.courier.pid), time.monotonic()
        time.sleep(seconds)
        share = (tree_s(venue.courier.pid) - before_s) / (time.monotonic() - began_s)
        rss = venue.rss_mib
    note = f"{players} players, {seconds:.0f} s of a segment a minute each"
    return [
        Figure("sync", f"{NAME}, a segment a minute each: share of a core", 100 * share, "%", None, note),
        Figure("sync", f"{NAME}, memory", rss, "MiB", ("at most", RSS_MIB_MAX), note),
    ]


def _in_haste(program: list[str], scale: float) -> list[Figure]:
    players = _players(scale)
    seconds = max(4.0, QUICK_S * scale)
    with (
        tempfile.TemporaryDirectory(prefix="amos-bench-") as name,
        Venue(Path(name), program, players, QUICK_BEAT_S) as venue,
    ):
        time.sleep(seconds / 4)
        early = venue.rss_mib
        time.sleep(seconds * 3 / 4)
        late, sent = venue.rss_mib, venue.returned()
    hours = sent / players / 60
    note = f"{early:.1f} -> {late:.1f} MiB; {sent:,} segments receipted, {hours:.1f} hours of {players} players"
    name = f"{NAME}, memory at the end / after a quarter"
    return [Figure("sync", name, late / early, "x", ("at most", GROWTH_MAX), note)]


class Venue:
    """Players, a broker, a ledger's stub and a courier, running until the end of the context. Raises `RuntimeError`."""

    def __init__(self, folder: Path, program: list[str], players: int, beat_s: float) -> None:
        self._folder, self._program, self._players, self._beat_s = folder, program, players, beat_s
        self._ends = ExitStack()

    def __enter__(self) -> "Venue":
        for part in ("logs", "players"):
            (self._folder / part).mkdir()
        port = free_port()
        with ExitStack() as ends:
            processes = ends.enter_context(Processes(self._folder / "logs"))
            try:
                start_mosquitto(processes, self._program, self._folder / "broker", port)
            except DemoError as error:
                raise RuntimeError(str(error)) from None
            ends.callback(stop_stub, start_stub(port))
            child, addresses = start_metronomes(self._folder / "players", self._players, SEGMENT_BYTES, self._beat_s)
            ends.callback(stop_metronomes, child)
            words = [f"--device={address}" for address in addresses]
            words += [f"--site={SITE}", f"--broker=127.0.0.1:{port}", f"--spool={self._folder / 'spool'}"]
            self.courier: Process = processes.start("courier", amos_command("courier", "run", *words))
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_why: object) -> None:
        self._ends.close()

    @property
    def rss_mib(self) -> float:
        """What the courier has in memory."""
        return resident_bytes(self.courier.pid) / (1 << 20)

    def returned(self) -> int:
        """Segments of which the players have taken receipts."""
        return int(sum(device["returned"] for device in report(self._folder / "spool")["devices"]))
