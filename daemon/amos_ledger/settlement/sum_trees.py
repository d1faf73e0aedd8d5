"""Merkle sum trees over cells and rows (SPEC section 12): roots as they come, proofs of those that are kept. Pure."""

from collections.abc import Iterator, Sequence

from amos.protocol.readings import NO_ROWS, SUM_BYTES, split, sum_bytes, sum_node

Node = tuple[bytes, int]
"""(hash, sum)."""

_NODE_BYTES = 32 + SUM_BYTES


class SumRoot:
    """The root of leaves that come one by one; keeps one node for each bit of their count."""

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
    """A tree whose leaves are kept, as 48 bytes each and as much again for what is above them."""

    def __init__(self) -> None:
        self.count = 0
        self._levels: list[bytearray] = [bytearray()]

    def add(self, leaf: Node) -> None:
        """One more leaf."""
        node, level, index = leaf, 0, self.count
        self._write(level, node)
        while index & 1:
            node = sum_node(self._read(level, index - 1), node)
            level, index = level + 1, index >> 1
            self._write(level, node)
        self.count += 1

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
            return self._read(level, first >> level)
        middle = first + split(count)
        return sum_node(self._subtree(first, middle), self._subtree(middle, end))

    def _read(self, level: int, index: int) -> Node:
        at = index * _NODE_BYTES
        data = self._levels[level][at : at + _NODE_BYTES]
        return bytes(data[:32]), int.from_bytes(data[32:], "big")

    def _write(self, level: int, node: Node) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        self._levels[level] += node[0] + sum_bytes(node[1])
