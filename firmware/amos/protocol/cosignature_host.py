"""Cosignatures of witnesses over a checkpoint, by Ed25519 (c2sp.org/tlog-cosignature, "cosignature/v1").

A cosignature says that the witness saw the log grow consistently up to this tree head, at that time. Pure.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass

from amos.protocol.errors import MessageError

TYPE_ED25519 = 1
TYPE_COSIGNATURE = 4
_KEY_BYTES = 32
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64

Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True)
class VerifierKey:
    """A public key as signed notes name it: the signer's name, the signature's type, the key, 32 bytes."""

    name: str
    type: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which a signature line names this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public_key).digest()[:4]

    def text(self) -> str:
        """<name>+<key id in hex>+<base64(type and key)>."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.type]) + self.public_key).decode()}"


def read_verifier_key(text: str) -> VerifierKey:
    """A key of type 1 (a log's) or 4 (a witness's). Raises `MessageError`."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        content = b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 1 + _KEY_BYTES or content[0] not in (TYPE_ED25519, TYPE_COSIGNATURE):
        raise MessageError(f"key: expected an Ed25519 key as <name>+<id>+<base64>, found {text[:80]!r}")
    key = VerifierKey(name, content[0], content[1:])
    if not name or key.text() != text:
        raise MessageError(f"key: expected the id {key.key_id.hex()} for {name}, found {key_id[:20]!r}")
    return key


def cosigned_message(unix_s: int, text: bytes) -> bytes:
    """What a witness signs: the time, and the whole text of the checkpoint."""
    return b"cosignature/v1\ntime %d\n" % unix_s + text


def cosigned_at(key: VerifierKey, text: bytes, signature: bytes, verify: Verify) -> int | None:
    """When the witness with this key cosigned this text, in Unix seconds; None when it did not."""
    if key.type != TYPE_COSIGNATURE or len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
        return None
    unix_s = int.from_bytes(signature[:_TIME_BYTES], "big")
    if unix_s >= 1 << 63 or not verify(key.public_key, cosigned_message(unix_s, text), signature[_TIME_BYTES:]):
        return None
    return unix_s
