"""The player's Unix socket on CPython (contract in `link_ports`)."""

import os
import select
import socket
import stat

from amos.edges.address import LinkTaken
from amos.edges.clock import SystemClock
from amos.edges.local_files_host import LocalFiles
from amos.edges.socket_peer_host import Peer
from amos.protocol.limits import REQUEST_WIDE_BYTES_MAX
from amos.protocol.link_device import DeviceLink
from amos.protocol.link_stream_host import StreamLink

PEERS_MAX = 4
"""A courier, an operator who asks how the player is, and room for one of each that has not noticed its end."""


class SocketPort:
    """A listening Unix socket at `path`. Each peer has a conversation of its own. Of `PEERS_MAX` peers the one that has
    been quiet for longest gives way to a newcomer, as `Peer.may_go` lets it; until one may, newcomers wait.

    What a player that died has left there gives way. Raises OSError; `LinkTaken` for all else that is there.
    """

    request_bytes_max = REQUEST_WIDE_BYTES_MAX

    def __init__(self, path: str, clock: "SystemClock | None" = None):
        _clear(path)
        self._clock = clock or SystemClock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        os.chmod(path, 0o660)
        self._listener.listen(PEERS_MAX)
        self._listener.setblocking(False)
        self._peers: list[Peer] = []  # in the order of their turns

    def link_of(self, player: object) -> DeviceLink:
        return StreamLink(player, self.request_bytes_max, LocalFiles())

    def poll(self, link: DeviceLink, timeout_ms: int) -> bool:
        if any(peer.line.waits and not peer.line.unsent for peer in self._peers):
            timeout_ms = 0
        ready = self._ready(timeout_ms)
        if self._listener in ready:
            self._admit(link)
        for peer in list(self._peers):
            if peer.connection in ready or (peer.line.waits and not peer.line.unsent):
                self._peers.remove(peer)
                if peer.serve(self._clock.now_ms()):
                    self._peers.append(peer)
                else:
                    peer.connection.close()
                return True
        return bool(ready)

    def close(self) -> None:
        """Send everybody away, for a program that goes on without its player."""
        for peer in self._peers:
            peer.connection.close()
        self._listener.close()

    def _ready(self, timeout_ms: int) -> "set[socket.socket]":
        readers = [peer.connection for peer in self._peers if not peer.line.waits and not peer.line.unsent]
        writers = [peer.connection for peer in self._peers if peer.line.unsent]
        if len(self._peers) < PEERS_MAX or self._gives_way() is not None:
            readers.append(self._listener)
        readable, writable, _failed = select.select(readers, writers, [], timeout_ms / 1000)
        return {*readable, *writable}

    def _gives_way(self) -> "Peer | None":
        now_ms = self._clock.now_ms()
        return min((peer for peer in self._peers if peer.may_go(now_ms)), key=_heard_ms, default=None)

    def _admit(self, link: DeviceLink) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError:
            return  # it has gone again, or the process has no descriptor left for it
        leaving = self._gives_way() if len(self._peers) >= PEERS_MAX else None
        if leaving is not None:
            self._peers.remove(leaving)
            leaving.connection.close()
        self._peers.append(Peer(connection, link.another(), self._clock.now_ms()))


def _heard_ms(peer: Peer) -> int:
    return peer.heard_ms


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
