"""Frames of the link: COBS (Cheshire and Baker 1999) around a body and its CRC-32, ended by a zero byte (SPEC 7).

Sans-I/O: bytes in any pieces come in, whole bodies come out, damage is counted and named, and never stops the reader.
Both ways a frame stands in one buffer, taken once, and is changed in place: what a board would copy it must collect.
"""

import binascii

from amos.protocol.errors import FrameError, LocalError

CRC_BYTES = 4
_RUN = 254


def stuff(buffer: bytearray, end: int) -> int:
    """Stuff the plain bytes `buffer[1:end]` where they stand: no byte of `buffer[:result]` is zero. Needs room for
    `stuffed_bytes_max`.

    Each zero becomes the distance to the next; only after a run of 254 bytes without one a byte is put in.
    """
    code_at = zero = 0
    while zero >= 0:
        zero = buffer.find(b"\x00", code_at + 1, end)
        stop = end if zero < 0 else zero
        while stop - code_at > _RUN:
            buffer[code_at] = 255
            code_at += 255
            if code_at == end:
                return end
            buffer[code_at + 1 : end + 1] = memoryview(buffer)[code_at:end]
            end += 1
            stop += 1
        buffer[code_at] = stop - code_at
        code_at = stop
    return end


def unstuff(buffer: bytearray, end: int) -> int:
    """The inverse, of the 1 byte or more of `buffer[:end]`: the plain bytes are `buffer[1:result]`. Raises `FrameError`
    when a run leads past the end or a zero stands inside."""
    size, code_at, code = end, 0, buffer[0]
    while True:
        stop = code_at + code
        if code == 0 or stop > end:
            at = code_at + size - end
            raise FrameError("frame: expected a run within %d bytes, found one of %d at %d" % (size, code, at))
        if stop == end:
            return end
        following = buffer[stop]
        if code == 255:
            buffer[stop : end - 1] = memoryview(buffer)[stop + 1 : end]
            end -= 1
            code_at = stop - 1  # as if it stood there: its run begins at `stop`
        else:
            buffer[stop] = 0
            code_at = stop
        code = following


def stuffed_bytes_max(plain_bytes: int) -> int:
    """The most that so many bytes become."""
    return plain_bytes + plain_bytes // _RUN + 1


def frame(body) -> bytes:
    """The bytes on the line for one body: COBS of body and CRC-32 (little-endian), then the delimiter."""
    return bytes(FrameWriter(len(body)).write((body,)))


class FrameWriter:
    """Puts one frame after the other together. `body_bytes_max` bounds a body."""

    def __init__(self, body_bytes_max: int):
        self._body_bytes_max = body_bytes_max
        self._buffer = bytearray(stuffed_bytes_max(body_bytes_max + CRC_BYTES) + 1)

    def write(self, parts) -> memoryview:
        """As `frame`, of the body that `parts` (bytes or bytearray) make one after the other. It is good until the next
        one is written. Raises `LocalError` for a longer body."""
        buffer, end = self._buffer, 1
        for part in parts:
            start, end = end, end + len(part)
            if end > self._body_bytes_max + 1:
                raise LocalError("frame: expected a body of at most %d bytes" % self._body_bytes_max)
            buffer[start:end] = part
        checksum = binascii.crc32(memoryview(buffer)[1:end]) & 0xFFFFFFFF
        buffer[end : end + CRC_BYTES] = checksum.to_bytes(CRC_BYTES, "little")
        end = stuff(buffer, end + CRC_BYTES)
        buffer[end] = 0
        return memoryview(buffer)[: end + 1]


class FrameReader:
    """Collects frames from a stream. `body_bytes_max` bounds a body; a longer frame is dropped whole.

    damaged   int, frames dropped so far; what was wrong with the last is in `last_error`
    """

    def __init__(self, body_bytes_max: int):
        self._buffer = bytearray(stuffed_bytes_max(body_bytes_max + CRC_BYTES))
        self._held = 0
        self._skipping = False
        self.damaged = 0
        self.last_error = ""

    def feed(self, data) -> list:
        """Bodies completed by `data` (bytes or bytearray), in order. Never raises; damage is counted."""
        bodies, start = [], 0
        while start < len(data):
            body, start = self.next(data, start)
            if body is not None:
                bodies.append(body)
        return bodies

    def next(self, data, start: int) -> tuple:
        """(body, end): the body of the first frame that ends in `data[start:]`, None where it is damaged or none ends;
        and where that frame's bytes end. Never raises."""
        view, damaged_before = memoryview(data), self.damaged
        while start < len(data):
            end = data.find(b"\x00", start)
            if end < 0:
                self._collect(view[start:])
                break
            self._collect(view[start:end])
            body, start = self._finish(), end + 1
            if body is not None or self.damaged > damaged_before:
                return body, start
        return None, len(data)

    @property
    def within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._skipping or self._held > 0

    def _collect(self, piece) -> None:
        held = self._held + len(piece)
        if self._skipping or held > len(self._buffer):
            self._skipping = True
            return
        self._buffer[self._held : held] = piece
        self._held = held

    def _finish(self):
        buffer, held, skipping = self._buffer, self._held, self._skipping
        self._held, self._skipping = 0, False
        if skipping:
            return self._drop("frame: expected at most %d bytes" % len(buffer))
        if not held:
            return None  # idle delimiters between frames
        try:
            end = unstuff(buffer, held) - CRC_BYTES
        except FrameError as error:
            return self._drop(str(error))
        body, trailer = memoryview(buffer)[1:end], memoryview(buffer)[end : end + CRC_BYTES]
        if end <= 1 or binascii.crc32(body) & 0xFFFFFFFF != int.from_bytes(trailer, "little"):
            return self._drop("frame: expected CRC-32 to match")
        return bytes(body)

    def _drop(self, sentence: str):
        self.damaged += 1
        self.last_error = sentence
        return None
