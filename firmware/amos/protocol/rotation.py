"""How the operator's or the ledger's key gives way to the next one: an entry of the log, signed by the old key, with
the new key's proof that it is there (SPEC section 15).

Who has one key of the line can follow it both ways: forward, since the old key names the new one, and back, since the
new key signs which one it follows.
"""

from amos.protocol.cbor import dumps, loads
from amos.protocol.cose import TYP_ROTATION, open_typed, parse_typed, sign
from amos.protocol.errors import MessageError, SignatureError
from amos.protocol.handover import key_id
from amos.protocol.limits import (
    APPOINTMENT_BYTES_MAX,
    ROTATION_BYTES_MAX,
    ROTATIONS_MAX,
    SMALL_TEXT_BYTES_MAX,
    TRANSITION_S_MAX,
)
from amos.protocol.receipt import parse_receipt
from amos.protocol.record import U8, UNIX_S_MAX, Record

VERSION = 1

ROTATION_CONTEXT = b"amos/1/rotation\x00"
"""Put before what the new key signs, so that no other message can be meant."""

OPERATOR, LEDGER = 1, 2


class Rotation(Record):
    """Payload. `old_key` gives way to `new_key`, as the `number`th time in this role, in the log called `origin`.

    Of the ledger's key, `until_unix_s` ends the time of transition, in which its tree heads have a signature by either.
    """

    NAME = "rotation"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "role", "uint", U8),
        (3, "origin", "text", SMALL_TEXT_BYTES_MAX),
        (4, "number", "uint", ROTATIONS_MAX),
        (5, "old_key", "bytes", 32),
        (6, "new_key", "bytes", 32),
        (7, "unix_s", "uint", UNIX_S_MAX),
        (8, "until_unix_s", "uint?", UNIX_S_MAX),
        (9, "possession", "bytes", 64),
    )

    version: int
    role: int
    origin: str
    number: int
    old_key: bytes
    new_key: bytes
    unix_s: int
    until_unix_s: "int | None"
    possession: bytes

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if self.role not in (OPERATOR, LEDGER):
            return "role: expected %d or %d, found %d" % (OPERATOR, LEDGER, self.role)
        if not self.number:
            return "number: expected at least 1, found 0"
        if self.old_key == self.new_key:
            return "new_key: expected another than the old one, found the same"
        if (self.until_unix_s is None) != (self.role == OPERATOR):
            return "until_unix_s: expected it exactly for the ledger's key"
        if self.until_unix_s is not None and not 0 <= self.until_unix_s - self.unix_s <= TRANSITION_S_MAX:
            return "until_unix_s: expected at most %d s after unix_s" % TRANSITION_S_MAX
        return None

    def possession_message(self) -> bytes:
        """What the new key signs."""
        numbers = (self.number, self.unix_s, self.until_unix_s or 0)
        told = bytes((self.role,)) + b"".join([number.to_bytes(8, "big") for number in numbers])
        return ROTATION_CONTEXT + told + self.old_key + self.new_key + self.origin.encode()


def sign_rotation(rotation: Rotation, sign_by_old) -> bytes:
    """The message's bytes; `rotation` has the new key's proof already."""
    return sign(rotation.encode(), TYP_ROTATION, key_id(rotation.old_key), sign_by_old)


def open_rotation(data, old_key: bytes, verify) -> Rotation:
    """Verify that `old_key` gives way; whether it is the next one of the line, and whether the new key is there
    (`check_possession`), is the caller's to ask. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    rotation = Rotation.decode(open_typed(data, TYP_ROTATION, ROTATION_BYTES_MAX, old_key, verify))
    if rotation.old_key != old_key:
        raise MessageError("rotation.old_key: expected the key that signed, found another")
    return rotation


def check_possession(rotation: Rotation, verify) -> None:
    """Raise `SignatureError` unless the new key says so too."""
    if not verify(rotation.new_key, rotation.possession_message(), rotation.possession):
        raise SignatureError("rotation.possession: expected the new key's signature")


def read_rotation(data) -> Rotation:
    """Decode without verifying, to learn which key to verify with. Raises `CoseError`, `CborError`, `MessageError`."""
    return Rotation.decode(parse_typed(data, TYP_ROTATION, ROTATION_BYTES_MAX).payload)


def appointment(rotation: bytes, receipt: bytes) -> bytes:
    """A rotation of the ledger's key with the new key's receipt for its entry: what players are brought."""
    return dumps([rotation, receipt])


def open_appointment(data, old_key: bytes, verify) -> Rotation:
    """What `old_key` and the key after it say: that the one gives way to the other, and that it is in the log.

    Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`, `ProofError`.
    """
    rotation, receipt = split_appointment(data)
    opened = open_rotation(rotation, old_key, verify)
    if opened.role != LEDGER:
        raise MessageError("rotation.role: expected %d, found %d" % (LEDGER, opened.role))
    parse_receipt(receipt).check(rotation, opened.new_key, verify)
    return opened


def split_appointment(data) -> "tuple[bytes, bytes]":
    """(rotation, receipt), nothing verified. Raises `CborError`, `MessageError`."""
    if len(data) > APPOINTMENT_BYTES_MAX:
        raise MessageError("appointment: expected at most %d bytes, found %d" % (APPOINTMENT_BYTES_MAX, len(data)))
    pair = loads(data)
    if not isinstance(pair, list) or len(pair) != 2:
        raise MessageError("appointment: expected a rotation and a receipt")
    rotation, receipt = pair
    if not isinstance(rotation, bytes) or not isinstance(receipt, bytes):
        raise MessageError("appointment: expected a rotation and a receipt as byte strings")
    return rotation, receipt
