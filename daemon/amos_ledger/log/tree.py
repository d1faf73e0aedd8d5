"""The append-only Merkle tree over stored hashes (RFC 9162 §2.1). Pure; the caller brings the storage.

Only complete subtrees are stored: the hash at (level, index) is that of leaves [index << level, (index + 1) << level).
It never changes once written, so storage is append-only too. Roots and proofs are put together from O(log n) of them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from amos.protocol.errors import ProofError
from amos.protocol.merkle import node_hash

Read = Callable[[int, int], bytes]
"""Stored hash of the complete subtree at (level, index)."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def stored_position(level: int, index: int) -> int:
    """Where the hash at (level, index) stands when hashes are stored in the order in which `grow` completes them.

    The last leaf of the subtree completes it: before that leaf stand all leaves to its left and every subtree they
    completed, of which there are leaf >> 1 of level 1, leaf >> 2 of level 2 and so on.
    """
    leaf = ((index + 1) << level) - 1
    position = level
    while leaf:
        position += leaf
        leaf >>= 1
    return position


def grow(size: int, leaf_hashes: Iterable[bytes], read: Read) -> Iterator[tuple[int, int, bytes]]:
    """(level, index, hash) of each subtree that these leaves complete when appended to `size`; in stored order."""
    fresh: dict[tuple[int, int], bytes] = {}
    for leaf, leaf_hash in enumerate(leaf_hashes, size):
        level, index, result = 0, leaf, leaf_hash
        yield level, index, result
        while index & 1:
            left = fresh.pop((level, index - 1), None) or read(level, index - 1)
            result = node_hash(left, result)
            level, index = level + 1, index >> 1
            yield level, index, result
        fresh[level, index] = result


def peaks(size: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the complete subtrees side by side that make up a tree of `size` leaves, the highest first."""
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, (size >> level) - 1


def completed(first: int, end: int) -> Iterator[tuple[int, int]]:
    """(level, index) of each subtree that leaves [first, end) complete, in stored order."""
    for leaf in range(first, end):
        level, index = 0, leaf
        yield level, index
        while index & 1:
            level, index = level + 1, index >> 1
            yield level, index


def split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def subtree_root(first: int, end: int, read: Read) -> bytes:
    """MTH of leaves [first, end); `first` is a multiple of the largest power of two not above the count."""
    count = end - first
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return read(level, first >> level)
    middle = first + split(count)
    return node_hash(subtree_root(first, middle, read), subtree_root(middle, end, read))


def root(size: int, read: Read) -> bytes:
    """Root of the first `size` leaves; of none, the hash of nothing."""
    return subtree_root(0, size, read) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, read: Read) -> list[bytes]:
    """Sibling hashes from leaf `index` up to the root of `size` leaves (RFC 9162 §2.1.3.1). Raises `ProofError`."""
    if not 0 <= index < size:
        raise ProofError(f"proof: expected a leaf index below {size}, found {index}")
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + split(end - first)
        if index < middle:
            path.append(subtree_root(middle, end, read))
            end = middle
        else:
            path.append(subtree_root(first, middle, read))
            first = middle
    path.reverse()
    return path


def consistency_proof(old: int, new: int, read: Read) -> list[bytes]:
    """Hashes that show the tree of `old` leaves to be a prefix of that of `new` (RFC 9162 §2.1.4.1)."""
    if not 0 < old <= new:
        raise ProofError(f"proof: expected an old size from 1 to {new}, found {old}")
    proof: list[bytes] = []
    first, end, whole = 0, new, True
    while old != end:
        middle = first + split(end - first)
        if old <= middle:
            proof.append(subtree_root(middle, end, read))
            end = middle
        else:
            proof.append(subtree_root(first, middle, read))
            first, whole = middle, False
    if not whole:
        proof.append(subtree_root(first, end, read))
    proof.reverse()
    return proof


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `ProofError` unless `proof` leads from the old root to the new one (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new:
        raise ProofError(f"proof: expected an old size from 1 to {new}, found {old}")
    hashes = list(proof)
    if old & (old - 1) == 0 and old != new:
        hashes.insert(0, old_root)  # the old tree is a complete subtree, which the proof leaves out
    if old == new:
        if hashes or old_root != new_root:
            raise ProofError("proof: expected equal roots and no hashes for equal sizes")
        return
    if not hashes:
        raise ProofError("proof: expected hashes, found none")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    left = right = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError(f"proof: expected fewer than {len(hashes)} hashes")
        if position & 1 or position == last:
            left, right = node_hash(sibling, left), node_hash(sibling, right)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            right = node_hash(right, sibling)
        position, last = position >> 1, last >> 1
    if last or left != old_root or right != new_root:
        raise ProofError(f"proof: expected it to lead from the root of {old} leaves to that of {new}")
