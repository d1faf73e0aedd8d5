"""Merkle tree hashing and inclusion proofs (RFC 9162 §2.1): what every verifier needs, the player included."""

import hashlib

from amos.protocol.errors import ProofError


def leaf_hash(entry) -> bytes:
    """SHA-256 of 0x00 and the entry."""
    digest = hashlib.sha256(b"\x00")
    digest.update(entry)
    return digest.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01, the left and the right child."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_path(leaf: bytes, index: int, size: int, path) -> bytes:
    """The root of the tree of `size` leaves in which `leaf` stands at `index` (RFC 9162 §2.1.3.2).

    `path` is the list of sibling hashes from the leaf up. Raises `ProofError` when its length does not fit.
    """
    if not 0 <= index < size:
        raise ProofError("proof: expected a leaf index below %d, found %d" % (size, index))
    position, last = index, size - 1
    result = leaf
    for sibling in path:
        if len(sibling) != 32:
            raise ProofError("proof: expected hashes of 32 bytes, found %d" % len(sibling))
        if last == 0:
            raise ProofError("proof: expected a shorter path for a tree of %d" % size)
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofError("proof: expected a longer path for a tree of %d" % size)
    return result
