"""The roll-up: NumPy against a plain loop, and what it refuses."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amos.protocol.errors import MessageError
from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos_ledger.settlement.rollup import merge, roll_up


class Facts:
    """Just the fields that a roll-up reads."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def manifest(ids: list[bytes], rate_hz: int = 44_100) -> Facts:
    return Facts(rate_hz=rate_hz, stems=[Facts(stem_id=stem_id) for stem_id in ids])


def usage(rows: list[tuple[int, int]], tier: int = 0, rate_hz: int = 44_100) -> Facts:
    stems, frames = (array(code, column) for code, column in zip("HI", zip(*rows, strict=True), strict=True))
    return Facts(stems=stems, frames=frames, tier=tier, rate_hz=rate_hz)


IDS = [bytes([number]) * 16 for number in (1, 2, 3, 1)]
row_lists = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2**32 - 1)), min_size=1, max_size=50)


@given(row_lists, st.integers(0, 255))
def test_rows_add_up_by_stem(rows: list[tuple[int, int]], tier: int) -> None:
    expected: dict[tuple[bytes, int, int], int] = {}
    for stem, frames in rows:
        key = (IDS[stem], tier, 44_100)
        expected[key] = expected.get(key, 0) + frames
    result = roll_up(usage(rows, tier), manifest(IDS))
    assert result == expected
    assert all(type(frames) is int for frames in result.values())


def test_a_full_segment_of_the_longest_rows() -> None:
    rows = [(0, 2**32 - 1)] * SEGMENT_ROWS_MAX
    assert roll_up(usage(rows), manifest(IDS)) == {(IDS[0], 0, 44_100): SEGMENT_ROWS_MAX * (2**32 - 1)}


def test_no_rows_no_time() -> None:
    assert roll_up(Facts(stems=array("H"), frames=array("I"), tier=0, rate_hz=44_100), manifest(IDS)) == {}


def test_a_stem_that_the_pack_lacks_is_refused() -> None:
    with pytest.raises(MessageError, match="below 4 of the pack, found 4"):
        roll_up(usage([(4, 1)]), manifest(IDS))


def test_another_rate_than_the_packs_is_refused() -> None:
    with pytest.raises(MessageError, match="expected the pack's 48000, found 44100"):
        roll_up(usage([(0, 1)]), manifest(IDS, 48_000))


@settings(max_examples=30)
@given(st.lists(row_lists, max_size=5))
def test_merging_is_adding(segments: list[list[tuple[int, int]]]) -> None:
    rollups = [roll_up(usage(rows), manifest(IDS)) for rows in segments]
    assert merge(rollups) == merge(reversed(rollups))
    assert sum(merge(rollups).values()) == sum(frames for rows in segments for _stem, frames in rows)
