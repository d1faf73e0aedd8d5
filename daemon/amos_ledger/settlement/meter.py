"""The meter readings of a period: cells, and the rows over them, by device and by stem (SPEC section 12). Pure."""

from array import array
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import lcm
from typing import NamedTuple

from amos.protocol.closing import add_to_runs
from amos.protocol.readings import EARNING, SUM_BYTES, sum_bytes, sum_leaf
from amos.protocol.record import U63
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.played import Played, Sums, unpacked
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.row_bytes import (
    Kind,
    PartFacts,
    StemFacts,
    cell_bytes,
    device_row_bytes,
    read_stem_row,
    stem_row_bytes,
)
from amos_ledger.settlement.sum_trees import Node, SumRoot, SumTree

_OF_DEVICE, _OF_STEM = b"d", b"s"


class _Cell(NamedTuple):
    stem_id: bytes
    device_id: bytes
    ticks: int
    parts: list[PartFacts]


class Meter:
    """A period's readings.

    devices    the tree over the device rows
    stems      the tree over the stem rows
    ticks_hz   ticks of a second
    """

    def __init__(self, ticks_hz: int) -> None:
        self.ticks_hz = ticks_hz
        self.devices, self.stems = SumTree(), SumTree()
        self._rows = bytearray()
        self._ends = array("Q")

    def row(self, index: int) -> bytes:
        """The bytes of that stem row."""
        return bytes(self._rows[self._ends[index - 1] if index else 0 : self._ends[index]])

    def rows(self) -> Iterator[StemFacts]:
        """Every stem row, in the order of its tree."""
        return (read_stem_row(self.row(index)) for index in range(self.stems.count))

    def rows_of(self, stems: Container[bytes]) -> list[tuple[int, bytes]]:
        """(index, stem) of the rows of these stems, by index."""
        return [(index, row.stem_id) for index, row in enumerate(self.rows()) if row.stem_id in stems]

    def add_stem(self, row: bytes, ticks: int) -> None:
        """The next stem row, and its sum."""
        self.stems.add(sum_leaf(row, ticks))
        self._rows += row
        self._ends.append(len(self._rows))


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
    own: SumTree = field(default_factory=SumTree)
    own_stems: list[bytes] = field(default_factory=list)


def meter(
    sums: Sums,
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
    result = Meter(ticks_hz)
    for stem_id, cells in groupby(_cells(sums.items(), ticks_hz), lambda cell: cell.stem_id):
        _keep_stem(sums, stem_id, cells, rights, watched if watched and stem_id in watched.stems else None)
    played = groupby(sums.kept(_OF_DEVICE), lambda item: item[0][1:17])
    found: tuple[bytes, Iterable[tuple[bytes, bytes]]] | None = next(played, None)
    for device_id, numbered in groupby(devices, lambda item: item[0]):
        nodes: list[tuple[bytes, Node]] = []
        if found is not None and found[0] == device_id:
            nodes = [(key[17:], (value[:32], int.from_bytes(value[32:], "big"))) for key, value in found[1]]
            found = next(played, None)
        row, ticks = _device_row(
            device_id, (sequence for _device, sequence in numbered), (node for _stem, node in nodes)
        )
        if watched is not None and watched.device_id == device_id:
            watched.row = result.devices.count, row
            for stem_id, node in nodes:
                watched.own_stems.append(stem_id)
                watched.own.add(node)
        result.devices.add(sum_leaf(row, ticks))
    for _key, data in sums.kept(_OF_STEM):
        result.add_stem(data[SUM_BYTES:], int.from_bytes(data[:SUM_BYTES], "big"))
    return result


def _cells(items: Iterable[tuple[bytes, Played]], ticks_hz: int) -> Iterator[_Cell]:
    """The cells by stem and device."""
    keyed = ((unpacked(key), played) for key, played in items)
    for (stem_id, device_id), found in groupby(keyed, lambda item: item[0][:2]):
        parts = [PartFacts.of(key[2:], played) for key, played in found]
        ticks = sum(part.frames * (ticks_hz // part.rate_hz) for part in parts if part.standing in EARNING)
        yield _Cell(stem_id, device_id, ticks, parts)


def _keep_stem(
    sums: Sums, stem_id: bytes, cells: Iterable[_Cell], rights: RightsHistory, watched: Watched | None
) -> None:
    """Put the stem's row aside, and each of its cells for the row of its device."""
    tree = SumRoot() if watched is None else SumTree()
    whole: dict[Kind, Played] = {}
    for cell in cells:
        data = cell_bytes(*cell)
        leaf = sum_leaf(data, cell.ticks)
        if watched is not None and watched.device_id == cell.device_id:
            watched.cells[stem_id] = data, tree.count, []
        tree.add(leaf)
        sums.keep(_OF_DEVICE + cell.device_id + stem_id, leaf[0] + sum_bytes(cell.ticks))
        for part in cell.parts:
            kind, played = part.kind, part.played
            whole[kind] = whole[kind].and_(played) if kind in whole else played
    if isinstance(tree, SumTree) and watched is not None and stem_id in watched.cells:
        data, place, _none = watched.cells[stem_id]
        watched.cells[stem_id] = data, place, tree.proof([place])
    parts = [PartFacts.of(kind, whole[kind]) for kind in sorted(whole)]
    lead = lead_of(rights, stem_id, parts[0].rights)
    root, ticks = tree.root
    row = stem_row_bytes(StemFacts(stem_id, lead, ticks, parts, tree.count, root))
    sums.keep(_OF_STEM + lead.encode() + b"\0" + stem_id, sum_bytes(ticks) + row)


def _device_row(device_id: bytes, sequences: Iterable[int], cells: Iterable[Node]) -> tuple[bytes, int]:
    """The row's bytes, and its sum."""
    tree, at = SumRoot(), 0
    runs: list[tuple[int, int]] = []
    numbers: list[int] = []
    for sequence in sequences:
        add_to_runs(runs, sequence)
    for first, count in runs:
        numbers += [first - at, count]
        at = first + count
    for node in cells:
        tree.add(node)
    root, ticks = tree.root
    return device_row_bytes(device_id, numbers, ticks, tree.count, root), ticks


def lead_of(rights: RightsHistory, stem_id: bytes, serial: int) -> str:
    """The payee of the stem's largest split; of equals the one with the lowest name."""
    return min(rights.splits(stem_id, serial), key=lambda share: (-share[1], share[0]))[0]
