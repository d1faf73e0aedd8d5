"""Placements that sound on from one segment into the next: how much of its stem each has had so far. Pure."""

import struct
from collections.abc import Sequence

from amos.protocol.segment import FLAG_ABORTED, FLAG_CONTINUE, FLAG_END, Usage

_ITEM = struct.Struct("<HQ")

Sounding = dict[int, list[int]]
"""Stem → frames played so far of each of its placements that sound on, ascending."""


def sounds_on(flags: int) -> bool:
    """Whether the placement goes on after a row with these flags."""
    return not flags & (FLAG_END | FLAG_ABORTED)


def sounding_after(usage: Usage, before: bytes | None) -> bytes:
    """What sounds on after the segment, packed; `before` is the same after the segment directly before it, None when
    that is not known: then the frames of this segment alone are counted."""
    totals = placement_frames(usage, before)
    items = [(stem, frames) for stem, frames, flags in totals if sounds_on(flags)]
    return b"".join(_ITEM.pack(stem, frames) for stem, frames in sorted(items))


def placement_frames(usage: Usage, before: bytes | None) -> list[tuple[int, int, int]]:
    """(stem, frames of the whole placement so far, flags) of each row.

    Which placement of a stem a row continues is not said where several sound at once. The longest so far is taken to go
    on with the shortest row, and so on: if any choice keeps within the stem's length, this one does.
    """
    waiting = _unpacked(before or b"")
    rows = list(zip(usage.stems, usage.frames, usage.flags, strict=True))
    result = []
    for stem, frames, flags in sorted(rows, key=lambda row: row[1]):
        so_far = waiting.get(stem)
        longest = so_far.pop() if flags & FLAG_CONTINUE and so_far else 0
        result.append((stem, longest + frames, flags))
    return result


def unmatched(usage: Usage, before: Usage) -> int | None:
    """A stem with more rows that continue a placement than the segment directly before left sounding, or None."""
    left = [stem for stem, flags in zip(before.stems, before.flags, strict=True) if sounds_on(flags)]
    for stem, flags in zip(usage.stems, usage.flags, strict=True):
        if flags & FLAG_CONTINUE:
            if stem not in left:
                return int(stem)
            left.remove(stem)
    return None


def _unpacked(packed: bytes) -> Sounding:
    result: Sounding = {}
    for stem, frames in _ITEM.iter_unpack(packed):
        result.setdefault(stem, []).append(frames)
    return {stem: sorted(frames) for stem, frames in result.items()}


def covered_frames(starts: Sequence[int], frames: Sequence[int]) -> tuple[int, int]:
    """(frames that at least one row covers, most rows at once); `starts` count each from the one before."""
    edges = []
    at = 0
    for step, length in zip(starts, frames, strict=True):
        at += step
        edges += [(at, 1), (at + length, -1)]
    covered = most = sounding = previous = 0
    for frame, change in sorted(edges):
        if sounding:
            covered += frame - previous
        sounding += change
        most, previous = max(most, sounding), frame
    return covered, most
