"""The header of a record: magic, version, kind, length, number, hash of the record before, two checksums (SPEC.md).

Both checksums begin from the ring's salt, so that bytes of an earlier life of the medium never pass. The header's own
covers the payload's, so that a reader may hop from header to header and still trust every length.
"""

import binascii
import hashlib

from amos.compat import const
from amos.protocol.cbor import Pieces

MAGIC = b"AJ"
VERSION = 1
_VERSION_OPENED = const(2)
"""Of OPEN and CARRY, since their `Opened` says what is played into. Those of version 1 do not, and are read as well."""
VERSIONS = (VERSION, _VERSION_OPENED)
HEADER_BYTES = 2 + 1 + 1 + 4 + 8 + 8 + 4 + 4
CRC_BYTES = 4
LINK_BYTES = 8
PAYLOAD_BYTES_MAX = 18 * 1024
"""The largest payloads: a sealed segment of 16 KiB, a carried segment of 1,200 rows and 128 inputs."""
COUNT_MAX = 1 << 62
"""Numbers and positions as they are read back: more cannot have been counted, and counting on stays in 64 bits."""

STATE = 1
OPEN = 2
FLUSH = 3
CARRY = 4
MEMORY = 5
SEALED = 6
ROWS_KINDS = (STATE, OPEN, FLUSH, CARRY, MEMORY)
SEGMENTS_KINDS = (SEALED,)
OPENING_KINDS = (OPEN, CARRY)
KINDS = ("", "state", "open", "flush", "carry", "memory", "sealed")


class Header:
    """A header that passed its checksum. `link` is what the next record's `previous` has to be."""

    __slots__ = ("kind", "length", "link", "number", "payload_crc", "previous")

    def __init__(self, kind: int, length: int, number: int, previous: bytes, payload_crc: bytes, link: bytes):
        self.kind = kind
        self.length = length
        self.number = number
        self.previous = previous
        self.payload_crc = payload_crc
        self.link = link

    def sectors(self, sector_bytes: int) -> int:
        """Whole sectors that the record takes."""
        return sectors_of(self.length, sector_bytes)


def sectors_of(payload_bytes: int, sector_bytes: int) -> int:
    return -(-(HEADER_BYTES + payload_bytes) // sector_bytes)


def checksum(data, salt: int = 0) -> bytes:
    """CRC-32 that begins from `salt`, little-endian."""
    return (binascii.crc32(data, salt) & 0xFFFFFFFF).to_bytes(CRC_BYTES, "little")


def encode_header(kind: int, number: int, previous: bytes, payload: Pieces, salt: int) -> bytes:
    version = _VERSION_OPENED if kind in OPENING_KINDS else VERSION
    head = MAGIC + bytes((version, kind)) + len(payload).to_bytes(4, "little") + number.to_bytes(8, "little")
    value = salt
    for part in payload.parts:
        value = binascii.crc32(part, value)
    head += previous + (value & 0xFFFFFFFF).to_bytes(CRC_BYTES, "little")
    return head + checksum(head, salt)


def in_sectors(pieces: Pieces, sector_bytes: int, window: memoryview):
    """Yield whole sectors of `pieces` with zeros behind: `window`, filled as often as needed."""
    at = 0
    for part in pieces.parts:
        view, begin = memoryview(part), 0
        while begin < len(view):
            count = min(len(window) - at, len(view) - begin)
            window[at : at + count] = view[begin : begin + count]
            at += count
            begin += count
            if at == len(window):
                yield window
                at = 0
    if at:
        end = -(-at // sector_bytes) * sector_bytes
        # No zeros made for it: a full heap may not have as many in one piece.
        for index in range(at, end):
            window[index] = 0
        yield window[:end]


def link_of(header: bytes) -> bytes:
    """First 8 bytes of the header's SHA-256: through the checksums it stands for the whole record."""
    return hashlib.sha256(header).digest()[:LINK_BYTES]


def decode_header(data, salt: int):
    """The Header at the start of `data`, or None when there is none."""
    if data[:2] != MAGIC or len(data) < HEADER_BYTES:
        return None
    data = data[:HEADER_BYTES]
    newest = _VERSION_OPENED if data[3] in OPENING_KINDS else VERSION
    if not VERSION <= data[2] <= newest:
        return None
    if data[HEADER_BYTES - CRC_BYTES :] != checksum(data[: HEADER_BYTES - CRC_BYTES], salt):
        return None
    kind, length = data[3], int.from_bytes(data[4:8], "little")
    number = int.from_bytes(data[8:16], "little")
    if not STATE <= kind <= SEALED or length > PAYLOAD_BYTES_MAX or number > COUNT_MAX:
        return None
    return Header(kind, length, number, data[16:24], data[24:28], link_of(data))
