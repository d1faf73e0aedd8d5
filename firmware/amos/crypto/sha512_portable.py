"""SHA-512 (FIPS 180-4) for runtimes whose `hashlib` has none. Pure."""

import struct
from array import array

from amos.compat import MICROPYTHON, const
from amos.crypto.errors import checked_piece
from amos.crypto.sha512_constants import INITIAL_STATE

if MICROPYTHON:
    try:
        from amos.crypto.sha512_viper import WORK_WORDS, compress
    except SyntaxError:  # a port without a native code emitter refuses the viper decorator
        from amos.crypto.sha512_plain import WORK_WORDS, compress
else:
    from amos.crypto.sha512_plain import WORK_WORDS, compress

_BLOCK_BYTES = const(128)

_work = array("I", bytes(4 * WORK_WORDS))  # kept: so large a piece may not be there again


def sha512(*parts: bytes) -> bytes:
    """The 64-byte digest of `parts` (bytes-like) one after the other, hashed in place, without joining.

    Raises `ArgumentTypeError` for anything that is not bytes, bytearray or memoryview.
    """
    work = _work
    for i, half in enumerate(struct.unpack(">16I", INITIAL_STATE)):
        work[i] = half
    tail = b""
    length = 0
    for part in parts:
        part = checked_piece("data", part)
        length += len(part)
        start = 0
        if tail:
            start = min(_BLOCK_BYTES - len(tail), len(part))
            tail += bytes(part[:start])
            if len(tail) < _BLOCK_BYTES:
                continue
            compress(work, tail, 0, 1)
        count = (len(part) - start) // _BLOCK_BYTES
        compress(work, part, start, count)
        tail = bytes(part[start + _BLOCK_BYTES * count :])
    # A one bit, zeros, and the length in bits as 128-bit big-endian, to a whole number of blocks.
    padding_bytes = (111 - length) % _BLOCK_BYTES
    tail += b"\x80" + bytes(padding_bytes) + (8 * length).to_bytes(16, "big")
    compress(work, tail, 0, len(tail) // _BLOCK_BYTES)
    return struct.pack(">16I", *work[:16])
