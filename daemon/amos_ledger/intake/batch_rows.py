"""What the rows of many segments say, reckoned for all of them at once. Pure.

It is what `segment_parse` and the questions of `play` and `placements` reckon for one segment at a time, which the
tests hold it against; NumPy costs as much for a hundred rows as for thousands, so a batch pays once.
"""

from collections.abc import Sequence
from itertools import accumulate
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

_ODD, _UNENDED, _CONTINUES, _PASSES_ON = 1, 2, 4, 8


def _kind(flags: int) -> int:
    """What is to be known of rows with these flags; `_ODD` are those that no row may have in a segment that was not
    ended by a loss of power."""
    odd = bool(flags & FLAG_BEGIN) == bool(flags & FLAG_CONTINUE) or flags & FLAG_POWER_LOSS
    odd = odd or (flags & FLAG_END and flags & FLAG_ABORTED)
    ended, continues = flags & FLAG_END, flags & FLAG_CONTINUE
    sounds_on = not flags & (FLAG_END | FLAG_ABORTED)
    kinds = (_ODD, odd), (_UNENDED, not ended), (_CONTINUES, continues), (_PASSES_ON, continues or sounds_on)
    return sum(kind for kind, holds in kinds if holds)


_KINDS = [_kind(flags) for flags in range(256)]
_TOLD = np.array([kind > 0 or flags > FLAGS_ALL for flags, kind in enumerate(_KINDS)])
"""By flags: whether there is anything to know."""


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


AT_ONCE = 32
"""Segments whose rows are reckoned together: their columns stay in the processor's cache, and the memory for them with
the process."""

NO_LENGTHS: npt.NDArray[np.int64] = np.zeros(0, np.int64)
"""Frames of the stems of a pack that is not known."""

NO_ROWS = Rows(0, 0, 0, 0, True, False, ())


def rows_of(usages: Sequence[Usage], lengths: Sequence[Column]) -> list[Rows | None]:
    """What the rows of each segment say, None where they are not such as `Usage.fault` lets pass. The columns of a
    segment are of one length; `lengths` are the frames of the longest placement of each stem of its pack, by index,
    none when that is not known.
    """
    found: list[Rows | None] = [NO_ROWS] * len(usages)
    some = [index for index, usage in enumerate(usages) if usage.stems]
    for start in range(0, len(some), AT_ONCE):
        chosen = some[start : start + AT_ONCE]
        reckoned = _reckoned([usages[index] for index in chosen], [lengths[index] for index in chosen])
        for index, rows in zip(chosen, reckoned, strict=True):
            found[index] = rows
    return found


def _reckoned(usages: list[Usage], lengths: list[Column]) -> list[Rows | None]:
    stems, frames = _joined(usages, "stems", np.uint16), _joined(usages, "frames", np.uint32)
    steps, flags = _joined(usages, "starts", np.uint32), _joined(usages, "flags", np.uint8)
    counts = [len(usage.stems) for usage in usages]
    ends = [*accumulate(counts)]
    firsts = np.array([0, *ends[:-1]])
    longest = np.maximum.reduceat(frames, firsts)
    # One segment after the other on one line of frames, so that none of two meet: what was begun has ended by then.
    begin = steps.astype(np.int64)
    begin[firsts[1:]] += longest[:-1]
    begin.cumsum(out=begin)
    end = begin + frames
    zero = begin[firsts] - steps[firsts]
    last, covered, most = _sounding(begin, end, firsts, ends)
    passing, plain, fits = _flagged(stems, frames, flags, begin, end, zero.tolist(), ends, usages)
    table, index = _lengths_of(stems, counts, lengths)
    short, strange = frames > table[index], (frames == 0) | (stems >= STEMS_MAX)
    overs, bad = (_any_of(each, firsts) for each in (short, strange))
    spans = (usage.end_frame - usage.first_frame for usage in usages)
    lasts = (last - zero).tolist()
    played = np.add.reduceat(frames, firsts, dtype=np.int64)
    told = zip(*(column.tolist() for column in (played, longest, covered, most)), plain, overs, passing, strict=True)
    return [
        Rows._make(rows) if fit and not wrong and lasting <= span else None
        for rows, fit, wrong, lasting, span in zip(told, fits, bad, lasts, spans, strict=True)
    ]


def _any_of(rows: Column, firsts: Column) -> list[bool]:
    """Whether it holds for any row of each segment; for none of any, nearly always."""
    return np.logical_or.reduceat(rows, firsts).tolist() if rows.any() else [False] * len(firsts)


def _joined(usages: list[Usage], name: str, kind: type) -> Column:
    return np.frombuffer(b"".join(map(attrgetter(name), usages)), kind)


def _sounding(begin: Column, end: Column, firsts: Column, ends: list[int]) -> tuple[Column, Column, Column]:
    """(where the last row ends, frames that at least one row covers, most rows at once) of each segment."""
    if (end[1:] >= end[:-1]).all():
        ended = reached = end
    else:
        ended, reached = np.sort(end, kind="stable"), np.maximum.accumulate(end)  # nearly sorted: a stable sort is fast
    fresh = reached - begin
    np.minimum(fresh[1:], reached[1:] - reached[:-1], out=fresh[1:])
    # At each moment, rows end (an even number) before rows begin (an odd one). Both come sorted, and are merged; of the
    # moments before that at which a row begins, those at which others began are known.
    moments = np.concatenate([ended, begin])
    moments <<= 1
    moments[len(begin) :] += 1
    moments.sort(kind="stable")
    moments &= 1
    at_once = np.arange(1, len(moments), 2) - moments.nonzero()[0]
    last = reached[np.array(ends) - 1]
    return last, np.add.reduceat(fresh, firsts), np.maximum.reduceat(at_once, firsts)


def _flagged(
    stems: Column,
    frames: Column,
    flags: Column,
    begin: Column,
    end: Column,
    zero: list[int],
    ends: list[int],
    usages: list[Usage],
) -> tuple[list[tuple[tuple[int, int, int], ...]], list[bool], list[bool]]:
    """Of each segment, (stem, frames, flags) of the rows that continue a placement or are to be continued; whether all
    are plain; and whether all have flags that there are. Most rows begin and end in their segment."""
    chosen = _TOLD[flags].nonzero()[0]
    columns = (chosen, stems[chosen], frames[chosen], flags[chosen], begin[chosen], end[chosen])
    passing: list[list[tuple[int, int, int]]] = [[] for _ in usages]
    plain, known, number = [True] * len(usages), [True] * len(usages), 0
    for place, stem, lasts, flag, first, behind in zip(*(column.tolist() for column in columns), strict=True):
        while place >= ends[number]:
            number += 1
        kind = _KINDS[flag]
        if kind & _PASSES_ON:
            passing[number].append((stem, lasts, flag))
        if flag > FLAGS_ALL:
            known[number] = False
        if (
            kind & _ODD
            or (kind & _CONTINUES and first > zero[number])
            or (kind & _UNENDED and behind - zero[number] != usages[number].end_frame - usages[number].first_frame)
        ):
            plain[number] = False
    return [*map(tuple, passing)], plain, known


def _lengths_of(stems: Column, counts: list[int], lengths: list[Column]) -> tuple[Column, Column]:
    """A table of lengths, and where in it that of each row's stem is; a stem that its pack has not is of no frames."""
    packs = {id(length): length for length in lengths}
    if len(packs) == 1 and int(stems.max()) < len(lengths[0]):
        return lengths[0], stems
    ends = np.cumsum([len(length) for length in packs.values()])
    places = dict(zip(packs, ends.tolist(), strict=True))
    sizes = np.array([len(length) for length in lengths])
    first = np.array([places[id(length)] for length in lengths]) - sizes
    table = np.concatenate([*packs.values(), [0]])
    return table, np.where(stems < sizes.repeat(counts), stems + first.repeat(counts), -1)
