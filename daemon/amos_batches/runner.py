"""Who runs pure work over batches: this process here, a cluster in `cluster.py`.

Contract: `work` is a function at the top level of a module, whose result depends on its batch alone; batch and result
can be pickled. Every batch gets its result, once, in order. A batch is taken from its iterator when there is room for
it and let go with its result, so that memory does not grow with their number.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

Batch = TypeVar("Batch")
Found = TypeVar("Found")


class Runner(Protocol):
    """Runs work over batches."""

    def pairs(self, work: Callable[[Batch], Found], batches: Iterable[Batch]) -> Iterator[tuple[Batch, Found]]:
        """Each batch with its result, in order. Raises `BatchError`, and what `batches` and `work` raise."""


class InProcess:
    """One batch after the other, where it is asked for."""

    def pairs(self, work: Callable[[Batch], Found], batches: Iterable[Batch]) -> Iterator[tuple[Batch, Found]]:
        """As `Runner.pairs`."""
        for batch in batches:
            yield batch, work(batch)


def open_runner(address: str | None) -> AbstractContextManager[Runner]:
    """The cluster whose scheduler has this address; this process without one. Raises `BatchError`."""
    if address is None:
        return nullcontext(InProcess())
    from amos_batches.cluster import Cluster  # an extra brings what it needs

    return Cluster(address)
