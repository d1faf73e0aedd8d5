"""A broker that misbehaves: a door in front of a real one, for packets of MQTT; and a line to a player that is cut.

What it does to whoever comes through is drawn for each packet; `calm` ends it, and hangs up on everybody once.
"""

import contextlib
import random
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

CONNECT, PUBLISH, PUBACK = 0x10, 0x30, 0x40
PIECE_BYTES = 65_536


@dataclass
class Faults:
    """Chances, of each connection (`refuse`) and of each packet."""

    refuse: float = 0
    drop: float = 0
    swallow: float = 0
    """Acknowledged to its sender, and given to nobody."""
    delay: float = 0
    duplicate: float = 0
    reorder: float = 0
    tear: float = 0


class _Door:
    """Accepts on a socket, and runs two threads for each that comes: there and back."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._lines: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        # A thread that waits in accept() keeps a listener that was only closed.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """On everybody."""
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def admits(self) -> bool:
        return True

    def connect(self) -> socket.socket:
        raise NotImplementedError

    def carry(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        """Until one of them ends."""
        raise NotImplementedError

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._listener.accept()
            except OSError:
                return
            try:
                other = self.connect() if self.admits() else None
            except OSError:
                other = None
            if other is None:
                line.close()
                continue
            self._lines |= {line, other}
            for source, target, back in ((line, other, False), (other, line, True)):
                threading.Thread(target=self._run, args=(source, target, back), daemon=True).start()

    def _run(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.carry(source, target, back)
        for line in (source, target):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        # Whichever direction ends last leaves nothing open.
        self._lines.discard(source)
        source.close()


class HostileBroker(_Door):
    """In front of the broker at `behind`; `done` counts what it did."""

    def __init__(self, behind: int, chance: random.Random) -> None:
        self.faults = Faults()
        self.done: dict[str, int] = {}
        self._behind = behind
        self._chance = chance
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        super().__init__(listener)

    def calm(self) -> None:
        self.faults = Faults()
        self.hang_up()

    def admits(self) -> bool:
        return not self._falls("refuse")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._behind))

    def carry(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        held = b""
        while True:
            packet = _packet(source)
            kind = packet[0] & 0xF0
            if kind == CONNECT or kind not in (PUBLISH, PUBACK):
                target.sendall(packet)
                continue
            if self._falls("delay"):
                time.sleep(self._chance.uniform(0, 0.3))
            if self._falls("tear"):
                target.sendall(packet[: self._chance.randrange(len(packet))])
                raise EOFError
            if self._falls("drop"):
                continue
            if kind == PUBLISH and packet[0] & 6 == 2 and self._falls("swallow"):
                source.sendall(bytes((PUBACK, 2)) + _packet_id(packet))
                continue
            if not held and self._falls("reorder"):
                held = packet
                continue
            target.sendall(packet * (2 if self._falls("duplicate") else 1) + held)
            held = b""

    def _falls(self, name: str) -> bool:
        if self._chance.random() >= getattr(self.faults, name):
            return False
        self.done[name] = self.done.get(name, 0) + 1
        return True


class PlayerLine(_Door):
    """In front of a player's socket: `unplug` lets so many bytes through yet, which is in the middle of a frame."""

    def __init__(self, path: Path, behind: Path) -> None:
        self._behind = behind
        self._left: int | None = None
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen()
        super().__init__(listener)

    def unplug(self, after_bytes: int) -> None:
        self._left = after_bytes

    def connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(str(self._behind))
        return line

    def carry(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        while data := source.recv(PIECE_BYTES):
            left = self._left
            if left is not None and back:
                if left < len(data):
                    self._left = None
                    target.sendall(data[:left])
                    return
                self._left = left - len(data)
            target.sendall(data)


def _packet(line: socket.socket) -> bytes:
    """The next whole packet. Raises `EOFError`."""
    head = bytearray(_exactly(line, 2))
    while head[-1] & 0x80:
        head += _exactly(line, 1)
    size = sum((byte & 0x7F) << 7 * at for at, byte in enumerate(head[1:]))
    return bytes(head) + _exactly(line, size)


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = line.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _packet_id(publish: bytes) -> bytes:
    at = 1
    while publish[at] & 0x80:
        at += 1
    at += 1
    topic_bytes = int.from_bytes(publish[at : at + 2], "big")
    return publish[at + 2 + topic_bytes : at + 4 + topic_bytes]
