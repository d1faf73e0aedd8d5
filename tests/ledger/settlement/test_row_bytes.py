"""The fast codec of cells and rows gives what the strict one gives."""

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.readings import Cell, DeviceRow, Part, StemRow, sum_bytes
from amos.protocol.record import U63, UNIX_S_MAX
from amos_ledger.settlement.row_bytes import (
    PartFacts,
    StemFacts,
    cell_bytes,
    device_row_bytes,
    read_stem_row,
    stem_row_bytes,
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
many = st.lists(parts, max_size=4)


def strict(found: list[PartFacts]) -> list[Part]:
    return [Part(**part._asdict()) for part in found]


@given(ids, ids, ticks, many)
def test_cells_are_written_alike(stem_id: bytes, device_id: bytes, ticks: int, found: list[PartFacts]) -> None:
    cell = Cell(stem_id=stem_id, device_id=device_id, ticks=sum_bytes(ticks), parts=strict(found))
    assert cell_bytes(stem_id, device_id, ticks, found) == cell.encode()


@given(ids, st.text("abc-9_", min_size=1, max_size=64), ticks, many, small, hashes)
def test_stem_rows_are_written_and_read_alike(
    stem_id: bytes, lead: str, ticks: int, found: list[PartFacts], cells: int, root: bytes
) -> None:
    facts = StemFacts(stem_id, lead, ticks, found, cells, root)
    row = StemRow(stem_id=stem_id, lead=lead, ticks=sum_bytes(ticks), parts=strict(found), cells=cells, cells_root=root)
    assert stem_row_bytes(facts) == row.encode()
    assert read_stem_row(row.encode()) == facts


@given(ids, st.lists(count, max_size=6), ticks, small, hashes)
def test_device_rows_are_written_alike(
    device_id: bytes, sequences: list[int], ticks: int, cells: int, root: bytes
) -> None:
    row = DeviceRow(device_id=device_id, sequences=sequences, ticks=sum_bytes(ticks), cells=cells, cells_root=root)
    assert device_row_bytes(device_id, sequences, ticks, cells, root) == row.encode()
