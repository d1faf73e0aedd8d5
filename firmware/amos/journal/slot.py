"""A message in a sector of its own; the newer of two such sectors counts. For superblocks and for the reservation.

Two sectors are written alternately, so that a cut or a failing sector damages one of them and not the other.
"""

from amos.compat import const
from amos.journal import record
from amos.protocol.errors import ProtocolError

_MAGIC_BYTES = const(8)


def encode(magic: bytes, message, sector_bytes: int) -> bytes:
    """One whole sector: magic, u16 length, the message (a Record), CRC-32 of all before, zeros."""
    body = message.encode()
    data = magic + len(body).to_bytes(2, "little") + body
    data += record.checksum(data)
    return data + bytes(sector_bytes - len(data))


def decode(magic: bytes, kind, data: bytes):
    """The message of class `kind` in a sector, or None when there is no whole one."""
    start = _MAGIC_BYTES + 2
    end = start + int.from_bytes(data[_MAGIC_BYTES:start], "little")
    if data[:_MAGIC_BYTES] != magic or data[end : end + record.CRC_BYTES] != record.checksum(data[:end]):
        return None
    try:
        return kind.decode(data[start:end])
    except ProtocolError:
        return None


def is_blank(data: bytes) -> bool:
    """Whether nothing is written there: all bytes are 0, or 255, as erasing leaves them."""
    return data[0] in (0, 255) and data.count(data[:1]) == len(data)
