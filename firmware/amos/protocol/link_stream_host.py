"""The player's side of the link over a socket: blobs come as they are, or from a file that the player can read.

A socket loses and damages nothing, so that COBS and CRC-32 would only cost processor time; the hash of the blob tells
in any case (SPEC section 7, "Over a socket").
"""

from collections.abc import Callable
from typing import Protocol

from amos.protocol.limits import FETCH_BYTES, STREAM_BYTES_MAX
from amos.protocol.link import BAD_OFFER, BEGIN_STREAM, BUSY, FETCH, NOT_BEGUN, OK, STREAM, Response
from amos.protocol.link_device import DeviceLink
from amos.protocol.printable import sentence


class LocalFiles(Protocol):
    """Files of this machine, read meanwhile: `read` gives the bytes of the whole file `path` that are asked for, None
    while they are under way. Raises OSError, also for what is no file of `size` bytes."""

    def read(self, path: bytes, size: int, offset: int, length: int) -> bytes | None: ...


class StreamLink(DeviceLink):
    """A `DeviceLink` that knows the verbs of a socket. `files`: whence blobs may be fetched."""

    def __init__(self, player: object, request_bytes_max: int, files: LocalFiles):
        super().__init__(player, request_bytes_max)
        self._files = files
        self._size = self._held = 0  # of the blob begun last
        self._left = 0  # bytes of the stream that are still to come
        self._at = 0
        self._result = Response(id=0, code=OK)
        self._verbs |= {BEGIN_STREAM: self._begin_stream, STREAM: self._stream, FETCH: self._fetch}

    def another(self) -> "StreamLink":
        return StreamLink(self._player, self._request_bytes_max, self._files)

    @property
    def within(self) -> bool:
        return self._left > 0 or super().within

    def serve(self, data: bytes, start: int, write: Callable[[memoryview], None]) -> int:
        if not self._left:
            return super().serve(data, start, write)
        end = min(len(data), start + self._left)
        self._take(memoryview(data)[start:end])
        if not self._left:
            write(self._framed(self._result))
        return end

    def _begin_stream(self, number: int, kind: int, size: int, sha256: bytes) -> Response:
        self._size = 0
        answer = self._packs.begin(number, kind, size, sha256)
        if answer.code == OK:
            self._size, self._held = size, answer.offset or 0
            answer.length, answer.size = None, STREAM_BYTES_MAX
        return answer

    def _stream(self, number: int, offset: int, size: int) -> Response | None:
        """The answer comes after the bytes, which are passed over where they cannot be taken."""
        self._left, self._at = size, offset
        self._result = Response(id=number, code=OK, offset=offset)
        if size > STREAM_BYTES_MAX:
            self._result = Response(id=number, code=BAD_OFFER, text=f"expected at most {STREAM_BYTES_MAX} bytes")
        return None if size else self._result

    def _take(self, piece: memoryview) -> None:
        if self._result.code == OK:
            self._result = self._put(self._result.id, self._at, piece)
        self._at += len(piece)
        self._left -= len(piece)

    def _put(self, number: int, offset: int, piece: "memoryview | bytes") -> Response:
        answer = self._packs.put(number, offset, piece)
        if answer.code == OK:
            self._held = answer.offset or 0
        return answer

    def _fetch(self, number: int, path: bytes) -> Response:
        """Some bytes more of the blob begun last, from this file."""
        if not self._size:
            return Response(id=number, code=NOT_BEGUN, text="expected a begun blob; begin it again")
        length = min(FETCH_BYTES, self._size - self._held)
        if not length:
            return Response(id=number, code=OK, offset=self._held)
        try:
            piece = self._files.read(path, self._size, self._held, length)
        except OSError as error:
            return Response(id=number, code=BAD_OFFER, text=sentence(str(error)))
        if piece is None:
            return Response(id=number, code=BUSY, text="file: being read")
        return self._put(number, self._held, piece)
