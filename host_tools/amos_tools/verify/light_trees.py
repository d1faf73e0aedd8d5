"""The two trees of the light check: RFC 9162 for the log and the statements, and the sum trees of meter readings."""

from hashlib import sha256

from amos_tools.verify.errors import Difference, same

Summed = tuple[bytes, int]
"""Hash and sum of a node."""

SUM_BYTES = 16
NO_LEAVES = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Of a leaf of either tree."""
    return sha256(b"\x00" + data).digest()


def check_path(label: str, leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> None:
    """The leaf with this hash is the one at `index` of the tree of `size` with this root (RFC 9162 §2.1.3.2)."""
    if index >= size:
        raise Difference(f"{label}.index", f"below {size}", index)
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if not last:
            raise Difference(f"{label}.path, count", "fewer hashes", len(path))
        if at & 1 or at == last:
            found = sha256(b"\x01" + sibling + found).digest()
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + sibling).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise Difference(f"{label}.path, count", "more hashes", len(path))
    same(f"{label}.path, root", root, found)


def summed_leaf(data: bytes, ticks: bytes) -> Summed:
    """Of a cell or row, which says its sum."""
    return leaf_hash(data), int.from_bytes(ticks, "big")


def summed_node(label: str, left: Summed, right: Summed) -> Summed:
    """Of a node: it commits to the hashes and to the sums of both its children."""
    total = left[1] + right[1]
    if total >> 8 * SUM_BYTES:
        raise Difference(f"{label}, sum", "one of 16 bytes", total)
    (left_hash, left_sum), (right_hash, right_sum) = left, right
    data = left_hash + left_sum.to_bytes(SUM_BYTES, "big") + right_hash + right_sum.to_bytes(SUM_BYTES, "big")
    return sha256(b"\x02" + data).digest(), total


def check_summed(label: str, leaves: dict[int, Summed], size: int, nodes: list[Summed], root: Summed) -> None:
    """These leaves, by index, are in the sum tree of `size` leaves with this root; `nodes` are the largest subtrees
    without any of them, from left to right."""
    if leaves and max(leaves) >= size:
        raise Difference(f"{label}, index", f"leaves below {size}", max(leaves))
    rest = list(reversed(nodes))
    if not leaves:
        return same(f"{label}.nodes, count", 0, len(nodes))  # nothing is shown, and nothing proved
    found = _summed(label, leaves, sorted(leaves), 0, size, rest)
    if rest:
        raise Difference(f"{label}.nodes, count", len(nodes) - len(rest), len(nodes))
    same(f"{label}, sum of the tree", root[1], found[1])
    same(f"{label}, root of the tree", root[0], found[0])


def _summed(
    label: str, leaves: dict[int, Summed], known: list[int], first: int, end: int, rest: list[Summed]
) -> Summed:
    if not known:
        if not rest:
            raise Difference(f"{label}.nodes, count", "more nodes", "the end")
        return rest.pop()
    if end - first == 1:
        return leaves[first]
    half = 1 << (end - first - 1).bit_length() - 1
    middle = first + half
    left = _summed(label, leaves, [index for index in known if index < middle], first, middle, rest)
    right = _summed(label, leaves, [index for index in known if index >= middle], middle, end, rest)
    return summed_node(label, left, right)
