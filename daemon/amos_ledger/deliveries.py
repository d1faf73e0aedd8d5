"""Messages that hold several segments, on the ledger's side: each segment is decided as if it had come alone.

The broker is told that such a message is done with when every segment of it is. Whoever sent several in one message
takes several answers in one, too; so answers for that device wait until the loop comes round, and go together. A crash
or a lost line at any point leaves the message with the broker, which delivers all of it again: what was decided is
answered as before.
"""

from dataclasses import dataclass, field

from amos.protocol.errors import ProtocolError
from amos.protocol.several_host import holds_several, join_several, split_several
from amos.protocol.topics import RECEIPT, USAGE
from amos_ledger.intake.reading import Message
from amos_ledger.limits import TOPIC_CHARACTERS_MAX
from amos_mqtt.happenings import Arrival

Delivery = Message | tuple[Message, ...]
"""One message, or those that came in one."""


def read_delivery(topic: str, payload: bytes) -> Delivery:
    """What a message holds; what is badly made is one message, for intake to refuse."""
    if holds_several(payload) and topic.endswith("/" + USAGE) and len(topic) <= TOPIC_CHARACTERS_MAX:
        try:
            return tuple(Message.of(topic, envelope) for envelope in split_several(payload))
        except ProtocolError:
            pass
    return Message.of(topic, payload)


@dataclass(slots=True)
class Whole:
    """A message that held several, of which so many are not decided yet."""

    arrival: Arrival[Delivery]
    left: int


@dataclass(frozen=True, slots=True)
class Part(Arrival[Message]):
    """One of several that came in one message."""

    whole: Whole | None = field(default=None, kw_only=True)


class Deliveries:
    """`taken_apart` what arrives, then `decided` each of it; answers that `gather` takes are given back by
    `take_answers`."""

    def __init__(self) -> None:
        self._undecided: dict[str, int] = {}
        self._answers: dict[str, list[bytes]] = {}

    def taken_apart(self, arrival: Arrival[Delivery]) -> list[Arrival[Message]]:
        """What has arrived, each segment for itself."""
        delivered = arrival.message
        about = arrival.packet_id, arrival.qos, arrival.connection, arrival.fingerprint
        if isinstance(delivered, Message):
            return [Arrival(delivered, *about)]
        whole, topic = Whole(arrival, len(delivered)), _answer_topic(delivered[0].topic)
        self._undecided[topic] = self._undecided.get(topic, 0) + len(delivered)
        return [Part(message, *about, whole=whole) for message in delivered]

    def decided(self, arrival: Arrival[Message]) -> Arrival[Delivery] | Arrival[Message] | None:
        """What the broker may forget by this; None while others that came with it are not decided."""
        if not isinstance(arrival, Part) or arrival.whole is None:
            return arrival
        arrival.whole.left -= 1
        topic = _answer_topic(arrival.message.topic)
        if topic in self._undecided:
            self._undecided[topic] -= 1
        return None if arrival.whole.left else arrival.whole.arrival

    def gather(self, topic: str, payload: bytes) -> bool:
        """Whether this is an answer that goes with others later."""
        if topic not in self._undecided:
            return False
        self._answers.setdefault(topic, []).append(payload)
        return True

    def take_answers(self) -> list[tuple[str, bytes]]:
        """What was gathered, as messages."""
        if not self._undecided:
            return []
        answers, self._answers = self._answers, {}
        self._undecided = {topic: left for topic, left in self._undecided.items() if left > 0}
        return [(topic, message) for topic, items in answers.items() for message in join_several(items)]

    def forget(self) -> None:
        """Another line: what was not decided on the last is delivered again or lost. Answers still go."""
        self._undecided = dict.fromkeys(self._answers, 0)


def _answer_topic(topic: str) -> str:
    return topic.removesuffix(USAGE) + RECEIPT
