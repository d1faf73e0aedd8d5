"""Receipts for many leaves of one tree at once: one signature, and what paths share is hashed once. Pure.

Gives the very bytes of `amos.protocol.receipt.sign_receipt`, which the tests hold it against.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from amos.protocol.cbor import dumps
from amos.protocol.cose import ALG_ED25519, HEADER_ALG, HEADER_KID, HEADER_VDP, HEADER_VDS, signature_input
from amos.protocol.receipt import INCLUSION_PROOFS, VDS_RFC9162_SHA256
from amos_ledger.log.tree import Read, split, subtree_root

_TAG_AND_ARRAY = b"\xd2\x84"
_PROOFS = dumps({HEADER_VDP: {INCLUSION_PROOFS: [b""]}})[:-1]
"""The unprotected header up to the one proof, which is a byte string."""
_DETACHED = b"\xf6"
_HASH = b"\x58\x20"


def sign_receipts(
    size: int, root: bytes, leaves: Sequence[int], read: Read, ledger: bytes, sign: Callable[[bytes], bytes]
) -> list[bytes]:
    """A receipt for each of the leaves, which ascend and are below `size`; `ledger` is the id of the ledger's key."""
    protected = dumps({HEADER_ALG: ALG_ED25519, HEADER_KID: ledger, HEADER_VDS: VDS_RFC9162_SHA256})
    before = _TAG_AND_ARRAY + dumps(protected) + _PROOFS
    after = _DETACHED + dumps(sign(signature_input(protected, root)))
    start = b"\x83" + dumps(size)
    result = []
    for leaf, (count, path) in zip(leaves, encoded_paths(size, leaves, read), strict=True):
        proof = start + dumps(leaf) + _array_head(count) + path
        result.append(before + _bytes_head(len(proof)) + proof + after)
    return result


def encoded_paths(size: int, leaves: Sequence[int], read: Read) -> Iterator[tuple[int, bytes]]:
    """(count, encoded items) of the hashes of each leaf's inclusion path (RFC 9162 §2.1.3.1), from the leaf up."""
    yield from _below(0, size, leaves, 0, b"", read)


def _below(
    first: int, end: int, leaves: Sequence[int], above: int, path: bytes, read: Read
) -> Iterator[tuple[int, bytes]]:
    """Paths of the leaves in [first, end); `path` has the `above` hashes from that subtree up."""
    if end - first == 1:
        for _leaf in leaves:
            yield above, path
        return
    middle = first + split(end - first)
    on_left = bisect_left(leaves, middle)
    if on_left:
        sibling = _HASH + subtree_root(middle, end, read)
        yield from _below(first, middle, leaves[:on_left], above + 1, sibling + path, read)
    if on_left < len(leaves):
        sibling = _HASH + subtree_root(first, middle, read)
        yield from _below(middle, end, leaves[on_left:], above + 1, sibling + path, read)


def _array_head(count: int) -> bytes:
    return bytes((0x80 | count,)) if count < 24 else bytes((0x98, count))


def _bytes_head(size: int) -> bytes:
    if size < 24:
        return bytes((0x40 | size,))
    return bytes((0x58, size)) if size < 256 else b"\x59" + size.to_bytes(2, "big")
