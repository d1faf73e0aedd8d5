"""Placements that sound on from one segment into the next: how much of its stem each has had so far. Pure."""

import struct
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import itemgetter

import numpy as np

from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos.protocol.manifest import PackStem
from amos.protocol.segment import FLAG_ABORTED, FLAG_CONTINUE, FLAG_END, Usage

_ITEM = struct.Struct("<HQ")
_ORDINALS = np.arange(1, SEGMENT_ROWS_MAX + 1)

_frames = itemgetter(1)

Row = tuple[int, int, int]
"""(stem, frames, flags)."""

Sounding = dict[int, list[int]]
"""Stem → frames played so far of each of its placements that sound on, ascending."""


def sounds_on(flags: int) -> bool:
    """Whether the placement goes on after a row with these flags."""
    return not flags & (FLAG_END | FLAG_ABORTED)


def kinds_of_rows(usage: Usage) -> set[int]:
    """The flags that any of its rows has: a few, so that most questions about rows are answered without a look at
    each."""
    return set(usage.flags.tobytes())


def any_continues(usage: Usage) -> bool:
    """Whether any row continues a placement."""
    return any(flags & FLAG_CONTINUE for flags in kinds_of_rows(usage))


def sounding_after(usage: Usage, before: bytes | None) -> bytes:
    """What sounds on after the segment, packed; `before` is the same after the segment directly before it, None when
    that is not known: then the frames of this segment alone are counted."""
    kinds = kinds_of_rows(usage)
    if not any(map(sounds_on, kinds)):
        return b""
    concerned = {flags for flags in kinds if flags & FLAG_CONTINUE or sounds_on(flags)}
    return _packed(placement_frames(usage, before, rows_of_kinds(usage, concerned)))


def _packed(totals: Iterable[Row]) -> bytes:
    items = [(stem, frames) for stem, frames, flags in totals if sounds_on(flags)]
    return b"".join([_ITEM.pack(stem, frames) for stem, frames in sorted(items)])


ROUNDS_MAX = 2
"""How often a placement plays its stem at most: a loop goes round under a fade, and no fade is longer than half of it
(firmware/amos/score/SCORE.md, "Loops")."""


def longest_placement(stem: PackStem) -> int:
    """Frames."""
    return ROUNDS_MAX * stem.frames


def passed_on(rows: Sequence[Row], before: bytes, stems: Sequence[PackStem]) -> bytes | None:
    """As `sounding_after`, of the rows that continue a placement or are to be continued. None where one continues what
    the segment before did not leave sounding, or a placement is too long for its stem: questions of `play` apply."""
    if not rows:
        return b""
    waiting, totals = _unpacked(before), []
    for stem, frames, flags in sorted(rows, key=_frames):
        if flags & FLAG_CONTINUE:
            so_far = waiting.get(stem)
            if not so_far:
                return None
            frames += so_far.pop()
        if frames > longest_placement(stems[stem]):
            return None
        totals.append((stem, frames, flags))
    return _packed(totals)


def rows_of_kinds(usage: Usage, kinds: set[int]) -> list[int]:
    """The rows, by index, that have these flags."""
    return [index for index, flags in enumerate(usage.flags) if flags in kinds]


def continued_rows(usage: Usage) -> list[int]:
    """The rows, by index, that continue a placement."""
    kinds = {flags for flags in kinds_of_rows(usage) if flags & FLAG_CONTINUE}
    return rows_of_kinds(usage, kinds) if kinds else []


def row_starts(usage: Usage) -> list[int]:
    """Where each row starts, counted from the segment's first frame."""
    return list(accumulate(usage.starts))


def placement_frames(usage: Usage, before: bytes | None, concerned: list[int] | None = None) -> list[Row]:
    """(stem, frames of the whole placement so far, flags) of each row, or of the rows `concerned`, which are all that
    continue a placement and may be others.

    Which placement of a stem a row continues is not said where several sound at once. The longest so far is taken to go
    on with the shortest row, and so on: if any choice keeps within the stem's length, this one does.
    """
    chosen = range(len(usage.stems)) if concerned is None else concerned
    rows = [(usage.stems[index], usage.frames[index], usage.flags[index]) for index in chosen]
    waiting, result = _unpacked(before or b""), []
    for stem, frames, flags in sorted(rows, key=_frames):
        so_far = waiting.get(stem)
        longest = so_far.pop() if flags & FLAG_CONTINUE and so_far else 0
        result.append((stem, longest + frames, flags))
    return result


def unmatched(usage: Usage, before: Usage) -> int | None:
    """A stem with more rows that continue a placement than the segment directly before left sounding, or None."""
    continued = continued_rows(usage)
    if not continued:
        return None
    left = [stem for stem, flags in zip(before.stems, before.flags, strict=True) if sounds_on(flags)]
    for index in continued:
        stem = usage.stems[index]
        if stem not in left:
            return int(stem)
        left.remove(stem)
    return None


def _unpacked(packed: bytes) -> Sounding:
    result: Sounding = {}
    for stem, frames in _ITEM.iter_unpack(packed):
        result.setdefault(stem, []).append(frames)
    return {stem: sorted(frames) for stem, frames in result.items()}


def covered_frames(starts: "array[int]", frames: "array[int]") -> tuple[int, int]:
    """(frames that at least one row covers, most rows at once); `starts` count each from the one before, and no row is
    empty."""
    if not starts:
        return 0, 0
    begin = np.frombuffer(starts, np.uint32).cumsum(dtype=np.int64)
    end = begin + np.frombuffer(frames, np.uint32)
    latest = np.maximum.accumulate(end)
    # Before each row but the first: what lies between the latest end so far and its own beginning is covered by none.
    gaps = begin[1:] - latest[:-1]
    covered = int(latest[-1] - begin[0]) - int(gaps[gaps > 0].sum())
    ended = np.sort(end).searchsorted(begin, side="right")
    return covered, int((_ORDINALS[: len(begin)] - ended).max())
