"""Segments of a device that are gone for good, declared by the operator's signature (SPEC section 14)."""

from amos.protocol.cose import KID_BYTES, open_typed, sign
from amos.protocol.ledger_limits import LOSS_BYTES_MAX
from amos.protocol.record import U8, U63, UNIX_S_MAX, Record

VERSION = 1
TYP_LOSS = "amos-loss+cose"


class Loss(Record):
    """Payload. The device's segments `first` to `last` are in no journal, no spool and no log."""

    NAME = "loss"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", KID_BYTES),
        (3, "first", "uint", U63),
        (4, "last", "uint", U63),
        (5, "unix_s", "uint", UNIX_S_MAX),
    )

    version: int
    device_id: bytes
    first: int
    last: int
    unix_s: int

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        if not 1 <= self.first <= self.last:
            return "first: expected from 1 to %d, found %d" % (self.last, self.first)
        return None


def sign_loss(loss: Loss, operator: bytes, sign_message) -> bytes:
    """The message's bytes; `operator` is the key id of the operator's key."""
    return sign(loss.encode(), TYP_LOSS, operator, sign_message)


def open_loss(data, operator_key: bytes, verify) -> Loss:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Loss.decode(open_typed(data, TYP_LOSS, LOSS_BYTES_MAX, operator_key, verify))
