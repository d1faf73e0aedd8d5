"""Measures intake of one worker and of two, on a PostgreSQL server of its own. Not a test; run it by hand.

PYTHONPATH=tests/helpers python tests/ledger/workers_speed.py

Each line: segments a second of wall-clock time, and CPU of all workers together. On a machine with two cores the server
takes its share of them.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from postgres_process import running

from amos_ledger.intake.reading import Message
from amos_ledger.limits import BATCH_MESSAGES_MAX
from amos_ledger.store.place import StorePlace
from amos_ledger.worker import Worker
from amos_tools import toolchain
from amos_tools.bench.ledger_fleet import NOON, Fleet

PLAYERS, SEGMENTS, ROWS = 128, 8192, 100
AT_S = NOON + 10**6


def take(place: StorePlace, messages: list[Message]) -> float:
    """CPU seconds of one worker, in this process."""
    worker, began = Worker(place), time.process_time()
    for first in range(0, len(messages), BATCH_MESSAGES_MAX):
        worker.take(messages[first : first + BATCH_MESSAGES_MAX], AT_S)
        assert worker.trouble is None, worker.trouble
    return time.process_time() - began


def side_by_side(place: StorePlace, parts: list[list[Message]]) -> tuple[float, float]:
    """(wall-clock seconds, CPU seconds of all) of a process for each part."""
    began, ends = time.monotonic(), []
    for part in parts:
        end, said = os.pipe()
        if not os.fork():
            os.write(said, repr(take(place, part)).encode())
            os._exit(0)
        os.close(said)
        ends.append(end)
    cpu = sum(float(os.read(end, 100)) for end in ends)
    return time.monotonic() - began, cpu


def main() -> int:
    found = toolchain.postgres()
    if found is None:
        print(f"not measured: {toolchain.explain('postgres')}")
        return 0
    with running(*found) as server:
        for workers in (1, 2, 1, 2):
            with tempfile.TemporaryDirectory() as folder:
                fleet = Fleet(Path(folder) / "ledger", PLAYERS, ROWS, server.database())
                parts: list[list[Message]] = [[] for _ in range(workers)]
                for index, (player, segment) in enumerate(fleet.sealed(SEGMENTS)):
                    parts[index % PLAYERS % workers].append(player.message(segment))
                fleet.ledger.close()
                wall, cpu = side_by_side(fleet.folder.place, parts)
                with fleet.folder.open_store() as store:
                    assert store.totals().accepted == SEGMENTS
                print(f"{workers} workers: {SEGMENTS / wall:.0f} segments/s, {cpu:.2f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
