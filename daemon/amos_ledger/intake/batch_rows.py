"""What the rows of many segments say, reckoned for all of them at once. Pure.

It is what `segment_parse` and the questions of `play` and `placements` reckon for one segment at a time, which the
tests hold it against; NumPy costs as much for a hundred rows as for thousands, so a batch pays once.
"""

from collections.abc import Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.limits import STEMS_MAX
from amos.protocol.segment import (
    FLAG_ABORTED,
    FLAG_BEGIN,
    FLAG_CONTINUE,
    FLAG_END,
    FLAG_POWER_LOSS,
    FLAGS_ALL,
    Usage,
)

Column = npt.NDArray[Any]

_FLAGS = np.arange(256)
_PLAIN = ((_FLAGS & FLAG_BEGIN > 0) != (_FLAGS & FLAG_CONTINUE > 0)) & (_FLAGS & FLAG_POWER_LOSS == 0)
_PLAIN &= ~((_FLAGS & FLAG_END > 0) & (_FLAGS & FLAG_ABORTED > 0))
"""By flags: whether a row may have them in a segment that was not ended by a loss of power."""
_UNENDED, _CONTINUES = _FLAGS & FLAG_END == 0, _FLAGS & FLAG_CONTINUE > 0
_PASSES_ON = _CONTINUES | (_FLAGS & (FLAG_END | FLAG_ABORTED) == 0)


class Rows(NamedTuple):
    """What the rows of one segment say.

    played   frames of all rows;  longest  of one row
    covered  frames that at least one row covers;  most  rows at once
    plain    whether each begins or continues in the manner of a meter whose power was not lost: unended rows last up to
             the segment's end, continued ones start at its first frame
    over     whether any is longer than its stem allows, or of a stem that the pack has not
    passing  (stem, frames, flags) of each row that continues a placement or is to be continued
    """

    played: int
    longest: int
    covered: int
    most: int
    plain: bool
    over: bool
    passing: tuple[tuple[int, int, int], ...]


NO_LENGTHS: npt.NDArray[np.int64] = np.zeros(0, np.int64)
"""Frames of the stems of a pack that is not known."""

NO_ROWS = Rows(0, 0, 0, 0, True, False, ())


def rows_of(usages: Sequence[Usage], lengths: Sequence[Column]) -> list[Rows | None]:
    """What the rows of each segment say, None where they are not such as `Usage.fault` lets pass. The columns of a
    segment are of one length; `lengths` are the frames of the longest placement of each stem of its pack, by index,
    none when that is not known.
    """
    found: list[Rows | None] = [NO_ROWS] * len(usages)
    chosen = [index for index, usage in enumerate(usages) if usage.stems]
    if chosen:
        reckoned = _reckoned([usages[index] for index in chosen], [lengths[index] for index in chosen])
        for index, rows in zip(chosen, reckoned, strict=True):
            found[index] = rows
    return found


def _reckoned(usages: list[Usage], lengths: list[Column]) -> list[Rows | None]:
    stems, frames = _joined(usages, "stems", np.uint16), _joined(usages, "frames", np.uint32)
    steps, flags = _joined(usages, "starts", np.uint32), _joined(usages, "flags", np.uint8)
    counts = np.array([len(usage.stems) for usage in usages])
    firsts = counts.cumsum() - counts
    span = np.array([usage.end_frame - usage.first_frame for usage in usages])
    begin = steps.cumsum(dtype=np.int64)
    begin -= (begin[firsts] - steps[firsts]).repeat(counts)
    end = begin + frames
    last = np.maximum.reduceat(end, firsts)
    longest, highest = np.maximum.reduceat(frames, firsts), np.maximum.reduceat(stems, firsts)
    fits = (last <= span) & (np.minimum.reduceat(frames, firsts) > 0) & (highest < STEMS_MAX)
    fits &= np.maximum.reduceat(flags, firsts) <= FLAGS_ALL
    odd = ~_PLAIN[flags] | _CONTINUES[flags] & (begin > 0) | _UNENDED[flags] & (end != span.repeat(counts))
    odd_some = np.logical_or.reduceat(odd, firsts)
    covered, most = _sounding(begin, end, firsts, counts, last)
    columns = (
        np.add.reduceat(frames, firsts, dtype=np.int64),
        *(longest, covered, most, ~odd_some),
        _any_over(stems, frames, firsts, counts, highest, lengths),
    )
    passing = _passing(stems, frames, flags, firsts)
    told = zip(*(column.tolist() for column in columns), passing, strict=True)
    found: list[Rows | None] = [*map(Rows._make, told)]
    for index in np.flatnonzero(~fits).tolist():
        found[index] = None
    return found


def _joined(usages: list[Usage], name: str, kind: type) -> Column:
    return np.frombuffer(b"".join(map(attrgetter(name), usages)), kind)


def _sounding(begin: Column, end: Column, firsts: Column, counts: Column, last: Column) -> tuple[Column, Column]:
    """(frames that at least one row covers, most rows at once) of each segment."""
    # One segment after the other on one line of frames, so that one sort orders the rows of all and none of two meet.
    lengths = last + 1
    places = (lengths.cumsum() - lengths).repeat(counts)
    # At each moment, rows end (an even number) before rows begin (an odd one). Both come sorted, and are merged. Ends
    # are nearly sorted, which makes a stable sort the fast one.
    moments = np.concatenate([np.sort(end + places, kind="stable") * 2, (begin + places) * 2 + 1])
    moments.sort(kind="stable")
    at_once = ((moments & 1) * 2 - 1).cumsum()
    moments >>= 1
    lasting = np.zeros(len(moments), np.int64)
    np.subtract(moments[1:], moments[:-1], out=lasting[:-1], where=at_once[:-1] > 0)
    return np.add.reduceat(lasting, firsts * 2), np.maximum.reduceat(at_once, firsts * 2)


def _any_over(
    stems: Column, frames: Column, firsts: Column, counts: Column, highest: Column, lengths: list[Column]
) -> Column:
    """Whether any row of each segment is longer than its stem allows, or of a stem that its pack has not."""
    packs = {id(length): length for length in lengths}
    if len(packs) == 1 and int(highest.max()) < len(lengths[0]):
        index, table = stems, lengths[0]
    else:
        ends = np.cumsum([len(length) for length in packs.values()])
        places = dict(zip(packs, ends.tolist(), strict=True))
        sizes = np.array([len(length) for length in lengths])
        first = np.array([places[id(length)] for length in lengths]) - sizes
        table = np.concatenate([*packs.values(), [0]])
        # A stem that the pack has not is looked for at the table's end, where a stem is of no frames.
        index = np.where(stems < sizes.repeat(counts), stems + first.repeat(counts), -1)
    over: Column = np.logical_or.reduceat(frames > table[index], firsts)
    return over


def _passing(stems: Column, frames: Column, flags: Column, firsts: Column) -> list[tuple[tuple[int, int, int], ...]]:
    """(stem, frames, flags) of each segment's rows that continue a placement or are to be continued."""
    found = np.flatnonzero(_PASSES_ON[flags])
    rows = list(zip(stems[found].tolist(), frames[found].tolist(), flags[found].tolist(), strict=True))
    starts = [*found.searchsorted(firsts).tolist(), len(rows)]
    return [tuple(rows[start:end]) for start, end in pairwise(starts)]
