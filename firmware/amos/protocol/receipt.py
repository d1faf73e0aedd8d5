"""The ledger's receipt: a signed Merkle root and the path from one segment to it (RFC 9942), SPEC section 8.

A receipt confirms the segment whose bytes lead to the root, and by the chain of previous hashes every earlier one of
that device. It says nothing about the segment itself, so a verifier needs the segment's bytes.
"""

from amos.protocol.cbor import loads
from amos.protocol.cose import (
    HEADER_VDP,
    HEADER_VDS,
    Sign1,
    parse,
)
from amos.protocol.errors import CoseError, MessageError
from amos.protocol.limits import RECEIPT_BYTES_MAX
from amos.protocol.merkle import leaf_hash, root_from_path

VDS_RFC9162_SHA256 = 1
INCLUSION_PROOFS = -1
PATH_HASHES_MAX = 40


class Receipt:
    """A parsed receipt, not yet verified: `tree_size`, `leaf_index`, `path` (32-byte hashes), `message` (Sign1)."""

    __slots__ = ("leaf_index", "message", "path", "tree_size")

    def __init__(self, message: Sign1, tree_size: int, leaf_index: int, path: list):
        self.message = message
        self.tree_size = tree_size
        self.leaf_index = leaf_index
        self.path = path

    def check(self, entry, public_key: bytes, verify) -> bytes:
        """The root that is proven, 32 bytes. Raises `ProofError` or `SignatureError` unless the ledger with this key
        vouches for exactly these bytes."""
        root = root_from_path(leaf_hash(entry), self.leaf_index, self.tree_size, self.path)
        self.message.check(public_key, verify, root)
        return root


def parse_receipt(data) -> Receipt:
    """Take a receipt apart without trusting it. Raises `CoseError`, `CborError`, `MessageError`."""
    message = parse(data, RECEIPT_BYTES_MAX)
    if message.header.get(HEADER_VDS) != VDS_RFC9162_SHA256 or len(message.header) != 3 or message.payload is not None:
        raise CoseError("receipt: expected the structure RFC9162_SHA256 and a detached payload")
    proofs = message.unprotected.get(HEADER_VDP)
    if len(message.unprotected) != 1 or not isinstance(proofs, dict) or len(proofs) != 1:
        raise CoseError("receipt: expected proofs and nothing else in the unprotected header")
    inclusion = proofs.get(INCLUSION_PROOFS)
    if not isinstance(inclusion, list) or len(inclusion) != 1 or not isinstance(inclusion[0], bytes):
        raise CoseError("receipt: expected one inclusion proof")
    size, index, path = _inclusion_proof(inclusion[0])
    return Receipt(message, size, index, path)


def _inclusion_proof(data: bytes) -> "tuple[int, int, list]":
    """(tree size, leaf index, path) of an encoded proof (RFC 9942 §5.2)."""
    proof = loads(data)
    if not isinstance(proof, list) or len(proof) != 3:
        raise MessageError("receipt.proof: expected size, index and path")
    size, index, path = proof
    # `type`, since true and false are integers to isinstance.
    if type(size) is not int or type(index) is not int or not 0 <= index < size <= 1 << PATH_HASHES_MAX:
        raise MessageError("receipt.proof: expected a leaf index below the size, and that at most 2^40")
    if not isinstance(path, list) or len(path) > PATH_HASHES_MAX:
        raise MessageError("receipt.path: expected at most %d hashes" % PATH_HASHES_MAX)
    if not all(isinstance(item, bytes) and len(item) == 32 for item in path):
        raise MessageError("receipt.path: expected hashes of 32 bytes")
    return size, index, path
