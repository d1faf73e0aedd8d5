"""Usage by the period to which it accrues, read one by one: what a settlement adds up."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from amos.protocol.batch import minute_of
from amos_ledger.store.database import Database, marks


class Accrued(NamedTuple):
    """A segment that accrues to a period: its leaf, the minute in which it was received (None in front of the log's
    first batch entry), what is odd about it, and whose it is."""

    leaf_index: int
    received_s: int | None
    flags: frozenset[str]
    device_id: bytes


class PeriodUsage:
    """The table `usage`, as settlement reads it. Nothing that it returns grows with the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def segments(self, period: str, flags: Sequence[str]) -> Iterator[Accrued]:
        """By ascending leaf; `flags` are all that there can be."""
        first = self.first_batch()
        sql = (
            "SELECT usage.leaf_index, usage.received_unix_s, usage.device_id, flag.flag FROM usage LEFT JOIN flag"
            " ON flag.device_id = usage.device_id AND flag.sequence = usage.sequence"
            f" AND flag.flag IN ({marks(len(flags))}) WHERE usage.period = ? ORDER BY usage.leaf_index"
        )
        rows = self._database.each(sql, (*flags, period))
        for (index, received_s, device_id), found in groupby(rows, lambda row: row[:3]):
            dated = first is not None and first[0] < index
            odd = frozenset(row[3] for row in found if row[3] is not None)
            # The log tells the minute alone, and what is divided follows from the log.
            yield Accrued(index, minute_of(received_s) if dated else None, odd, bytes(device_id))

    def sequences(self, period: str) -> Iterator[tuple[bytes, int]]:
        """(device, sequence number), by device and number."""
        sql = "SELECT device_id, sequence FROM usage WHERE period = ? ORDER BY device_id, sequence"
        return ((bytes(device_id), sequence) for device_id, sequence in self._database.each(sql, (period,)))

    def sites(self) -> dict[bytes, tuple[int, str]]:
        """Device → (leaf index of its enrolment in force, the site where that places it)."""
        rows = self._database.rows("SELECT device_id, leaf_index, site FROM device")
        return {bytes(device_id): (index, site) for device_id, index, site in rows}

    def others(self) -> list[int]:
        """Leaf indexes of the entries that are neither usage nor a batch, ascending."""
        others = "leaf_index NOT IN (SELECT leaf_index FROM usage) AND leaf_index NOT IN (SELECT leaf_index FROM batch)"
        return [index for (index,) in self._database.rows(f"SELECT leaf_index FROM entry WHERE {others} ORDER BY 1")]

    def place(self, device_id: bytes, sequence: int) -> tuple[int, str] | None:
        """(leaf index, period to which it accrues) of an accepted segment, or None."""
        sql = "SELECT leaf_index, period FROM usage WHERE device_id = ? AND sequence = ?"
        row = self._database.one(sql, (device_id, sequence))
        return None if row is None else (row[0], row[1])

    def count(self, period: str) -> int:
        """How many segments."""
        row = self._database.one("SELECT count(*) FROM usage WHERE period = ?", (period,))
        assert row is not None
        return int(row[0])

    def first_batch(self) -> tuple[int, int] | None:
        """(leaf index, Unix seconds) of the log's first batch entry, which dates what no reception does; None before
        there is one."""
        row = self._database.one("SELECT leaf_index, unix_s FROM batch ORDER BY leaf_index LIMIT 1")
        return None if row is None else (row[0], row[1])
