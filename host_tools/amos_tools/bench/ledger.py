"""Section `ledger`: what intake costs beside the signatures alone, in CPU time of this process."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from amos.crypto import verify
from amos.protocol.answer import ACCEPTED
from amos.protocol.cose import TYP_USAGE, parse_typed, signature_input
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos_tools.bench import ledger_size, ledger_whole
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, Fleet, Player

PLAYERS, ROWS, SEGMENTS = 32, 100, 4096
BATCHES = ((256, 2.5), (20, 4.0))
"""Messages of a batch, and how many times the CPU of bare verification it may take."""

Sealed = Sequence[tuple[Player, bytes]]


def measure(scale: float) -> list[Figure]:
    """All figures of the section."""
    found = [_intake(batch, wanted, scale) for batch, wanted in BATCHES]
    return [*found, *ledger_size.figures(scale), *ledger_whole.figures(scale)]


def _intake(batch: int, wanted: float, scale: float) -> Figure:
    name = f"intake in batches of {batch}, {ROWS} rows, CPU / bare verification"
    note_progress(name)
    count = max(1, round(SEGMENTS * scale / batch)) * batch
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", PLAYERS, ROWS)
        warm, sealed = list(fleet.sealed(batch)), list(fleet.sealed(count))
        intake_s(fleet, warm, batch)
        # Both alternately, so that what else the machine does meanwhile weighs on both alike.
        bare = taken = 0.0
        for first in range(0, count, batch):
            part = sealed[first : first + batch]
            bare += verification_s(part)
            taken += intake_s(fleet, part, batch)
        fleet.ledger.close()
    note = f"{taken / count * 1e6:.0f} us a segment of {len(sealed[0][1])} bytes, receipt included"
    return Figure("ledger", name, taken / bare, "x", ("at most", wanted), note)


def verification_s(sealed: Sealed) -> float:
    """CPU seconds to verify these segments' signatures, and nothing else."""
    checks = []
    for player, segment in sealed:
        message = parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX)
        checks.append((player.key.public, signature_input(message.protected, message.payload), message.signature))
    began = time.process_time()
    good = [verify(*check) for check in checks]
    took = time.process_time() - began
    assert all(good)
    return took


def intake_s(fleet: Fleet, sealed: Sealed, batch: int) -> float:
    """CPU seconds from messages to answers."""
    messages = [player.message(segment) for player, segment in sealed]
    at_s = NOON + SEGMENTS * SEGMENT_S  # after all that is played, and by a clock that the ledger believes
    replies = []
    began = time.process_time()
    for first in range(0, len(messages), batch):
        replies += fleet.ledger.take(messages[first : first + batch], at_s)
    took = time.process_time() - began
    verdicts = {reply.answer.verdict for reply in replies}
    assert len(replies) == len(sealed) and verdicts == {ACCEPTED}, [reply.answer.detail for reply in replies[:3]]
    return took
