"""Frames of the link: COBS (Cheshire and Baker 1999) around a body and its CRC-32, ended by a zero byte (SPEC 7).

Sans-I/O: bytes in any pieces come in, whole bodies come out, damage is counted and named, and never stops the reader.
"""

import binascii

from amos.protocol.errors import FrameError

CRC_BYTES = 4
_RUN = 254


def cobs_encode(data) -> bytes:
    """`data` without zero bytes, at most one byte in 254 longer plus one."""
    data = bytes(data)
    parts = []
    start = 0
    while True:
        end = data.find(b"\x00", start)
        stop = len(data) if end < 0 else end
        while stop - start >= _RUN:
            parts.append(b"\xff" + data[start : start + _RUN])
            start += _RUN
            if start == len(data):
                return b"".join(parts)
        parts.append(bytes((stop - start + 1,)) + data[start:stop])
        if end < 0:
            return b"".join(parts)
        start = end + 1


def cobs_decode(data) -> bytes:
    """The inverse of `cobs_encode`. Raises `FrameError` when a run leads past the end or a zero stands inside."""
    parts = []
    at = 0
    size = len(data)
    while at < size:
        code = data[at]
        end = at + code
        if code == 0 or end > size:
            raise FrameError("frame: expected a run within %d bytes, found one of %d at %d" % (size, code, at))
        parts.append(bytes(data[at + 1 : end]))
        at = end
        if code != 255 and at < size:
            parts.append(b"\x00")
    return b"".join(parts)


def frame(body) -> bytes:
    """The bytes on the line for one body: COBS of body and CRC-32 (little-endian), then the delimiter."""
    checksum = binascii.crc32(body) & 0xFFFFFFFF
    return cobs_encode(bytes(body) + checksum.to_bytes(CRC_BYTES, "little")) + b"\x00"


class FrameReader:
    """Collects frames from a stream. `body_bytes_max` bounds a body; a longer frame is dropped whole.

    damaged   int, frames dropped so far; what was wrong with the last is in `last_error`
    """

    def __init__(self, body_bytes_max: int):
        self._encoded_max = body_bytes_max + CRC_BYTES + (body_bytes_max + CRC_BYTES) // _RUN + 1
        self._pending = bytearray()
        self._skipping = False
        self.damaged = 0
        self.last_error = ""

    def feed(self, data) -> list:
        """Bodies completed by `data`, in order. Never raises; damage is counted."""
        bodies = []
        pieces = bytes(data).split(b"\x00")
        for index in range(len(pieces)):
            self._collect(pieces[index])
            if index < len(pieces) - 1:
                body = self._finish()
                if body is not None:
                    bodies.append(body)
        return bodies

    def _collect(self, piece) -> None:
        if self._skipping:
            return
        if len(self._pending) + len(piece) > self._encoded_max:
            self._skipping = True
            self._pending = bytearray()
            return
        self._pending.extend(piece)

    def _finish(self):
        encoded, self._pending = self._pending, bytearray()
        if self._skipping:
            self._skipping = False
            return self._drop("frame: expected at most %d bytes" % self._encoded_max)
        if not encoded:
            return None  # idle delimiters between frames
        try:
            content = cobs_decode(encoded)
        except FrameError as error:
            return self._drop(str(error))
        body, trailer = content[:-CRC_BYTES], content[-CRC_BYTES:]
        if len(content) <= CRC_BYTES or binascii.crc32(body) & 0xFFFFFFFF != int.from_bytes(trailer, "little"):
            return self._drop("frame: expected CRC-32 to match")
        return body

    def _drop(self, sentence: str):
        self.damaged += 1
        self.last_error = sentence
        return None
