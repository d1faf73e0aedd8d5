"""What the client reads and writes itself is what paho reads and writes, however the bytes are cut."""

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from amos_mqtt.reading_client import ReadingClient

TOPICS = (b"amos/1/cafe/00/usage", b"a", b"x/\xff", b"", "größe/1".encode())


class Line:
    """A client that is connected with nobody, and what it tells."""

    def __init__(self, level: int, reads_itself: bool, manual_ack: bool) -> None:
        self.told: list[Any] = []
        self.client = ReadingClient(
            CallbackAPIVersion.VERSION2,
            client_id="client",
            protocol=MQTTProtocolVersion(level),
            manual_ack=manual_ack,
            alerted=self.told.append,
        )
        assert self.client.reads_itself, "paho has another name for something; see reading_client.py"
        self.client.reads_itself = reads_itself
        self.client.max_inflight_messages_set(3)
        self.client.on_socket_register_write = lambda *_: None
        self.client.on_message = lambda _c, _d, message: self.told.append(_seen(message))
        self.client.on_publish = lambda _c, _d, mid, reason, _m: self.told.append((mid, reason.value))
        self.broker, own = socket.socketpair()
        for end in (self.broker, own):
            end.setblocking(False)
        self.client._sock = own  # type: ignore[assignment]

    def hear(self, data: bytes) -> Any:
        self.broker.sendall(data)
        result = self.client.loop_read()
        while result == paho.MQTT_ERR_SUCCESS and self.client.holds_unread and self.client.loop_read() == result:
            pass
        return result

    def said(self) -> bytes:
        while self.client.want_write():
            assert self.client.loop_write() == paho.MQTT_ERR_SUCCESS
        try:
            return self.broker.recv(1 << 20)
        except BlockingIOError:
            return b""


@contextmanager
def two_lines(level: int, manual_ack: bool) -> Iterator[tuple[Line, Line]]:
    lines = Line(level, True, manual_ack), Line(level, False, manual_ack)
    yield lines
    for line in lines:
        line.broker.close()
        line.client._sock.close()  # type: ignore[union-attr]
        line.client._sock = None


def _seen(message: Any) -> tuple[Any, ...]:
    try:
        topic = message.topic
    except UnicodeDecodeError:
        topic = None
    return topic, bytes(message.payload), message.mid, message.qos, message.dup


def _packet(first: int, body: bytes) -> bytes:
    size, length = bytearray(), len(body)
    while True:
        size.append(length & 0x7F | (0x80 if length >> 7 else 0))
        length >>= 7
        if not length:
            return bytes((first,)) + size + body


def _publish(chance: random.Random, level: int) -> bytes:
    qos, topic = chance.choice((0, 1, 1, 1, 2)), chance.choice(TOPICS[:1] * 4 + (TOPICS if level == 5 else TOPICS[:3]))
    body = struct.pack(">H", len(topic)) + topic
    body += struct.pack(">H", chance.randint(1, 9)) if qos else b""
    if level == 5:  # a message may expire
        body += chance.choice((b"\x00", b"\x00", b"\x00", b"\x05\x02\x00\x00\x00\x09"))
    body += chance.randbytes(chance.choice((0, 1, 20, 200, 20_000)))
    return _packet(0x30 | qos << 1 | chance.choice((0, 0, 8)) | chance.choice((0, 0, 1)), body)


def _puback(chance: random.Random, level: int) -> bytes:
    body = struct.pack(">H", chance.randint(1, 9))
    return _packet(0x40, body + (chance.choice((b"", b"", b"\x10", b"\x87", b"\x10\x00")) if level == 5 else b""))


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("manual_ack", [True, False])
def test_reads_and_writes_what_paho_does(level: int, manual_ack: bool) -> None:
    said = b""
    for seed in range(40):
        chance = random.Random(seed)
        with two_lines(level, manual_ack) as (own, paho_s):
            stream = b""
            for _ in range(chance.randint(1, 25)):
                if chance.random() < 0.4:
                    payload, topic = chance.randbytes(30), f"topic/{chance.randint(1, 3)}"
                    qos = chance.choice((0, 1, 1))
                    for line in (own, paho_s):
                        line.client.publish(topic, payload, qos=qos)
                stream += chance.choice((_publish, _puback))(chance, level)
            while stream:
                size = chance.choice((1, 2, 7, 100, 5000, 100_000))
                piece, stream = stream[:size], stream[size:]
                assert own.hear(piece) == paho_s.hear(piece)
                assert own.told == paho_s.told
            if manual_ack:
                for line in (own, paho_s):
                    line.client.ack(7, 1)
            said += (written := own.said())
            assert written == paho_s.said()
    assert said


def test_what_is_no_mqtt_ends_the_line_as_with_paho() -> None:
    for nonsense in (b"\xf0\x00", b"\x40\x01\x00", b"\x36\x07\x00\x01a\x00\x01\x00x", b"\x32\xff\xff\xff\xff\xff"):
        with two_lines(5, True) as (own, paho_s):
            found = [line.hear(nonsense) for line in (own, paho_s)]
            assert found[0] == found[1] and own.told == paho_s.told
            assert own.client._sock is None or found[0] == paho.MQTT_ERR_SUCCESS
            for line in (own, paho_s):
                line.client._sock = line.client._sock or socket.socket()


def test_packets_that_wait_go_out_by_one_call_and_the_farewell_last() -> None:
    with two_lines(5, True) as (own, _paho_s):
        for mid in range(1, 4):
            own.client.ack(mid, 1)
        own.client.publish("topic", b"x", qos=1)
        assert len(own.client._out_packet) == 4
        own.client._join_waiting()
        assert len(own.client._out_packet) == 1
        own.client._send_disconnect()
        own.client._join_waiting()
        assert [packet["command"] & 0xF0 for packet in own.client._out_packet] == [0x40, 0xE0]
