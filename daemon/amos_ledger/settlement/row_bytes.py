"""Cells and rows to bytes and back, as `amos.protocol.readings` has them, thousands at a time. Pure.

A large period has millions of cells, and all of them are of our own making. `tests/ledger/settlement/test_row_bytes.py`
holds this codec against the strict one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cbor2
import numpy as np
import numpy.typing as npt

from amos.protocol.readings import sum_bytes
from amos_ledger.settlement.byte_rows import ByteRows, Chosen, Joined, Octets, Sums, Whole, sum_octets
from amos_ledger.settlement.part_columns import NEVER, Parts

_ARRAY, _TEXT = 4, 3
"""Major types of CBOR."""

_MAP_OF = tuple(bytes([0xA0 | size]) for size in range(10))
_BYTES_16, _BYTES_32 = b"\x50", b"\x58\x20"


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


class StemFacts(NamedTuple):
    """As `readings.StemRow`."""

    stem_id: bytes
    lead: str
    ticks: int
    parts: Sequence[PartFacts]
    cells: int
    cells_root: bytes


class Heads(NamedTuple):
    """Of rows of parts: where the parts of each begin, how many those are, and the sum of its ticks."""

    starts: Whole
    counts: Whole
    ticks: Sums


class StemTails(NamedTuple):
    """What a stem row says besides its parts: the lead's name, how many cells there are and their root."""

    leads: npt.NDArray[np.bytes_]
    cells: Whole
    roots: Octets


def cells_joined(leaf: bytes, heads: Heads, parts: Parts) -> Joined:
    """All cells of these parts, behind the prefix of a leaf each."""
    rows, begins, _ends = _rows(leaf + _MAP_OF[4] + b"\x01" + _BYTES_16, heads, parts)
    rows.octets(parts.devices_of(b"\x02" + _BYTES_16), begins)
    _parts_and_ticks(rows, heads, begins, parts)
    joined = rows.joined()
    return Joined(joined.octets, joined.ends[heads.starts + heads.counts - 1])


def stem_rows_joined(leaf: bytes, heads: Heads, parts: Parts, tails: StemTails) -> Joined:
    """All stem rows of these parts, behind the prefix of a leaf each."""
    rows, begins, ends = _rows(leaf + _MAP_OF[6] + b"\x01" + _BYTES_16, heads, parts)
    texts = tails.leads.repeat(heads.counts)
    lengths = np.char.str_len(texts)
    rows.constant(b"\x02", begins)
    rows.uints(lengths, begins, _TEXT)
    rows.texts(texts.view(np.uint8).reshape(len(texts), -1), lengths, begins)
    _parts_and_ticks(rows, heads, begins, parts)
    rows.constant(b"\x05", ends)
    rows.uints(tails.cells.repeat(heads.counts), ends)
    rows.constant(b"\x06" + _BYTES_32, ends)
    rows.octets(tails.roots.repeat(heads.counts, 0), ends)
    joined = rows.joined()
    return Joined(joined.octets, joined.ends[heads.starts + heads.counts - 1])


def device_row_bytes(device_id: bytes, sequences: list[int], ticks: int, cells: int, cells_root: bytes) -> bytes:
    """A device row."""
    return cbor2.dumps({1: device_id, 2: sequences, 3: sum_bytes(ticks), 4: cells, 5: cells_root})


def read_stem_row(data: bytes) -> StemFacts:
    """A stem row of our own making."""
    row = cbor2.loads(data)
    parts = [PartFacts(*(part.get(key) for key in range(1, 10))) for part in row[4]]
    return StemFacts(row[1], row[2], int.from_bytes(row[3], "big"), parts, row[5], row[6])


def _rows(prefix: bytes, heads: Heads, parts: Parts) -> tuple[ByteRows, Chosen, Chosen]:
    """A line for each part, which is begun with what stands in front of the first part of a row; in which lines rows
    begin, and in which they end."""
    rows = ByteRows(parts.count)
    begins, ends = np.zeros(parts.count, np.bool_), np.zeros(parts.count, np.bool_)
    begins[heads.starts], ends[heads.starts + heads.counts - 1] = True, True
    rows.octets(parts.stems_of(prefix), begins)
    return rows, begins, ends


def _parts_and_ticks(rows: ByteRows, heads: Heads, begins: Chosen, parts: Parts) -> None:
    rows.constant(b"\x03" + _BYTES_16, begins)
    rows.octets(sum_octets(heads.ticks).repeat(heads.counts, 0), begins)
    rows.constant(b"\x04", begins)
    rows.uints(heads.counts.repeat(heads.counts), begins, _ARRAY)
    dated = [parts.first_s != NEVER, parts.last_s != NEVER]
    fields = 7 + dated[0].astype(np.uint8) + dated[1]
    rows.octets((0xA0 | fields)[:, None])
    *numbers, first_s, last_s = parts.integers()
    for key, values in enumerate(numbers, 1):
        rows.constant(bytes([key]))
        rows.uints(values)
    for key, values, there in zip((8, 9), (first_s, last_s), dated, strict=True):
        rows.constant(bytes([key]), there)
        rows.uints(np.where(there, values, 0), there)
