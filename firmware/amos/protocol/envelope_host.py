"""A segment as it travels over MQTT: a content marker, then the segment, deflated where that is shorter (SPEC 9).

Used on hosts only: the player stores and hands out plain segments, so that it needs no compressor.
"""

import zlib

from amos.protocol.errors import MessageError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX

PLAIN = 0
DEFLATED = 1


def wrap(segment: bytes) -> bytes:
    """The MQTT payload for a segment: marker 0 and the bytes, or marker 1 and raw deflate (RFC 1951)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = compressor.compress(segment) + compressor.flush()
    if len(packed) < len(segment):
        return bytes((DEFLATED,)) + packed
    return bytes((PLAIN,)) + segment


def unwrap(payload: bytes) -> bytes:
    """The segment of an MQTT payload. Never inflates past the cap. Raises `MessageError`."""
    if not 2 <= len(payload) <= ENVELOPE_BYTES_MAX:
        raise MessageError("envelope: expected 2 to %d bytes, found %d" % (ENVELOPE_BYTES_MAX, len(payload)))
    marker, content = payload[0], payload[1:]
    if marker == PLAIN:
        segment = content
    elif marker == DEFLATED:
        segment = _inflate(content)
    else:
        raise MessageError("envelope: expected content marker 0 or 1, found %d" % marker)
    if len(segment) > SEGMENT_BYTES_MAX:
        raise MessageError("envelope: expected at most %d bytes inflated" % SEGMENT_BYTES_MAX)
    return segment


def _inflate(content: bytes) -> bytes:
    inflater = zlib.decompressobj(-15)
    try:
        segment = inflater.decompress(content, SEGMENT_BYTES_MAX + 1)
    except zlib.error as error:
        raise MessageError("envelope: expected deflated bytes, found %s" % error)
    if len(segment) <= SEGMENT_BYTES_MAX and (not inflater.eof or inflater.unused_data):
        raise MessageError("envelope: expected the deflated bytes to end with the message")
    return segment
