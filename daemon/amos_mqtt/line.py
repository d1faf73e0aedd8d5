"""One connection to the broker, over paho-mqtt 2, on a thread of its own: made, used, lost, and then of no more use.

paho neither connects again nor runs the thread: whoever has the line decides what comes next, and an error of any kind,
a broker's nonsense included, ends the line with exactly one `Down`, unless the line was closed. What happens is put
with `put`, on the line's thread, which says whether there was room for it; everything else is called on the thread of
whoever has the line.
"""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from amos_mqtt import causes
from amos_mqtt.broker import Broker
from amos_mqtt.decided import Decided, fingerprint
from amos_mqtt.happenings import Acknowledged, Arrival, Down, Event, Opened, Subscribed, Up
from amos_mqtt.limits import (
    CONNECT_WAIT_S,
    DELIVERED_MAX,
    INFLIGHT_MAX,
    KEEPALIVE_S,
    OUTGOING_QUEUED_MAX,
    QOS,
    SESSION_EXPIRY_S,
)
from amos_mqtt.reading_client import ReadingClient
from amos_mqtt.settings import ClientSettings

T = TypeVar("T")

_TURN_MS = 1000
_KEEPALIVE_CODE = 141
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Line(Generic[T]):
    """Construct, `start`, then publish and subscribe once `Up` was put, then `close`.

    number        of this line, which its arrivals carry
    packet_bytes_max  the broker's limit, None: it told none
    inflight_max  messages that it takes before it has acknowledged one
    last_try      whether to look for what else may be at the port when the broker breaks off the handshake
    """

    def __init__(
        self,
        broker: Broker,
        settings: ClientSettings,
        level: int,
        number: int,
        put: "Callable[[Event[T]], bool]",
        read: Callable[[str, bytes], T | None],
        decided: Decided,
        last_try: bool = False,
    ) -> None:
        self.packet_bytes_max: int | None = None
        self.inflight_max = INFLIGHT_MAX
        self._broker = broker
        self._settings = settings
        self._level = level
        self._number = number
        self._put = put
        self._read = read
        self._decided = decided
        self._last_try = last_try
        self._accepted = False
        self._closed = False
        self._awake = False
        self._alert: str | None = None
        self._code = 0
        self._refused = False
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Hang up, once what is queued is sent, and tell nothing more."""
        self._closed = True
        self._client.disconnect()
        self._wake()

    def join(self, wait_s: float) -> None:
        """Wait for its end, at most so long."""
        self._thread.join(wait_s)

    def publish(self, topic: str, payload: bytes, retain: bool) -> int | None:
        """Give a message to the broker; its packet id, None when it cannot be."""
        try:
            info = self._client.publish(topic, payload, qos=QOS, retain=retain)
        except ValueError:
            return None  # a topic with wildcards: nobody of ours listens there
        self._wake()
        return info.mid if info.rc in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN) else None

    def subscribe(self, names: list[str]) -> int | None:
        """Ask for these topics; the packet id that `Subscribed` will carry."""
        result, mid = self._client.subscribe([(name, QOS) for name in names])
        self._wake()
        return mid if result == paho.MQTT_ERR_SUCCESS else None

    def acknowledge(self, packet_id: int, qos: int) -> None:
        """Let the broker forget a message."""
        self._client.ack(packet_id, qos)
        self._wake()

    # --- on the line's thread

    def _run(self) -> None:
        try:
            self._connect()
            self._put(Opened())
            self._turn()
            down = self._lost()
        except Exception as error:  # paho raises anything for a broker's nonsense
            down = self._failed(error)
        left = self._client.socket()
        if left is not None:
            left.close()
        self._waker.close()
        self._woken.close()
        if not self._closed:
            self._put(down)

    def _connect(self) -> None:
        broker, extra = self._broker, {}
        if broker.tls is not None:
            self._client.tls_set_context(broker.tls.context())
        if broker.login is not None:
            self._client.username_pw_set(broker.login.name, broker.login.password())
        if self._level == paho.MQTTv5:
            properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self._settings.lasting else 0
            properties.ReceiveMaximum = DELIVERED_MAX
            properties.MaximumPacketSize = 2 * self._settings.payload_bytes_max
            extra = {"clean_start": not self._settings.lasting, "properties": properties}
        self._client.connect(broker.host, broker.port, KEEPALIVE_S, **extra)
        _send_at_once(self._client.socket())

    def _turn(self) -> None:
        """Move bytes until there is no line any more."""
        client = self._client
        if self._closed:
            return  # before there was a line on which to say so
        while (line := client.socket()) is not None:
            readable, writable = self._wait(line, client.want_write())
            result = client.loop_read() if readable else paho.MQTT_ERR_SUCCESS
            if readable:
                _confirm_at_once(line)
            if result == paho.MQTT_ERR_SUCCESS and (writable or client.want_write()):
                result = client.loop_write()
            if result == paho.MQTT_ERR_SUCCESS:
                result = client.loop_misc()
            if result != paho.MQTT_ERR_SUCCESS:
                return

    def _wait(self, line: Any, wants_write: bool) -> tuple[bool, bool]:
        # Bytes that TLS or the client holds are no event of the socket.
        pending = self._client.holds_unread or bool(getattr(line, "pending", int)())
        poll = select.poll()
        poll.register(line, select.POLLIN | (select.POLLOUT if wants_write else 0))
        poll.register(self._woken, select.POLLIN)
        events = dict(poll.poll(0 if pending else _TURN_MS))
        self._awake = False  # before what woke it is looked for, so that what comes after wakes it again
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        event = events.get(line.fileno(), 0)
        return pending or bool(event & ~select.POLLOUT), bool(event & select.POLLOUT)

    def _wake(self) -> None:
        if self._awake:
            return
        self._awake = True
        with contextlib.suppress(OSError):  # closed: there is no line any more
            self._waker.send(b"!")

    def _lost(self) -> Down:
        if self._accepted:
            if self._code:
                return Down(causes.of_code(self._code, self._settings.client_id), accepted=True, code=self._code)
            return Down(self._alert or "broke off the connection", accepted=True)
        if self._refused:
            reason = causes.of_code(self._code, self._settings.client_id)
            return Down(reason, other_level=self._code in causes.OTHER_LEVEL, code=self._code)
        if self._alert is not None:
            return Down(self._alert)
        if self._last_try and self._broker.tls is None and _speaks_tls(self._broker):
            return Down(causes.TLS_WANTED)
        return Down(causes.HUNG_UP, other_level=True)

    def _failed(self, error: Exception) -> Down:
        if self._accepted:
            return Down(f"said what is no MQTT: {type(error).__name__}", accepted=True)
        if isinstance(error, OSError | UnicodeError) or type(error).__module__.startswith("amos"):
            return Down(causes.of_error(error, self._broker))
        return Down("said what is no MQTT", other_level=True)

    def _make_client(self) -> ReadingClient:
        settings = self._settings
        client = ReadingClient(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            # In MQTT 5 `connect` says so instead.
            clean_session=None if self._level == paho.MQTTv5 else not settings.lasting,
            protocol=MQTTProtocolVersion(self._level),
            manual_ack=settings.acknowledges,
            reconnect_on_failure=False,
            alerted=self._on_alert,
        )
        client.connect_timeout = CONNECT_WAIT_S
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.max_queued_messages_set(OUTGOING_QUEUED_MAX)
        if settings.will:
            client.will_set(settings.will[0], settings.will[1], qos=QOS, retain=True)
        client.on_socket_register_write = lambda *_: None  # so that paho leaves writing to `_turn`
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        topic, payload = _topic(message), bytes(message.payload)
        mark = fingerprint(topic, payload) if message.qos and self._settings.acknowledges else b""
        read = None if message.dup and self._decided.holds(mark) else self._read(topic, payload)
        if read is None or not self._put(Arrival(read, message.mid, message.qos, self._number, mark)):
            # It is done with, of no use, or asked for again by whoever needs it: it keeps no other one from coming.
            self._client.ack(message.mid, message.qos)

    def _on_connect(self, _client: object, _data: object, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused, self._code = True, reason.value
            return
        self._accepted = True
        self.packet_bytes_max = getattr(properties, "MaximumPacketSize", None)
        self.inflight_max = min(INFLIGHT_MAX, getattr(properties, "ReceiveMaximum", INFLIGHT_MAX))
        self._put(Up(self._level, flags.session_present))

    def _on_publish(self, _client: object, _data: object, mid: int, reason: Any, _more: object) -> None:
        self._put(Acknowledged(mid, reason.value))

    def _on_subscribe(self, _client: object, _data: object, mid: int, reasons: Any, _more: object) -> None:
        self._put(Subscribed(mid, tuple(reason.value for reason in reasons)))

    def _on_disconnect(self, _client: object, _data: object, flags: Any, reason: Any, _more: object) -> None:
        told = flags.is_disconnect_packet_from_server or reason.value == _KEEPALIVE_CODE
        if told and self._accepted:
            self._code = reason.value

    def _on_alert(self, text: str) -> None:
        self._alert = causes.of_loss(text) or self._alert


def _send_at_once(line: Any) -> None:
    """Each message when it is written: else the system keeps a small one back until the broker's machine confirms what
    went before, which that one does only after 40 ms."""
    with contextlib.suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _confirm_at_once(line: Any) -> None:
    """What was read: a broker that keeps small messages back in the same way (mosquitto, unless told otherwise) waits
    for that. Linux forgets it after a while, so it is said each time."""
    if _QUICK_ACK is not None:
        with contextlib.suppress(OSError):
            line.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def _topic(message: paho.MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""  # not UTF-8: no topic of ours


def _speaks_tls(broker: Broker) -> bool:
    """Whether a TLS handshake gets on at the broker's port; whom it belongs to does not matter."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((broker.host, broker.port), CONNECT_WAIT_S) as line,
            context.wrap_socket(line, server_hostname=broker.host),
        ):
            return True
    except (OSError, UnicodeError):
        return False
