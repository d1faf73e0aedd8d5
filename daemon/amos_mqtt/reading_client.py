"""paho's client for a busy line: it moves bytes in large pieces, and makes nothing of them that nobody looks at.

Nearly every packet is a message of QoS 1 without properties, or the acknowledgement of one. For each of these paho
builds dictionaries of all properties that there are, and asks the system for a few bytes at a time; these two are read
here, in the same way, and everything else by paho. This rests on names that are paho's own. Where one of them is
another some day, all is paho's work again, and nothing else changes; a test says so then.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_AT_ONCE = 64 << 10
"""Bytes that are read from the system, or given to it, by one call."""

_PUBLISH, _QOS_1, _DUP, _RETAIN, _PUBACK = 0x30, 0x02, 0x08, 0x01, 0x40
"""First bytes of packets, and their flags (MQTT 5.0 section 2.1)."""

_JOINED = _PUBACK
"""What several packets are named that go out together: paho looks whether one is its farewell, or has QoS 0."""

_USED = (
    *("_in_packet", "_last_bytes_received", "_manual_ack", "_send_puback", "_out_message_mutex", "_out_messages"),
    *("_do_on_publish", "_out_packet", "_packet_read", "_packet_write", "_sock_recv", "_easy_log", "_protocol"),
)
"""Names of paho's own that this rests on."""

_SUCCESS = paho.MQTT_ERR_SUCCESS


class Heard(NamedTuple):
    """A message, by the names that `paho.MQTTMessage` gives to what one needs of it."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    dup: bool


class ReadingClient(paho.Client):
    """As paho's. `alerted` is told each error of its log: only there stands why TLS ended a connection. What
    `on_message` is given is a `Heard` or a message of paho's."""

    def __init__(self, *about: Any, alerted: Callable[[str], None], **more: Any) -> None:
        self._read, self._taken = b"", 0
        self._met: OSError | None = None
        self._ended = False
        super().__init__(*about, **more)
        self.reads_itself = all(hasattr(self, name) for name in _USED)
        self._no_properties = b"\x00" if self.reads_itself and self._protocol == paho.MQTTv5 else b""
        nothing_more: Any = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]
        self._taken_well = ReasonCode(PacketTypes.PUBACK), nothing_more

        def told(record: logging.LogRecord) -> bool:
            alerted(record.getMessage())
            return False  # and nobody else is

        log = logging.Logger("paho", logging.ERROR)
        log.addFilter(told)
        self.enable_logger(log)

    @property
    def holds_unread(self) -> bool:
        """Whether bytes wait that are no event of the socket any more."""
        return self._taken < len(self._read)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._met is not None:
            error, self._met = self._met, None
            raise error
        if self._ended:
            return b""
        if not self.holds_unread:
            self._read, self._taken = super()._sock_recv(max(bufsize, _AT_ONCE)), 0
        piece = self._read[self._taken : self._taken + bufsize]
        self._taken += len(piece)
        return piece

    def _easy_log(self, level: Any, form: str, *values: Any) -> None:
        if level != paho.MQTT_LOG_DEBUG:
            super()._easy_log(level, form, *values)

    def _packet_read(self) -> Any:
        if not self.reads_itself or self._in_packet["command"]:
            return super()._packet_read()
        if not self.holds_unread:
            try:
                self._read, self._taken = super()._sock_recv(_AT_ONCE), 0
                self._ended = not self._read
            except BlockingIOError:
                return paho.MQTT_ERR_AGAIN
            except OSError as error:
                self._met = error  # paho is to meet it, and says what it means; TLS tells it once
        whole = self._whole()
        result = None if whole is None else self._handled(*whole)
        if whole is None or result is None:
            return super()._packet_read()
        self._taken = whole[1]
        self._last_bytes_received = time.monotonic()
        return result

    def _whole(self) -> tuple[int, int] | None:
        """(begin, end) of what the packet has behind its length; None where not all of it is read yet."""
        size = shift = 0
        for at in range(self._taken + 1, min(self._taken + 5, len(self._read))):
            size |= (self._read[at] & 0x7F) << shift
            shift += 7
            if self._read[at] < 0x80:
                end = at + 1 + size
                return (at + 1, end) if end <= len(self._read) else None
        return None

    def _handled(self, begin: int, end: int) -> Any:
        """paho's result for the packet there, None: it is one for paho."""
        first = self._read[self._taken]
        if first == _PUBACK and end - begin == 2:
            return self._acknowledged(int.from_bytes(self._read[begin:end], "big"))
        if first & ~(_DUP | _RETAIN) == _PUBLISH | _QOS_1:
            heard = self._message(begin, end, bool(first & _DUP))
            return None if heard is None else self._told(heard)
        return None

    def _message(self, begin: int, end: int, dup: bool) -> Heard | None:
        """The message of QoS 1 there; None where it has properties or is not as it has to be."""
        topic_at = begin + 2
        mid_at = topic_at + int.from_bytes(self._read[begin:topic_at], "big")
        payload_at = mid_at + 2 + len(self._no_properties)
        if mid_at == topic_at or payload_at > end or self._read[mid_at + 2 : payload_at] != self._no_properties:
            return None
        try:
            topic = self._read[topic_at:mid_at].decode()
        except UnicodeDecodeError:
            return None
        return Heard(topic, self._read[payload_at:end], int.from_bytes(self._read[mid_at : mid_at + 2], "big"), 1, dup)

    def _told(self, heard: Heard) -> Any:
        if self.on_message is not None:
            self.on_message(self, None, heard)  # type: ignore[arg-type]
        return _SUCCESS if self._manual_ack else self._send_puback(heard.mid)

    def _acknowledged(self, mid: int) -> Any:
        with self._out_message_mutex:
            return self._do_on_publish(mid, *self._taken_well) if mid in self._out_messages else _SUCCESS

    def _packet_write(self) -> Any:
        """What waits together goes out together: one call of the system in the place of one for each packet."""
        if self.reads_itself and len(self._out_packet) > 1:
            self._join_waiting()
        return super()._packet_write()

    def _join_waiting(self) -> None:
        # Others only add behind what is there, so what is looked at here is taken by nobody else.
        waiting, pieces, size = self._out_packet, [], 0
        while waiting and size < _AT_ONCE and _may_be_joined(waiting[0]):
            packet = waiting.popleft()
            pieces.append(packet["packet"][packet["pos"] :])
            size += len(pieces[-1])
        if pieces:
            joined: Any = {"command": _JOINED, "mid": 0, "qos": 1, "pos": 0, "to_process": size, "info": None}
            joined["packet"] = b"".join(pieces)
            waiting.appendleft(joined)


def _may_be_joined(packet: Any) -> bool:
    kind: int = packet["command"] & 0xF0
    return kind == _PUBACK or (kind == _PUBLISH and packet["qos"] == 1)
