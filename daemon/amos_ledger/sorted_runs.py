"""Amounts added up by integer keys, on disk when there are many: in runs that are in order, of which there are few.

A key that comes again soon is added to in memory; one that comes again later is in several runs, until these are
merged. So the room for it follows from how many different keys there are, and memory does not grow with them.
"""

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
"""Keys in the first row, in order where they are a run, and a row for each kind of amount."""

ROWS_IN_MEMORY = 32_768
"""Of which some four megabytes are held while they are put in order."""

ROWS_AT_A_TIME = 4096
"""Of each run while runs are merged."""

RUNS_MAX = 8
"""Of about one length."""


class _Run:
    """One run, in a file without a name that is gone when nobody holds it."""

    def __init__(self, kinds: int, blocks: Iterator[Rows]) -> None:
        self._kinds, self._file = kinds, TemporaryFile()  # noqa: SIM115  It lasts as long as this.
        self._counts: list[int] = []
        for block in blocks:
            for first in range(0, block.shape[1], ROWS_AT_A_TIME):
                part = np.ascontiguousarray(block[:, first : first + ROWS_AT_A_TIME])
                self._file.write(part.data)
                self._counts.append(part.shape[1])

    def blocks(self) -> Iterator[Rows]:
        """From the first on, for one reader at a time."""
        at = 0
        for count in self._counts:
            self._file.seek(at)
            data = self._file.read(count * self._kinds * 8)
            at += len(data)
            yield np.frombuffer(data, np.int64).reshape(self._kinds, count)


class SortedRuns:
    """`ways`: how amounts of each kind come together: `np.add`, `np.minimum`, `np.maximum`."""

    def __init__(self, ways: Sequence[np.ufunc]) -> None:
        self._ways = ways
        self._fresh: list[Rows] = []
        self._runs: list[list[_Run]] = []

    def clear(self) -> None:
        """Forget all of it."""
        self._fresh, self._runs = [], []

    def add(self, keys: Rows, *amounts: Rows) -> None:
        """Amounts of each kind by these keys, which stand in any order and any number of times."""
        if not len(keys):
            return
        self._fresh.append(np.stack((keys, *amounts)))
        if sum(rows.shape[1] for rows in self._fresh) < ROWS_IN_MEMORY:
            return
        self._fresh = [self._together(self._fresh)]
        if self._fresh[0].shape[1] > ROWS_IN_MEMORY // 2:
            self._keep(0, iter(self._fresh))
            self._fresh = []

    def blocks(self) -> Iterator[Rows]:
        """All keys in order, each once, and their amounts; some thousands at a time."""
        fresh = [self._together(self._fresh)] if self._fresh else []
        runs = [run.blocks() for level in self._runs for run in level]
        return self._merged([*runs, iter(fresh)])

    def _keep(self, level: int, blocks: Iterator[Rows]) -> None:
        """One more run of about `RUNS_MAX` ** `level` times what is held in memory."""
        if len(self._runs) == level:
            self._runs.append([])
        runs = self._runs[level]
        runs.append(_Run(1 + len(self._ways), blocks))
        if len(runs) == RUNS_MAX:
            self._runs[level] = []
            self._keep(level + 1, self._merged([run.blocks() for run in runs]))

    def _merged(self, runs: Sequence[Iterator[Rows]]) -> Iterator[Rows]:
        heads = [(block, rest) for rest in runs for block in (next(rest, None),) if block is not None]
        while heads:
            bound = min(int(block[0, -1]) for block, _rest in heads)
            parts: list[Rows] = []
            after: list[tuple[Rows, Iterator[Rows]]] = []
            for block, rest in heads:
                end = int(np.searchsorted(block[0], bound, side="right"))
                parts.append(block[:, :end])
                left = block[:, end:] if end < block.shape[1] else next(rest, None)
                if left is not None:
                    after.append((left, rest))
            heads = after
            yield self._together(parts)

    def _together(self, parts: Sequence[Rows]) -> Rows:
        rows = np.concatenate(parts, axis=1)
        rows = rows[:, np.argsort(rows[0], kind="stable")]
        firsts = np.flatnonzero(np.concatenate(([True], rows[0, 1:] != rows[0, :-1])))
        amounts = (way.reduceat(row, firsts) for way, row in zip(self._ways, rows[1:], strict=True))
        return np.stack((rows[0, firsts], *amounts)) if len(firsts) < rows.shape[1] else rows
