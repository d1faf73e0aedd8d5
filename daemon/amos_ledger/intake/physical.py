"""What a board can have played, and in which order it can have sealed it (daemon/DESIGN.md section 11). Pure.

Elapsed time is that of the session's sample clock: a player that renders faster than real time cannot place more
stem-time than voices × frames either, while its monotonic clock would say that it did.
"""

from collections.abc import Iterable

from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage
from amos_ledger.records import Sealed


def first_missing(reached: int, sequence: int, lost: Iterable[tuple[int, int]]) -> int | None:
    """The first number between `reached` and `sequence`, both excluded, in none of the lost ranges (first, last)."""
    at = reached + 1
    for first, last in sorted(lost):
        if first > at:
            break
        at = max(at, last + 1)
    return at if at < sequence else None


def excess(usage: Usage, manifest: Manifest, voices: int) -> str | None:
    """How the segment claims more than its pack and a board of `voices` voices can play, or None."""
    if usage.rate_hz != manifest.rate_hz:
        return f"rate_hz: expected the pack's {manifest.rate_hz}, found {usage.rate_hz}"
    if len(usage.stems) and max(usage.stems) >= len(manifest.stems):
        return f"stems: expected below the pack's {len(manifest.stems)}, found {max(usage.stems)}"
    most = min(voices, manifest.voices) * (usage.end_frame - usage.first_frame)
    if usage.played_frames() > most:
        return f"frames: expected at most {most} of stem-time in all voices, found {usage.played_frames()}"
    return None


def disorder(usage: Usage, before: Sealed | None, after: Sealed | None) -> str | None:
    """How the segment goes back in time or overlaps a neighbour, or None; the neighbours are its own, no hole between.

    The boot counter never falls; within a boot the session number never falls; within a session frames never overlap.
    Across a declared loss nothing is compared: with the card the counters may be gone, and a device that wanted to
    cheat would gain as much by a new boot.
    """
    here = (usage.boot, usage.session)
    fault = None
    if before is not None:
        fault = _behind((before.boot, before.session, before.end_frame), (*here, usage.first_frame))
    if fault is None and after is not None:
        fault = _behind((*here, usage.end_frame), (after.boot, after.session, after.first_frame))
    return fault


def _behind(earlier: tuple[int, int, int], later: tuple[int, int, int]) -> str | None:
    """The first of boot, session and frame in which `later` falls behind; a greater boot or session starts anew."""
    for name, first, second in zip(("boot", "session", "first_frame"), earlier, later, strict=True):
        if second < first:
            return f"{name}: expected at least {first}, as the segment before says, found {second}"
        if second > first:
            return None
    return None
