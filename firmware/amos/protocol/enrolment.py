"""A device's enrolment, signed by the operator, with the device's proof that it holds its key (SPEC section 6)."""

import hashlib

from amos.protocol.cose import KID_BYTES, TYP_ENROLMENT, open_typed, sign
from amos.protocol.errors import SignatureError
from amos.protocol.limits import ENROLMENT_BYTES_MAX, NONCE_BYTES_MAX, NONCE_BYTES_MIN, SMALL_TEXT_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.record import U8, UNIX_S_MAX, Record

VERSION = 1


class Enrolment(Record):
    """Payload of an enrolment. `voices` bounds what the device can physically play (intake's cap).

    `predecessor` is the device whose place at the site this one takes; its history goes on in this one.
    """

    NAME = "enrolment"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", 16),
        (3, "public_key", "bytes", 32),
        (4, "site", "slug", SMALL_TEXT_BYTES_MAX),
        (5, "name", "slug", SMALL_TEXT_BYTES_MAX),
        (6, "tier", "uint", U8),
        (7, "board", "text", SMALL_TEXT_BYTES_MAX),
        (8, "voices", "uint", 32),
        (9, "nonce", "blob", NONCE_BYTES_MAX),
        (10, "possession", "bytes", 64),
        (11, "unix_s", "uint", UNIX_S_MAX),
        (12, "predecessor", "bytes?", KID_BYTES),
    )

    version: int
    device_id: bytes
    public_key: bytes
    site: str
    name: str
    tier: int
    board: str
    voices: int
    nonce: bytes
    possession: bytes
    unix_s: int
    predecessor: "bytes | None"

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if self.device_id != hashlib.sha256(self.public_key).digest()[:KID_BYTES]:
            return "device_id: expected the key id of public_key, found %s" % self.device_id.hex()
        if len(self.nonce) < NONCE_BYTES_MIN:
            return "nonce: expected at least %d bytes" % NONCE_BYTES_MIN
        if self.predecessor == self.device_id:
            return "predecessor: expected another device, found this one"
        if not self.voices:
            return "voices: expected at least 1"
        return None


def sign_enrolment(enrolment: Enrolment, operator: bytes, sign_message) -> bytes:
    """The enrolment's bytes; `operator` is the key id of the operator's key."""
    return sign(enrolment.encode(), TYP_ENROLMENT, operator, sign_message)


def open_enrolment(data, operator_key: bytes, verify) -> Enrolment:
    """Verify the operator's signature and the device's proof of possession, then decode.

    Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`.
    """
    enrolment = Enrolment.decode(open_typed(data, TYP_ENROLMENT, ENROLMENT_BYTES_MAX, operator_key, verify))
    if not verify(enrolment.public_key, IDENTIFY_CONTEXT + enrolment.nonce, enrolment.possession):
        raise SignatureError("enrolment.possession: expected the device's signature over the nonce")
    return enrolment
