"""Which sequence numbers a device owes. Pure."""

from collections.abc import Iterable


def first_missing(reached: int, sequence: int, lost: Iterable[tuple[int, int]]) -> int | None:
    """The first number between `reached` and `sequence`, both excluded, in none of the lost ranges (first, last)."""
    at = reached + 1
    for first, last in sorted(lost):
        if first > at:
            break
        at = max(at, last + 1)
    return at if at < sequence else None
