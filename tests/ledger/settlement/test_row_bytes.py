"""The fast codec of cells and rows gives what the strict one gives."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.readings import Cell, DeviceRow, Part, StemRow, sum_bytes
from amos.protocol.record import U63, UNIX_S_MAX
from amos_ledger.settlement.byte_rows import Joined
from amos_ledger.settlement.part_columns import NEVER, Parts
from amos_ledger.settlement.row_bytes import (
    Heads,
    PartFacts,
    StemFacts,
    StemTails,
    cells_joined,
    device_row_bytes,
    read_stem_row,
    stem_rows_joined,
)

count, second = st.integers(0, U63), st.none() | st.integers(0, UNIX_S_MAX)
ids, hashes, ticks = (
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**128 - 1),
)
small = st.integers(0, 2**32 - 1)
parts = st.builds(
    PartFacts, count, st.integers(0, 6), st.integers(0, 3), st.integers(0, 255), st.integers(0, 192_000), count, count,
    second, second,
)  # fmt: skip
some = st.lists(parts, min_size=1, max_size=4)
rows = st.lists(st.tuples(ids, ids, ticks, some), min_size=1, max_size=5)
Row = tuple[bytes, bytes, int, list[PartFacts]]


def strict(found: list[PartFacts]) -> list[Part]:
    return [Part(**part._asdict()) for part in found]


def columns(found: Sequence[Row]) -> tuple[Heads, Parts]:
    keyed = []
    for stem_id, device_id, _ticks, of_row in found:
        for part in of_row:
            seconds = (NEVER if unix_s is None else unix_s for unix_s in part[7:])
            keyed.append((stem_id, device_id, *part[:7], *seconds))
    counts = np.array([len(of_row) for _stem, _device, _ticks, of_row in found])
    stem_ids, device_ids, *numbers = zip(*keyed, strict=True)
    ids = (np.frombuffer(b"".join(column), np.uint8).reshape(-1, 16) for column in (stem_ids, device_ids))
    integers = (np.array(column, np.int64) for column in numbers)
    sums = np.array([ticks for _stem, _device, ticks, _parts in found], object)
    return Heads(counts.cumsum() - counts, counts, sums), Parts(*ids, *integers)


def cut(joined: Joined) -> list[bytes]:
    ends = joined.ends.tolist()
    return [joined.octets[first:end] for first, end in zip([0, *ends], ends, strict=False)]


@given(rows)
def test_cells_are_written_alike(found: list[Row]) -> None:
    cells = [
        Cell(stem_id=stem_id, device_id=device_id, ticks=sum_bytes(ticks), parts=strict(of_row))
        for stem_id, device_id, ticks, of_row in found
    ]
    assert cut(cells_joined(b"\0", *columns(found))) == [b"\0" + cell.encode() for cell in cells]


@given(rows, st.data())
def test_stem_rows_are_written_and_read_alike(found: list[Row], data: st.DataObject) -> None:
    expected, facts = [], []
    for stem_id, _device, ticks, of_row in found:
        lead = data.draw(st.text("abc-9_", min_size=1, max_size=64))
        facts.append(StemFacts(stem_id, lead, ticks, of_row, data.draw(small), data.draw(hashes)))
        cells, root = facts[-1][4:]
        told = strict(of_row)
        row = StemRow(stem_id=stem_id, lead=lead, ticks=sum_bytes(ticks), parts=told, cells=cells, cells_root=root)
        expected.append(row.encode())
    roots = np.frombuffer(b"".join(fact.cells_root for fact in facts), np.uint8).reshape(-1, 32)
    leads = np.array([fact.lead.encode() for fact in facts], np.bytes_)
    tails = StemTails(leads, np.array([fact.cells for fact in facts]), roots)
    written = cut(stem_rows_joined(b"\0", *columns(found), tails))
    assert written == [b"\0" + row for row in expected]
    assert [read_stem_row(row) for row in expected] == facts


@given(ids, st.lists(count, max_size=6), ticks, small, hashes)
def test_device_rows_are_written_alike(
    device_id: bytes, sequences: list[int], ticks: int, cells: int, root: bytes
) -> None:
    row = DeviceRow(device_id=device_id, sequences=sequences, ticks=sum_bytes(ticks), cells=cells, cells_root=root)
    assert device_row_bytes(device_id, sequences, ticks, cells, root) == row.encode()
