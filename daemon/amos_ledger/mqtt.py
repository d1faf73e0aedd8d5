"""The ledger's place at the broker: usage messages, nonces and enrolments in, answers out (`amos_mqtt.client`).

Contract: a message is acknowledged to the broker when the service says so, when it is durably decided; one that was not
is delivered again. Where the connection broke before that acknowledgement left, the message is delivered once more and
acknowledged then without being decided again, so that the shortest connection gets on. Delivery may repeat, never the
effect: intake sees to that. When the queue is full a message is dropped and counted; its courier sends it again.
`report` is told what the operator should know of the connection, each thing once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from amos.protocol.ledger_limits import RECEIPTED_BYTES_MAX, SEVERAL_BYTES_MAX
from amos.protocol.topics import (
    ALL_COURIER_CHECKPOINTS,
    ALL_ENROLMENTS,
    ALL_RECEIPTED,
    ALL_TIME,
    ALL_USAGE,
    CHECKPOINT,
    ROTATIONS,
)
from amos_ledger.deliveries import Deliveries, Delivery, read_delivery
from amos_ledger.head_line import HeadLine
from amos_ledger.intake.reading import Message
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Down, Happening, Said, Up
from amos_mqtt.limits import OUTGOING_QUEUED_MAX, PAUSES_S
from amos_mqtt.settings import ClientSettings

_HEADS = (CHECKPOINT, ROTATIONS, ALL_COURIER_CHECKPOINTS, ALL_RECEIPTED)

SHARED_USAGE = f"$share/ledger/{ALL_USAGE}"
"""Each message goes to one of those who subscribe to this."""

ALONE = (_HEADS, (ALL_USAGE, ALL_TIME, ALL_ENROLMENTS))
"""What a ledger asks the broker for. Heads first: they may stop the ledger."""

AMONG_WORKERS = (_HEADS, (SHARED_USAGE, ALL_TIME, ALL_ENROLMENTS))
"""The same of one that others may share the work with."""

WORKER = ((SHARED_USAGE,),)


class MqttEdge:
    """`start`, then `next_batch` until done; `stop` leaves the session with the broker. All on one thread.

    connected   set while there is a connection, for other threads to wait for
    reached     whether there ever was one
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        report: Callable[[str], None],
        pauses_s: tuple[int, int] = PAUSES_S,
        topics: Sequence[Sequence[str]] = ALONE,
        lasting: bool = True,
    ) -> None:
        self._broker = broker
        self._pauses_s = pauses_s
        self._topics = topics
        self.connected = threading.Event()
        self.reached = False
        self._report = report
        self._woken = threading.Event()
        bytes_max = max(RECEIPTED_BYTES_MAX, SEVERAL_BYTES_MAX)
        settings = ClientSettings(client_id, bytes_max, lasting=lasting, acknowledges=True, pauses_s=pauses_s)
        self._client: MqttClient[Delivery] = MqttClient(broker, settings, read_delivery, self._wake)
        self._deliveries = Deliveries()
        self._arrived: deque[Arrival[Message]] = deque()
        self._unsent: deque[tuple[str, bytes, bool]] = deque()
        self._dropped_taken = 0

    def head_line(self) -> HeadLine:
        """For what the broker retains and couriers object, before this edge starts."""
        return HeadLine(self._broker, _HEADS, self._report, self._pauses_s)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.start(_clock_ms())

    def stop(self, wait_s: float = 5.0) -> None:
        """Send what is queued as far as it goes, and leave; what is not acknowledged stays with the broker."""
        self._send_gathered()
        self._client.stop(wait_s=wait_s)
        self.connected.clear()

    @property
    def connections(self) -> int:
        """How often it has connected: a broker may have lost what it retained."""
        return self._client.connections

    def next_batch(self, count_max: int, wait_s: float) -> list[Arrival[Message]]:
        """What has arrived, up to so much; waits for the first. Answers that were gathered go first."""
        self._send_gathered()
        if not self._arrived:
            self._poll()
        if not self._arrived:
            self._woken.wait(wait_s)
            self._poll()
        return [self._arrived.popleft() for _ in range(min(count_max, len(self._arrived)))]

    @property
    def waiting(self) -> int:
        """Messages that came and are not taken yet."""
        return len(self._arrived) + self._client.waiting

    @property
    def unsent(self) -> int:
        """Answers that wait for a connection."""
        return len(self._unsent)

    def take_dropped(self) -> int:
        """Messages that found the queue full since the last call."""
        dropped, self._dropped_taken = self._client.dropped - self._dropped_taken, self._client.dropped
        return dropped

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Queue an answer; False when it cannot be, and then the courier's next resend asks for it again."""
        return self._deliveries.gather(topic, payload) or self._publish(topic, payload, retain)

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        if self._client.up:
            return self._client.publish(topic, payload, retain)
        if "+" in topic or "#" in topic or len(self._unsent) >= OUTGOING_QUEUED_MAX:
            return False
        self._unsent.append((topic, payload, retain))
        return True

    def acknowledge(self, arrival: Arrival[Message]) -> None:
        """It is durably decided: let the broker forget it."""
        done = self._deliveries.decided(arrival)
        if done is not None:
            self._client.acknowledge(done)

    def _send_gathered(self) -> None:
        for topic, payload in self._deliveries.take_answers():
            self._publish(topic, payload, False)  # what is lost, its courier asks for again

    def _wake(self) -> None:
        # `_poll` forgets that it was woken before it looks: whoever finds it woken is seen without waking it again.
        if not self._woken.is_set():
            self._woken.set()

    def _poll(self) -> None:
        self._woken.clear()
        for happening in self._client.poll(_clock_ms()):
            self._happened(happening)

    def _happened(self, happening: Happening[Delivery]) -> None:
        if isinstance(happening, Arrival):
            self._arrived += self._deliveries.taken_apart(happening)
        elif isinstance(happening, Up):
            self._deliveries.forget()
            if happening.resumed:
                self._arrived.clear()  # the broker delivers them again, and these could not be acknowledged any more
            for names in self._topics:
                self._client.subscribe(list(names))
            while self._unsent:
                self._client.publish(*self._unsent.popleft())
            self.reached = True
            self.connected.set()
        elif isinstance(happening, Down):
            self.connected.clear()
        elif isinstance(happening, Said):
            self._report(happening.sentence)


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000
