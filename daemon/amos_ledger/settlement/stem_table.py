"""The stem rows of a period, as bytes and by column. Pure.

Rows are made in order of stems and numbered in order of leads, so both orders are kept: the parts of all rows stay in
that of stems.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from amos_ledger.settlement.byte_rows import Joined, Whole
from amos_ledger.settlement.part_columns import INTEGERS, Parts
from amos_ledger.settlement.played import Spill
from amos_ledger.settlement.row_bytes import Heads
from amos_ledger.settlement.sum_trees import Nodes, together

_EMPTY = {0: np.empty((0, 16), np.uint8), 1: np.empty((0, 0), np.uint8)}
"""By column of parts, where it holds ids."""


Small = npt.NDArray[np.int32]
"""Counts and numbers of stems and devices."""


@dataclass(frozen=True, slots=True)
class StemTable:
    """Stem rows.

    octets   of all rows, each behind the prefix of a leaf, and `ends` where each ends
    parts    of all rows, in order of stems; `starts` says where those of each stem begin
    cells    how many cells each stem has
    places   the index of each stem's row, and `stems` the reverse of it
    """

    octets: Spill
    ends: Whole
    parts: Parts
    starts: Whole
    cells: Small
    places: Small
    stems: Small

    def row(self, index: int) -> bytes:
        """The bytes of that row."""
        stem = self.stems[index]
        before = int(self.ends[stem - 1]) if stem else 0
        return self.octets.read(before + 1, int(self.ends[stem]))

    def of_parts(self) -> Whole:
        """Which stem each of the parts is of."""
        counts = np.diff(self.starts, append=self.parts.count)
        found: Whole = np.arange(len(self.starts)).repeat(counts)
        return found

    def stem_id(self, index: int) -> bytes:
        """Of which stem that row is."""
        stem_id: bytes = self.parts.stems[self.starts[self.stems[index]]].tobytes()
        return stem_id


class StemTableMaker:
    """Takes rows some thousands at a time, in order of stems."""

    def __init__(self, octets: Spill) -> None:
        self._octets, self._size = octets, 0
        self._ends: list[Whole] = []
        self._leaves: list[Nodes] = []
        self._parts: list[Parts] = []
        self._starts: list[Whole] = []
        self._cells: list[Small] = []
        self._leads: list[Whole] = []
        self._part_count = 0

    def add(self, joined: Joined, leaves: Nodes, parts: Parts, heads: Heads, leads: Whole, cells: Whole) -> None:
        """More rows: their bytes, each behind the prefix of a leaf, and what they say; leads by number, in order of
        their names."""
        at = self._size
        self._octets.add(joined.octets)
        self._size += len(joined.octets)
        self._ends.append(at + joined.ends)
        self._leaves.append(leaves)
        small = {name: getattr(parts, name).astype(np.uint8) for name in ("standing", "accrual", "tier")}
        self._parts.append(replace(parts, devices=np.empty((parts.count, 0), np.uint8), **small))
        self._starts.append(self._part_count + heads.starts)
        self._part_count += parts.count
        self._cells.append(cells.astype(np.int32))
        self._leads.append(leads)

    def table(self) -> tuple[StemTable, Nodes]:
        """All rows, and the leaves of their tree."""
        # A lead and the place of its stem in one integer sort in place, ten times as fast as an order is found.
        keys = _joined(self._leads).astype(np.int64) << 32
        keys |= np.arange(len(keys))
        keys.sort()
        stems = (keys & 0xFFFF_FFFF).astype(np.int32)
        places = np.empty(len(stems), np.int32)
        places[stems] = np.arange(len(stems))
        starts, cells, ends = (_joined(column) for column in (self._starts, self._cells, self._ends))
        table = StemTable(self._octets, ends, _parts(self._parts), starts, cells, places, stems)
        leaves = together(self._leaves)
        self._leaves.clear()
        return table, leaves[stems]


def _joined(columns: list[Any]) -> Any:
    found = np.concatenate(columns) if columns else np.empty(0, np.int64)
    columns.clear()
    return found


def _parts(found: list[Parts]) -> Parts:
    """One behind the other. Columns are let go of one by one, since together they are the most that a period takes."""
    columns = [[getattr(parts, name) for parts in found] for name in ("stems", "devices", *INTEGERS)]
    found.clear()
    whole: list[Any] = []
    while columns:
        column = columns.pop(0)
        whole.append(np.concatenate(column) if column else _EMPTY.get(len(whole), np.empty(0, np.int64)))
        del column
    return Parts(*whole)
