"""A segment in the log, decoded: its signature was verified when it was taken in."""

from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage


def usage_of(entry: bytes) -> Usage:
    """What the segment says. Raises `ProtocolError`."""
    usage: Usage = Usage.decode(parse_typed(entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    return usage
