"""Intake as it is served: `amos ledger serve` at Mosquitto, each a process of its own, and a fleet that waits for its
receipts.

What a process costs is its CPU time, all threads together. Verification alone is measured meanwhile, so that what else
the machine does weighs on it as well.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from amos_ledger.intake.reading import Message
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.ledger_feeder import Feeder
from amos_tools.bench.ledger_fleet import SEGMENT_S, Fleet, Player
from amos_tools.bench.ledger_intake import verification_s
from amos_tools.demo.broker import free_port, start_mosquitto
from amos_tools.demo.processes import DemoError, Processes, amos_command
from amos_tools.processor_time import tree_s

PLAYERS, ROWS, SEGMENTS = 256, 100, 4096
PART = 64
"""Segments verified at a time, in between."""

TIMES_MAX = 6.0
NAME = f"intake through Mosquitto, {ROWS} rows, receipts sent, CPU of the ledger / bare verification"


def figures(scale: float) -> list[Figure]:
    """What the ledger costs, and what the broker costs beside it."""
    note_progress(NAME)
    program = toolchain.mosquitto()
    if program is None:
        return [Figure("ledger", NAME, None, "x", ("at most", TIMES_MAX), toolchain.explain("mosquitto"))]
    return measured("ledger", NAME, lambda: _measured(program, scale))


def _measured(program: list[str], scale: float) -> list[Figure]:
    players = min(PLAYERS, max(32, round(PLAYERS * scale)))
    each = max(4, round(SEGMENTS * scale / players))
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        fleet = Fleet(folder / "ledger", players, ROWS, began_s=int(time.time()) - (each + 2) * SEGMENT_S)
        fleet.ledger.close()
        warm, sealed = list(fleet.sealed(players)), list(fleet.sealed(players * each))
        port = free_port()
        try:
            with Processes(folder / "logs") as processes:
                broker = start_mosquitto(processes, program, folder / "broker", port)
                words = ("ledger", "serve", str(fleet.folder.path), "--broker", f"127.0.0.1:{port}")
                ledger = processes.start("ledger", amos_command(*words))
                with Feeder(port) as feeder:
                    feeder.deliver(player.message(segment) for player, segment in warm)
                    before = (tree_s(ledger.pid), tree_s(broker.pid), _batches(fleet))
                    bare: list[float] = []
                    again = feeder.deliver(_verified(sealed, bare))
                    after = (tree_s(ledger.pid), tree_s(broker.pid), _batches(fleet))
        except DemoError as error:
            raise RuntimeError(str(error)) from None
    taken_s, broker_s, batches = (end - begin for begin, end in zip(before, after, strict=True))
    return _figures(len(sealed), sum(bare), taken_s, broker_s, batches, again)


def _verified(sealed: Sequence[tuple[Player, bytes]], bare: list[float]) -> Iterator[Message]:
    """The messages, after each part's signatures have been verified; what that took is added to `bare`."""
    for first in range(0, len(sealed), PART):
        part = sealed[first : first + PART]
        bare.append(verification_s(part))
        for player, segment in part:
            yield player.message(segment)


def _batches(fleet: Fleet) -> int:
    """How many tree heads receipts rest on: one of each batch."""
    with closing(sqlite3.connect(fleet.folder.store_path)) as database:
        [[count]] = database.execute("SELECT count(*) FROM head")
    return int(count)


def _figures(count: int, bare_s: float, taken_s: float, broker_s: float, batches: float, again: int) -> list[Figure]:
    note = f"{taken_s / count * 1e6:.0f} us a segment, all threads; {count / batches:.0f} to a batch"
    if again:
        note += f"; {again} were sent again"
    broker_note = f"{broker_s / count * 1e6:.0f} us a segment; {broker_s / (taken_s + broker_s):.0%} of both together"
    return [
        Figure("ledger", NAME, taken_s / bare_s, "x", ("at most", TIMES_MAX), note),
        Figure("ledger", "Mosquitto beside it, CPU / bare verification", broker_s / bare_s, "x", None, broker_note),
    ]
