"""The broker, over paho-mqtt 2: MQTT 5 where the broker speaks it, else 3.1.1, found out by trying.

Contract: at least once, nothing more. An acknowledgement of the broker says nothing about durability, so it only frees
a place in flight; whether a segment arrived is told by the ledger's receipt alone. Messages to the courier may be lost,
doubled, late or forged. paho's callbacks run on its own thread and only put events into a bounded queue; `poll` hands
them to the courier's loop. Nothing here raises for what the broker or the network does.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from amos.protocol import topics
from amos.protocol.limits import ANSWER_BYTES_MAX, OPT_OUTS_BYTES_MAX
from amos_mqtt.broker import Broker
from amos_sync.limits import (
    BROKER_RETRY_MS,
    CONNACK_WAIT_MS,
    INFLIGHT_MAX,
    KEEPALIVE_S,
    MESSAGES_QUEUED_MAX,
    SESSION_EXPIRY_S,
)
from amos_sync.outbox import back_off_ms

LEVEL_NAMES = {5: "MQTT 5", 4: "MQTT 3.1.1"}
LEVELS = {"auto": (5, 4), "5": (5,), "3.1.1": (4,)}
"""Setting -> levels to try, in turn."""


@dataclass(frozen=True)
class Up:
    """Connected at this protocol level."""

    level: int


@dataclass(frozen=True)
class Down:
    """Not connected, and why."""

    reason: str


@dataclass(frozen=True)
class Message:
    """Something arrived on a topic."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Denied:
    """The broker does not let us publish or subscribe."""

    what: str


@dataclass(frozen=True)
class _Acked:
    mid: int


@dataclass(frozen=True)
class _Opened:
    pass


Happening = Up | Down | Message | Denied


@dataclass
class _Inbox:
    """Filled on paho's thread, emptied on the courier's."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    events: deque[tuple[int, Happening | _Acked | _Opened]] = field(default_factory=deque)
    messages: int = 0
    dropped: int = 0

    def put(self, generation: int, event: Happening | _Acked | _Opened) -> None:
        with self.lock:
            if isinstance(event, Message):
                if self.messages >= MESSAGES_QUEUED_MAX:
                    self.dropped += 1
                    return
                self.messages += 1
            self.events.append((generation, event))

    def take(self) -> list[tuple[int, Happening | _Acked | _Opened]]:
        with self.lock:
            taken, self.events, self.messages = list(self.events), deque(), 0
        return taken


class MqttEdge:
    """One client. `wake` is called, on another thread, when `poll` has something to do.

    With a will its session is persistent; without one it is for the moment, and the broker keeps nothing of it.
    """

    def __init__(self, broker: Broker, client_id: str, will: tuple[str, bytes] | None, wake: Callable[[], None]):
        self.broker = broker
        self._client_id = client_id
        self._will = will
        self._wake = wake
        self._inbox = _Inbox()
        self._client: paho.Client | None = None
        self._generation = 0
        self._level_index = 0
        self._attempt = 0
        self._start_ms: int | None = None
        self._opened_ms: int | None = None
        self._unacknowledged: set[int] = set()
        self.up = False
        self.oversize = 0

    @property
    def dropped(self) -> int:
        """Messages that found the queue full or were too big for an answer."""
        return self._inbox.dropped + self.oversize

    def start(self, now_ms: int) -> None:
        """Connect, and keep trying for ever."""
        self._start_ms = now_ms

    def stop(self, farewell: bytes = b"") -> None:
        """Publish the last status in place of the will, and hang up."""
        client, self._client = self._client, None
        if client is None:
            return
        if self.up and self._will:
            info = client.publish(self._will[0], farewell, qos=1, retain=True)
            _wait_for(info, 1.0)
        client.disconnect()
        threading.Thread(target=client.loop_stop, daemon=True).start()
        self.up = False

    def poll(self, now_ms: int) -> list[Happening]:
        """What happened since the last call; connects, and changes the protocol level where a handshake fails."""
        happenings = []
        for generation, event in self._inbox.take():
            if generation == self._generation:
                happening = self._digest(event, now_ms)
                if happening is not None:
                    happenings.append(happening)
        if self._opened_ms is not None and now_ms - self._opened_ms >= CONNACK_WAIT_MS[self._level]:
            happenings.append(self._handshake_failed("no answer to CONNECT", now_ms))
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
        """How many messages may be given to `publish` at the moment."""
        return max(INFLIGHT_MAX - len(self._unacknowledged), 0) if self.up else 0

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Give a message to the broker, QoS 1. It may get lost: whoever needs it there asks for an answer."""
        if self._client is None or not self.up:
            return
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc == paho.MQTT_ERR_SUCCESS:
            self._unacknowledged.add(info.mid)

    def subscribe(self, names: list[str]) -> None:
        """Subscribe, QoS 1; again after every `Up`, since the broker may have lost the session."""
        if self._client is not None and self.up and names:
            self._client.subscribe([(name, 1) for name in names])

    @property
    def _level(self) -> int:
        return self.broker.levels[self._level_index]

    def _digest(self, event: Happening | _Acked | _Opened, now_ms: int) -> Happening | None:
        if isinstance(event, _Acked):
            self._unacknowledged.discard(event.mid)
            return None
        if isinstance(event, _Opened):
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
        # paho would try the same level again for ever, so that client goes, and another with the other level comes.
        client, self._client = self._client, None
        self._generation += 1
        self._opened_ms, self.up = None, False
        self._unacknowledged.clear()
        if client is not None:
            client.disconnect()
            threading.Thread(target=client.loop_stop, daemon=True).start()  # joins paho's thread, which may linger
        failed = LEVEL_NAMES[self._level]
        self._level_index = (self._level_index + 1) % len(self.broker.levels)
        self._attempt += 1
        wait_ms = 0
        if self._level_index == 0:
            wait_ms = back_off_ms(BROKER_RETRY_MS, self._attempt, random.randint(0, 1000))
        self._start_ms = now_ms + wait_ms
        return Down(f"{failed}: {reason}")

    def _connect(self) -> None:
        self._generation += 1
        generation = self._generation
        client = _client(self._client_id, self._level, lasting=self._will is not None)
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.max_queued_messages_set(4 * INFLIGHT_MAX)
        client.reconnect_delay_set(*(bound // 1000 for bound in BROKER_RETRY_MS))
        if self._will:
            client.will_set(self._will[0], self._will[1], qos=1, retain=True)
        if self.broker.tls is not None:
            client.tls_set_context(self.broker.tls)
        self._listen(client, generation)
        extra: dict[str, Any] = {}
        if self._level == paho.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self._will else 0
            extra = {"clean_start": self._will is None, "properties": properties}
        self._client = client
        client.connect_async(self.broker.host, self.broker.port, KEEPALIVE_S, **extra)
        client.loop_start()

    def _listen(self, client: paho.Client, generation: int) -> None:
        level = self._level

        def put(event: Happening | _Acked | _Opened) -> None:
            self._inbox.put(generation, event)
            self._wake()

        def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
            # Forged bytes may be of any size; only what can be for us is worth a place in the queue.
            topic = _topic(message)
            if len(message.payload) > (OPT_OUTS_BYTES_MAX if topic == topics.OPT_OUTS else ANSWER_BYTES_MAX):
                self.oversize += 1
            else:
                put(Message(topic, bytes(message.payload)))

        def on_connect(_client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
            put(Down(str(reason)) if reason.is_failure else Up(level))

        def on_publish(_client: paho.Client, _data: object, mid: int, reason: Any, _more: object) -> None:
            put(_Acked(mid))
            if reason.is_failure:
                put(Denied(f"publishing: {reason}"))

        def on_subscribe(_client: paho.Client, _data: object, _mid: int, reasons: Any, _more: object) -> None:
            for reason in reasons:
                if reason.is_failure:
                    put(Denied(f"subscribing: {reason}"))

        client.on_message = on_message
        client.on_connect = on_connect
        client.on_publish = on_publish
        client.on_subscribe = on_subscribe
        client.on_socket_open = lambda _client, _data, _socket: put(_Opened())
        client.on_connect_fail = lambda _client, _data: put(Down(self.broker.unreachable))
        client.on_disconnect = lambda _client, _data, _flags, reason, _more: put(Down(str(reason)))


def _client(client_id: str, level: int, lasting: bool) -> paho.Client:
    if level == paho.MQTTv5:
        return paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    return paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv311,
        clean_session=not lasting,
    )


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
