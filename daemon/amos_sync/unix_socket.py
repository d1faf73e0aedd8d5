"""A Unix socket on which a player of the same host listens. The player takes one courier at a time."""

import socket

from amos_sync.descriptor_port import DescriptorPort
from amos_sync.errors import PortBusy, PortMissing


class UnixPort(DescriptorPort):
    """A connected Unix socket."""

    def __init__(self, path: str, connection: socket.socket):
        super().__init__(f"unix:{path}", connection.fileno())
        self._connection = connection

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def open_unix(path: str) -> UnixPort:
    """Connect. Raises `PortMissing` when nobody listens, `PortBusy` when the player takes no further connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(path)
    except BlockingIOError as error:
        connection.close()
        raise PortBusy(f"unix:{path}: the player is busy with another courier") from error
    except OSError as error:
        connection.close()
        raise PortMissing(f"unix:{path}: no player listens there ({error.strerror or error})") from error
    return UnixPort(path, connection)
