"""Many players in one process, each behind a Unix socket of its own, as a courier finds them."""

import selectors
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from amos.protocol.limits import REQUEST_WIDE_BYTES_MAX
from amos.protocol.link_device import DeviceLink

RECEIVED_BYTES = 1 << 16


def listening(folder: Path, number: int) -> socket.socket:
    """Where that player is to be found: `address_of`."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / str(number)))
    listener.listen(1)
    return listener


def address_of(folder: Path, number: int) -> str:
    """As a courier takes it."""
    return f"unix:{folder / str(number)}"


def serve(players: Iterable[tuple[socket.socket, Any]]) -> None:
    """Answer for ever for each (listener, player), with what `DeviceLink` asks of a player."""
    selector = selectors.DefaultSelector()
    for listener, player in players:
        selector.register(listener, selectors.EVENT_READ, player)
    while True:
        for key, _events in selector.select():
            line: Any = key.fileobj
            if not isinstance(key.data, DeviceLink):
                connection, _address = line.accept()
                link = DeviceLink(key.data, REQUEST_WIDE_BYTES_MAX)
                selector.register(connection, selectors.EVENT_READ, link)
            elif not _answered(line, key.data):
                selector.unregister(line)
                line.close()


def serve_apart(players: Iterable[tuple[socket.socket, Any]]) -> None:
    """As `serve`, each on a thread of its own: where players wait for their disks, as machines of their own would, none
    waits for another's."""
    threads = [threading.Thread(target=serve, args=([player],), daemon=True) for player in players]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answered(line: socket.socket, link: DeviceLink) -> bool:
    """Whether there is somebody yet."""
    try:
        data, at = line.recv(RECEIVED_BYTES), 0
        while at < len(data):
            at = link.serve(data, at, line.sendall)
    except OSError:
        return False  # who asked has ended
    return bool(data)
