"""Merkle sum trees over cells and rows (SPEC section 12): roots as they come, proofs of those that are kept. Pure.

Nodes are pairs of columns, hashes and sums, and a level of a tree is made of the one below in one step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amos.protocol.readings import NO_ROWS, split, sum_node
from amos_ledger.settlement.byte_rows import Octets, Sums, Whole, row_digests, sum_octets

Node = tuple[bytes, int]
"""(hash, sum)."""

_NODE = b"\x02"
_NODE_BYTES = 97
NODES_AT_A_TIME = 8192
_HALF = 1 << 62
_FEW = 16
"""Nodes that are added sooner one by one."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Hashes of 32 octets, and the sum of each."""

    hashes: Octets
    sums: Sums

    def __getitem__(self, chosen: Any) -> "Nodes":
        """Those that are chosen, by a slice or as NumPy does."""
        return Nodes(self.hashes[chosen], self.sums[chosen])

    @property
    def count(self) -> int:
        """How many."""
        return len(self.sums)

    def node(self, index: int) -> Node:
        """One of them."""
        return self.hashes[index].tobytes(), int(self.sums[index])


def nodes_of(found: Sequence[Node]) -> Nodes:
    """Nodes that were made one by one."""
    hashes = np.frombuffer(b"".join(hash_ for hash_, _sum in found), np.uint8).reshape(-1, 32)
    sums = [sum_ for _hash, sum_ in found]
    return Nodes(hashes, np.array(sums, np.int64 if max(sums, default=0) < _HALF else object))


def together(parts: Sequence[Nodes]) -> Nodes:
    """One behind the other."""
    if not parts:
        return Nodes(np.empty((0, 32), np.uint8), np.empty(0, np.int64))
    sums: Sums = np.concatenate([part.sums for part in parts])
    return Nodes(np.concatenate([part.hashes for part in parts]), sums)


def parents(left: Nodes, right: Nodes) -> Nodes:
    """The nodes over these, as `readings.sum_node` makes each."""
    if left.sums.dtype != object and max(left.sums.max(initial=0), right.sums.max(initial=0)) >= _HALF:
        left, right = (Nodes(side.hashes, side.sums.astype(object)) for side in (left, right))
    sums: Sums = left.sums + right.sums
    hashes = np.empty((left.count, 32), np.uint8)
    for first in range(0, left.count, NODES_AT_A_TIME):
        some = slice(first, first + NODES_AT_A_TIME)
        hashes[some] = _node_hashes(left[some], right[some])
    return Nodes(hashes, sums)


def _node_hashes(left: Nodes, right: Nodes) -> Octets:
    octets = np.empty((left.count, _NODE_BYTES), np.uint8)
    octets[:, :1] = np.frombuffer(_NODE, np.uint8)
    octets[:, 1:33], octets[:, 33:49] = left.hashes, sum_octets(left.sums)
    octets[:, 49:81], octets[:, 81:] = right.hashes, sum_octets(right.sums)
    return row_digests(octets)


def roots(leaves: Nodes, sizes: Whole) -> Nodes:
    """The roots of trees that stand side by side, each of at least one leaf."""
    while len(sizes) and sizes.max() > 1:
        ends = sizes.cumsum()
        within = np.arange(leaves.count) - (ends - sizes).repeat(sizes)
        even = within & 1 == 0
        paired = np.flatnonzero(even & (within + 1 < sizes.repeat(sizes)))
        above = parents(leaves[paired], leaves[paired + 1])
        sums: Any = leaves.sums.astype(above.sums.dtype)
        hashes = leaves.hashes.copy()
        hashes[paired], sums[paired] = above.hashes, above.sums
        leaves, sizes = Nodes(hashes, sums)[even], (sizes + 1) >> 1
    return leaves


class SumRoot:
    """The root of leaves that come by and by; keeps one node for each bit of their count."""

    __slots__ = ("_peaks", "count")

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[Node] = []

    def add(self, leaf: Node) -> None:
        """One more leaf."""
        node, count = leaf, self.count
        while count & 1:
            node = sum_node(self._peaks.pop(), node)
            count >>= 1
        self._peaks.append(node)
        self.count += 1

    def extend(self, leaves: Nodes) -> None:
        """Many more."""
        if leaves.count < _FEW:
            for index in range(leaves.count):
                self.add(leaves.node(index))
            return
        level, nodes, left = 0, leaves, []
        while nodes.count or self.count >> level:
            if self.count >> level & 1:
                nodes = together([nodes_of([self._peaks.pop()]), nodes])
            if nodes.count & 1:
                left.append(nodes.node(nodes.count - 1))
            half = nodes.count // 2 * 2
            nodes, level = parents(nodes[0:half:2], nodes[1:half:2]), level + 1
        self._peaks = left[::-1]
        self.count += leaves.count

    @property
    def root(self) -> Node:
        """Of no leaves, the hash of nothing and 0."""
        if not self._peaks:
            return NO_ROWS, 0
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = sum_node(peak, node)
        return node


class SumTree:
    """A tree whose leaves are kept, as 40 bytes each and as much again for what is above them."""

    def __init__(self, leaves: Nodes) -> None:
        self.count = leaves.count
        self._levels = [leaves]
        while leaves.count > 1:
            half = leaves.count // 2 * 2
            leaves = parents(leaves[0:half:2], leaves[1:half:2])
            self._levels.append(leaves)

    @property
    def root(self) -> Node:
        """Of no leaves, the hash of nothing and 0."""
        return self._subtree(0, self.count) if self.count else (NO_ROWS, 0)

    def proof(self, indexes: Sequence[int]) -> list[Node]:
        """The nodes beside these leaves, which ascend: `readings.roots_from_nodes` takes them."""
        return list(self._beside(list(indexes), 0, self.count))

    def _beside(self, known: list[int], first: int, end: int) -> Iterator[Node]:
        if not known:
            yield self._subtree(first, end)
        elif end - first > 1:
            middle = first + split(end - first)
            yield from self._beside([index for index in known if index < middle], first, middle)
            yield from self._beside([index for index in known if index >= middle], middle, end)

    def _subtree(self, first: int, end: int) -> Node:
        count = end - first
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._levels[level].node(first >> level)
        middle = first + split(count)
        return sum_node(self._subtree(first, middle), self._subtree(middle, end))
