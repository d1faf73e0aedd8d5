"""What is reckoned of all rows at once is what a look at each gives."""

from array import array
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amos_ledger.intake.placements import (
    continued_rows,
    covered_frames,
    placement_frames,
    row_starts,
    sounding_after,
    sounds_on,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1)),
              st.one_of(st.integers(1, 9), st.integers(1, 2**32 - 1)), st.integers(0, 63)),
    max_size=12,
)  # fmt: skip


def usage_of(rows: list[tuple[int, ...]]) -> Any:
    stems, starts, frames, flags = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {"stems": array("H", stems), "starts": array("I", starts), "frames": array("I", frames)}
    return SimpleNamespace(**columns, flags=array("B", flags))


@given(ROWS)
def test_frames_that_rows_cover(rows: list[tuple[int, ...]]) -> None:
    usage = usage_of(rows)
    at, edges = 0, []
    for step, length in zip(usage.starts, usage.frames, strict=True):
        at += step
        edges += [(at, 1), (at + length, -1)]
    covered = most = sounding = previous = 0
    for frame, change in sorted(edges):
        covered += frame - previous if sounding else 0
        sounding += change
        most, previous = max(most, sounding), frame
    assert covered_frames(usage.starts, usage.frames) == (covered, most)
    assert row_starts(usage) == [sum(usage.starts[: index + 1]) for index in range(len(rows))]


@given(ROWS, ROWS)
def test_placements_that_go_on(earlier: list[tuple[int, ...]], rows: list[tuple[int, ...]]) -> None:
    before, usage = sounding_after(usage_of(earlier), None), usage_of(rows)
    every = placement_frames(usage, before)
    continued = [item for item in every if item[2] & 2]
    assert placement_frames(usage, before, continued_rows(usage)) == continued
    packed = b"".join(
        stem.to_bytes(2, "little") + frames.to_bytes(8, "little")
        for stem, frames in sorted((stem, frames) for stem, frames, flags in every if sounds_on(flags))
    )
    assert sounding_after(usage, before) == packed
