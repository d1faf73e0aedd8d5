"""The player's Unix socket on CPython (contract in `link_ports`)."""

import os
import socket

from amos.edges import posix
from amos.protocol.link_device import DeviceLink

READ_BYTES_MAX = 4096


class SocketPort:
    """A listening Unix socket at `path`, one courier at a time (a second one waits until the first has gone)."""

    def __init__(self, path: str):
        if os.path.exists(path):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o660)
        self._listener.listen(1)
        self._peer: socket.socket | None = None

    def poll(self, link: DeviceLink, timeout_ms: int) -> bool:
        if self._peer is None:
            if not posix.readable(self._listener.fileno(), timeout_ms):
                return False
            self._peer, _address = self._listener.accept()
            return True
        if not posix.readable(self._peer.fileno(), timeout_ms):
            return False
        try:
            data = self._peer.recv(READ_BYTES_MAX)
            if data:
                self._peer.sendall(link.feed(data))
                return True
        except OSError:
            pass  # a courier that was killed: the next one starts afresh
        self._peer.close()
        self._peer = None
        return True
