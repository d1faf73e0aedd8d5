"""The append-only log in the database: entries, the tree's stored hashes, roots and proofs."""

from collections.abc import Iterator, Sequence

from amos.protocol.errors import LocalError
from amos.protocol.merkle import leaf_hash
from amos.protocol.segment import Usage
from amos_ledger.errors import EntryDamaged
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.log import tree
from amos_ledger.log.tiles import ENTRY_BYTES_MAX
from amos_ledger.store.database import Database

READ_AT_ONCE = 256
"""Entries read by one statement."""


class Log:
    """The log of `database`. Nothing about it is cached between calls: other processes append too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        """Count of entries."""
        return self._database.remembered("size", self._stored_size)

    def _stored_size(self) -> int:
        row = self._database.first("SELECT max(leaf_index) FROM entry")
        return 0 if row is None or row[0] is None else int(row[0]) + 1

    def append(self, entries: Sequence[bytes]) -> int:
        """Append in one transaction; the leaf index of the first. Raises `LocalError` beyond 65,535 bytes."""
        for entry in entries:
            if len(entry) > ENTRY_BYTES_MAX:
                raise LocalError(f"entry: expected at most {ENTRY_BYTES_MAX} bytes, found {len(entry)}")
        with self._database.transaction():
            first = self.size()
            for index, entry in enumerate(entries, first):
                self._database.later("INSERT INTO entry VALUES (?, ?)", (index, entry))
            position = tree.stored_position(0, first)
            for place, (level, index, value) in enumerate(
                tree.grow(first, map(leaf_hash, entries), self.read), position
            ):
                self._database.later("INSERT INTO node VALUES (?, ?)", (place, value))
                if not index & 1:  # its right sibling completes the subtree above, and asks for it
                    self._database.note(("node", level, index), value)
            self._database.note("size", first + len(entries))
        return first

    def holds(self, entry: bytes) -> bool:
        """Whether these bytes are an entry. Reads the whole log: for what an operator brings."""
        return self._database.one("SELECT 1 FROM entry WHERE bytes = ?", (entry,)) is not None

    def read(self, level: int, index: int) -> bytes:
        """The stored hash of a complete subtree. Raises `EntryDamaged` when there is none."""
        noted: bytes | None = self._database.known(("node", level, index))
        if noted is not None:
            return noted
        sql, place = "SELECT hash FROM node WHERE position = ?", (tree.stored_position(level, index),)
        row = self._database.first(sql, place) or self._database.one(sql, place)  # the second after what waits
        if row is None:
            raise EntryDamaged(f"tree: expected a stored hash at level {level}, index {index}, found none")
        return bytes(row[0])

    def cached(self, first: int = 0, end: int = 0) -> tree.Read:
        """`read` with a memory, for many proofs at one size; a stored hash never changes. Those that leaves
        [first, end) completed are read at once."""
        known: dict[tuple[int, int], bytes] = {}
        if first < end:
            places = (tree.stored_position(0, first), tree.stored_position(0, end))
            sql = "SELECT hash FROM node WHERE position >= ? AND position < ? ORDER BY position"
            hashes = self._database.rows(sql, places)
            if len(hashes) == places[1] - places[0]:  # else `read` says which one is missing
                known = {place: hash_ for place, (hash_,) in zip(tree.completed(first, end), hashes, strict=True)}

        def read(level: int, index: int) -> bytes:
            found = known.get((level, index))
            if found is None:
                found = known[level, index] = self.read(level, index)
            return found

        return read

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """(leaf index, bytes) of leaves [first, end). Raises `EntryDamaged`."""
        sql = "SELECT leaf_index, bytes FROM entry WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
        for start in range(first, end, READ_AT_ONCE):
            places = start, min(start + READ_AT_ONCE, end)
            hashes = self._leaf_hashes(*places)
            for index, entry in self._database.rows(sql, places):
                sound = leaf_hash(entry) == hashes.get(index)
                yield index, bytes(entry) if sound else self._sound(index, bytes(entry))

    def _leaf_hashes(self, first: int, end: int) -> dict[int, bytes]:
        """Leaf index → stored hash, read at once; without those that are missing."""
        begin, after = (tree.stored_position(0, leaf) for leaf in (first, end))
        sql = "SELECT position, hash FROM node WHERE position >= ? AND position < ?"
        stored: dict[int, bytes] = dict(self._database.rows(sql, (begin, after)))
        places = enumerate(tree.completed(first, end), begin)
        return {index: stored[place] for place, (level, index) in places if not level and place in stored}

    def entry(self, index: int) -> bytes:
        """The entry at this leaf. Raises `EntryDamaged`, also when there is none."""
        row = self._database.one("SELECT bytes FROM entry WHERE leaf_index = ?", (index,))
        return self._sound(index, b"" if row is None else bytes(row[0]))

    def usage(self, index: int) -> Usage:
        """What the accepted segment at this leaf says; its signature was verified when it was taken in. Raises
        `EntryDamaged`."""
        return decode_usage(parse_segment(self.entry(index)).payload)

    def _sound(self, index: int, entry: bytes) -> bytes:
        """Storage that rots must not be published, receipted or settled on: what the tree was grown from is known."""
        row = self._database.one("SELECT hash FROM node WHERE position = ?", (tree.stored_position(0, index),))
        if row is None or leaf_hash(entry) != row[0]:
            raise EntryDamaged(f"entry {index}: expected the bytes of its leaf hash, found others")
        return entry
