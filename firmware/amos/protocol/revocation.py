"""The revocation of a device's key, signed by the operator: what it signs counts no longer (SPEC section 13)."""

from amos.protocol.cose import KID_BYTES, open_typed, parse_typed, sign
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import REVOCATION_BYTES_MAX
from amos.protocol.record import U8, UNIX_S_MAX, Record

TYP_REVOCATION = "amos-revocation+cose"

VERSION = 1


class Revocation(Record):
    """Payload of a revocation. Play of the device that began after `unix_s` is kept as evidence, and never paid."""

    NAME = "revocation"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", KID_BYTES),
        (3, "unix_s", "uint", UNIX_S_MAX),
    )

    version: int
    device_id: bytes
    unix_s: int

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        return None


def sign_revocation(revocation: Revocation, operator: bytes, sign_message) -> bytes:
    """The revocation's bytes; `operator` is the key id of the operator's key."""
    return sign(revocation.encode(), TYP_REVOCATION, operator, sign_message)


def open_revocation(data, operator_key: bytes, verify) -> Revocation:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Revocation.decode(open_typed(data, TYP_REVOCATION, REVOCATION_BYTES_MAX, operator_key, verify))


def revoked_device(entry: bytes) -> "bytes | None":
    """Whose key an entry of the log revokes; None for an entry of another kind. It was verified when it came."""
    try:
        revocation = Revocation.decode(parse_typed(entry, TYP_REVOCATION, REVOCATION_BYTES_MAX).payload)
    except ProtocolError:
        return None
    return revocation.device_id
