"""A player behind a TCP connection, for a wire that nobody else is on: neither side is hidden from who listens there.

Who answers proves its key, as on every line, and what it says is signed; what it is told is no secret but to the shop.
"""

import errno
import ipaddress
import socket

from amos_sync.addresses import tcp_of
from amos_sync.descriptor_port import DescriptorPort
from amos_sync.errors import PortMissing


class TcpPort(DescriptorPort):
    """A TCP socket, which may be connecting still: then nothing arrives, and what is written waits."""

    def __init__(self, rest: str, connection: socket.socket):
        super().__init__(f"tcp:{rest}", connection.fileno())
        self._connection = connection

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def open_tcp(rest: str) -> TcpPort:
    """Begin to connect to `ADDRESS:PORT`, and do not wait for it. Raises `PortMissing`."""
    host, port = tcp_of(rest)
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A cable that was pulled out tells nobody: without this, a player that says nothing is kept for ever.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    code = connection.connect_ex((host, port))
    if code not in (0, errno.EINPROGRESS):
        connection.close()
        raise PortMissing(f"tcp:{rest}: no player listens there ({errno.errorcode.get(code, code)})")
    return TcpPort(rest, connection)
