"""When a quiet ledger decides about what has come: a commit costs whole pages of the disk, however little is in it.

A token bucket: `BURST` batches at once, and one more each `GATHER_S`. So whoever waits for an answer now and then never
waits for this, and a steady trickle shares its commits. A batch of `ENOUGH` messages is worth its commit and costs no
token.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")

GATHER_S = 4.0
"""The longest that a message waits for others. Its courier complains after a minute."""

BURST = 8
"""Commits that nothing waits for, after a rest of 32 seconds: an operator or a courier with a few requests in turn."""

ENOUGH = 16
"""A courier with a backlog has up to 64 segments of each device under way, so that it is not slowed down."""


class Gathering(Generic[Item]):
    """Messages that wait for others. Times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._tokens = float(BURST)
        self._seen_s: float | None = None

    def __len__(self) -> int:
        """How many wait."""
        return len(self._items)

    def add(self, items: Iterable[Item]) -> None:
        """Have them wait."""
        self._items += items

    def due(self, now_s: float) -> list[Item]:
        """All that waits, when it is time to decide about it; else nothing."""
        if self._seen_s is not None:
            self._tokens = min(float(BURST), self._tokens + (now_s - self._seen_s) / GATHER_S)
        self._seen_s = now_s
        if not self._items:
            return []
        if len(self._items) < ENOUGH:
            if self._tokens < 1:
                return []
            self._tokens -= 1
        items, self._items = self._items, []
        return items
