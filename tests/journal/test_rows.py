"""The open segment's rows, in place, against the same rows as tuples."""

from hypothesis import given
from hypothesis import strategies as st
from journal_life import DEVICE

from amos.compat import byte_view
from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.builder import SegmentBuilder
from amos.journal.facts import Flushed, Opened
from amos.journal.journal import Journal
from amos.journal.rows import Rows
from amos.protocol.segment import SEAL_FULL, Usage
from signed_usage import columns

FIRST = 1 << 33
Row = tuple[int, int, int, int]
row_lists = st.lists(
    st.tuples(st.integers(0, 1023), st.integers(FIRST, FIRST + 40), st.integers(1, 9), st.integers(0, 63)), max_size=9
)
steps = st.lists(st.tuples(row_lists, row_lists, st.sampled_from(["flush", "carry", "seal", ""])), max_size=12)


def opened() -> Opened:
    facts = {"start_state": bytes(32), "rate_hz": 48000, "start_ms": 0, "clock": 0, "tier": 0, "score": bytes(32)}
    return Opened(boot=1, session=1, first_frame=FIRST, pack=bytes(32), **facts)


def sealed(builder: SegmentBuilder) -> Usage:
    usage = builder.usage(DEVICE, 1, bytes(32), bytes(32), SEAL_FULL)
    assert usage.encode_pieces(byte_view).join() == usage.encode()
    return Usage.decode(usage.encode())


def rows_of(builder: SegmentBuilder) -> list[Row]:
    return [
        (stem, FIRST + start, frames, flags)
        for stem, start, frames, flags in zip(*builder.rows.columns(0), strict=True)
    ]


@given(steps)
def test_rows_are_those_given_whatever_is_asked_meanwhile(turns: list[tuple[list[Row], list[Row], str]]) -> None:
    builder, again = SegmentBuilder(opened(), Rows()), SegmentBuilder(opened(), Rows())
    final: list[Row] = []
    sounding: list[Row] = []
    builder.advance(FIRST, 0, 0, [], [])
    for ended, sounding, act in turns:
        final += ended
        builder.advance(FIRST + 100, 1, 0, ended, sounding)
        if act == "flush":
            again.apply(Flushed.decode(builder.flush().encode()))
            assert rows_of(again) == final + sounding and again.final == len(final)
        elif act == "carry":
            again = SegmentBuilder(opened(), again.rows)
            again.apply(Flushed.decode(builder.carry().encode_pieces(byte_view).join()))
            assert rows_of(again) == final + sounding and again.final == len(final)
        elif act == "seal":
            break
    rows = final + sounding
    expected = columns(rows, FIRST)
    for _attempt in range(2):
        usage = sealed(builder)
        assert (usage.stems, usage.starts, usage.frames, usage.flags) == expected
        # What a carry would store meanwhile.
        assert sorted(rows_of(builder)) == sorted(rows) and builder.final == len(rows)


def test_rows_of_one_builder_are_not_the_next_ones() -> None:
    journal = Journal(MemorySectorDevice(512), bytes(8))
    builder = journal.open(opened())
    builder.advance(FIRST + 100, 1, 0, [(1, FIRST + 9, 5, 5), (2, FIRST, 5, 5)], [])
    journal.seal(1, sealed(builder).encode(), 1)
    builder = journal.open(opened())
    builder.advance(FIRST + 100, 1, 0, [(3, FIRST + 40, 5, 5), (4, FIRST + 50, 5, 5)], [])
    assert rows_of(builder) == [(3, FIRST + 40, 5, 5), (4, FIRST + 50, 5, 5)]
