"""How a device's key gives way to the next one: signed by the one before, from one sequence number on (SPEC section 6).

The device keeps the id of its first key. Whoever has the list of its handovers can follow it from that id to the key
that signs a given sequence number, with nothing else to trust.
"""

import hashlib

from amos.protocol.cose import KID_BYTES
from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.limits import HANDOVERS_MAX, KEY_HISTORY_BYTES_MAX
from amos.protocol.record import U8, U63, Record

VERSION = 1

HANDOVER_CONTEXT = b"amos/1/handover\x00"
"""Put before what a key signs when it gives way, so that no other message can be meant."""


class Handover(Record):
    """From `first_sequence` on `public_key` signs; `signature` is by the key before, over `handover_message`."""

    NAME = "handover"
    FIELDS = (
        (1, "first_sequence", "uint", U63),
        (2, "public_key", "bytes", 32),
        (3, "signature", "bytes", 64),
    )

    first_sequence: int
    public_key: bytes
    signature: bytes

    def fault(self) -> "str | None":
        return None if self.first_sequence else "first_sequence: expected at least 1, found 0"


class KeyHistory(Record):
    """All handovers of a device since its first key: what it keeps and tells. Verified by `open_key_history` only."""

    NAME = "key-history"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "first_key", "bytes", 32),
        (3, "handovers", "records", (Handover, HANDOVERS_MAX)),
    )

    version: int
    first_key: bytes
    handovers: "list[Handover]"

    @property
    def device_id(self) -> bytes:
        """The id that the device keeps."""
        return key_id(self.first_key)

    @property
    def public_key(self) -> bytes:
        """The key in force."""
        return self.handovers[-1].public_key

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        return handovers_fault(self.first_key, self.handovers)


def key_id(public_key: bytes) -> bytes:
    """The key id of a public key; that of a device's first one is the device's id."""
    return hashlib.sha256(public_key).digest()[:KID_BYTES]


def handovers_fault(first_key: bytes, handovers) -> "str | None":
    """Why these cannot be the handovers of one device, whoever signed them; else None."""
    if not handovers:
        return "handovers: expected at least 1, found none"
    first, keys = 1, [first_key]
    for handover in handovers:
        if handover.first_sequence < first:
            return "handovers: expected a first sequence from %d on, found %d" % (first, handover.first_sequence)
        if handover.public_key in keys:
            return "handovers: expected a key that the device never had, found one again"
        first = handover.first_sequence
        keys.append(handover.public_key)
    return None


def handover_message(device_id: bytes, first_sequence: int, public_key: bytes) -> bytes:
    """What the key in force signs when `public_key` is to sign from `first_sequence` on."""
    return HANDOVER_CONTEXT + device_id + first_sequence.to_bytes(8, "big") + public_key


def check_handovers(first_key: bytes, handovers, verify) -> None:
    """Follow the keys from the first to the last. Raises `SignatureError`."""
    device_id, key = key_id(first_key), first_key
    for handover in handovers:
        message = handover_message(device_id, handover.first_sequence, handover.public_key)
        if not verify(key, message, handover.signature):
            raise SignatureError("handover %d: expected the signature of the key before" % handover.first_sequence)
        key = handover.public_key


def open_key_history(data, verify) -> KeyHistory:
    """What a device tells of its keys, verified. Raises `CborError`, `MessageError`, `SignatureError`."""
    if len(data) > KEY_HISTORY_BYTES_MAX:
        raise MessageError("key history: expected at most %d bytes, found %d" % (KEY_HISTORY_BYTES_MAX, len(data)))
    history = KeyHistory.decode(data)
    check_handovers(history.first_key, history.handovers, verify)
    return history


def keys_of(first_key: bytes, handovers) -> list:
    """[(first sequence number, public key that signs from there on)], in order."""
    return [(1, first_key)] + [(handover.first_sequence, handover.public_key) for handover in handovers]
