"""How what the ledger does grows with its log: appending, a receipt of any leaf, starting up, bytes on disk."""

import random
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from amos_ledger import registry
from amos_ledger.ledger import Ledger
from amos_ledger.log.receipts import sign_receipts
from amos_ledger.store.store import Store
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import Fleet

SIZES = (10_000, 100_000)
ENTRY_BYTES, BATCH, RECEIPTS = 1600, 256, 200
RECEIPT_MS_MAX, START_S_MAX, FLAT = 2.0, 1.0, 1.5


def figures(scale: float) -> list[Figure]:
    """Small and large logs against each other; what is promised of any leaf and of a start, of the large one."""
    small, large = (max(2 * BATCH, round(size * scale)) for size in SIZES)
    note_progress(f"logs of {small:,} and {large:,} leaves")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", 1, 1)
        file = Path(folder) / "ledger" / "ledger.sqlite"
        fleet.ledger.close()
        with fleet.folder.open_store() as store:
            append_s, leaf_bytes = [], []
            for size in (small, large):
                _grow(store, size)
                append_s.append(_append_s(store))
                leaf_bytes.append(_stored_bytes(file) / store.size())
            registry.publish(fleet.folder, store)
            receipt_ms = _receipt_ms(fleet, store)
        began = time.process_time()
        ledger = Ledger(fleet.folder)
        ledger.tick()
        start_s = time.process_time() - began
        ledger.close()
    names = f"{large:,} leaves / {small:,}"
    return [
        Figure("ledger", f"time per append, {names}", append_s[1] / append_s[0], "x", ("at most", FLAT)),
        Figure("ledger", f"bytes per leaf, {names}", leaf_bytes[1] / leaf_bytes[0], "x", ("at most", FLAT)),
        Figure("ledger", f"a receipt of any of {large:,} leaves", receipt_ms, "ms", ("at most", RECEIPT_MS_MAX)),
        Figure("ledger", f"starting with {large:,} leaves", start_s, "s", ("at most", START_S_MAX)),
    ]


def _stored_bytes(file: Path) -> int:
    """Of the database, whether it is in the file yet or in the log beside it."""
    with closing(sqlite3.connect(file)) as database:
        [[pages]], [[page_bytes]] = (database.execute(f"PRAGMA {name}") for name in ("page_count", "page_size"))
    return int(pages * page_bytes)


def _entries(count: int) -> list[bytes]:
    return [random.randbytes(ENTRY_BYTES) for _ in range(count)]


def _grow(store: Store, size: int) -> None:
    while (missing := size - store.size()) > 0:
        store.append(_entries(min(16 * BATCH, missing)))


def _append_s(store: Store) -> float:
    """CPU seconds of a batch: the least of several, since the machine does other things too."""
    found = []
    for _ in range(5):
        entries = _entries(BATCH)
        began = time.process_time()
        store.append(entries)
        found.append(time.process_time() - began)
    return min(found)


def _receipt_ms(fleet: Fleet, store: Store) -> float:
    size, key_id = store.size(), fleet.folder.key_id
    root, chance = store.root(), random.Random(1)
    began = time.process_time()
    for _ in range(RECEIPTS):
        sign_receipts(size, root, [chance.randrange(size)], store.log.cached(), key_id, fleet.folder.sign)
    return (time.process_time() - began) / RECEIPTS * 1000
