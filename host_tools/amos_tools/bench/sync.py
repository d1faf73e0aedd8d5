"""What bringing a pack to a player takes: over its socket, from a folder of the same machine, over a serial line; and
how soon players do what they are told.

The yardstick is a process that does the least that must be done: take the bytes from a socket, hash them, and have them
survive a power cut.
"""

import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

from amos.protocol.link import Response
from amos.protocol.link_courier import CourierLink, Ticket
from amos.protocol.link_courier_call import read_status
from amos.protocol.link_courier_pack import SendPack
from amos.protocol.link_courier_talk import Pause
from amos_sync.limits import PACK_SLICE_BYTES
from amos_tools.bench import sync_drain, sync_fleet, sync_week, told
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.paced_line import PacedLine
from amos_tools.bench.sync_player import STEM_BYTES, BenchPlayer, make_pack
from amos_tools.demo.processes import Process, Processes
from amos_tools.device.call import converse
from amos_tools.device.send import FolderPack
from amos_tools.processor_time import processor_s

STEMS = 16
MB_S_MIN = 30.0
BAUD, BAUD_STEMS, BAUD_STEM_BYTES, LINE_PERCENT_MIN = 921_600, 4, 800_000, 97.0
FIRST_BYTES = 400_000
PIECE_BYTES = 1 << 16

Start = Callable[..., BenchPlayer]
"""Starts a player of that name; with `link` its kind of line; with `plays` it has a pack to play."""


def measure(scale: float) -> list[Figure]:
    """Every figure; `scale` below 1 sends less."""
    note_progress("packs over a socket, from a folder, over a serial line")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        stem_bytes = max(20_000, round(STEM_BYTES * min(scale, 1)))
        pack = make_pack(folder / "large", STEMS, stem_bytes, serial=2)
        first = make_pack(folder / "first", STEMS // 4, min(stem_bytes, FIRST_BYTES))
        with Processes(folder / "logs") as processes:

            def player(name: str, link: str = "unix", plays: bool = False) -> BenchPlayer:
                return BenchPlayer(processes, folder / name, link, first if plays else None)

            packs = [
                *measured("sync", "a pack over a socket", lambda: _over_socket(player, pack, folder)),
                *measured("sync", "a pack over a serial line", lambda: [_over_serial(player, folder, scale)]),
                *told.figures(scale),
            ]
    return [*packs, *sync_drain.figures(scale), *sync_fleet.figures(scale), *sync_week.figures(scale)]


def _over_socket(player: Start, pack: Path, folder: Path) -> list[Figure]:
    streamed_s, streamed_cpu_s, size = _timed(player("streamed"), pack, False)
    bare_s = _bare_s(pack, folder)
    played_s, played_cpu_s, _size = _timed(player("streamed-in-play", plays=True), pack, False)
    handed_s, handed_cpu_s, _size = _timed(player("handed"), pack, True)
    name, bound = f"a pack of {size / 1e6:.0f} MB", ("at least", MB_S_MIN)

    def figure(what: str, took_s: float, cpu_s: float, wanted: tuple[str, float] | None) -> Figure:
        note = f"CPU of both {cpu_s:.2f} s; {took_s / bare_s:.1f} x a bare copy"
        return Figure("sync", f"{name} {what}", size / took_s / 1e6, "MB/s", wanted, note)

    return [
        figure("over a socket", streamed_s, streamed_cpu_s, bound),
        figure("over a socket to one that plays", played_s, played_cpu_s, bound),
        figure("handed over as a folder", handed_s, handed_cpu_s, bound),
        Figure("sync", f"{name}, a bare copy: socket, SHA-256, fsync", size / bare_s / 1e6, "MB/s"),
    ]


def _timed(player: BenchPlayer, pack: Path, handed: bool) -> tuple[float, float, int]:
    """Seconds, CPU seconds of both sides, and bytes."""
    before_s, began_s, own_s = _cpu_s(player.process), time.perf_counter(), time.process_time()
    size = bring(player.address, pack, handed)
    took_s = time.perf_counter() - began_s
    return took_s, _cpu_s(player.process) - before_s + time.process_time() - own_s, size


def _cpu_s(process: Process) -> float:
    found = processor_s(process.pid)
    if found is None:
        raise LookupError("expected processor times below /proc, found none")
    return found


def bring(address: str, folder: Path, handed: bool = False) -> int:
    """Bring a pack as a courier does: in slices, between which it looks how the player is. How many bytes were sent."""
    found = FolderPack(folder)
    sent = 0

    def steps(link: CourierLink) -> Generator[Ticket | Pause, Response | None, None]:
        nonlocal sent
        sending = SendPack(link, found.pack, found.read, *([found.path] if handed else []))
        while not (yield from sending.more(PACK_SLICE_BYTES)):
            yield from read_status(link)
        sent = sending.sent_bytes

    converse(address, steps, 0)
    return sent


def _bare_s(pack: Path, folder: Path) -> float:
    """Seconds for the blobs through a socket to a process that hashes and keeps them."""
    ours, theirs = socket.socketpair()
    began_s = time.perf_counter()
    child = os.fork()
    if not child:
        ours.close()
        code = 1
        try:
            _keep(theirs, folder / "bare")
            code = 0
        finally:
            os._exit(code)
    theirs.close()
    with ours:
        for path in sorted((pack / "blobs").iterdir()):
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    ours.sendall(piece)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the bare copy did not end well")
    return time.perf_counter() - began_s


def _keep(connection: socket.socket, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while piece := connection.recv(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _over_serial(start: Start, folder: Path, scale: float) -> Figure:
    pack = make_pack(folder / "small", BAUD_STEMS, max(20_000, round(BAUD_STEM_BYTES * min(scale, 1))), serial=3)
    player = start("serial", "pty")
    with PacedLine(player.line, folder / "line", BAUD) as line:
        size = bring(f"serial:{line.path}", pack)
        share = 100 * size / (line.up.passed + line.up.rested)
    note = f"{size / 1e6:.1f} MB; the line rested for {line.up.rested / (BAUD / 10):.2f} s"
    return Figure("sync", f"a pack over {BAUD:,} baud, of the line", share, "%", ("at least", LINE_PERCENT_MIN), note)
