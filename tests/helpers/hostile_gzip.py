"""Files that begin like gzip and are no statement: name → (bytes, what a refusal says of them)."""

import gzip
import zlib

WHOLE = gzip.compress(b'{"core":{}}\n', 9, mtime=0)
HEADER = WHOLE[:10]


def bomb(inside_bytes: int) -> bytes:
    """At least so many zeros, in a thousandth of that: the same flushed block again and again, without an end."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflater.compress(bytes(1 << 24)) + deflater.flush(zlib.Z_FULL_FLUSH)
    return HEADER + block * -(-inside_bytes >> 24)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "two bytes": (WHOLE[:2], "cut off"),
    "a header alone": (HEADER, "cut off"),
    "cut in the data": (WHOLE[:-12], "cut off"),
    "cut in the trailer": (WHOLE[:-1], "cut off"),
    "another CRC": (WHOLE[:-8] + bytes([WHOLE[-8] ^ 1]) + WHOLE[-7:], "incorrect data check"),
    "another length": (WHOLE[:-1] + b"\1", "incorrect length check"),
    "damaged data": (HEADER + b"\xff" * 20, "invalid block type"),
    "another method": (b"\x1f\x8b\x07" + WHOLE[3:], "unknown compression method"),
    "reserved flags": (b"\x1f\x8b\x08\xe0" + WHOLE[4:], "unknown header flags"),
    "a second member": (WHOLE + WHOLE, "after its gzip member"),
    "zeros behind": (WHOLE + bytes(8), "after its gzip member"),
    "a bomb": (bomb(1 << 31), "when decompressed, found more"),
    "gzip inside gzip": (gzip.compress(WHOLE, 9, mtime=0), "found bytes that are no text"),
}
