"""A time anchor: the ledger's word for what time it is, in answer to one player's nonce (SPEC section 11)."""

from amos.protocol.cose import KID_BYTES, TYP_ANCHOR, open_typed
from amos.protocol.limits import ANCHOR_BYTES_MAX, TIME_NONCE_BYTES
from amos.protocol.record import U8, UNIX_MS_MAX, Record

VERSION = 1


class Anchor(Record):
    """Payload of a time anchor: it was `unix_ms` at some moment between the player's nonce and its arrival there."""

    NAME = "anchor"
    FIELDS = (
        (1, "version", "uint", U8),
        (2, "device_id", "bytes", KID_BYTES),
        (3, "nonce", "bytes", TIME_NONCE_BYTES),
        (4, "unix_ms", "uint", UNIX_MS_MAX),
    )

    version: int
    device_id: bytes
    nonce: bytes
    unix_ms: int

    def fault(self) -> "str | None":
        if self.version != VERSION:
            return "version: expected %d, found %d" % (VERSION, self.version)
        return None


def open_anchor(data, public_key: bytes, verify) -> Anchor:
    """Verify, then decode. Raises `CoseError`, `SignatureError`, `CborError`, `MessageError`."""
    return Anchor.decode(open_typed(data, TYP_ANCHOR, ANCHOR_BYTES_MAX, public_key, verify))
