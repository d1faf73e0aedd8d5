"""Where the courier reaches the player: a pty or a Unix socket.

Contract of a port: `poll(link, timeout_ms)` waits at most that long for bytes, feeds them to the `DeviceLink`, and sends
what it answers; returns whether anything came. A courier that goes away in the middle leaves nothing behind but a
damaged frame, which the link drops. Never raises for what the other side does.
"""

from amos.compat import MICROPYTHON
from amos.edges import posix

READ_BYTES = 512
"""A board's USB input ring; larger pieces would not come in one read there."""

WRITE_BYTES_MAX = 2048
"""A pty holds 4 KiB; a response frame is below this, so that writing one never blocks for long."""


class PtyPort:
    """A pseudo-terminal of which the courier opens the slave, through the symbolic link `path`, like a serial port."""

    def __init__(self, path: str):
        self._fd, slave = posix.open_pty()
        posix.link_name(slave, path)

    def poll(self, link, timeout_ms: int) -> bool:
        if not posix.readable(self._fd, timeout_ms):
            return False
        answer = link.feed(posix.read_some(self._fd, READ_BYTES))
        if answer:
            posix.write_all(self._fd, answer)
        return True


class SocketPort:
    """A listening Unix socket at `path`, one courier at a time (a second one waits until the first has gone)."""

    def __init__(self, path: str):
        import os
        import socket

        if os.path.exists(path):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o660)
        self._listener.listen(1)
        self._peer = None

    def poll(self, link, timeout_ms: int) -> bool:
        if self._peer is None:
            if not posix.readable(self._listener.fileno(), timeout_ms):
                return False
            self._peer, _address = self._listener.accept()
            return True
        if not posix.readable(self._peer.fileno(), timeout_ms):
            return False
        try:
            data = self._peer.recv(READ_BYTES)
            if data:
                self._peer.sendall(link.feed(data))
                return True
        except OSError:
            pass  # a courier that was killed: the next one starts afresh
        self._peer.close()
        self._peer = None
        return True


class NoPort:
    """No courier at all."""

    def poll(self, link, timeout_ms: int) -> bool:
        posix.readable(0, 0)
        return False


def open_port(address: str):
    """The port for `pty:PATH`, `unix:PATH` or `none`. Raises ValueError or OSError."""
    kind, _colon, path = address.partition(":")
    if kind == "pty" and path:
        return PtyPort(path)
    if kind == "unix" and path and not MICROPYTHON:
        return SocketPort(path)
    if address == "none":
        return NoPort()
    raise ValueError("link: expected pty:PATH%s or none, found %s" % ("" if MICROPYTHON else ", unix:PATH", address))
