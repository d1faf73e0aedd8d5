"""Frames of raw segments are those of segments decoded one by one; what is not as expected is left, and said so."""

import random
from array import array
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amos.protocol.cose import TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos.protocol.segment import FLAG_BEGIN, NO_SEED_ROOT, VERSION, VERSION_WITHOUT_OUTPUT, Usage
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_tools.bench import rollup_columns
from amos_tools.bench.rollup_columns import ENTRIES_MAX, PlayKey, play_of_entries

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


def plain(entries: list[bytes]) -> Counter[tuple[PlayKey, int]]:
    """One by one, row by row, by the codec."""
    found: Counter[tuple[PlayKey, int]] = Counter()
    for entry in entries:
        usage = decode_usage(parse_segment(entry).payload)
        for stem, frames in zip(usage.stems, usage.frames, strict=True):
            found[(usage.pack, usage.tier, usage.rate_hz), stem] += frames
    return found


def told(entries: list[bytes]) -> Counter[tuple[PlayKey, int]]:
    play = play_of_entries(entries)
    assert play.left == []
    return Counter(
        {
            (key, stem): value
            for key, frames in play.frames.items()
            for stem, value in enumerate(frames.tolist())
            if value
        }
    )


@settings(max_examples=60)
@given(st.lists(segments(), max_size=12))
@example([])
def test_it_is_what_the_codec_says(entries: list[bytes]) -> None:
    assert told(entries) == plain(entries)


@settings(max_examples=20)
@given(st.lists(segments(), min_size=1, max_size=8), st.integers(0, 2**32))
def test_any_number_in_any_order(entries: list[bytes], seed: int) -> None:
    many = entries * (2 * ENTRIES_MAX // len(entries) + 1)
    times = len(many) // len(entries)
    random.Random(seed).shuffle(many)
    assert told(many) == Counter({at: frames * times for at, frames in plain(entries).items()})


@settings(max_examples=15)
@given(st.lists(segments(), min_size=2, max_size=8))
def test_many_kinds_of_large_packs_are_added_in_parts(entries: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rollup_columns, "_CELLS_MAX", 8)
        assert told(entries) == plain(entries)


@settings(max_examples=60)
@given(st.lists(segments(), min_size=1, max_size=6), st.data())
def test_what_is_no_segment_is_left_or_harmless(entries: list[bytes], data: st.DataObject) -> None:
    """Bytes that nobody verified may be counted or left, and never raise or reach into another entry's count."""
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
    play = play_of_entries([*entries, broken, *entries])
    assert set(play.left) <= {len(entries)}
    if play.left:
        expected = plain(entries * 2)
        assert told(entries * 2) == expected
        assert sum(int(frames.sum()) for frames in play.frames.values()) == sum(expected.values())


def test_other_entries_of_a_log_are_left() -> None:
    play = play_of_entries([b"", b"amos-batch\n", bytes(2000)])
    assert play.left == [0, 1, 2] and not play.frames
