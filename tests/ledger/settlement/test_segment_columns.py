"""What raw segments say by column is what they say decoded one by one; what is not as expected is left out."""

from array import array
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos.protocol.cose import TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos.protocol.segment import FLAG_BEGIN, NO_SEED_ROOT, VERSION, VERSION_WITHOUT_OUTPUT, Usage
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.settlement.segment_columns import NEVER, SegmentColumns, columns_of

U32, U63 = 2**32 - 1, 2**63 - 1
sizes = st.one_of(st.sampled_from([0, 1, 23, 24, 255, 256, 65_535, 65_536, U32]), st.integers(0, U32))
packs = st.sampled_from([bytes(32), b"\1" + bytes(31), bytes(31) + b"\1", b"p" * 32])
rows = st.one_of(
    st.lists(st.tuples(st.integers(0, 900), st.integers(1, U32)), max_size=12),
    st.sampled_from([23, 24, 63, 64, 127, 128, SEGMENT_ROWS_MAX]).map(lambda n: [(k % 7, k + 1) for k in range(n)]),
)


@st.composite
def segments(draw: st.DrawFn) -> bytes:
    """Any encoding that a valid segment can have: integers of every length, with and without what is optional."""
    chosen = draw(rows)
    first, session = draw(sizes), draw(sizes)
    span, with_anchor, with_output = (
        max((frames for _stem, frames in chosen), default=0),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    usage = Usage(
        version=VERSION if with_output else VERSION_WITHOUT_OUTPUT,
        device_id=bytes(16), sequence=draw(st.integers(1, U63)), previous=bytes(32), boot=session, session=session,
        start_state=bytes(32), first_frame=first, end_frame=first + max(span, draw(sizes)),
        rate_hz=draw(st.sampled_from([8000, 44_100, 48_000, 65_535, 65_536, 192_000])),
        start_ms=first, end_ms=first + draw(sizes), clock=2 if with_anchor else 0,
        anchor_unix_ms=draw(sizes) if with_anchor else None, anchor_ms=draw(sizes) if with_anchor else None,
        pack=draw(packs), score=bytes(32), tier=draw(st.sampled_from([0, 1, 23, 24, 255])),
        stems=array("H", [stem for stem, _frames in chosen]),
        starts=array("I", [0] * len(chosen)),
        frames=array("I", [frames for _stem, frames in chosen]), flags=array("B", [FLAG_BEGIN] * len(chosen)),
        input_starts=array("I"), input_kinds=array("B"), input_values=array("i"), delivered_frames=0, underruns=0,
        silent_frames=0, pcm_sha256=bytes(32), reason=1,
        output_kind=1 if with_output else None, pace=1 if with_output else None,
        seed_root=NO_SEED_ROOT if with_output else None,
    )  # fmt: skip
    return bytes(sign_cose(usage.encode(), TYP_USAGE, draw(st.binary(min_size=16, max_size=16)), lambda _: bytes(64)))


def plain(entries: list[bytes]) -> list[dict[str, Any]]:
    """One by one, by the codec."""
    found = []
    for entry in entries:
        usage = decode_usage(parse_segment(entry).payload)
        anchors = usage.anchor_unix_ms, usage.anchor_ms
        said = [usage.device_id, usage.pack, usage.rate_hz, usage.start_ms, usage.clock, *anchors, usage.tier]
        rows = usage.stems, usage.starts, usage.frames, usage.flags
        found.append({"said": said, "rows": [[*column] for column in rows]})
    return found


def told(columns: SegmentColumns) -> list[dict[str, Any]]:
    ends = columns.counts.cumsum().tolist()
    ids = ([row.tobytes() for row in column] for column in (columns.device_id, columns.pack))
    said = zip(*ids, *(column.tolist() for column in columns[3:9]), strict=True)
    return [
        {
            "said": [None if item == NEVER else item for item in of_one],
            "rows": [column[end - rows : end].tolist() for column in columns[10:]],
        }
        for of_one, rows, end in zip(said, columns.counts.tolist(), ends, strict=True)
    ]


@settings(max_examples=60)
@given(st.lists(segments(), max_size=12))
@example([])
def test_it_is_what_the_codec_says(entries: list[bytes]) -> None:
    columns = columns_of(entries)
    assert told(columns) == plain(entries)
    assert columns.at.tolist() == [*range(len(entries))]


@settings(max_examples=60)
@given(st.lists(segments(), min_size=1, max_size=6), st.data())
def test_what_is_no_segment_is_left_out_or_harmless(entries: list[bytes], data: st.DataObject) -> None:
    """Bytes that nobody verified may be read or left out, and never raise or reach into another entry."""
    at = data.draw(st.integers(0, len(entries) - 1))
    broken = data.draw(
        st.one_of(
            st.binary(max_size=40),
            st.integers(0, len(entries[at]) - 1).map(lambda end: entries[at][:end]),
            st.tuples(st.integers(0, 300), st.integers(0, 255)).map(
                lambda change: entries[at][: change[0]] + bytes((change[1],)) + entries[at][change[0] + 1 :]
            ),
        )
    )
    columns = columns_of([*entries, broken, *entries])
    others = [number for number, index in enumerate(columns.at.tolist()) if index != len(entries)]
    whole = told(columns)
    assert [whole[number] for number in others] == plain(entries * 2)


@pytest.mark.parametrize("others", [[b"", b"amos-batch\n", bytes(2000)], [b""]])
def test_other_entries_of_a_log_are_left_out(others: list[bytes]) -> None:
    columns = columns_of(others)
    assert not len(columns.at) and not len(columns.stems) and not len(columns.device_id)
