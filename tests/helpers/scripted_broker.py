"""A broker of a few lines that does, byte by byte, what a test says: what no real broker can be made to do."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 0x10, 0x30, 0x40, 0x82, 0xE0

CLOSING_S = 5
"""For a client to hang up when the broker has."""


class Conversation:
    """One connection of a client, up to its CONNECT, which is of this `level`; `for_heads`: a ledger asks on it what is
    retained, before it takes anything."""

    def __init__(self, line: socket.socket, number: int, first: bytes) -> None:
        self.number = number
        self._line = line
        self._bytes = first
        _kind, body = self.packet()
        self.level = body[6]
        self.for_heads = b"amos-heads-" in body

    def packet(self) -> tuple[int, bytes]:
        """The next packet: kind, with QoS and flags for those of PUBLISH, and body. Raises `EOFError`."""
        self._need(2)
        length, shift, at = 0, 0, 1
        while True:
            self._need(at + 1)
            byte = self._bytes[at]
            length |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not byte & 0x80:
                break
        self._need(at + length)
        kind, body = self._bytes[0], self._bytes[at : at + length]
        self._bytes = self._bytes[at + length :]
        return kind, body

    def publish(self) -> tuple[int, str, bytes]:
        """The next message of the client: packet id, topic, payload (in MQTT 5 behind its properties)."""
        while True:
            kind, body = self.packet()
            if kind & 0xF0 == PUBLISH:
                size = int.from_bytes(body[:2], "big")
                return int.from_bytes(body[2 + size : 4 + size], "big"), body[2 : 2 + size].decode(), body[4 + size :]
            if kind == SUBSCRIBE:
                self.suback(int.from_bytes(body[:2], "big"), 1)

    def accept(self, properties: bytes = b"", resumed: bool = False) -> None:
        """CONNACK."""
        tail = bytes((len(properties),)) + properties if self.level == 5 else b""
        self.send(0x20, bytes((resumed, 0)) + tail)

    def suback(self, packet_id: int, code: int) -> None:
        """SUBACK for one topic."""
        self.send(0x90, packet_id.to_bytes(2, "big") + (b"\0" if self.level == 5 else b"") + bytes((code,)))

    def puback(self, packet_id: int, code: int = 0) -> None:
        """PUBACK, which in 3.1.1 has no code."""
        self.send(PUBACK, packet_id.to_bytes(2, "big") + (bytes((code, 0)) if self.level == 5 and code else b""))

    def deliver(self, topic: str, payload: bytes, packet_id: int, again: bool = False) -> None:
        """A message for the client, QoS 1."""
        head = len(topic).to_bytes(2, "big") + topic.encode() + packet_id.to_bytes(2, "big")
        self.send(PUBLISH | 2 | (8 if again else 0), head + (b"\0" if self.level == 5 else b"") + payload)

    def disconnect(self, code: int) -> None:
        """DISCONNECT of MQTT 5."""
        self.send(DISCONNECT, bytes((code, 0)))

    def send(self, kind: int, body: bytes) -> None:
        """A packet."""
        length, head = len(body), bytearray((kind,))
        while True:
            head.append(length & 0x7F | (0x80 if length > 0x7F else 0))
            length >>= 7
            if not length:
                break
        self._line.sendall(bytes(head) + body)

    def stay(self) -> None:
        """Take what comes until the client hangs up."""
        with contextlib.suppress(EOFError):
            while True:
                self.packet()

    def _need(self, count: int) -> None:
        while len(self._bytes) < count:
            more = self._line.recv(65_536)
            if not more:
                raise EOFError
            self._bytes += more


class ScriptedBroker:
    """Runs `script` for each CONNECT, on a thread of its own; the line is closed when it returns."""

    def __init__(self, script: Callable[[Conversation], None]) -> None:
        self.levels: list[int] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "ScriptedBroker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                line, _address = self._listener.accept()
            except OSError:
                return
            self._lines.append(line)
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError, EOFError):
            first = line.recv(65_536)
            if not first or first[0] != CONNECT:
                return  # a look whether this port speaks TLS
            talk = Conversation(line, len(self.levels) + 1, first)
            self.levels.append(talk.level)
            self._script(talk)
            # What was sent last is lost when a line is closed with something unread.
            line.shutdown(socket.SHUT_WR)
            line.settimeout(CLOSING_S)
            talk.stay()
