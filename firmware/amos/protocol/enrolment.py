"""A device's enrolment, signed by the operator, with the device's proof that it holds its key (SPEC section 6)."""

from amos.protocol.cose import KID_BYTES, open_typed, sign
from amos.protocol.errors import SignatureError
from amos.protocol.handover import Handover, check_handovers, handovers_fault, key_id, keys_of
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.limits import HANDOVERS_MAX, NONCE_BYTES_MAX, NONCE_BYTES_MIN, SMALL_TEXT_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.record import U8, UNIX_S_MAX, Record

TYP_ENROLMENT = "amos-enrolment+cose"

VERSION = 1
"""Of a device that signs with its first key."""

VERSION_WITH_HANDOVERS = 2
"""Of one whose key was rotated: `device_id` is the id of its first key, `public_key` the one in force."""


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
        (13, "first_key", "bytes?", 32),
        (14, "handovers", "records?", (Handover, HANDOVERS_MAX)),
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
    first_key: "bytes | None"
    handovers: "list[Handover] | None"

    @property
    def keys(self) -> "list[tuple[int, bytes]]":
        """(first sequence number, public key that signs from there on), in order."""
        return keys_of(self.public_key if self.first_key is None else self.first_key, self.handovers or [])

    def fault(self) -> "str | None":
        fault = self._key_fault()
        if fault:
            return fault
        if len(self.nonce) < NONCE_BYTES_MIN:
            return "nonce: expected at least %d bytes" % NONCE_BYTES_MIN
        if self.predecessor == self.device_id:
            return "predecessor: expected another device, found this one"
        if not self.voices:
            return "voices: expected at least 1"
        return None

    def _key_fault(self) -> "str | None":
        if self.version not in (VERSION, VERSION_WITH_HANDOVERS):
            return "version: expected %d or %d, found %d" % (VERSION, VERSION_WITH_HANDOVERS, self.version)
        rotated = self.version == VERSION_WITH_HANDOVERS
        if [self.first_key is not None, self.handovers is not None] != [rotated] * 2:
            return "first_key and handovers: expected both in version %d, none before" % VERSION_WITH_HANDOVERS
        if self.device_id != key_id(self.keys[0][1]):
            return "device_id: expected the key id of %s, found %s" % (
                "first_key" if rotated else "public_key",
                self.device_id.hex(),
            )
        if self.first_key is None or self.handovers is None:
            return None
        fault = handovers_fault(self.first_key, self.handovers)
        if fault is None and self.public_key != self.handovers[-1].public_key:
            fault = "public_key: expected that of the last handover"
        return fault


def sign_enrolment(enrolment: Enrolment, operator: bytes, sign_message) -> bytes:
    """The enrolment's bytes; `operator` is the key id of the operator's key."""
    return sign(enrolment.encode(), TYP_ENROLMENT, operator, sign_message)


def open_enrolment(data, operator_key: bytes, verify) -> Enrolment:
    """Verify the operator's signature, the device's proof of possession and each handover of its key.

    Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`.
    """
    enrolment = Enrolment.decode(open_typed(data, TYP_ENROLMENT, ENROLMENT_BYTES_MAX, operator_key, verify))
    if not verify(enrolment.public_key, IDENTIFY_CONTEXT + enrolment.nonce, enrolment.possession):
        raise SignatureError("enrolment.possession: expected the device's signature over the nonce")
    if enrolment.first_key is not None:
        check_handovers(enrolment.first_key, enrolment.handovers or [], verify)
    return enrolment
