"""Cells and rows to bytes and back, as `amos.protocol.readings` has them, and some ten times as fast. Pure.

A large period has millions of cells, and all of them are of our own making. `tests/ledger/settlement/test_row_bytes.py`
holds this codec against the strict one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cbor2

from amos.protocol.readings import sum_bytes
from amos_ledger.settlement.played import Played

Kind = tuple[int, int, int, int, int]
"""(rights, standing, accrual, tier, rate in Hz) of a part."""


class PartFacts(NamedTuple):
    """As `readings.Part`."""

    rights: int
    standing: int
    accrual: int
    tier: int
    rate_hz: int
    frames: int
    plays: int
    first_unix_s: int | None
    last_unix_s: int | None

    @classmethod
    def of(cls, kind: Kind, played: Played) -> "PartFacts":
        """Play of one kind."""
        return cls(*kind, *played)

    @property
    def kind(self) -> Kind:
        """What tells it from the other parts of a cell."""
        return self[:5]

    @property
    def played(self) -> Played:
        """What there is of it."""
        return Played(*self[5:])


class StemFacts(NamedTuple):
    """As `readings.StemRow`."""

    stem_id: bytes
    lead: str
    ticks: int
    parts: Sequence[PartFacts]
    cells: int
    cells_root: bytes


def cell_bytes(stem_id: bytes, device_id: bytes, ticks: int, parts: Iterable[PartFacts]) -> bytes:
    """A cell, with parts in their order."""
    return cbor2.dumps({1: stem_id, 2: device_id, 3: sum_bytes(ticks), 4: [_part_map(part) for part in parts]})


def stem_row_bytes(row: StemFacts) -> bytes:
    """A stem row, with parts in their order."""
    parts = [_part_map(part) for part in row.parts]
    return cbor2.dumps({1: row[0], 2: row[1], 3: sum_bytes(row.ticks), 4: parts, 5: row.cells, 6: row.cells_root})


def device_row_bytes(device_id: bytes, sequences: list[int], ticks: int, cells: int, cells_root: bytes) -> bytes:
    """A device row."""
    return cbor2.dumps({1: device_id, 2: sequences, 3: sum_bytes(ticks), 4: cells, 5: cells_root})


def read_stem_row(data: bytes) -> StemFacts:
    """A stem row of our own making."""
    row = cbor2.loads(data)
    parts = [PartFacts(*(part.get(key) for key in range(1, 10))) for part in row[4]]
    return StemFacts(row[1], row[2], int.from_bytes(row[3], "big"), parts, row[5], row[6])


def _part_map(part: PartFacts) -> dict[int, int]:
    return {key: value for key, value in enumerate(part, 1) if value is not None}
