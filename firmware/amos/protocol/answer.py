"""The ledger's answer to a usage message or an enrolment: a receipt, or a refusal by name (SPEC section 9)."""

from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import ANSWER_BYTES_MAX
from amos.protocol.limits import RECEIPT_BYTES_MAX
from amos.protocol.record import U63, Record

ACCEPTED = 0
DUPLICATE = 1
GAP = 2
FORK = 3
UNKNOWN_DEVICE = 4
UNKNOWN_PACK = 5
BAD_SIGNATURE = 6
MALFORMED = 7
IMPOSSIBLE = 8
QUARANTINED = 9
UNAVAILABLE = 10
RETIRED = 11
ENROLMENT_REFUSED = 12

VERDICTS = (
    "accepted",
    "duplicate",
    "gap",
    "fork",
    "unknown device",
    "unknown pack",
    "bad signature",
    "malformed",
    "impossible",
    "quarantined",
    "unavailable",
    "retired",
    "enrolment refused",
)

SENTENCES = (
    "Stored; the receipt proves it.",
    "Stored before; this is the original receipt.",
    "An earlier segment of this device is missing; held until it comes or the player declares it lost.",
    "Another segment with this sequence number is stored; both are kept as evidence and the device is quarantined.",
    "No enrolment names this device, or its key; enrol it, and the courier's next resend is accepted.",
    "No published manifest has this pack's hash; publish the pack to the ledger, and the held segment is accepted.",
    "The signature does not verify with the enrolled key; the device's key or the bytes were changed.",
    "The bytes are not a usage segment; the courier or the player runs another version, or the message was damaged.",
    "No unmodified player can have played this; the detail names what. Kept as evidence, the device quarantined.",
    "The device is quarantined; the segment is kept as evidence until an operator decides.",
    "The ledger cannot store at this moment; the courier keeps the segment and tries again.",
    "The device or the key gave way before this was played; kept as evidence until an operator decides.",
    "The ledger may not accept this enrolment; the detail says why.",
)

ENROLMENT_SEQUENCE = 0

RECEIPTED = (ACCEPTED, DUPLICATE)
HELD = (GAP, UNKNOWN_PACK)
"""Verdicts with which the ledger keeps the segment until it can decide anew."""
RETRY = (UNKNOWN_DEVICE, UNAVAILABLE)
"""Verdicts after which the courier sends the same bytes again later."""


class Answer(Record):
    """One verdict. `message_sha256` is of the MQTT payload as received; the rest is known if that was readable.

    `sequence` is `ENROLMENT_SEQUENCE` when the message was an enrolment: segments count from 1.
    """

    NAME = "answer"
    FIELDS = (
        (1, "message_sha256", "bytes", 32),
        (2, "verdict", "uint", len(VERDICTS) - 1),
        (3, "device_id", "bytes?", 16),
        (4, "sequence", "uint?", U63),
        (5, "receipt", "blob?", RECEIPT_BYTES_MAX),
        (6, "detail", "text?", 200),
    )

    message_sha256: bytes
    verdict: int
    device_id: "bytes | None"
    sequence: "int | None"
    receipt: "bytes | None"
    detail: "str | None"

    def fault(self) -> "str | None":
        if (self.receipt is not None) != (self.verdict in RECEIPTED):
            return "receipt: expected one exactly when accepted or duplicate"
        if self.receipt is not None and (self.device_id is None or self.sequence is None):
            return "device_id and sequence: expected with a receipt"
        return None


def decode_answer(data) -> Answer:
    """An answer as the courier takes it. Raises `CborError`, `MessageError`."""
    if len(data) > ANSWER_BYTES_MAX:
        raise MessageError("answer: expected at most %d bytes, found %d" % (ANSWER_BYTES_MAX, len(data)))
    return Answer.decode(data)
