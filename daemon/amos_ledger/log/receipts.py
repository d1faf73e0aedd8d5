"""Receipts for many leaves of one tree at once: one signature, and what paths share is hashed once. Pure.

Gives the very bytes of `amos.protocol.signing.sign_receipt`, which the tests hold them against.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from amos.protocol.cbor import dumps
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_VDP, HEADER_VDS, signature_input
from amos.protocol.merkle import node_hash
from amos.protocol.receipt import INCLUSION_PROOFS, VDS_RFC9162_SHA256
from amos_ledger.log.encoding import array_head, bytes_head, uint
from amos_ledger.log.tree import Read, split, subtree_root

_TAG_AND_ARRAY = b"\xd2\x84"
_PROOFS = dumps({HEADER_VDP: {INCLUSION_PROOFS: [b""]}})[:-1]
"""The unprotected header up to the one proof, which is a byte string."""
_DETACHED = b"\xf6"
_HASH = b"\x58\x20"


def signed(root: bytes, ledger: bytes) -> bytes:
    """What the ledger's key of this id signs in every receipt for a tree with this root."""
    return signature_input(_protected(ledger), root)


@lru_cache(8)
def _protected(ledger: bytes) -> bytes:
    encoded: bytes = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: ledger, HEADER_VDS: VDS_RFC9162_SHA256})
    return encoded


def encoded_receipts(
    size: int, root: bytes, leaves: Sequence[int], read: Read, ledger: bytes, signature: bytes
) -> list[bytes]:
    """A receipt for each of the leaves, which ascend and are below `size`; `signature` is of `signed`. Raises
    `LookupError` when the stored hashes do not lead from each of them to `root`."""
    before = _TAG_AND_ARRAY + dumps(_protected(ledger)) + _PROOFS
    after = _DETACHED + dumps(signature)
    start = b"\x83" + dumps(size)
    result = []
    for leaf, (count, path) in zip(leaves, _Paths(leaves, read).under(size, root), strict=True):
        proof = start + uint(leaf) + array_head(count) + path
        result.append(before + bytes_head(len(proof)) + proof + after)
    return result


class _Paths:
    """The inclusion paths (RFC 9162 §2.1.3.1) of leaves that ascend: how many hashes, and these encoded, from the leaf
    up."""

    def __init__(self, leaves: Sequence[int], read: Read) -> None:
        self._leaves = leaves
        self._read = read
        self._found: list[tuple[int, bytes]] = []
        self._roots: dict[tuple[int, int], bytes] = {}

    def under(self, size: int, root: bytes) -> list[tuple[int, bytes]]:
        """In the tree of this size."""
        if self._leaves:
            self._below(0, size, (0, len(self._leaves)), (0, b""), root)
        return self._found

    def _below(self, first: int, end: int, some: tuple[int, int], above: tuple[int, bytes], own: bytes) -> None:
        """Paths of `some` of the leaves, which are in [first, end). `above` is what they have in common, `own` the hash
        that this subtree must have: every pair of hashes on the way down is held against the one above it, so the paths
        that are found lead to the root."""
        begin, behind = some
        if end - first == 1:
            self._found += [above] * (behind - begin)
            return
        middle = first + split(end - first)
        left, right = subtree_root(first, middle, self._read), self._root(middle, end)
        if node_hash(left, right) != own:
            leaf = self._leaves[begin]
            raise LookupError(f"tree: expected hashes that lead from entry {leaf} to the signed root, found others")
        depth, path = above
        on_right = bisect_left(self._leaves, middle, begin, behind)
        if begin < on_right:
            self._below(first, middle, (begin, on_right), (depth + 1, _HASH + right + path), left)
        if on_right < behind:
            self._below(middle, end, (on_right, behind), (depth + 1, _HASH + left + path), right)

    def _root(self, first: int, end: int) -> bytes:
        """As `subtree_root`. What lies at the tree's end is no complete subtree, and is put together of all below it:
        so the way down would ask for the same ones again and again."""
        if (found := self._roots.get((first, end))) is not None:
            return found
        count = end - first
        if count & (count - 1) == 0:
            return subtree_root(first, end, self._read)
        middle = first + split(count)
        found = node_hash(subtree_root(first, middle, self._read), self._root(middle, end))
        self._roots[first, end] = found
        return found
