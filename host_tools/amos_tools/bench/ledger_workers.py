"""Two workers against one on PostgreSQL: what was measured, and what the one lock that they share allows.

Segments that have an order to each other are those of one device; all else that workers wait for is the head of the
log. With s the share of one worker's time in which it has the head, two workers are worth at most 1 / (s + (1 - s) / 2)
of one, on cores of their own (Amdahl). A worker and its connection's process at the server take turns, so two workers
keep two cores busy.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from amos_ledger.intake.reading import Message
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.store.postgres_place import PostgresPlace
from amos_tools import toolchain
from amos_tools.bench.figure import Figure, measured, note_progress
from amos_tools.bench.ledger_fleet import NOON, Fleet
from amos_tools.bench.ledger_intake import verification_s
from amos_tools.processor_time import tree_s

if TYPE_CHECKING:
    from amos_tools.postgres_server import Server

PLAYERS, ROWS, SEGMENTS, ROUNDS = 512, 100, 2048, 5
AT_S = NOON + 10**6
SPEED_UP_MIN = 1.6
BARE = ", a segment / bare verification"
NAME = "two workers / one on PostgreSQL, segments a second"


@dataclass(frozen=True)
class Round:
    """So many workers side by side, in seconds of a segment: by the wall, the same without what they waited for a core,
    of CPU of all workers, of the server's CPU; and for which share of its time each had the head of the log."""

    wall_s: float
    busy_s: float
    cpu_s: float
    server_s: float
    locked: float


def figures(scale: float) -> list[Figure]:
    """The speed-up, what the lock allows, and where the time goes."""
    note_progress(NAME)
    found = toolchain.postgres()
    if found is None:
        return [_missing(toolchain.explain("postgres"))]
    try:
        from amos_tools.postgres_server import running
    except ModuleNotFoundError:
        return [_missing("needs the extra `postgres`")]

    def measure() -> list[Figure]:
        with running(*found) as server:
            return _measured(server, scale)

    return measured("ledger", NAME, measure)


def _missing(reason: str) -> Figure:
    return Figure("ledger", NAME, None, "x", ("at least", SPEED_UP_MIN), reason)


def _measured(server: "Server", scale: float) -> list[Figure]:
    count = max(1, round(SEGMENTS * scale / BATCH_MESSAGES_MAX / 2)) * BATCH_MESSAGES_MAX * 2
    rounds: dict[int, list[Round]] = {1: [], 2: []}
    bare, receipts_s = [], []
    players = max(64, round(PLAYERS * min(scale, 1)) // 2 * 2)  # even, so that each stays with one worker
    with _fleet(server, players) as fleet:
        for number in range(max(2, round(ROUNDS * min(scale, 1)))):
            # One first, then two first, so that neither always has the smaller log or the quieter minute.
            for workers in (1, 2) if number % 2 else (2, 1):
                sealed = list(fleet.sealed(count))
                bare.append(verification_s(sealed) / count)
                messages = [player.message(segment) for player, segment in sealed]
                rounds[workers].append(_round(server, fleet, messages, workers))
                receipts_s.append(_receipts_s(fleet, count))
    return _figures(rounds, median(bare), median(receipts_s))


@contextmanager
def _fleet(server: "Server", players: int) -> Iterator[Fleet]:
    """Each of whose devices has played: the first segment of a session is no ordinary one."""
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", players, ROWS, server.database())
        sealed = list(fleet.sealed(players))
        for first in range(0, players, BATCH_MESSAGES_MAX):
            part = sealed[first : first + BATCH_MESSAGES_MAX]
            fleet.ledger.take([player.message(segment) for player, segment in part], AT_S)
        yield fleet
        fleet.ledger.close()


def _round(server: "Server", fleet: Fleet, messages: list[Message], count: int) -> Round:
    """Messages go to workers in turn, as brokers share them (`$share`)."""
    from amos_tools.bench.ledger_worker import start_worker

    place = fleet.folder.place
    assert isinstance(place, PostgresPlace)
    began = tree_s(server.process.pid)
    started = [start_worker(place.url, messages[number::count], AT_S) for number in range(count)]
    for begin, _ended in started:
        begin()
    taken = [ended() for _begin, ended in started]
    server_s = tree_s(server.process.pid) - began
    wall_s = max(item.ended_s for item in taken) - min(item.began_s for item in taken)
    lasted_s = sum(item.ended_s - item.began_s for item in taken)
    locked = sum(item.locked_s for item in taken) / lasted_s
    busy_s = (lasted_s - sum(item.waited_s for item in taken)) / count
    total = len(messages)
    cpu_s = sum(item.cpu_s for item in taken)
    return Round(wall_s / total, busy_s / total, cpu_s / total, server_s / total, locked)


def _receipts_s(fleet: Fleet, count: int) -> float:
    """CPU seconds of a segment, of the process that has the ledger's key: it receipts what workers took in."""
    began = time.process_time()
    replies = fleet.ledger.tick()
    took = time.process_time() - began
    if len(replies) != count:
        raise RuntimeError(f"expected {count} receipts, found {len(replies)}: {fleet.ledger.trouble}")
    return took / count


def _figures(rounds: dict[int, list[Round]], bare_s: float, receipts_s: float) -> list[Figure]:
    one, two = rounds[1], rounds[2]
    pairs = list(zip(one, two, strict=True))
    walls = sorted(alone.wall_s / beside.wall_s for alone, beside in pairs)
    gains = sorted(alone.busy_s / beside.busy_s for alone, beside in pairs)
    serial = median(item.locked for item in one)
    speeds = " and ".join(f"{1 / median(item.wall_s for item in found):.0f}" for found in (one, two))
    cpu = {count: median(item.cpu_s for item in found) for count, found in rounds.items()}
    served = {count: median(item.server_s for item in found) for count, found in rounds.items()}
    allowed, wanted = 1 / (serial + (1 - serial) / 2), ("at least", SPEED_UP_MIN)
    dearer = (cpu[2] + served[2]) / (cpu[1] + served[1])
    waits = f"{_spread(gains)}; what one waits for the other's lock counts"
    lock = f"one has the log's head for {serial:.0%} of its time; any number are worth at most {1 / serial:.1f}"
    costs = f"worker {cpu[1] * 1e6:.0f} us, server {served[1] * 1e6:.0f} us; two workers take {dearer:.2f} times that"
    receipts = f"{receipts_s * 1e6:.0f} us a segment"
    return [
        Figure("ledger", NAME, median(walls), "x", wanted, f"{speeds} /s by the wall; {_spread(walls)}"),
        Figure("ledger", "the same without what they waited for a core", median(gains), "x", wanted, waits),
        Figure("ledger", "the same by the lock that they share, on free cores", allowed, "x", wanted, lock),
        Figure("ledger", f"CPU of one worker and its server{BARE}", (cpu[1] + served[1]) / bare_s, "x", None, costs),
        Figure(
            "ledger", f"receipts for workers, CPU of who has the key{BARE}", receipts_s / bare_s, "x", None, receipts
        ),
    ]


def _spread(gains: list[float]) -> str:
    return f"median of {len(gains)} pairs, {gains[0]:.2f} to {gains[-1]:.2f}"
