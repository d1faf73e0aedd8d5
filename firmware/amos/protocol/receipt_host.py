"""Receipts as ledgers make them, taken apart by their shape: a courier with a backlog gets thousands a second.

Whatever has not that very shape is left to `parse_receipt`, which alone says what is wrong with it.
"""

from amos.protocol.cbor import dumps
from amos.protocol.cose import HEADER_VDP, Sign1
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import RECEIPT_BYTES_MAX
from amos.protocol.receipt import INCLUSION_PROOFS, PATH_HASHES_MAX, Receipt, parse_receipt
from amos.protocol.shape_host import OtherShape, argument

_TAG_AND_ARRAY = b"\xd2\x84"
_PROOFS = dumps({HEADER_VDP: {INCLUSION_PROOFS: [b""]}})[:-1]
"""The unprotected header up to the one proof, which is a byte string."""
_DETACHED_AND_SIGNATURE = b"\xf6\x58\x40"
_SIGNATURE_BYTES = 64
_HASH_BYTES = 32
_PATH_STEP = 2 + _HASH_BYTES
_HEADS_MAX = 64
"""Protected headers that are known: a ledger has one for each of its keys."""


def read_receipt(data: bytes) -> Receipt:
    """As `parse_receipt`."""
    try:
        return _shaped(data)
    except OtherShape:
        return parse_receipt(data)


def _shaped(data: bytes) -> Receipt:
    length, begin = argument(data, 2, 2)
    at = begin + length
    protected = data[begin:at]
    if data[:2] != _TAG_AND_ARRAY or data[at : at + len(_PROOFS)] != _PROOFS or len(data) > RECEIPT_BYTES_MAX:
        raise OtherShape
    length, begin = argument(data, at + len(_PROOFS), 2)
    at = begin + length
    proof, signature = data[begin:at], data[at + len(_DETACHED_AND_SIGNATURE) :]
    if data[at : at + len(_DETACHED_AND_SIGNATURE)] != _DETACHED_AND_SIGNATURE or len(signature) != _SIGNATURE_BYTES:
        raise OtherShape
    size, index, path = _proof(proof)
    message = Sign1(protected, _header(protected), {HEADER_VDP: {INCLUSION_PROOFS: [proof]}}, None, signature)
    return Receipt(message, size, index, path)


def _proof(proof: bytes) -> "tuple[int, int, list[bytes]]":
    size, at = argument(proof, 1, 0)
    index, at = argument(proof, at, 0)
    count, at = argument(proof, at, 4)
    end = at + count * _PATH_STEP
    if proof[:1] != b"\x83" or not index < size <= 1 << PATH_HASHES_MAX or count > PATH_HASHES_MAX or end != len(proof):
        raise OtherShape
    if proof[at::_PATH_STEP] != b"\x58" * count or proof[at + 1 :: _PATH_STEP] != b"\x20" * count:
        raise OtherShape
    return size, index, [proof[begin + 2 : begin + _PATH_STEP] for begin in range(at, end, _PATH_STEP)]


_headers: "dict[bytes, dict[int, object]]" = {}
"""Protected headers that were taken, decoded: all receipts by one key have the same."""


def _header(protected: bytes) -> "dict[int, object]":
    """The decoded header, of a receipt with which nothing else is wrong."""
    known = _headers.get(protected)
    if known is not None:
        return known
    proof = dumps([1, 0, []])
    pieces = (_TAG_AND_ARRAY, dumps(protected), _PROOFS, dumps(proof), _DETACHED_AND_SIGNATURE, bytes(_SIGNATURE_BYTES))
    try:
        header = parse_receipt(b"".join(pieces)).message.header
    except ProtocolError:
        raise OtherShape from None
    if len(_headers) >= _HEADS_MAX:
        _headers.clear()
    _headers[protected] = header
    return header
