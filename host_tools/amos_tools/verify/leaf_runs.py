"""Leaf indexes kept as runs, so that a year of usage takes as much room as a closing that names it."""

from bisect import bisect_right
from collections.abc import Iterable


class LeafRuns:
    """Ascending runs of leaf indexes, [first, end)."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """`ranges`: (first, count), ascending and apart."""
        self._firsts: list[int] = []
        self._ends: list[int] = []
        for first, count in ranges:
            self._firsts.append(first)
            self._ends.append(first + count)

    def add(self, leaf: int) -> None:
        """One above all that are there."""
        if self._ends and self._ends[-1] == leaf:
            self._ends[-1] += 1
        else:
            self._firsts.append(leaf)
            self._ends.append(leaf + 1)

    def __contains__(self, leaf: int) -> bool:
        return self.end_of_run(leaf) > leaf

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._firsts)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    @property
    def first(self) -> int:
        """The lowest; there is one."""
        return self._firsts[0]

    def end_of_run(self, leaf: int) -> int:
        """Where the run that holds the leaf ends; the leaf itself where none does."""
        at = bisect_right(self._firsts, leaf) - 1
        return max(leaf, self._ends[at]) if at >= 0 else leaf

    def remove(self, first: int, end: int) -> None:
        """Take out [first, end), which lies in one run."""
        at = bisect_right(self._firsts, first) - 1
        pieces = [(self._firsts[at], first), (end, self._ends[at])]
        kept = [(start, stop) for start, stop in pieces if start < stop]
        self._firsts[at : at + 1] = [start for start, _stop in kept]
        self._ends[at : at + 1] = [stop for _start, stop in kept]

    def pairs(self) -> list[list[int]]:
        """[first, count] of each run."""
        return [[first, end - first] for first, end in zip(self._firsts, self._ends, strict=True)]
