"""The append-only log in the database: entries, the tree's stored hashes, roots and proofs.

Indexes are given under a lock of the row `log_head`, which is taken after the locks of devices and kept until the
transaction ends: so indexes are given in the order in which transactions end. Intake takes it when it writes what it
has decided, everybody else before they decide. What intake read and no device's lock guards (which periods are
closed) is guarded by the number `decided` in that row: whoever changes such a thing adds to it, and a transaction that
read another number before is undone, and taken again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from amos.protocol.batch import batch_entry
from amos.protocol.errors import LocalError
from amos.protocol.merkle import leaf_hash
from amos.protocol.segment import Usage
from amos_ledger.errors import EntryDamaged, RolledBack
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.log import tree
from amos_ledger.log.leaf import Leaf
from amos_ledger.log.tiles import ENTRY_BYTES_MAX, TILE_LEVELS
from amos_ledger.store.database import Database, Row, marks
from amos_ledger.store.failures import Conflict

READ_AT_ONCE = 256
"""Entries read from the database by one statement."""

KEPT_LEAVES = 4096
"""Of the leaves whose hashes are read at once and kept: some 2 MB."""


@dataclass(frozen=True, slots=True)
class Head:
    """The locked row: count of entries, and how often something was decided that intake rests on."""

    size: int
    decided: int


@dataclass(frozen=True, slots=True)
class Grown:
    """What was appended last: leaves [first, size), the hashes that they completed, and the peaks before them."""

    first: int
    size: int
    hashes: dict[tuple[int, int], bytes]


def usage_in(entry: bytes) -> Usage:
    """What an accepted segment says; its signature was verified when it was taken in."""
    return decode_usage(parse_segment(entry).payload)


class Log:
    """The log of `database`. Other processes append too: between transactions, what was appended last is remembered as
    long as the database says that nobody else has written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decided: int | None = None

    def begin(self) -> None:
        """A transaction begins that decides before it locks the head. Raises `RolledBack`."""
        row = self._database.first("SELECT decided, stopped FROM log_head")
        assert row is not None
        self._decided = row[0]
        if row[1]:
            raise RolledBack("this ledger signed more than its log has, as the process that serves it says; see there")

    def lock(self) -> Head:
        """Let nobody else append until the transaction ends. Raises `Conflict` when something was decided since
        `begin`."""
        return self._database.remembered("locked head", self._locked)

    def _locked(self) -> Head:
        head = Head(*self._database.locked("SELECT size, decided FROM log_head")[0])
        if head.size < 0:
            raise Conflict("log_head: another store took this one's place")
        if self._decided not in (None, head.decided):
            raise Conflict("log_head: something was decided meanwhile that this rests on")
        self._database.note("size", head.size)
        return head

    def end(self) -> None:
        """The transaction has ended, however it did."""
        self._decided = None

    def stop(self, stopped: bool) -> None:
        """Note whether intake is to stop, where that is another answer than before."""
        row = self._database.first("SELECT stopped FROM log_head")
        if row is not None and bool(row[0]) != stopped:
            self._database.run("UPDATE log_head SET stopped = ?", (int(stopped),))

    def decide(self) -> None:
        """Note that something is decided that intake rests on beside a device: transactions that began before are to be
        taken again."""
        head = self.lock()
        self._database.run("UPDATE log_head SET decided = decided + 1")
        if self._decided is not None:
            self._decided = head.decided + 1

    def size(self) -> int:
        """Count of entries."""
        return self._database.remembered("size", self._stored_size)

    def _stored_size(self) -> int:
        row = self._database.first("SELECT size FROM log_head")
        assert row is not None
        return int(row[0])

    def append(self, entries: Sequence[bytes]) -> int:
        """Append in one transaction; the leaf index of the first. Raises `LocalError` beyond 65,535 bytes."""
        for entry in entries:
            if len(entry) > ENTRY_BYTES_MAX:
                raise LocalError(f"entry: expected at most {ENTRY_BYTES_MAX} bytes, found {len(entry)}")
        with self._database.transaction():
            self._database.write_waiting()  # what was decided before stands before it
            return self._append(entries)

    def append_later(self, received_unix_s: int, segment: bytes) -> Leaf:
        """Append a segment that was received in that minute when the rows that wait are written, behind a batch entry
        that says so where the last one does not."""
        leaf = Leaf()
        gathered = self._database.gathered(self._append_gathered)
        gathered[len(gathered)] = received_unix_s, segment, leaf
        return leaf

    def _append_gathered(self, gathered: dict[int, tuple[int, bytes, Leaf]]) -> None:
        self.lock()
        last = self.last_batch()
        entries: list[bytes] = []
        batches: list[tuple[int, int]] = []
        places: list[tuple[Leaf, int]] = []
        for received_unix_s, segment, leaf in gathered.values():
            if last != received_unix_s:
                batches.append((len(entries), received_unix_s))
                entries.append(batch_entry(received_unix_s))
                last = received_unix_s
            places.append((leaf, len(entries)))
            entries.append(segment)
        first = self._append(entries)
        for offset, unix_s in batches:
            self.note_batch(first + offset, unix_s)
        for leaf, offset in places:
            leaf.give(first + offset)

    def last_batch(self) -> int | None:
        """Unix seconds of the last batch entry; None before there is one."""
        return self._database.devices.found("batch", self._stored_last_batch)

    def _stored_last_batch(self) -> int | None:
        row = self._database.first("SELECT unix_s FROM batch ORDER BY leaf_index DESC LIMIT 1")
        return None if row is None else int(row[0])

    def note_batch(self, index: int, received_unix_s: int) -> None:
        """The entry at `index` says when what follows was received."""
        self._database.later("INSERT INTO batch VALUES (?, ?)", (index, received_unix_s))
        self._database.devices.note("batch", received_unix_s)

    def _append(self, entries: Sequence[bytes]) -> int:
        head = self.lock()
        first = head.size
        self._read_peaks(first)
        self._database.all_later("INSERT INTO entry VALUES (?, ?)", list(enumerate(entries, first)))
        grown = list(tree.grow(first, map(leaf_hash, entries), self.read))
        position = tree.stored_position(0, first)
        nodes = [(place, value) for place, (_level, _index, value) in enumerate(grown, position)]
        self._database.all_later("INSERT INTO node VALUES (?, ?)", nodes)
        for level, index, value in grown:
            if not index & 1:  # its right sibling completes the subtree above, and asks for it
                self._database.note(("node", level, index), value)
        size = first + len(entries)
        if len(entries) <= KEPT_LEAVES:
            before = ((peak, self._database.known(("node", *peak))) for peak in tree.peaks(first))
            hashes = {peak: value for peak, value in before if value is not None}
            hashes |= {(level, index): value for level, index, value in grown}
            self._database.devices.note("grown", Grown(first, size, hashes))
        self._database.later("UPDATE log_head SET size = ?", (size,))
        self._database.note("size", size)
        self._database.note("locked head", replace(head, size=size))
        return first

    def _read_peaks(self, size: int) -> None:
        """Read at once what growing a tree of `size` leaves may ask for: others wait for the head meanwhile. What is
        missing is missed by `read`."""
        unknown = [peak for peak in tree.peaks(size) if self._database.known(("node", *peak)) is None]
        grown: Grown | None = self._database.devices.known("grown")
        there = grown.hashes if grown is not None and grown.size == size else self._hashes(unknown)
        for peak in unknown:
            if peak in there:
                self._database.note(("node", *peak), there[peak])

    def _hashes(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """(level, index) → stored hash, read at once; without those that are missing, or wait to be written."""
        places = {tree.stored_position(*place): place for place in wanted}
        if not places:
            return {}
        sql = f"SELECT position, hash FROM node WHERE position IN ({marks(len(places))})"
        return {places[place]: bytes(value) for place, value in self._database.first_rows(sql, [*places])}

    def holds(self, entry: bytes) -> bool:
        """Whether these bytes are an entry. Reads the whole log: for what an operator brings."""
        return self._database.one("SELECT 1 FROM entry WHERE bytes = ?", (entry,)) is not None

    def read(self, level: int, index: int) -> bytes:
        """The stored hash of a complete subtree. Raises `EntryDamaged` when there is none."""
        noted: bytes | None = self._database.known(("node", level, index))
        if noted is not None:
            return noted
        row = self._stored("SELECT hash FROM node WHERE position = ?", tree.stored_position(level, index))
        if row is None:
            raise EntryDamaged(f"tree: expected a stored hash at level {level}, index {index}, found none")
        return bytes(row[0])

    def _stored(self, sql: str, place: int) -> Row | None:
        """The row at this place of a table whose rows never change: one that is there is right, whatever waits to be
        written; else it may be among what waits."""
        return self._database.first(sql, (place,)) or self._database.one(sql, (place,))

    def cached(self, first: int = 0, end: int = 0) -> tree.Read:
        """`read` with a memory, for many proofs at one size; a stored hash never changes. Those that leaves
        [first, end) completed are read many at once; of a large range no more than a part is kept, and the hashes above
        tiles. What lies before `first` is read at once as well, as far as roots and paths from there on ask for it."""
        known: dict[tuple[int, int], bytes] = {}
        part, hashes = range(0), dict[tuple[int, int], bytes]()
        grown: Grown | None = self._database.devices.known("grown")
        before_read = grown is not None and (grown.first, grown.size) == (first, end)
        if grown is not None and before_read:
            part, hashes = range(first, end), grown.hashes

        def read(level: int, index: int) -> bytes:
            nonlocal part, hashes, before_read
            found = known.get((level, index)) or hashes.get((level, index))
            if found is not None:
                return found
            leaf = ((index + 1) << level) - 1  # which completed it
            if first <= leaf < end and leaf not in part:
                part = range(max(first, leaf - leaf % KEPT_LEAVES), min(end, leaf - leaf % KEPT_LEAVES + KEPT_LEAVES))
                hashes = self._completed(part.start, part.stop)
                known.update({place: hash_ for place, hash_ in hashes.items() if place[0] >= TILE_LEVELS})
            elif leaf < first and not before_read:
                before_read = True
                known.update(self._hashes(tree.peaks(first)))
            found = hashes.get((level, index)) or known.get((level, index))
            if found is None:
                found = known[level, index] = self.read(level, index)
            return found

        return read

    def _completed(self, first: int, end: int) -> dict[tuple[int, int], bytes]:
        """The stored hashes that leaves [first, end) completed, by one statement; none where one is missing, which
        `read` names."""
        places = (tree.stored_position(0, first), tree.stored_position(0, end))
        sql = "SELECT hash FROM node WHERE position >= ? AND position < ? ORDER BY position"
        hashes = self._database.rows(sql, places)
        if len(hashes) != places[1] - places[0]:
            return {}
        return {place: hash_ for place, (hash_,) in zip(tree.completed(first, end), hashes, strict=True)}

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """(leaf index, bytes) of leaves [first, end). Raises `EntryDamaged`."""
        sql = "SELECT leaf_index, bytes FROM entry WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
        for start in range(first, end, READ_AT_ONCE):
            places = start, min(start + READ_AT_ONCE, end)
            hashes = self._leaf_hashes(*places)
            for index, entry in self._database.rows(sql, places):
                sound = leaf_hash(entry) == hashes.get(index)
                yield index, bytes(entry) if sound else self._sound(index, bytes(entry))

    def chosen(self, indexes: Sequence[int]) -> list[bytes]:
        """The entries at these leaves, at most `READ_AT_ONCE`. Raises `EntryDamaged`."""
        sql = f"SELECT leaf_index, bytes FROM entry WHERE leaf_index IN ({marks(len(indexes))})"
        found: dict[int, bytes] = dict(self._database.rows(sql, [*indexes]))
        hashes = self._hashes((0, index) for index in indexes)
        entries = [bytes(found.get(index, b"")) for index in indexes]
        for index, entry in zip(indexes, entries, strict=True):
            if leaf_hash(entry) != hashes.get((0, index)):
                self._sound(index, entry)
        return entries

    def _leaf_hashes(self, first: int, end: int) -> dict[int, bytes]:
        """Leaf index → stored hash, read at once; without those that are missing."""
        begin, after = (tree.stored_position(0, leaf) for leaf in (first, end))
        sql = "SELECT position, hash FROM node WHERE position >= ? AND position < ?"
        stored: dict[int, bytes] = dict(self._database.rows(sql, (begin, after)))
        places = enumerate(tree.completed(first, end), begin)
        return {index: stored[place] for place, (level, index) in places if not level and place in stored}

    def entry(self, place: int | Leaf) -> bytes:
        """The entry at this leaf. Raises `EntryDamaged`, also when there is none."""
        index = self._index(place)
        row = self._stored("SELECT bytes FROM entry WHERE leaf_index = ?", index)
        return self._sound(index, b"" if row is None else bytes(row[0]))

    def _index(self, place: int | Leaf) -> int:
        if isinstance(place, int):
            return place
        if place.index is None:
            self._database.write_waiting()
        assert place.index is not None
        return place.index

    def usage(self, index: int | Leaf) -> Usage:
        """What the accepted segment at this leaf says. Raises `EntryDamaged`."""
        return usage_in(self.entry(index))

    def _sound(self, index: int, entry: bytes) -> bytes:
        """Storage that rots must not be published, receipted or settled on: what the tree was grown from is known."""
        row = self._stored("SELECT hash FROM node WHERE position = ?", tree.stored_position(0, index))
        if row is None or leaf_hash(entry) != row[0]:
            raise EntryDamaged(f"entry {index}: expected the bytes of its leaf hash, found others")
        return entry
