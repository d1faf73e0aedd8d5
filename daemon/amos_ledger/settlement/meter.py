"""The meter readings of a period: cells, and the rows over them, by device and by stem (SPEC section 12). Pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from math import lcm
from typing import NamedTuple

import numpy as np

from amos.protocol.closing import add_to_runs
from amos.protocol.readings import NO_ROWS, sum_leaf
from amos.protocol.record import U63
from amos_ledger.collecting import not_collecting
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.byte_rows import Joined, Octets, Sums, Whole, digests, starts_of
from amos_ledger.settlement.part_columns import Parts, added, begins_of
from amos_ledger.settlement.played import Sums as PlayedByKey
from amos_ledger.settlement.rights import RightsHistory, Shared
from amos_ledger.settlement.row_bytes import (
    Heads,
    StemTails,
    cells_joined,
    device_row_bytes,
    stem_rows_joined,
)
from amos_ledger.settlement.stem_table import StemTable, StemTableMaker
from amos_ledger.settlement.sum_trees import Node, Nodes, SumRoot, SumTree, nodes_of, roots, together

LEAF = b"\0"
"""In front of what a leaf hashes (RFC 9162 section 2.1.1)."""


class Meter(NamedTuple):
    """A period's readings.

    ticks_hz  ticks of a second
    devices   the tree over the device rows
    stems     the tree over the stem rows, and `table` these rows
    """

    ticks_hz: int
    devices: SumTree
    stems: SumTree
    table: StemTable

    def row(self, index: int) -> bytes:
        """The bytes of that stem row."""
        return self.table.row(index)

    def rows_of(self, stems: Container[bytes]) -> list[tuple[int, bytes]]:
        """(index, stem) of the rows of these stems, by index."""
        ids = ((index, self.table.stem_id(index)) for index in range(self.stems.count))
        return [(index, stem_id) for index, stem_id in ids if stem_id in stems]


@dataclass
class Watched:
    """One device and some stems, of which cells and proofs are kept while a period's readings are made.

    cells   (bytes, the device's place in its stem row's tree, proof there) by stem
    row     the device's row, and its index among all
    own     the tree over the device's cells, and their stems in its order
    """

    device_id: bytes
    stems: frozenset[bytes]
    cells: dict[bytes, tuple[bytes, int, list[Node]]] = field(default_factory=dict)
    row: tuple[int, bytes] | None = None
    own: SumTree = field(default_factory=lambda: SumTree(together([])))
    own_stems: list[bytes] = field(default_factory=list)
    leaves: list[Nodes] = field(default_factory=list)


class _Cells(NamedTuple):
    """Whole stems' cells: their parts, where each cell and each stem begins, and the cells' leaves and bytes."""

    parts: Parts
    heads: Heads
    of_stems: Whole
    leaves: Nodes
    joined: Joined


@not_collecting()
def meter(
    sums: PlayedByKey,
    devices: Iterable[tuple[bytes, int]],
    rates_hz: Iterable[int],
    rights: RightsHistory,
    watched: Watched | None = None,
) -> Meter:
    """The readings of what was added up, by `Key`.

    devices   (device, sequence) of every settled segment, by device and number
    rates_hz  of all that sounded
    """
    ticks_hz = lcm(*rates_hz)
    if ticks_hz > U63:
        raise SettlementError("rates: expected some that have a common multiple below 2^63")
    made, played = StemTableMaker(sums.spill()), dict[bytes, SumRoot]()
    for parts in sums.parts():
        cells = _cells(parts, ticks_hz)
        _add_to_devices(played, cells)
        _add_stems(made, cells, ticks_hz, rights)
        if watched is not None:
            _watch(watched, cells)
    table, leaves = made.table()
    return Meter(ticks_hz, _device_tree(devices, played, watched), SumTree(leaves), table)


def _cells(parts: Parts, ticks_hz: int) -> _Cells:
    starts = begins_of(parts.stems, parts.devices)
    heads = Heads(starts, np.diff(starts, append=parts.count), _sums(parts.ticks(ticks_hz), starts))
    joined = cells_joined(LEAF, heads, parts)
    of_stems = begins_of(parts.stems[starts])
    return _Cells(parts, heads, of_stems, Nodes(digests(*joined), heads.ticks), joined)


def _sums(ticks: Sums, starts: Whole) -> Sums:
    found: Sums = np.add.reduceat(ticks, starts)
    return found


def _add_to_devices(played: dict[bytes, SumRoot], cells: _Cells) -> None:
    """Each cell is the next one of its device, since stems come in their order."""
    ids = cells.parts.devices[cells.heads.starts]
    order = np.lexsort(np.ascontiguousarray(ids).view(">u8").T[::-1])
    firsts = begins_of(ids[order])
    for device_id, which in zip(ids[order][firsts], np.split(order, firsts[1:]), strict=True):
        played.setdefault(device_id.tobytes(), SumRoot()).extend(cells.leaves[which])


def _add_stems(made: StemTableMaker, cells: _Cells, ticks_hz: int, rights: RightsHistory) -> None:
    """The rows of these stems: their parts added over all their cells, and the roots over these."""
    counts = np.diff(cells.of_stems, append=len(cells.heads.starts))
    of_cells = np.arange(len(counts)).repeat(counts)
    parts, of_parts = added(cells.parts, of_cells.repeat(cells.heads.counts))
    starts = np.flatnonzero(np.diff(of_parts, prepend=-1))
    heads = Heads(starts, np.diff(starts, append=parts.count), _sums(parts.ticks(ticks_hz), starts))
    leads = _leads(rights.shared(parts.stems[starts], parts.rights[starts]))
    over = roots(cells.leaves, counts)
    joined = stem_rows_joined(LEAF, heads, parts, StemTails(rights.names[leads], counts, over.hashes))
    made.add(joined, Nodes(digests(*joined), heads.ticks), parts, heads, leads, counts)


def _watch(watched: Watched, cells: _Cells) -> None:
    starts = cells.heads.starts
    stems, own = cells.parts.stems[starts], _is(cells.parts.devices[starts], watched.device_id)
    watched.leaves.append(cells.leaves[own])
    watched.own_stems += [stem.tobytes() for stem in stems[own]]
    begins, ends = starts_of(cells.joined.ends), cells.joined.ends
    bounds = [*cells.of_stems.tolist(), len(starts)]
    for first, end in pairwise(bounds):
        stem_id, there = stems[first].tobytes(), np.flatnonzero(own[first:end])
        if stem_id in watched.stems and len(there):
            place = int(there[0])
            data = cells.joined.octets[begins[first + place] + len(LEAF) : ends[first + place]]
            watched.cells[stem_id] = data, place, SumTree(cells.leaves[first:end]).proof([place])


def _is(ids: Octets, wanted: bytes) -> Whole:
    found: Whole = (ids == np.frombuffer(wanted, np.uint8)).all(axis=1)
    return found


def _device_tree(
    devices: Iterable[tuple[bytes, int]], played: dict[bytes, SumRoot], watched: Watched | None
) -> SumTree:
    leaves: list[Node] = []
    for device_id, numbered in groupby(devices, lambda item: item[0]):
        row, ticks = _device_row(device_id, (sequence for _device, sequence in numbered), played.get(device_id))
        if watched is not None and watched.device_id == device_id:
            watched.row, watched.own = (len(leaves), row), SumTree(together(watched.leaves))
        leaves.append(sum_leaf(row, ticks))
    return SumTree(nodes_of(leaves))


def _device_row(device_id: bytes, sequences: Iterable[int], cells: SumRoot | None) -> tuple[bytes, int]:
    """The row's bytes, and its sum."""
    at = 0
    runs: list[tuple[int, int]] = []
    numbers: list[int] = []
    for sequence in sequences:
        add_to_runs(runs, sequence)
    for first, count in runs:
        numbers += [first - at, count]
        at = first + count
    root, ticks = (NO_ROWS, 0) if cells is None else cells.root
    return device_row_bytes(device_id, numbers, ticks, 0 if cells is None else cells.count, root), ticks


def _leads(shared: Shared) -> Whole:
    """The payee of each stem's largest split; of equals the one with the lowest name."""
    starts = shared.counts.cumsum() - shared.counts
    largest = np.maximum.reduceat(shared.ppm, starts).repeat(shared.counts)
    found: Whole = np.minimum.reduceat(np.where(shared.ppm == largest, shared.payees, np.iinfo(np.int32).max), starts)
    return found
