"""What is reckoned of the rows of many segments at once is what is reckoned of each alone."""

from array import array
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.segment import FLAGS_ALL, SEAL_INTERVAL
from amos_ledger.intake import play
from amos_ledger.intake.batch_rows import rows_of
from amos_ledger.intake.facts import Facts
from amos_ledger.intake.placements import (
    ROUNDS_MAX,
    continued_rows,
    covered_frames,
    passed_on,
    placement_frames,
    rows_of_kinds,
    sounding_after,
    sounds_on,
    unmatched,
)
from amos_ledger.intake.segment_parse import rows_fit

PACKS = ((5, 9, 1 << 31), (7,), (3, 3, 2, 8, 1))


class Segment:
    """What the questions about rows ask of a segment and of its pack."""

    def __init__(self, span: int, pack: int, first_frame: int, rows: list[tuple[int, ...]]) -> None:
        stems, starts, frames, flags = zip(*rows, strict=True) if rows else ((), (), (), ())
        self.stems, self.starts, self.frames = array("H", stems), array("I", starts), array("I", frames)
        self.flags = array("B", flags)
        self.first_frame, self.end_frame, self.reason = first_frame, first_frame + span, SEAL_INTERVAL
        self.stem_frames = PACKS[pack]

    def facts(self) -> Any:
        """As the questions ask for them."""
        stems = [type("Stem", (), {"frames": frames}) for frames in self.stem_frames]
        facts = Facts(usage=self, manifest=type("Pack", (), {"stems": stems})())  # type: ignore[arg-type]
        return facts


LENGTHS = {stems: ROUNDS_MAX * np.array(stems) for stems in PACKS}
ROW = st.tuples(st.sampled_from((0, 0, 1, 2, 3, 4, 1023, 1024, 65_535)),
                st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1)),
                st.one_of(st.integers(0, 9), st.integers(1, 2**32 - 1)),
                st.one_of(st.sampled_from((5, 5, 1, 2, 6, 9)), st.integers(0, 255)))  # fmt: skip
SPAN = st.sampled_from((0, 4, 9, 20, 1 << 40, (1 << 62) - 1))
SEGMENT = st.builds(Segment, SPAN, st.integers(0, 2), st.sampled_from((0, 3, 1 << 62)), st.lists(ROW, max_size=6))


@given(st.lists(SEGMENT, max_size=5))
def test_of_many_and_of_each(segments: list[Any]) -> None:
    found = rows_of(segments, [LENGTHS[segment.stem_frames] for segment in segments])
    assert len(found) == len(segments)
    for segment, rows in zip(segments, found, strict=True):
        assert (rows is not None) == rows_fit(segment)
        if rows is None:
            continue
        assert rows.played == sum(segment.frames)
        assert rows.longest == max(segment.frames, default=0)
        assert (rows.covered, rows.most) == covered_frames(segment.starts, segment.frames)
        assert list(rows.passing) == passing(segment)
        facts = segment.facts()
        asked = (play.row_flags, play.row_unended, play.continues_inside)
        assert rows.plain == all(question(facts) is None for question in asked)
        over = play.stem(facts) is not None or play.row_over_stem(facts) is not None
        assert rows.over == over


def passing(segment: Any) -> list[tuple[int, int, int]]:
    """The rows that continue a placement or sound on."""
    kinds = {flags for flags in range(FLAGS_ALL + 1) if flags & 2 or sounds_on(flags)}
    return [(segment.stems[index], segment.frames[index], segment.flags[index])
            for index in rows_of_kinds(segment, kinds)]  # fmt: skip


FITTING = st.tuples(st.integers(0, 1), st.just(0), st.integers(1, 5), st.sampled_from((1, 2, 6, 5, 1, 2)))


@given(st.lists(FITTING, max_size=6), st.lists(FITTING, max_size=6))
def test_placements_passed_on(earlier: list[tuple[int, ...]], later: list[tuple[int, ...]]) -> None:
    """They are what sounds on after the segment, unless a question about placements applies."""
    before, segment = Segment(20, 0, 0, earlier), Segment(20, 0, 20, later)
    stems = segment.facts().pack.stems
    sounding = sounding_after(before, None)  # type: ignore[arg-type]
    (rows,) = rows_of([segment], [LENGTHS[segment.stem_frames]])  # type: ignore[list-item]
    assert rows is not None
    found = passed_on(rows.passing, sounding, stems)
    if found is not None:
        assert found == sounding_after(segment, sounding)  # type: ignore[arg-type]
    asked = unmatched(segment, before) is not None  # type: ignore[arg-type]
    asked = asked or _too_long(segment, sounding, stems)
    assert (found is None) == asked


def _too_long(segment: Any, sounding: bytes, stems: Any) -> bool:
    totals = placement_frames(segment, sounding, continued_rows(segment))
    return any(frames > ROUNDS_MAX * stems[stem].frames for stem, frames, _flags in totals)
