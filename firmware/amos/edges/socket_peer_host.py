"""One peer of the player's Unix socket: its line, its conversation, and how long it has been quiet."""

import socket

from amos.edges.link_line import Line
from amos.edges.posix import write_some
from amos.protocol.limits import STREAM_BYTES_MAX
from amos.protocol.link_device import DeviceLink

READ_BYTES = STREAM_BYTES_MAX
"""Of a peer that sends a blob at once; of others a few requests come together."""

SETTLE_MS = 1000
"""A peer that has just come is left so long to say something."""

MIDDLE_MS = 2000
"""So long a peer may be in the middle of a request or an answer without a break, before it counts as idle."""


class Peer:
    """`now_ms` is the player's clock wherever it is asked for.

    heard_ms   when anything last moved
    """

    def __init__(self, connection: socket.socket, link: DeviceLink, now_ms: int):
        connection.setblocking(False)
        self.connection = connection
        self.line = Line(self._read, self._write)
        self._link = link
        self._came_ms = self._between_ms = now_ms
        self.heard_ms = now_ms

    @property
    def _in_the_middle(self) -> bool:
        return self.line.waits or self.line.unsent or self._link.within

    def serve(self, now_ms: int) -> bool:
        """Serve one request at most; whether it is still there."""
        try:
            if self.line.serve(self._link):
                self.heard_ms = now_ms
        except OSError:
            return False
        if not self._in_the_middle:
            self._between_ms = now_ms
        return True

    def may_go(self, now_ms: int) -> bool:
        """Whether a newcomer may have its place: it has had its say, and is in the middle of nothing, or for long."""
        if self._in_the_middle and now_ms - self._between_ms < MIDDLE_MS:
            return False
        return now_ms - self._came_ms >= SETTLE_MS

    def _read(self) -> bytes:
        try:
            data = self.connection.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionResetError("the peer has gone")
        return data

    def _write(self, answer: memoryview) -> int:
        return write_some(self.connection.fileno(), answer)
