"""What a courier or an operator takes from the broker: answers, anchors, opt-out lists."""

from dataclasses import dataclass

from amos.protocol import topics
from amos.protocol.ledger_limits import ANSWER_BYTES_MAX, SEVERAL_BYTES_MAX
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.several_host import holds_several, split_several

PAYLOAD_BYTES_MAX = max(OPT_OUTS_BYTES_MAX, SEVERAL_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Message:
    """Something arrived on a topic."""

    topic: str
    payload: bytes


def read_message(topic: str, payload: bytes) -> Message | None:
    """The message, or None: forged bytes may be of any size, and only what can be for us is worth a place."""
    is_large = topic in topics.ALL_OPT_OUTS or topics.is_rotation(topic)
    bytes_max = OPT_OUTS_BYTES_MAX if is_large else ANSWER_BYTES_MAX
    if _is_several(topic, payload):
        bytes_max = SEVERAL_BYTES_MAX
    return Message(topic, payload) if len(payload) <= bytes_max else None


def split_message(message: Message) -> list[Message]:
    """Each answer as one. Raises `MessageError`."""
    if not _is_several(message.topic, message.payload):
        return [message]
    return [Message(message.topic, answer) for answer in split_several(message.payload)]


def _is_several(topic: str, payload: bytes) -> bool:
    return holds_several(payload) and topic.endswith("/" + topics.RECEIPT)
