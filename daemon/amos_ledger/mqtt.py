"""The MQTT edge: usage messages and enrolments in, answers out (DESIGN section 10), by paho-mqtt 2.

Contract: the network thread only enqueues. A message is acknowledged to the broker when the service says so, after its
answer is on the way; one that was not is delivered again. Delivery may repeat, never the effect: intake sees to that.
When the queue is full a message is dropped and counted; its courier sends it again. Connecting is retried for ever
with growing pauses; `report` is told once that the broker is away and once that it is there.

MQTT 5 is tried first. A broker that refuses it, hangs up on it twice or says nothing is spoken to in 3.1.1 from then on
(amqtt takes the properties of an MQTT 5 CONNECT for a long client id, and waits for the rest of it).
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from amos.protocol.limits import ENVELOPE_BYTES_MAX
from amos.protocol.topics import ALL_ENROLMENTS, ALL_TIME, ALL_USAGE
from amos_ledger.intake.reading import Message
from amos_ledger.limits import ANSWERS_QUEUED_MAX, INFLIGHT_MESSAGES_MAX, QUEUE_MESSAGES_MAX
from amos_mqtt.broker import Broker

QOS = 1
KEEP_ALIVE_S = 30
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps messages for a ledger that is away; couriers keep them for ever."""

HANG_UPS_BEFORE_FALLBACK = 2

SILENCE_S = 2.0
"""How long a broker may take to answer a CONNECT in MQTT 5."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and what acknowledging it takes; `connection` numbers the connection, whose packet ids are its own."""

    message: Message
    packet_id: int
    qos: int
    connection: int


class MqttEdge:
    """A client of the broker. `start`, then take from `arrivals`; `stop` leaves the session there."""

    def __init__(
        self, broker: Broker, client_id: str, report: Callable[[str], None], pauses_s: tuple[int, int] = (1, 60)
    ) -> None:
        self.arrivals: queue.Queue[Arrival] = queue.Queue(QUEUE_MESSAGES_MAX)
        self.dropped = 0
        self.connected = threading.Event()
        self.reached = False
        self._broker, self._client_id = broker, client_id
        self._report = report
        self._pauses_s = pauses_s
        self._connection = 0
        self._hang_ups = 0
        self._refused = False
        self._said_away = False
        self._stopping = False
        self._protocol = paho.MQTTv5
        self._spoken = self._protocol
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        """Send what is queued as far as it goes, and leave; what is not acknowledged stays with the broker."""
        self._stopping = True
        self._client.disconnect()
        self._thread.join(wait_s)

    @property
    def connections(self) -> int:
        """How often it has connected: a broker may have lost what it retained."""
        return self._connection

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Queue an answer; False when it cannot be, and then the courier's next resend asks for it again."""
        try:
            code = self._client.publish(topic, payload, QOS, retain).rc
        except ValueError:
            return False  # a topic with wildcards: nobody of ours listens there
        return code in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN)

    def acknowledge(self, arrival: Arrival) -> None:
        """Let the broker forget a message; not one of an earlier connection, whose packet id may be another's."""
        if arrival.qos and arrival.connection == self._connection:
            self._client.ack(arrival.packet_id, arrival.qos)

    def _make_client(self) -> Any:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            # In MQTT 5 `connect` says so instead.
            clean_session=None if self._protocol == paho.MQTTv5 else False,
            protocol=self._protocol,
            manual_ack=True,
        )
        client.max_inflight_messages_set(INFLIGHT_MESSAGES_MAX)
        client.max_queued_messages_set(ANSWERS_QUEUED_MAX)
        client.reconnect_delay_set(*self._pauses_s)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _run(self) -> None:
        """One round for each protocol version; paho reconnects within a round."""
        while not self._stopping:
            self._connect()
            self._client.loop_forever(retry_first_connection=True)
            if self._spoken != self._protocol:
                self._spoken = self._protocol
                self._client = self._make_client()

    def _connect(self) -> None:
        if self._protocol != paho.MQTTv5:
            self._client.connect_async(self._broker.host, self._broker.port, KEEP_ALIVE_S)
            return
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = INFLIGHT_MESSAGES_MAX
        properties.MaximumPacketSize = 2 * ENVELOPE_BYTES_MAX  # the broker keeps bigger ones to itself
        where = (self._broker.host, self._broker.port, KEEP_ALIVE_S)
        self._client.connect_async(*where, clean_start=False, properties=properties)

    def _on_socket_open(self, client: Any, _data: object, _socket: object) -> None:
        if self._protocol == paho.MQTTv5:
            timer = threading.Timer(SILENCE_S, self._on_silence, (client, self._connection))
            timer.daemon = True
            timer.start()

    def _on_silence(self, client: Any, connection: int) -> None:
        idle = not self.connected.is_set() and self._connection == connection and client is self._client
        if idle and self._protocol == paho.MQTTv5 and client.socket() is not None:
            self._fall_back()

    def _on_connect(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            if reason.getName() == "Unsupported protocol version" and self._protocol == paho.MQTTv5:
                self._fall_back()
            else:
                self._away(f"refuses: {reason.getName()}")
            self._refused = True
            return
        self._connection += 1
        self._hang_ups = 0
        self._said_away = False
        client.subscribe([(ALL_USAGE, QOS), (ALL_TIME, QOS), (ALL_ENROLMENTS, QOS)])
        self.connected.set()
        self.reached = True
        self._report(f"broker {self._broker.name} connected, MQTT {'5' if self._protocol == 5 else '3.1.1'}")

    def _on_connect_fail(self, _client: object, _data: object) -> None:
        self._away(self._broker.unreachable)

    def _on_disconnect(self, _client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        was_connected = self.connected.is_set()
        self.connected.clear()
        if self._stopping or self._spoken != self._protocol:
            return  # we left
        if self._refused:
            self._refused = False  # it has been said, and it was no hanging up
            return
        if not was_connected and self._protocol == paho.MQTTv5:
            self._hang_ups += 1
            if self._hang_ups >= HANG_UPS_BEFORE_FALLBACK:
                self._fall_back()
                return
        self._away(f"lost: {reason.getName()}")

    def _fall_back(self) -> None:
        self._protocol = paho.MQTTv311
        self._client.disconnect()  # ends the round

    def _away(self, why: str) -> None:
        if not self._said_away:
            self._report(f"broker {self._broker.name} {why}; trying again until it is there")
            self._said_away = True

    def _on_message(self, _client: object, _data: object, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        arrival = Arrival(Message.of(topic, message.payload), message.mid, message.qos, self._connection)
        try:
            self.arrivals.put_nowait(arrival)
        except queue.Full:
            self.dropped += 1
