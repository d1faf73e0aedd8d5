"""Session seeds rest on roots of the ledger's tree, so that nobody chooses them: each must be one that the ledger gave.

A receipt has the root of a size at which the ledger signed its tree. The log does not say which those were, so any
root that the tree once had is taken for one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.segment import NO_SEED_ROOT
from amos_tools.audit.readings import Reading


@dataclass(frozen=True)
class Rooted:
    """The first segment of the log that rests on a root."""

    index: int
    device_id: bytes
    sequence: int


class SeedRoots:
    """`note` the segments that are audited; then `unknown` in the log."""

    def __init__(self) -> None:
        self._first: dict[bytes, Rooted] = {}

    def note(self, reading: Reading) -> None:
        """A segment in the order of the log."""
        root = reading.seen.seed_root
        if root is not None and root != NO_SEED_ROOT:
            self._first.setdefault(root, Rooted(reading.index, reading.seen.device_id, reading.seen.sequence))

    def unknown(self, entries: Iterable[bytes]) -> Mapping[bytes, Rooted]:
        """The roots that the log had at no size before the first segment that rests on them."""
        left = dict(self._first)
        growing = _Growing()
        for index, entry in enumerate(entries):
            if not left:
                break
            root = growing.root() if index else b""
            if root in left and index <= left[root].index:
                del left[root]
            growing.add(entry)
        return left


class _Growing:
    """The root of a tree that grows, of which only the roots of complete subtrees are kept."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []

    def add(self, entry: bytes) -> None:
        size, value = 1, leaf_hash(entry)
        while self._subtrees and self._subtrees[-1][0] == size:
            value = node_hash(self._subtrees.pop()[1], value)
            size *= 2
        self._subtrees.append((size, value))

    def root(self) -> bytes:
        value = self._subtrees[-1][1]
        for _size, before in reversed(self._subtrees[:-1]):
            value = node_hash(before, value)
        return value
