"""One record of the journal: magic, version, type, length, number, payload, CRC-32 (SPEC.md).

The CRC covers everything before it and the slot's salt, so that bytes of an earlier life of the storage never pass.
"""

import binascii

MAGIC = b"AJ"
VERSION = 1
HEADER_BYTES = 2 + 1 + 1 + 4 + 8
CRC_BYTES = 4
SALT_BYTES = 8
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES
PAYLOAD_BYTES_MAX = 32 * 1024
"""The largest payload is a sealed segment of 16 KiB; a flush of all open rows is below that."""

STATE = 1
OPEN = 2
FLUSH = 3
SEALED = 4
TRIMMED = 5
BOOT = 6
COMPLETE = 7
MEMORY = 8
TYPES = (STATE, OPEN, FLUSH, SEALED, TRIMMED, BOOT, COMPLETE, MEMORY)


def encode(kind: int, number: int, payload: bytes, salt: bytes) -> bytes:
    """The bytes of one record; `number` counts records from 0 in their slot."""
    head = MAGIC + bytes((VERSION, kind)) + len(payload).to_bytes(4, "little") + number.to_bytes(8, "little")
    return head + payload + checksum(salt, head, payload)


def checksum(*parts) -> bytes:
    """CRC-32 over the parts in order, little-endian."""
    value = 0
    for part in parts:
        value = binascii.crc32(part, value)
    return (value & 0xFFFFFFFF).to_bytes(CRC_BYTES, "little")


def decode_at(read, offset: int, salt: bytes):
    """(number, kind, payload, end offset) of the record at `offset`, or None when no whole record is there.

    `read(offset, size) -> bytes` may return fewer bytes at the end of the storage.
    """
    head = read(offset, HEADER_BYTES)
    if len(head) < HEADER_BYTES or head[:2] != MAGIC or head[2] != VERSION or head[3] not in TYPES:
        return None
    length = int.from_bytes(head[4:8], "little")
    if length > PAYLOAD_BYTES_MAX:
        return None
    body = read(offset + HEADER_BYTES, length + CRC_BYTES)
    if len(body) < length + CRC_BYTES:
        return None
    payload = body[:length]
    if body[length:] != checksum(salt, head, payload):
        return None
    return int.from_bytes(head[8:16], "little"), head[3], payload, offset + HEADER_BYTES + length + CRC_BYTES


def find_next(read, offset: int, size: int, salt: bytes):
    """Offset of the next whole record at or after `offset`, or None. Reads forward in pieces."""
    piece_bytes = 4096
    while offset < size:
        piece = read(offset, piece_bytes + len(MAGIC) - 1)
        at = piece.find(MAGIC)
        while at >= 0:
            if decode_at(read, offset + at, salt):
                return offset + at
            at = piece.find(MAGIC, at + 1)
        offset += piece_bytes
    return None
