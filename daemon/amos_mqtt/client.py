"""The client of courier, ledger and operator, over paho-mqtt 2: MQTT 5 where the broker speaks it, else 3.1.1.

Contract: at least once, nothing more. An acknowledgement of the broker says nothing about durability, so it only frees
a place in flight. Messages may be lost, doubled, late or forged. paho's callbacks run on its own thread and only put
events into a bounded queue; `poll` hands them to the loop of whoever uses the client, and everything else is called on
that loop's thread. Connecting is retried for ever with growing pauses. Nothing raises for what broker or network do.

Which level a broker speaks is found out by trying: a handshake that is refused, broken off or not answered is followed
by one in the next level, at once until each was tried. So neither a broker that waits for the rest of a CONNECT in
MQTT 5 (amqtt does) nor one that hung up by chance keeps the client in one level for good.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from amos_mqtt.back_off import back_off_ms
from amos_mqtt.broker import LEVEL_NAMES, Broker
from amos_mqtt.happenings import Acknowledged, Arrival, Denied, Down, Event, Happening, Inbox, Opened, Up
from amos_mqtt.limits import (
    CONNACK_WAIT_MS,
    INFLIGHT_MAX,
    KEEPALIVE_S,
    OUTGOING_QUEUED_MAX,
    PAUSES_S,
    QOS,
    SESSION_EXPIRY_S,
)

T = TypeVar("T")


@dataclass(frozen=True)
class ClientSettings:
    """Who speaks, and how.

    payload_bytes_max   of a message for us; in MQTT 5 the broker keeps those of twice the size to itself
    will                topic and payload that the broker retains when we are lost
    lasting             whether the broker keeps messages for us while we are away
    acknowledges        whether messages are acknowledged by `acknowledge` instead of on arrival
    pauses_s            first and longest wait before connecting again
    """

    client_id: str
    payload_bytes_max: int
    will: tuple[str, bytes] | None = None
    lasting: bool = False
    acknowledges: bool = False
    pauses_s: tuple[int, int] = PAUSES_S


class MqttClient(Generic[T]):
    """Construct, `start`, then `poll` until done, then `stop`.

    `read(topic, payload)` runs on paho's thread and makes of a message what is worth a place in the queue, or None.
    `wake` is called there when `poll` has something to do.

    up            bool, connected as far as `poll` has told
    connections   int, how often it has connected: a broker may have lost what it retained
    """

    def __init__(
        self,
        broker: Broker,
        settings: ClientSettings,
        read: Callable[[str, bytes], T | None],
        wake: Callable[[], None],
    ):
        self.broker = broker
        self.up = False
        self.connections = 0
        self._settings = settings
        self._read = read
        self._wake = wake
        self._inbox: Inbox[T] = Inbox()
        self._client: paho.Client | None = None
        self._generation = 0
        self._level_index = 0
        self._attempt = 0
        self._start_ms: int | None = None
        self._opened_ms: int | None = None
        self._unacknowledged: set[int] = set()

    @property
    def dropped(self) -> int:
        """Messages that found the queue full or were not worth a place in it."""
        return self._inbox.dropped

    def start(self, now_ms: int) -> None:
        """Connect, and keep trying for ever."""
        self._start_ms = now_ms

    def stop(self, farewell: bytes = b"", wait_s: float = 0.0) -> None:
        """Publish the last status in place of the will, wait at most so long for what is queued, and hang up.

        What is not acknowledged stays with the broker.
        """
        client, self._client = self._client, None
        self._start_ms = self._opened_ms = None
        if client is None:
            return
        if self.up and self._settings.will:
            info = client.publish(self._settings.will[0], farewell, qos=QOS, retain=True)
            _wait_for(info, 1.0)
        client.disconnect()
        _join_later(client).join(wait_s)
        self.up = False

    def poll(self, now_ms: int) -> "list[Happening[T]]":
        """What happened since the last call; connects, and changes the protocol level where a handshake fails."""
        happenings: list[Happening[T]] = []
        for generation, event in self._inbox.take():
            if generation == self._generation:
                happening = self._digest(event, now_ms)
                if happening is not None:
                    happenings.append(happening)
        if self._opened_ms is not None and now_ms - self._opened_ms >= CONNACK_WAIT_MS[self._level]:
            happenings.append(self._handshake_failed("gives no answer", now_ms))
        if self._start_ms is not None and now_ms >= self._start_ms:
            self._start_ms = None
            self._connect()
        return happenings

    def next_due_ms(self) -> int | None:
        """When `poll` has something to do even if nothing happens."""
        if self._opened_ms is not None:
            return self._opened_ms + CONNACK_WAIT_MS[self._level]
        return self._start_ms

    @property
    def room(self) -> int:
        """How many messages may be given to `publish` before the broker acknowledges one."""
        return max(INFLIGHT_MAX - len(self._unacknowledged), 0) if self.up else 0

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Give a message to the broker; False when it cannot be. It may get lost: whoever needs it there asks again."""
        if self._client is None or not self.up:
            return False
        try:
            info = self._client.publish(topic, payload, qos=QOS, retain=retain)
        except ValueError:
            return False  # a topic with wildcards: nobody of ours listens there
        if info.rc == paho.MQTT_ERR_SUCCESS:
            self._unacknowledged.add(info.mid)
        return info.rc in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN)  # the latter waits for the next connection

    def subscribe(self, names: list[str]) -> None:
        """Subscribe; again after every `Up`, since the broker may have lost the session."""
        if self._client is not None and self.up and names:
            self._client.subscribe([(name, QOS) for name in names])

    def acknowledge(self, arrival: Arrival[T]) -> None:
        """Let the broker forget a message; not one of an earlier connection, whose packet id may be another's."""
        if self._client is not None and arrival.qos and arrival.connection == self.connections:
            self._client.ack(arrival.packet_id, arrival.qos)

    @property
    def _level(self) -> int:
        return self.broker.levels[self._level_index]

    def _digest(self, event: "Event[T]", now_ms: int) -> "Happening[T] | None":
        if isinstance(event, Acknowledged):
            self._unacknowledged.discard(event.packet_id)
            return None
        if isinstance(event, Opened):
            self._opened_ms = now_ms
            return None
        if isinstance(event, Up):
            self._opened_ms, self._attempt, self.up = None, 0, True
        if isinstance(event, Down):
            self.up = False
            if self._opened_ms is not None:
                return self._handshake_failed(event.reason, now_ms)
        return event

    def _handshake_failed(self, reason: str, now_ms: int) -> Down:
        # paho would try the same level again for ever, so that client goes, and another with the next level comes.
        client, self._client = self._client, None
        self._generation += 1
        self._opened_ms, self.up = None, False
        self._unacknowledged.clear()
        if client is not None:
            client.disconnect()
            _join_later(client)
        failed = LEVEL_NAMES[self._level]
        self._level_index = (self._level_index + 1) % len(self.broker.levels)
        self._attempt += 1
        wait_ms = 0
        if self._level_index == 0:
            first_s, longest_s = self._settings.pauses_s
            wait_ms = back_off_ms((first_s * 1000, longest_s * 1000), self._attempt, random.randint(0, 1000))
        self._start_ms = now_ms + wait_ms
        return Down(f"{reason} ({failed})")

    def _connect(self) -> None:
        client = self._client = self._make_client()
        extra: dict[str, Any] = {}
        if self._level == paho.MQTTv5:
            properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self._settings.lasting else 0
            properties.ReceiveMaximum = INFLIGHT_MAX
            properties.MaximumPacketSize = 2 * self._settings.payload_bytes_max
            extra = {"clean_start": not self._settings.lasting, "properties": properties}
        client.connect_async(self.broker.host, self.broker.port, KEEPALIVE_S, **extra)
        client.loop_start()

    def _make_client(self) -> paho.Client:
        settings = self._settings
        self._generation += 1
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            # In MQTT 5 `connect_async` says so instead.
            clean_session=None if self._level == paho.MQTTv5 else not settings.lasting,
            protocol=MQTTProtocolVersion(self._level),
            manual_ack=settings.acknowledges,
        )
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.max_queued_messages_set(OUTGOING_QUEUED_MAX)
        client.reconnect_delay_set(*settings.pauses_s)
        if settings.will:
            client.will_set(settings.will[0], settings.will[1], qos=QOS, retain=True)
        if self.broker.tls is not None:
            client.tls_set_context(self.broker.tls)
        self._listen(client, self._generation)
        return client

    def _listen(self, client: paho.Client, generation: int) -> None:
        level = self._level

        def put(event: "Event[T]") -> None:
            self._inbox.put(generation, event)
            self._wake()

        def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
            read = self._read(_topic(message), bytes(message.payload))
            if read is None:
                self._inbox.drop()
            else:
                put(Arrival(read, message.mid, message.qos, self.connections))

        def on_connect(_client: object, _data: object, _flags: object, reason: Any, _more: object) -> None:
            if not reason.is_failure and generation == self._generation:
                self.connections += 1
            put(Down(f"refuses: {reason}") if reason.is_failure else Up(level))

        def on_publish(_client: object, _data: object, mid: int, reason: Any, _more: object) -> None:
            put(Acknowledged(mid))
            if reason.is_failure:
                put(Denied(f"publishing: {reason}"))

        def on_subscribe(_client: object, _data: object, _mid: int, reasons: Any, _more: object) -> None:
            for reason in reasons:
                if reason.is_failure:
                    put(Denied(f"subscribing: {reason}"))

        client.on_message = on_message
        client.on_connect = on_connect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_socket_open = lambda _client, _data, _socket: put(Opened())
        client.on_connect_fail = lambda _client, _data: put(Down(self.broker.unreachable))
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: put(Down(f"lost: {reason}"))


def _join_later(client: paho.Client) -> threading.Thread:
    """paho's thread may linger, and nobody need wait for it."""
    thread = threading.Thread(target=client.loop_stop, daemon=True)
    thread.start()
    return thread


def _topic(message: paho.MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""  # not UTF-8: no topic of ours


def _wait_for(info: paho.MQTTMessageInfo, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if info.is_published():
                return
        except (RuntimeError, ValueError):
            return  # the line broke, or the queue was full: the will says the same
        time.sleep(0.01)
