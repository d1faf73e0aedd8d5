"""Enrolments that come over the broker: admitted by the same rule as those an operator brings by hand, and answered.

The proof that an enrolment is in force is a receipt for its entry of the log, since nobody need believe the broker.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from amos.protocol.answer import (
    ACCEPTED,
    DUPLICATE,
    ENROLMENT_REFUSED,
    ENROLMENT_SEQUENCE,
    RECEIPTED,
    UNAVAILABLE,
    Answer,
)
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX
from amos.protocol.signing import sign_receipt
from amos.protocol.topics import ENROLLED, ENROLMENT, device_topic, parse_device_topic
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused
from amos_ledger.folder import Folder
from amos_ledger.intake.reading import Message, shortened
from amos_ledger.store.store import Store


@dataclass(frozen=True, slots=True)
class Admission:
    """What came of one message; `topic` is where the answer goes, None where the message named no device.

    `leaf_index` is that of its entry in the log, for what is in force.
    """

    message_sha256: bytes
    topic: str | None
    device_id: bytes | None
    verdict: int
    detail: str
    leaf_index: int = 0

    @property
    def in_force(self) -> bool:
        """Whether the store has the enrolment, from this message or from before."""
        return self.verdict in RECEIPTED

    def answer(self, receipt: bytes | None, trouble: str | None) -> Answer:
        """The answer; without a receipt for what was admitted, the ledger is unavailable because of `trouble`."""
        verdict, detail = self.verdict, self.detail
        if self.in_force and receipt is None:
            verdict, detail = UNAVAILABLE, trouble or "no receipt"
        return Answer(
            message_sha256=self.message_sha256,
            verdict=verdict,
            device_id=self.device_id,
            sequence=None if self.device_id is None else ENROLMENT_SEQUENCE,
            receipt=receipt,
            detail=shortened(detail) or None,
        )


def is_enrolment(message: Message) -> bool:
    """Whether its topic is for enrolments."""
    return message.topic.rpartition("/")[2] == ENROLMENT


def admit(folder: Folder, store: Store, messages: Sequence[Message], received_unix_s: int) -> list[Admission]:
    """Put each in force or say why not, by the ledger's clock. Inside the store's transaction; what is refused changes
    nothing but a count. Raises `ClockWrong`."""
    store.chain.anchors.check_clock(received_unix_s * 1000)
    admissions = [_admit(folder, store, message, received_unix_s) for message in messages]
    refused = sum(admission.verdict == ENROLMENT_REFUSED for admission in admissions)
    if refused:
        store.count({ENROLMENT_REFUSED: refused})
    return admissions


def devices_of(messages: Sequence[Message]) -> set[bytes]:
    """The devices whose rows `admit` may change: those enrolled, and those they replace."""
    found = set()
    for message in messages:
        with suppress(ProtocolError):
            found |= registry.devices_of(message.payload)
    return found


def undecided(message: Message) -> Admission:
    """For a message that could not be decided about, because of the disk or a mistake of ours: unavailable."""
    try:
        site, device_id = _addressed(message)
    except ProtocolError:
        return Admission(message.sha256, None, None, UNAVAILABLE, "")
    return Admission(message.sha256, device_topic(site, device_id, ENROLLED), device_id, ACCEPTED, "")


def _admit(folder: Folder, store: Store, message: Message, received_unix_s: int) -> Admission:
    device_id = topic = None
    try:
        site, device_id = _addressed(message)
        topic = device_topic(site, device_id, ENROLLED)
        if message.size > ENROLMENT_BYTES_MAX:
            raise EnrolmentRefused(f"enrolment: expected at most {ENROLMENT_BYTES_MAX} bytes, found {message.size}")
        _enrolment, fresh = registry.enrol(folder, store, message.payload, (site, device_id), received_unix_s)
    except (EnrolmentRefused, ProtocolError) as error:
        return Admission(message.sha256, topic, device_id, ENROLMENT_REFUSED, str(error))
    # Looked up here: a later message of the batch may put another enrolment of the device in force.
    leaf_index = store.chain.enrolment_leaf(device_id)
    return Admission(message.sha256, topic, device_id, ACCEPTED if fresh else DUPLICATE, "", leaf_index)


def _addressed(message: Message) -> tuple[str, bytes]:
    site, device_id, _leaf = parse_device_topic(message.topic)
    return site, device_id


def receipt_for(folder: Folder, store: Store, leaf_index: int, size: int) -> bytes:
    """A receipt that this entry is in the log of `size` entries, which are published."""
    path = store.inclusion_path(leaf_index, size)
    return bytes(sign_receipt(size, leaf_index, path, store.root(size), folder.key_id, folder.sign))
