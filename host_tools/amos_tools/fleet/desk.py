"""The desk's line to the broker: it hears what is retained there, and retains directives."""

import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType

from amos.protocol import topics
from amos.protocol.limits import APPOINTMENT_BYTES_MAX
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Denied, Down, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.courier_status import COURIER_STATUS_BYTES_MAX
from amos_sync.message import Message
from amos_tools.fleet.errors import UnreachableError
from amos_tools.fleet.members import Members

QUIET_S = 0.5
"""After the last topic that was not heard before: the protocol does not say when all that is retained has come, and
what comes again on a topic is what a player says meanwhile."""

HEAR_S = 10.0
TURN_S = 0.1
PAYLOAD_BYTES_MAX = max(COURIER_STATUS_BYTES_MAX, APPOINTMENT_BYTES_MAX)
"""The longest of what it hears; a status or a directive that is too long is none."""


def _read(topic: str, payload: bytes) -> Message | None:
    return Message(topic, payload) if len(payload) <= PAYLOAD_BYTES_MAX else None


class Desk:
    """`members` is what the broker has, as of the last `turn`; `connections` counts how often it was connected. A
    context: it connects, and hangs up.

    Raises `UnreachableError`.
    """

    def __init__(self, broker: Broker, operator_key: bytes) -> None:
        self.members = Members(operator_key)
        self._woken = threading.Event()
        settings = ClientSettings(f"amos-desk-{secrets.token_hex(4)}", PAYLOAD_BYTES_MAX)
        self._client: MqttClient[Message] = MqttClient(broker, settings, _read, self._woken.set)
        self._said = "does not answer"
        self._heard_s = 0.0
        self._topics: set[str] = set()
        self.connections = 0

    @property
    def up(self) -> bool:
        """Whether it is connected."""
        return self._client.up

    def __enter__(self) -> "Desk":
        self._client.start(_now_ms())
        try:
            self._hear_all()
        except BaseException:
            self._client.stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._client.stop(wait_s=HEAR_S)

    def _hear_all(self) -> None:
        end_s = time.monotonic() + HEAR_S
        while time.monotonic() < end_s:
            self.turn()
            if self._client.up and self._heard_s and time.monotonic() - self._heard_s >= QUIET_S:
                return
        raise UnreachableError(f"broker {self._client.broker.name} {self._said}")

    def turn(self) -> None:
        """Take what has come; wait a moment for it."""
        self._woken.wait(TURN_S)
        self._woken.clear()
        for happening in self._client.poll(_now_ms()):
            if isinstance(happening, Up):
                self.connections += 1
                leaves = (topics.DIRECTIVE, topics.STATUS)
                self._client.subscribe([topics.ROTATIONS, *(f"{topics.PREFIX}/+/+/{leaf}" for leaf in leaves)])
                self._heard_s, self._topics = time.monotonic(), set()
            elif isinstance(happening, Down | Denied):
                self._said = happening.reason
            elif isinstance(happening, Arrival):
                if happening.message.topic not in self._topics:
                    self._topics.add(happening.message.topic)
                    self._heard_s = time.monotonic()
                self.members.came(happening.message.topic, happening.message.payload)

    def direct(self, site: str, device_id: bytes, data: bytes) -> None:
        """Have the broker retain the directive. Raises `UnreachableError`."""
        topic, end_s = topics.device_topic(site, device_id, topics.DIRECTIVE), time.monotonic() + HEAR_S
        while not (self._client.room and self._client.publish(topic, data, retain=True)):
            if time.monotonic() >= end_s:
                raise UnreachableError(f"broker {self._client.broker.name} {self._said}")
            self.turn()
        member = self.members.of(site, device_id)
        member.before = member.status
        self.members.came(topic, data)

    def wait(self, until: Callable[[], bool], wait_s: float) -> bool:
        """Hear on until it holds, for at most so long; whether it does."""
        end_s = time.monotonic() + wait_s
        while not until() and time.monotonic() < end_s:
            self.turn()
        return until()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
