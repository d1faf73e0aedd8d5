"""Lines to a player in memory, for the tests: a Unix socket or a pty, served by a thread."""

import os
import select
import socket
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from sync_journals import LEDGER_KEY, LEDGER_SEED, FakePlayer, sealed

from amos.protocol.link_device import DeviceLink
from protocol_player import fed

__all__ = ("LEDGER_KEY", "LEDGER_SEED", "FakePlayer", "PlayerThread", "sealed")


class PlayerThread:
    """Serves a player on a Unix socket or a pty until `stop`. `spoil(data)` may damage what it sends."""

    def __init__(self, player: FakePlayer, address: str, spoil: Callable[[bytes], bytes] = bytes):
        self.player = player
        self.link = DeviceLink(player)
        self.address = address
        self.bytes_in = self.bytes_out = 0
        self._spoil = spoil
        self._stopping = threading.Event()
        kind, _colon, path = address.partition(":")
        self._path = Path(path)
        self._serve = self._serve_socket if kind == "unix" else self._serve_pty
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        """Unplug."""
        self._stopping.set()
        self._thread.join(60)
        self._path.unlink(missing_ok=True)

    def _answer(self, data: bytes) -> bytes:
        answer = self._spoil(fed(self.link, data))
        self.bytes_in += len(data)
        self.bytes_out += len(answer)
        return answer

    def _serve_socket(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._path))
            listener.listen(1)
            listener.settimeout(0.05)
            self._ready.set()
            while not self._stopping.is_set():
                try:
                    connection, _address = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        while not self._stopping.is_set():
            try:
                data = connection.recv(512)
                if not data:
                    return
                connection.sendall(self._answer(data))
            except TimeoutError:
                continue
            except OSError:
                return

    def _serve_pty(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        self._path.symlink_to(os.ttyname(slave))
        self._ready.set()
        while not self._stopping.is_set():
            if select.select([master], [], [], 0.05)[0]:
                os.write(master, self._answer(os.read(master, 512)))
        os.close(slave)
        os.close(master)
