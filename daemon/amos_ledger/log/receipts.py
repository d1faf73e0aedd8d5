"""Receipts for many leaves of one tree at once: one signature, and what paths share is hashed once. Pure.

Gives the very bytes of `amos.protocol.signing.sign_receipt`, which the tests hold them against.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from amos.protocol.cbor import dumps
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_VDP, HEADER_VDS, signature_input
from amos.protocol.merkle import node_hash
from amos.protocol.receipt import INCLUSION_PROOFS, VDS_RFC9162_SHA256
from amos_ledger.log.tree import Read, split, subtree_root

_TAG_AND_ARRAY = b"\xd2\x84"
_PROOFS = dumps({HEADER_VDP: {INCLUSION_PROOFS: [b""]}})[:-1]
"""The unprotected header up to the one proof, which is a byte string."""
_DETACHED = b"\xf6"
_HASH = b"\x58\x20"


def signed(root: bytes, ledger: bytes) -> bytes:
    """What the ledger's key of this id signs in every receipt for a tree with this root."""
    return signature_input(_protected(ledger), root)


def _protected(ledger: bytes) -> bytes:
    return dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: ledger, HEADER_VDS: VDS_RFC9162_SHA256})


def encoded_receipts(
    size: int, root: bytes, leaves: Sequence[int], read: Read, ledger: bytes, signature: bytes
) -> list[bytes]:
    """A receipt for each of the leaves, which ascend and are below `size`; `signature` is of `signed`. Raises
    `LookupError` when the stored hashes do not lead from each of them to `root`."""
    before = _TAG_AND_ARRAY + dumps(_protected(ledger)) + _PROOFS
    after = _DETACHED + dumps(signature)
    start = b"\x83" + dumps(size)
    result = []
    for leaf, (count, path) in zip(leaves, encoded_paths(size, root, leaves, read), strict=True):
        proof = start + dumps(leaf) + _array_head(count) + path
        result.append(before + _bytes_head(len(proof)) + proof + after)
    return result


def encoded_paths(size: int, root: bytes, leaves: Sequence[int], read: Read) -> Iterator[tuple[int, bytes]]:
    """(count, encoded items) of the hashes of each leaf's inclusion path (RFC 9162 §2.1.3.1), from the leaf up."""
    if leaves:
        yield from _below(0, size, leaves, _Above(0, b"", root), read)


class _Above(NamedTuple):
    """What the paths into a subtree have above it: how many hashes, which, and the hash that it must have itself."""

    depth: int
    path: bytes
    own: bytes


def _below(first: int, end: int, leaves: Sequence[int], above: _Above, read: Read) -> Iterator[tuple[int, bytes]]:
    """Paths of the leaves in [first, end). Every pair of hashes on the way down is held against the one above it, so
    the paths that are given lead to the root."""
    if end - first == 1:
        for _leaf in leaves:
            yield above.depth, above.path
        return
    middle = first + split(end - first)
    left, right = subtree_root(first, middle, read), subtree_root(middle, end, read)
    if node_hash(left, right) != above.own:
        raise LookupError(f"tree: expected hashes that lead from entry {leaves[0]} to the signed root, found others")
    on_left = bisect_left(leaves, middle)
    if on_left:
        yield from _below(
            first, middle, leaves[:on_left], _Above(above.depth + 1, _HASH + right + above.path, left), read
        )
    if on_left < len(leaves):
        yield from _below(
            middle, end, leaves[on_left:], _Above(above.depth + 1, _HASH + left + above.path, right), read
        )


def _array_head(count: int) -> bytes:
    return bytes((0x80 | count,)) if count < 24 else bytes((0x98, count))


def _bytes_head(size: int) -> bytes:
    if size < 24:
        return bytes((0x40 | size,))
    return bytes((0x58, size)) if size < 256 else b"\x59" + size.to_bytes(2, "big")
