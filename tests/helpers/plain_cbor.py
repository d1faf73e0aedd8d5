"""A reader of CBOR and COSE_Sign1 that shares nothing with the codecs of `amos`: what judges them may not trust them.

It reads more than the project's subset and refuses nothing but what it cannot read; it verifies Ed25519 by PyNaCl.
"""

import struct
from dataclasses import dataclass
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

SIGN1_TAG = 18
_ARRAY_KINDS = {64: "B", 69: "H", 70: "I", 78: "i"}


def read_item(data: bytes, at: int = 0) -> tuple[Any, int]:
    """(item, where it ends). A typed array becomes a list of integers, any other tag (number, item)."""
    major, argument, at = _head(data, at)
    if major == 0:
        return argument, at
    if major == 1:
        return -1 - argument, at
    if major in (2, 3):
        piece = data[at : at + argument]
        return (bytes(piece) if major == 2 else piece.decode()), at + argument
    if major == 4:
        items = []
        for _ in range(argument):
            item, at = read_item(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(argument):
            key, at = read_item(data, at)
            pairs[key], at = read_item(data, at)
        return pairs, at
    if major == 6:
        item, at = read_item(data, at)
        kind = _ARRAY_KINDS.get(argument)
        return ((argument, item) if kind is None else [one for (one,) in struct.iter_unpack("<" + kind, item)]), at
    return {20: False, 21: True, 22: None}[argument], at


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    major, short = data[at] >> 5, data[at] & 31
    if short < 24:
        return major, short, at + 1
    size = 1 << (short - 24)
    return major, int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def read_whole(data: bytes) -> Any:
    """The one item that `data` is."""
    item, end = read_item(data)
    assert end == len(data), f"{len(data) - end} bytes behind a CBOR item"
    return item


def byte_string(data: bytes) -> bytes:
    """`data` as a CBOR byte string."""
    count = len(data)
    if count < 24:
        return bytes((0x40 + count,)) + data
    size = 1 if count < 256 else 2 if count < 65_536 else 4
    return bytes((0x58 + size.bit_length() - 1,)) + count.to_bytes(size, "big") + data


def good_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's Ed25519 signature."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Signed:
    """A COSE_Sign1 taken apart: `header` is the protected one, `payload` None when it is detached."""

    protected: bytes
    header: dict[int, Any]
    unprotected: dict[int, Any]
    payload: bytes | None
    signature: bytes

    @property
    def kid(self) -> bytes:
        kid: bytes = self.header[4]
        return kid

    @property
    def typ(self) -> str:
        return str(self.header.get(16))

    @property
    def content(self) -> dict[int, Any]:
        """The decoded payload."""
        assert self.payload is not None
        content: dict[int, Any] = read_whole(self.payload)
        return content

    def is_by(self, public_key: bytes, detached: bytes | None = None) -> bool:
        """Whether this key signed it, with the payload that is inside or the detached one."""
        payload = self.payload if detached is None else detached
        assert payload is not None
        structure = b"\x84\x6aSignature1" + byte_string(self.protected) + b"\x40" + byte_string(payload)
        return good_signature(public_key, structure, self.signature)


def read_signed(data: bytes) -> Signed:
    """Take a COSE_Sign1 apart."""
    tag, (protected, unprotected, payload, signature) = read_whole(data)
    assert tag == SIGN1_TAG
    return Signed(protected, read_whole(protected), unprotected, payload, signature)
