"""The stem rows of a period, as bytes and by column. Pure.

Rows are made in order of stems and numbered in order of leads, so both orders are kept: the parts of all rows stay in
that of stems.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from amos_ledger.settlement.byte_rows import Joined, Whole, starts_of
from amos_ledger.settlement.part_columns import INTEGERS, Parts
from amos_ledger.settlement.row_bytes import Heads
from amos_ledger.settlement.sum_trees import Nodes, together


@dataclass(frozen=True, slots=True)
class StemTable:
    """Stem rows.

    parts    of all rows, in order of stems; `starts` says where those of each stem begin
    cells    how many cells each stem has
    places   the index of each stem's row, and `stems` the reverse of it
    """

    octets: bytearray
    ends: Whole
    begins: Whole
    parts: Parts
    starts: Whole
    cells: Whole
    places: Whole
    stems: Whole

    def row(self, index: int) -> bytes:
        """The bytes of that row."""
        stem = self.stems[index]
        return bytes(self.octets[self.begins[stem] : self.ends[stem]])

    def stem_id(self, index: int) -> bytes:
        """Of which stem that row is."""
        stem_id: bytes = self.parts.stems[self.starts[self.stems[index]]].tobytes()
        return stem_id


class StemTableMaker:
    """Takes rows some thousands at a time, in order of stems."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._ends: list[Whole] = []
        self._begins: list[Whole] = []
        self._leaves: list[Nodes] = []
        self._parts: list[Parts] = []
        self._starts: list[Whole] = []
        self._cells: list[Whole] = []
        self._leads = array("L")
        self._numbers: dict[str, int] = {}
        self._part_count = 0

    def add(
        self, joined: Joined, leaves: Nodes, parts: Parts, heads: Heads, leads: Sequence[str], cells: Whole
    ) -> None:
        """More rows: their bytes, each behind the prefix of a leaf, and what they say."""
        at = len(self._octets)
        self._octets += joined.octets
        self._begins.append(at + 1 + starts_of(joined.ends))
        self._ends.append(at + joined.ends)
        self._leaves.append(leaves)
        self._parts.append(replace(parts, devices=np.empty((parts.count, 0), np.uint8)))
        self._starts.append(self._part_count + heads.starts)
        self._part_count += parts.count
        self._cells.append(cells)
        numbers = self._numbers
        self._leads.extend([numbers.setdefault(lead, len(numbers)) for lead in leads])

    def table(self) -> tuple[StemTable, Nodes]:
        """All rows, and the leaves of their tree."""
        ranks = np.empty(len(self._numbers), np.int64)
        ranks[[self._numbers[name] for name in sorted(self._numbers)]] = np.arange(len(ranks))
        stems = np.argsort(ranks[np.asarray(self._leads, np.int64)], kind="stable")
        places = np.empty(len(stems), np.int64)
        places[stems] = np.arange(len(stems))
        starts, cells, begins, ends = map(_joined, (self._starts, self._cells, self._begins, self._ends))
        table = StemTable(self._octets, ends, begins, _parts(self._parts), starts, cells, places, stems)
        return table, together(self._leaves)[stems]


def _joined(columns: list[Whole]) -> Whole:
    found = np.concatenate(columns) if columns else np.empty(0, np.int64)
    columns.clear()
    return found


def _parts(found: list[Parts]) -> Parts:
    """One behind the other."""
    stems = [parts.stems for parts in found] or [np.empty((0, 16), np.uint8)]
    devices = [parts.devices for parts in found] or [np.empty((0, 0), np.uint8)]
    columns = [[getattr(parts, name) for parts in found] or [np.empty(0, np.int64)] for name in INTEGERS]
    found.clear()
    return Parts(np.concatenate(stems), np.concatenate(devices), *map(np.concatenate, columns))
