"""Usage segments as ledger and courier read them; a player writes them, and opens none."""

from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.errors import MessageError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage


def open_usage(data, public_key: bytes, verify, device_id=None) -> Usage:
    """Verify, then decode; `device_id` is whose segment it must be, without it that of the signer's first key. Whether
    the key was in force at that sequence is for whoever knows the handovers. Raises `CoseError`, `SignatureError`,
    `CborError`, `MessageError`."""
    message = parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX)
    message.check(public_key, verify)
    usage = Usage.decode(message.payload)
    expected = message.kid if device_id is None else device_id
    if usage.device_id != expected:
        raise MessageError("usage.device_id: expected %s, found %s" % (expected.hex(), usage.device_id.hex()))
    return usage
