"""The player's Unix socket on CPython (contract in `link_ports`)."""

import os
import select
import socket
import stat

from amos.edges import posix
from amos.edges.address import LinkTaken
from amos.protocol.limits import REQUEST_WIDE_BYTES_MAX
from amos.protocol.link_device import DeviceLink

READ_BYTES_MAX = 65536
WRITE_WAIT_MS = 50
PEERS_MAX = 4
"""A courier, an operator who asks how the player is, and room for one of each that has not noticed its end."""


class SocketPort:
    """A listening Unix socket at `path`. Each peer has a conversation of its own; more than `PEERS_MAX` wait.

    What a player that died has left there gives way. Raises OSError; `LinkTaken` for all else that is there.
    """

    request_bytes_max = REQUEST_WIDE_BYTES_MAX

    def __init__(self, path: str):
        _clear(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o660)
        self._listener.listen(PEERS_MAX)
        self._peers: dict[socket.socket, DeviceLink] = {}

    def poll(self, link: DeviceLink, timeout_ms: int) -> bool:
        watched = [*self._peers, self._listener] if len(self._peers) < PEERS_MAX else [*self._peers]
        ready, _writable, _failed = select.select(watched, [], [], timeout_ms / 1000)
        for one in ready:
            if one is self._listener:
                peer, _address = one.accept()
                peer.setblocking(False)
                self._peers[peer] = link.another()
            elif not self._serve(one):
                one.close()
                del self._peers[one]
        return bool(ready)

    def _serve(self, peer: socket.socket) -> bool:
        """Answer what has come; False when the peer has gone, or been killed: the next one starts afresh."""
        try:
            data = peer.recv(READ_BYTES_MAX)
            self._peers[peer].feed(data, lambda answer: posix.write_some(peer.fileno(), answer, WRITE_WAIT_MS))
        except OSError:
            return False
        return bool(data)


def _clear(path: str) -> None:
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise LinkTaken(f"link: expected nothing at {path}, or a socket, found another file")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # somebody listens, with a queue of peers that wait
    raise LinkTaken(f"link: expected nobody at {path}, found a player that listens there; give each its own")
