"""A segment in one piece: what the firmware makes in several has to be the same bytes."""

from amos.protocol.cose import TYP_USAGE, sign


def sign_usage(usage, sign_message) -> bytes:
    """The segment's bytes; `sign_message(message) -> 64 bytes` by the device key."""
    return sign(usage.encode(), TYP_USAGE, usage.device, sign_message)
