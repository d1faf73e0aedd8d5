"""A door in front of a server's socket that stops forwarding and keeps its connections open."""

import selectors
import socket
import threading
from pathlib import Path


class StallingProxy:
    """Listens at `folder`, for a client of PostgreSQL, and speaks with the server whose socket is in `server`."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self.stalled = False
        self.connections = 0
        self._server = next(server.glob(".s.PGSQL.*[0-9]"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / self._server.name))
        self._listener.listen()
        self._ends = False
        self._peers: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends = True
        self._thread.join(5)
        for one in (self._listener, *self._peers):
            one.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._ends:
                for key, _events in selector.select(0.02):
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    elif not self.stalled:
                        self._forward(selector, key.fileobj)  # type: ignore[arg-type]
                if self.stalled:
                    threading.Event().wait(0.02)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client, _address = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        self.connections += 1
        self._peers |= {client: server, server: client}
        for one in (client, server):
            selector.register(one, selectors.EVENT_READ)

    def _forward(self, selector: selectors.BaseSelector, one: socket.socket) -> None:
        other = self._peers.get(one)
        if other is None:
            return
        try:
            data = one.recv(65_536)
            if data:
                return other.sendall(data)
        except OSError:
            pass
        for gone in (one, other):
            selector.unregister(gone)
            self._peers.pop(gone, None)
            gone.close()
