"""Everything the ledger keeps, in one database.

Contract: what a method wrote inside `transaction()` is durable when that ends, or never happened. Reads see what is
committed by any process. Raises the errors of `failures.py` when the database refuses; the caller says what that means.

What goes on with devices and segments at intake is in `chain.py`; this file holds the log and what settlement reads.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from amos.protocol.answer import DUPLICATE, HELD, RECEIPTED
from amos.protocol.log_text import genesis_entry
from amos.protocol.manifest import Manifest
from amos.protocol.revocation import revoked_device
from amos_ledger.errors import EntryDamaged, NotALedger, OlderSchema, PeriodClosed, StorageFailed
from amos_ledger.log import tree
from amos_ledger.log.leaf import Leaf
from amos_ledger.records import ClosedPeriod, verdict_name
from amos_ledger.store.chain import Chain
from amos_ledger.store.comparison import Comparison
from amos_ledger.store.courses import Courses
from amos_ledger.store.database import Database
from amos_ledger.store.documents import Documents
from amos_ledger.store.entries import Log
from amos_ledger.store.foresight import Foresight
from amos_ledger.store.migration import MIGRATED_FROM, migrate
from amos_ledger.store.opt_out_lists import OptOutLists
from amos_ledger.store.period_usage import PeriodUsage
from amos_ledger.store.place import StorePlace, place_of
from amos_ledger.store.placings import Placings
from amos_ledger.store.played_days import PlayedDays
from amos_ledger.store.quarantines import Quarantines
from amos_ledger.store.reports import Reports
from amos_ledger.store.rollups import Rollups
from amos_ledger.store.rotations import Rotations
from amos_ledger.store.schema import SCHEMA, SCHEMA_VERSION
from amos_ledger.store.transfers import Transfers
from amos_ledger.totals import Backlog, Oddity, Totals, Watched

PERIOD_LETTERS = len("2026-11")
"""With which the title of a closing begins."""


class Store:
    """The open store at `where`, a file's path or another place, which is brought to the present schema, unless it is
    opened `read_only`.

    Not shared between threads. Raises `NotALedger` for another database."""

    def __init__(self, where: Path | StorePlace, read_only: bool = False) -> None:
        self._place = place_of(where)
        self._database = self._place.open(read_only=read_only)
        try:
            self._opened = self._place.identity()
            self.origin, self.public_key = _identity(self._database, self._place, read_only)
        except BaseException:
            self._database.close()
            raise
        self.log = Log(self._database)
        self.chain = Chain(self._database, self.log)
        self.foresight = Foresight(self._database, self.chain)
        self.documents = Documents(self._database, self.log)
        self.quarantines = Quarantines(self._database, self.log)
        self.courses = Courses(self._database, self.chain, self.quarantines)
        self.transfers = Transfers(self._database, self.log)
        self.opt_outs = OptOutLists(self._database, self.log)
        self.period_usage = PeriodUsage(self._database)
        self.rotations = Rotations(self._database, self.log, self.origin)
        self.placings = Placings(self._database, self.log)
        self.rollups = Rollups(self._database)
        self.played_days = PlayedDays(self._database)
        self._reports = Reports(self._database)

    @classmethod
    def create(cls, where: Path | StorePlace, origin: str, public_key: bytes) -> None:
        """Make the database, with the log's first entry; all of it or nothing usable."""
        database = place_of(where).open(create=True)
        try:
            with database.transaction():
                database.run_script(SCHEMA)
                database.run("INSERT INTO log_head VALUES (0, 0, 0)")
                sql = "INSERT INTO ledger (schema_version, origin, public_key) VALUES (?, ?, ?)"
                database.run(sql, (SCHEMA_VERSION, origin, public_key))
                Log(database).append([genesis_entry(origin)])
        finally:
            database.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_in_place(self) -> None:
        """Raise `StorageFailed` when the file under this name is not the open one, which SQLite would not notice."""
        if self._place.identity() != self._opened:
            raise StorageFailed(f"{self._place}: expected the file that was opened, found another")

    @contextmanager
    def transaction(self, devices: Iterable[bytes] = ()) -> Iterator[None]:
        """All inside happens, durably, or nothing; nobody else appends meanwhile. May be nested.

        Name the `devices` whose rows it may change: they are locked first, and the log's head after them, always in
        this order, so that nobody waits in a ring. Raises `StorageFailed` when another file took this one's name, as
        when it was rebuilt: nobody would read this one.
        """
        with self._database.transaction():
            self.check_in_place()
            self.chain.lock(devices)
            self.log.lock()
            yield

    @contextmanager
    def intake(self, devices: Iterable[bytes]) -> Iterator[None]:
        """A transaction that takes in usage of these devices: others append while it decides, until it writes. Raises
        `Conflict` when it has to be taken again, from its beginning."""
        with self._database.transaction():
            self.check_in_place()
            self.chain.lock(devices)
            self.log.begin()
            try:
                yield
                self._database.write_waiting()
            finally:
                self.log.end()

    def stop_workers(self, stopped: bool) -> None:
        """Let workers take nothing in, or go on: their ledger signed more than its log has, which only the process that
        has its key can see."""
        if self._place.shared:
            self.log.stop(stopped)

    def serve(self) -> None:
        """For a service: more is kept in memory, and a database that does not answer for long is given up, and opened
        anew."""
        self._database.serve()

    def clock_ms(self) -> int | None:
        """Unix milliseconds by the database server's clock; None where there is no server."""
        return self._database.clock_ms()

    def snapshot(self) -> AbstractContextManager[None]:
        """All reads inside see one moment."""
        return self._database.snapshot()

    def beside(self, where: Path | StorePlace) -> Comparison:
        """This store with another one beside it."""
        return Comparison(self._database, place_of(where))

    # The log.

    def size(self) -> int:
        """Count of entries in the log."""
        return self.log.size()

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries, of all when None."""
        return tree.root(self.log.size() if size is None else size, self.log.read)

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """(leaf index, bytes) of leaves [first, end)."""
        return self.log.entries(first, end)

    def append(self, entries: Sequence[bytes]) -> int:
        """Append entries that need no row of their own; the leaf index of the first."""
        return self.log.append(entries)

    def append_usage(self, segment: bytes, received_unix_s: int) -> Leaf:
        """Append a segment that was received in that minute, behind a batch entry that says so; the leaf that it will
        be."""
        return self.log.append_later(received_unix_s, segment)

    def note_forgone(self, index: int) -> None:
        """The entry at `index` gives up a tree head."""
        self._database.run("INSERT INTO forgone VALUES (?)", (index,))

    def forgone(self) -> tuple[bytes, ...]:
        """The signed entries that give up tree heads, in their order."""
        sql = "SELECT leaf_index FROM forgone ORDER BY leaf_index"
        return tuple(self.log.entry(index) for (index,) in self._database.rows(sql))

    def note_batch(self, index: int, received_unix_s: int) -> None:
        """The entry at `index` says when what follows was received."""
        self.log.note_batch(index, received_unix_s)

    def batches(self) -> Iterator[int]:
        """What the batch entries say, in their order."""
        return (unix_s for (unix_s,) in self._database.each("SELECT unix_s FROM batch ORDER BY leaf_index"))

    def revocations(self) -> dict[bytes, int]:
        """Device id → leaf index of the first revocation of its key. What is neither usage nor a batch is looked
        through, where any device has left its place."""
        if self._database.one("SELECT 1 FROM device WHERE retired_unix_s IS NOT NULL") is None:
            return {}
        others = "leaf_index NOT IN (SELECT leaf_index FROM usage) AND leaf_index NOT IN (SELECT leaf_index FROM batch)"
        found: dict[bytes, int] = {}
        for (index,) in self._database.rows(f"SELECT leaf_index FROM entry WHERE {others} ORDER BY 1"):
            device_id = revoked_device(self.log.entry(index))
            if device_id is not None:
                found.setdefault(device_id, index)
        return found

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """From leaf `index` to the root of the first `size`. Raises `ProofError` for a leaf outside."""
        return tree.inclusion_path(index, size, self.log.read)

    def dated(self) -> Iterator[tuple[int, tuple[int, int]]]:
        """(leaf index, start and end in Unix ms) of each segment that the ledger's clock dates."""
        sql = (
            "SELECT leaf_index, start_unix_ms, end_unix_ms FROM usage WHERE start_unix_ms IS NOT NULL"
            " ORDER BY leaf_index"
        )
        for index, start, end in self._database.each(sql):
            yield index, (start, end)

    def date(self, leaf_index: int, times_ms: tuple[int, int] | None) -> None:
        """Put right when the play at this leaf was; None: nobody knows."""
        start, end = times_ms or (None, None)
        sql = "UPDATE usage SET start_unix_ms = ?, end_unix_ms = ? WHERE leaf_index = ?"
        self._database.run(sql, (start, end, leaf_index))

    def kept_segments(self) -> Iterator[tuple[str, bytes, bytes, bytes]]:
        """(table, device, SHA-256, bytes) of every segment that is kept and is not in the log."""
        for table in ("held", "evidence"):
            for row in self._database.each(f"SELECT device_id, sha256, segment FROM {table}"):
                yield table, *row

    def drop(self, table: str, device_id: bytes, sha256: bytes) -> None:
        """Keep it no longer."""
        self._database.run(f"DELETE FROM {table} WHERE device_id = ? AND sha256 = ?", (device_id, sha256))

    # What settlement reads and writes.

    def flags(self, period: str) -> dict[int, frozenset[str]]:
        """Leaf index → what is odd about the segment there, of the usage that accrues to the period."""
        sql = "SELECT leaf_index, flag FROM usage JOIN flag USING (device_id, sequence) WHERE period = ?"
        found: dict[int, frozenset[str]] = {}
        same: dict[frozenset[str], frozenset[str]] = {}  # one set for all segments that have these flags
        for index, flag in self._database.each(sql, (period,)):
            flags = found.get(index, frozenset()) | {flag}
            found[index] = same.setdefault(flags, flags)
        return found

    def periods(self) -> list[str]:
        """Periods to which usage accrues, ascending."""
        return [period for (period,) in self._database.rows("SELECT DISTINCT period FROM usage ORDER BY period")]

    def closings(self) -> list[ClosedPeriod]:
        """Closed periods, also of further pools and currencies, in the order in which they were closed."""
        sql = "SELECT period, leaf_index FROM closing ORDER BY leaf_index"
        return [ClosedPeriod(title, index, self.log.entry(index)) for title, index in self._database.rows(sql)]

    def closed_periods(self) -> set[str]:
        """The periods that some closing settled, of whichever pool and currency; titles begin with them."""
        sql = f"SELECT DISTINCT substr(period, 1, {PERIOD_LETTERS}) FROM closing"
        return self._database.devices.found("closed", lambda: {period for (period,) in self._database.first_rows(sql)})

    def append_closing(self, title: str, entry: bytes) -> int:
        """Close the period with this signed entry, whose closing has that title; its leaf index.

        Read what the closing rests on inside the same `transaction()`: usage that arrives between would be in neither
        period. Raises `PeriodClosed`.
        """
        with self.transaction():
            if self._database.one("SELECT 1 FROM closing WHERE period = ?", (title,)) is not None:
                raise PeriodClosed(f"{title}: expected an open period, found one that is closed")
            index = self.log.append([entry])
            self.note_closing(title, index)
        return index

    def note_closing(self, title: str, index: int) -> None:
        """The entry at `index` is the closing of that title."""
        self.log.decide()  # where usage accrues
        self._database.run("INSERT INTO closing VALUES (?, ?)", (title, index))

    def latest_catalogue(self) -> bytes | None:
        """The signed catalogue with the highest serial."""
        return self.documents.latest_catalogue()

    def manifest(self, pack: bytes) -> Manifest | None:
        """The published manifest whose bytes have this SHA-256."""
        return self.documents.manifest(pack)

    # What is reported.

    def count(self, verdicts: Mapping[int, int]) -> None:
        """Add to the tally of messages by verdict."""
        sql = (
            "INSERT INTO tally VALUES (?, ?)"
            " ON CONFLICT (verdict) DO UPDATE SET messages = tally.messages + excluded.messages"
        )
        self._database.run_many(sql, sorted(verdicts.items()), of_devices=False)

    def totals(self) -> Totals:
        """The ledger at this moment."""
        with self.snapshot():
            devices = self._reports.device_totals()
            tally: dict[int, int] = dict(self._database.rows("SELECT verdict, messages FROM tally ORDER BY verdict"))
            counted = (*RECEIPTED, *HELD)
            evidence = self._database.one("SELECT count(*) FROM evidence")
            return Totals(
                accepted=sum(device.segments for device in devices),
                frames=sum(device.frames for device in devices),
                duplicates=tally.get(DUPLICATE, 0),
                held=sum(device.held for device in devices),
                refused={verdict_name(key): value for key, value in tally.items() if key not in counted},
                evidence=evidence[0] if evidence else 0,
                log_size=self.size(),
                devices=devices,
            )

    def backlog(self) -> Backlog:
        """What waits at this moment."""
        sql = (
            "SELECT (SELECT count(*) FROM usage WHERE leaf_index >= (SELECT coalesce(max(size), 0) FROM head)),"
            " (SELECT count(*) FROM held), count(*), count(quarantine) FROM device"
        )
        with self.snapshot():
            counts = self._database.one(sql)
            return Backlog(self.size(), *(counts or (0, 0, 0, 0)))

    def watched(self, packs: dict[int, bytes]) -> list[Watched]:
        """What alerts rest on, by device. `packs` remembers, from one call to the next, leaf index → pack: a segment is
        read once, and ten thousand devices are not read each minute."""
        with self.snapshot():
            newest, played = self._reports.newest_leaves(), self._reports.latest_sessions()
            for gone in packs.keys() - set(newest.values()):
                del packs[gone]
            found = []
            for device in self._reports.device_totals():
                id = bytes.fromhex(device.device_id)
                manifest = self._manifest_at(newest[id], packs) if id in newest else None
                seen = device.last_seen_unix_s
                found.append(
                    Watched(
                        *(device.device_id, device.name, device.site, device.renderer),
                        retired=device.retired_unix_s is not None,
                        quarantine=device.quarantine,
                        seen_unix_s=device.enrolled_unix_s if seen is None else seen,
                        lease_end_unix_s=manifest.lease_end_unix_s if manifest is not None else None,
                        session_ms=played.get(id, (0, 0))[0],
                        delivered_ms=played.get(id, (0, 0))[1],
                    )
                )
        return found

    def _manifest_at(self, leaf_index: int, packs: dict[int, bytes]) -> Manifest | None:
        """The manifest of the pack that the segment there played; None where either is not to be had."""
        if leaf_index not in packs:
            with suppress(EntryDamaged):  # that is for whoever checks the log, not for alerts
                packs[leaf_index] = self.log.usage(leaf_index).pack
        return self.manifest(packs[leaf_index]) if leaf_index in packs else None

    def oddities(self) -> list[Oddity]:
        """What is odd about each device at this moment."""
        with self.snapshot():
            return self._reports.oddities()


def _identity(database: Database, place: StorePlace, read_only: bool) -> tuple[str, bytes]:
    if not database.has_table("ledger"):
        raise NotALedger(f"{place}: expected a ledger's database, found another")
    row = database.one("SELECT schema_version, origin, public_key FROM ledger")
    found = "no version" if row is None else row[0]
    if row is not None and not read_only:
        found = migrate(database, row[0], time.time_ns() // 1_000_000)
    elif row is not None and row[0] in MIGRATED_FROM:
        raise OlderSchema(f"{place}: expected schema version {SCHEMA_VERSION}, found {found}")
    if row is None or found != SCHEMA_VERSION:
        raise NotALedger(f"{place}: expected schema version {SCHEMA_VERSION}, found {found}")
    return str(row[1]), bytes(row[2])
