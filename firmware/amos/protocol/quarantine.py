"""Quarantine in the log: the ledger's entry that it began, and the operator's signed ruling on it (SPEC section 14)."""

from amos.protocol.cose import KID_BYTES, open_typed, sign
from amos.protocol.errors import LocalError, MessageError
from amos.protocol.ledger_limits import RULED_SEGMENTS_MAX, RULING_BYTES_MAX, TITLE_BYTES_MAX
from amos.protocol.log_text import count_word, hex_word, printable_ascii, words_of
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

TYP_RULING = "amos-ruling+cose"

PREFIX = b"amos-quarantine/1 "

REASON_BYTES_MAX = 256

VERSION = 1

LIFT, REJECT = 1, 2


def quarantine_entry(device_id: bytes, sequence: int, sha256: bytes, reason: str) -> bytes:
    """The entry that the device is in quarantine because of that segment. What is not printable in `reason` is shown
    as `?`, and what is too long is cut. Raises `LocalError`."""
    if len(device_id) != KID_BYTES or not 0 <= sequence <= U63 or len(sha256) != 32:
        raise LocalError("quarantine: expected a device, the number of a segment and its hash")
    shown = "".join(letter if printable_ascii(letter.encode()) else "?" for letter in reason[:REASON_BYTES_MAX])
    text = "%s %d %s %s\n" % (device_id.hex(), sequence, sha256.hex(), shown.strip() or "?")
    return PREFIX + text.encode()


def read_quarantine(entry: bytes) -> "tuple[bytes, int, bytes, str] | None":
    """(device, sequence, SHA-256 of the segment, reason), None for an entry of another kind. Raises `MessageError`."""
    words = words_of(entry, PREFIX, 4)
    if words is None:
        return None
    device, sequence, sha256, reason = words
    if len(reason) > REASON_BYTES_MAX or reason != reason.strip():
        raise MessageError("quarantine.reason: expected at most %d bytes, found %r" % (REASON_BYTES_MAX, reason[:60]))
    number = count_word(sequence, "quarantine.sequence")
    return hex_word(device, KID_BYTES, "quarantine.device"), number, hex_word(sha256, 32, "quarantine.sha256"), reason


class Ruling(Record):
    """What the operator says about a quarantine: it is lifted, or these segments of the device never count.

    `quarantine` is the index of the entry that began it, so that a ruling cannot be used for a later one.
    """

    NAME = "ruling"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", KID_BYTES),
        (3, "quarantine", "uint", U63),
        (4, "action", "uint", U8),
        (5, "rejected", "blobs", (32, RULED_SEGMENTS_MAX)),
        (6, "reason", "text", TITLE_BYTES_MAX),
        (7, "unix_s", "uint", UNIX_S_MAX),
    )

    version: int
    device_id: bytes
    quarantine: int
    action: int
    rejected: "list[bytes]"
    reason: str
    unix_s: int

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if any(len(sha256) != 32 for sha256 in self.rejected):
            return "rejected: expected hashes of 32 bytes"
        if sorted(set(self.rejected)) != list(self.rejected):
            return "rejected: expected each hash once, ascending"
        if self.action not in (LIFT, REJECT):
            return "action: expected %d or %d, found %d" % (LIFT, REJECT, self.action)
        if (self.action == REJECT) != bool(self.rejected):
            return "rejected: expected segments exactly when the action is %d" % REJECT
        return None


def sign_ruling(ruling: Ruling, operator: bytes, sign_message) -> bytes:
    """The ruling's bytes; `operator` is the key id of the operator's key."""
    return sign(ruling.encode(), TYP_RULING, operator, sign_message)


def open_ruling(data, operator_key: bytes, verify) -> Ruling:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Ruling.decode(open_typed(data, TYP_RULING, RULING_BYTES_MAX, operator_key, verify))
