"""What a quiet ledger writes for what it stores: a segment a second, in the batches that the service makes of them.

Every commit writes whole pages, and every checkpoint a partial tile; so small batches cost the most for their bytes.
"""

import sqlite3
import struct
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from amos_ledger.audit import Audit
from amos_ledger.gathering import Gathering
from amos_ledger.ledger import Ledger
from amos_ledger.log.tiles import TILE_WIDTH
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, Fleet, Player
from amos_tools.bench.ledger_intake import intake_s
from amos_tools.bench.ledger_size import audit_of, bytes_below, database_bytes
from amos_tools.bench.process_io import Moved, moved

TILES, PLAYERS, ROWS = 2, 60, 100
"""Between a full tile and another one: on the way there are partial ones, which go when it is full."""

WRITTEN_MAX = 8.0
AT_S = NOON + SEGMENT_S * 1000

DATABASE, PUBLIC, AUDIT = "database", "public folder", "audit folder"
_STEPS = {"persisted": DATABASE}
"""Of `Ledger`: what was written when it gets there. All else is published."""

_TOLD_TABLES = 6


class Quiet:
    """A ledger that takes a segment a second by a clock of its own; `written` and `disk` count, by place, bytes that
    were given to the system and those that it had to bring to the disk, in whole blocks of its own."""

    def __init__(self, path: Path) -> None:
        self.written: Counter[str] = Counter()
        self.disk: Counter[str] = Counter()
        self._second = 0
        self._gathering: Gathering[tuple[Player, bytes]] = Gathering()
        self.fleet = Fleet(path, PLAYERS, ROWS)
        self.fleet.ledger.close()
        self.fleet.ledger = Ledger(self.fleet.folder, lambda step: self._note(_STEPS.get(step, PUBLIC)))
        self._audit = Audit(self.fleet.folder, lambda: float(self._second))
        self._seen = _moved()
        intake_s(self.fleet, list(self.fleet.sealed(2 * TILE_WIDTH)), TILE_WIDTH, AT_S)
        self._follow()

    def run(self, tiles: int) -> int:
        """Take a segment in each second until so many tiles are full; how many that were."""
        self.written.clear()
        self.disk.clear()
        began, end = self._second, self._follow() // TILE_WIDTH + tiles
        while self._follow() // TILE_WIDTH < end:
            self._second += 1
            self._gathering.add(self.fleet.sealed(1))
            if due := self._gathering.due(self._second):
                intake_s(self.fleet, due, len(due), AT_S + self._second)
        return self._second - began

    def _follow(self) -> int:
        """The audit folder, as the thread of `amos ledger serve` does; the size of the log."""
        with self.fleet.folder.open_store() as store:
            size = store.size()
            if self._audit.is_due(size):
                self._audit.follow(store)
        self._note(AUDIT)
        return size

    def _note(self, place: str) -> None:
        seen = _moved()
        self.written[place] += seen.written - self._seen.written
        self.disk[place] += seen.brought - self._seen.brought
        self._seen = seen

    def stored(self) -> Counter[str]:
        """Bytes that are kept, by place."""
        folder = self.fleet.folder
        published = {PUBLIC: bytes_below(folder.public), AUDIT: bytes_below(audit_of(folder))}
        return Counter({DATABASE: database_bytes(folder.store_path), **published})


def _moved() -> Moved:
    found = moved()
    assert found is not None
    return found


def figures(scale: float) -> list[Figure]:
    """Bytes written for each that is stored: all, those of the database, and those of what is published."""
    name = "bytes written per byte stored, a segment a second"
    note_progress(name)
    if moved() is None:
        return [Figure("ledger", name, None, "x", ("at most", WRITTEN_MAX), "needs Linux: /proc/self/io")]
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as folder:
        quiet = Quiet(Path(folder) / "ledger")
        quiet.run(1)
        before = quiet.stored()
        seconds = quiet.run(max(1, round(TILES * scale)))
        stored = quiet.stored() - before
        tables = _pages(quiet.fleet.folder.store_path)
        quiet.fleet.ledger.close()
    parts = {"": set(stored), ", SQLite": {DATABASE}, ", published": {PUBLIC, AUDIT}}
    notes = {", SQLite": ", ".join(f"{table} {pages:.1f}" for table, pages in tables)}
    found = []
    for part, places in parts.items():
        given, brought, kept = (sum(of[place] for place in places) for of in (quiet.written, quiet.disk, stored))
        note = f"{given / seconds:,.0f} bytes a segment"
        if brought:
            note += f", {brought / seconds:,.0f} in blocks of the disk"
        note += f"; {kept / seconds:,.0f} stored"
        if notes.get(part):
            note += f"; pages a segment: {notes[part]}"
        found.append(Figure("ledger", name + part, given / kept, "x", ("at most", WRITTEN_MAX), note))
    return found


def _pages(path: Path) -> list[tuple[str, float]]:
    """(table or index, pages of it in SQLite's log for each commit), of those that have most; none where SQLite was
    built without a look at its pages."""
    with closing(sqlite3.connect(path)) as database:
        try:
            owners = {page: name for name, page in database.execute("SELECT name, pageno FROM dbstat")}
        except sqlite3.OperationalError:
            return []
    frames, commits = _logged(path.with_name(path.name + "-wal").read_bytes())
    counts = Counter(owners.get(page, "free") for page in frames)
    return [(table, count / commits) for table, count in counts.most_common(_TOLD_TABLES)] if commits else []


def _logged(log: bytes) -> tuple[list[int], int]:
    """Numbers of the pages in SQLite's write-ahead log since it was last begun anew, and how many commits these are
    (sqlite.org/fileformat2.html, section 4)."""
    if len(log) < 32:
        return [], 0
    page_bytes, salt = struct.unpack_from(">I", log, 8)[0], log[16:24]
    pages, commits = [], 0
    for at in range(32, len(log) - page_bytes - 23, page_bytes + 24):
        page, size_after_commit = struct.unpack_from(">II", log, at)
        if log[at + 8 : at + 16] != salt:
            break
        pages.append(page)
        commits += size_after_commit > 0
    return pages, commits
