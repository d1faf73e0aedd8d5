"""Section `ledger`: what intake costs beside the signatures alone, in CPU time of this process."""

import tempfile
from pathlib import Path

from amos_tools.bench import ledger_broker, ledger_setup, ledger_size, ledger_whole, ledger_workers, ledger_writes
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, Fleet
from amos_tools.bench.ledger_intake import intake_s, verification_s
from amos_tools.bench.ledger_size import measured_size

PLAYERS, ROWS, SEGMENTS = 32, 100, 4096
BATCHES = ((256, 2.5), (20, 4.0))
"""Messages of a batch, and how many times the CPU of bare verification it may take."""

AFTER_ALL_S = NOON + SEGMENTS * SEGMENT_S
"""After all that is played, and by a clock that the ledger believes."""


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    found = [_intake(batch, wanted, scale) for batch, wanted in BATCHES]
    found += ledger_broker.figures(scale)
    players = max(32, round(ledger_size.PLAYERS * min(scale, 1)))
    sizes = [round(size * scale) for size in (ledger_size.SMALL, ledger_size.LARGE)]
    small, large = (measured_size(leaves, ledger_size.SEGMENTS, players) for leaves in sizes)
    stored = large.database_bytes + large.published_bytes
    found += ledger_size.flatness(small, large)
    found += ledger_writes.figures(scale)
    found += ledger_workers.figures(scale)
    found += ledger_whole.figures(scale)
    return found + ledger_setup.figures(large.verification_us, large.intake, stored)


def _intake(batch: int, wanted: float, scale: float) -> Figure:
    name = f"intake in batches of {batch}, {ROWS} rows, CPU / bare verification"
    note_progress(name)
    count = max(1, round(SEGMENTS * scale / batch)) * batch
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", PLAYERS, ROWS)
        warm, sealed = list(fleet.sealed(batch)), list(fleet.sealed(count))
        intake_s(fleet, warm, batch, AFTER_ALL_S)
        # Both alternately, so that what else the machine does meanwhile weighs on both alike.
        bare = taken = 0.0
        for first in range(0, count, batch):
            part = sealed[first : first + batch]
            bare += verification_s(part)
            taken += intake_s(fleet, part, batch, AFTER_ALL_S)
        fleet.ledger.close()
    note = f"{taken / count * 1e6:.0f} us a segment of {len(sealed[0][1])} bytes, receipt included"
    return Figure("ledger", name, taken / bare, "x", ("at most", wanted), note)
