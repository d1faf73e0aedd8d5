"""How what the ledger does grows with its log: appending, taking in, a receipt of any leaf, starting, storing."""

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from amos_ledger import registry
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.log.receipts import encoded_receipts, signed
from amos_ledger.store.store import Store
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, Fleet
from amos_tools.bench.ledger_history import BATCH, History
from amos_tools.bench.ledger_intake import intake_s, verification_s
from amos_tools.bench.process_io import moved

SMALL, LARGE = 10_000, 100_000
PLAYERS, ROWS, RECEIPTS, DAY_S = 1024, 100, 200, 86_400
RECEIPT_MS_MAX, START_S_MAX, FLAT = 2.0, 1.0, 1.5


@dataclass(frozen=True)
class Contents:
    """What is in the log: bytes of an entry, and how many segments there are to one device."""

    entry_bytes: int
    segments_each: int


SEGMENTS = Contents(entry_bytes=1554, segments_each=100)
"""As long as segments of 100 rows."""

BARE = Contents(entry_bytes=32, segments_each=1000)
"""Short entries, so that a log of ten millions is a tree and its rows, and a few gigabytes."""


@dataclass(frozen=True)
class Size:
    """What was measured of a ledger with `leaves` in its log. Times are of the processor, bytes are those of a segment.

    `intake` is what taking in one segment of each of a batch of players costs, in signatures verified, and `pages` are
    the bytes read and written meanwhile, where somebody counts them.
    """

    leaves: int
    devices: int
    append_us: float
    intake: float
    intake_us: float
    pages: tuple[float, float] | None
    verification_us: float
    database_bytes: float
    published_bytes: float
    receipt_ms: float
    start_s: float
    status_s: float
    metrics_ms: float


def measured_size(leaves: int, contents: Contents, players: int) -> Size:
    """Make such a ledger, measure it, and delete it."""
    note_progress(f"a log of {leaves:,} leaves, {contents.entry_bytes} bytes each")
    with _ledger(leaves, contents, players) as (fleet, history):
        stored_bytes = database_bytes(fleet.folder.store_path) / leaves
        with fleet.folder.open_store() as store:
            registry.publish(fleet.folder, store)
        published = sum(bytes_below(root) for root in (fleet.folder.public, audit_of(fleet.folder)))
        start_s = _started_s(fleet)
        with fleet.folder.open_store() as store:
            receipt_ms = _receipt_ms(fleet, store)
            status_s, metrics_s = _cpu_s(store.totals), _cpu_s(store.backlog)
        bare_s, intake_s, pages = _intake_s(fleet, history)
        fleet.ledger.close()
        with fleet.folder.open_store() as store:
            append_s = _append_s(store, contents.entry_bytes)
        return Size(
            *(leaves, history.devices, append_s / BATCH * 1e6, intake_s / bare_s, intake_s * 1e6, pages, bare_s * 1e6),
            *(stored_bytes, published / leaves, receipt_ms, start_s, status_s, metrics_s * 1000),
        )


@contextmanager
def _ledger(leaves: int, contents: Contents, players: int) -> Iterator[tuple[Fleet, History]]:
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        fleet = Fleet(Path(folder) / "ledger", players, ROWS)
        intake_s(fleet, list(fleet.sealed(players)), BATCH, NOON + 2 * SEGMENT_S)  # the rows that history copies
        fleet.ledger.close()
        ids = [player.key.id for player in fleet.players]
        history = History(fleet.folder.store_path, ids, contents.segments_each)
        history.grow(leaves, contents.entry_bytes)
        history.close()
        yield fleet, history


def database_bytes(file: Path) -> int:
    """Of the database, whether it is in the file yet or in the log beside it."""
    with closing(sqlite3.connect(file)) as database:
        [[pages]], [[page_bytes]] = (database.execute(f"PRAGMA {name}") for name in ("page_count", "page_size"))
    return int(pages * page_bytes)


def audit_of(folder: Folder) -> Path:
    """The audit folder of a fleet's ledger, where the entries themselves are."""
    return folder.path / folder.trust.audit


def bytes_below(root: Path) -> int:
    """Of all files there."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _cpu_s(work: object) -> float:
    assert callable(work)
    began = time.process_time()
    work()
    return time.process_time() - began


def _started_s(fleet: Fleet) -> float:
    """From nothing to the first answer that could be given; leaves the ledger open."""
    began = time.process_time()
    fleet.ledger = Ledger(fleet.folder)
    fleet.ledger.tick()
    took = time.process_time() - began
    assert fleet.ledger.trouble is None, fleet.ledger.trouble
    return took


def _intake_s(fleet: Fleet, history: History) -> tuple[float, float, tuple[float, float] | None]:
    """CPU seconds of one segment: to verify its signature, and to take it in, each of a batch being of another player
    and of a session that goes on; and the bytes read and written for it."""
    at_s = history.end_s + DAY_S
    for number, player in enumerate(fleet.players):
        player.resume(*history.last(number), at_s)
    for first in range(0, len(fleet.players), BATCH):
        asked = [player.nonce() for player in fleet.players[first : first + BATCH]]
        assert None not in fleet.ledger.date(asked, at_s * 1000)
    received_s, count = at_s + 2 * SEGMENT_S, len(fleet.players)
    intake_s(fleet, list(fleet.sealed(count)), BATCH, received_s)
    sealed = list(fleet.sealed(count))
    bare, taken, before = 0.0, 0.0, moved()
    for first in range(0, count, BATCH):
        part = sealed[first : first + BATCH]
        bare += verification_s(part)
        taken += intake_s(fleet, part, BATCH, received_s)
    after = moved()
    pages = None if before is None or after is None else (after.read - before.read, after.written - before.written)
    return bare / count, taken / count, None if pages is None else (pages[0] / count, pages[1] / count)


def _append_s(store: Store, entry_bytes: int) -> float:
    """CPU seconds of a batch: the least of several, since the machine does other things too."""
    found = []
    for _ in range(9):
        entries = [random.randbytes(entry_bytes) for _ in range(BATCH)]
        began = time.process_time()
        store.append(entries)
        found.append(time.process_time() - began)
    return min(found)


def _receipt_ms(fleet: Fleet, store: Store) -> float:
    size, key_id = store.size(), fleet.folder.key_id
    root, chance = store.root(), random.Random(1)
    began = time.process_time()
    for _ in range(RECEIPTS):
        signature = fleet.folder.sign(signed(root, key_id))
        encoded_receipts(size, root, [chance.randrange(size)], store.log.cached(), key_id, signature)
    return (time.process_time() - began) / RECEIPTS * 1000


def flatness(small: Size, large: Size) -> list[Figure]:
    """What grows, as the ratio of a large log to a small one, and what is promised of any."""
    of, leaves = f"{large.leaves:,} leaves / {small.leaves:,}", f"{large.leaves:,} leaves"
    flat = ("at most", FLAT)

    def ratio(name: str, of_large: float, of_small: float, note: str) -> Figure:
        return Figure("ledger", f"{name}, {of}", of_large / of_small, "x", flat, note)

    stored, published = large.database_bytes, large.published_bytes
    note = f"CPU, {large.devices:,} devices"
    return [
        ratio("time per append", large.append_us, small.append_us, f"{large.append_us:.0f} us"),
        ratio("intake of a segment", large.intake, small.intake, _intake_note(small, large)),
        ratio("database bytes per segment", stored, small.database_bytes, f"{stored:,.0f} bytes"),
        ratio("published bytes per segment", published, small.published_bytes, f"{published:,.0f} bytes"),
        Figure("ledger", f"a receipt of any of {leaves}", large.receipt_ms, "ms", ("at most", RECEIPT_MS_MAX)),
        Figure("ledger", f"starting with {leaves}", large.start_s, "s", ("at most", START_S_MAX)),
        Figure("ledger", f"status of {leaves}", large.status_s * 1000, "ms", None, note),
        Figure("ledger", f"a scrape of metrics of {leaves}", large.metrics_ms, "ms", None, note),
    ]


def _intake_note(small: Size, large: Size) -> str:
    note = f"{large.intake_us:.0f} us, {large.intake:.1f} x bare"
    if small.pages and large.pages:
        (read, written), (small_read, small_written) = large.pages, small.pages
        note += f"; reads {read / 1e3:.0f} KB and writes {written / 1e3:.0f}"
        note += f", the small one {small_read / 1e3:.0f} and {small_written / 1e3:.0f}"
    return note
