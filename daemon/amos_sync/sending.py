"""What goes to the ledger next: segments from the spool as messages, several in one where there is a backlog."""

import hashlib

from amos.protocol import topics
from amos.protocol.ledger_limits import SEVERAL_BYTES_MAX
from amos.protocol.several_host import join_several
from amos_mqtt.client import MqttClient
from amos_sync.clock import jitter_permille
from amos_sync.errors import SpoolDamaged
from amos_sync.limits import NOTE_SENT_MS, UNANSWERED_MAX, UNANSWERED_TOGETHER_MAX
from amos_sync.message import Message
from amos_sync.outbox import Outbox, Slot
from amos_sync.spool import Spool
from amos_sync.together import Together


class Sending:
    """`stage` once a turn; what it gives goes to the broker after the spool's commit."""

    def __init__(self, site: str, spool: Spool, outbox: Outbox, mqtt: MqttClient[Message], together: Together) -> None:
        self._site = site
        self._spool = spool
        self._outbox = outbox
        self._mqtt = mqtt
        self._together = together

    def stage(self, now_ms: int) -> list[tuple[str, bytes]]:
        """Topic and payload of each message. Raises `SpoolError`."""
        messages = []
        for group in self._groups(now_ms):
            if len(group) == 1 and group[0].together:
                self._together.overdue(now_ms)
            payloads = join_several(self._payloads(group), self._bytes_max)
            together = len(payloads) < len(group)  # a broker's limit may have kept them apart
            if together:
                self._together.sent(len(group))
            for slot in group:
                slot.together = together
            topic = topics.device_topic(self._site, group[0].device_id, topics.USAGE)
            messages += [(topic, payload) for payload in payloads]
        return messages

    def note_unanswered(self, now_ms: int) -> None:
        """Have the spool know what was sent a while ago: of what is answered at once it learns with the answer, since
        each change of an entry costs as much as its bytes. A crash before that only loses how often it was sent."""
        for slot in self._outbox.asked():
            if slot.unnoted_sends and slot.asked_ms is not None and now_ms - slot.asked_ms >= NOTE_SENT_MS:
                self._spool.stage_sent(slot)

    def _groups(self, now_ms: int) -> list[list[Slot]]:
        room, jitter, each_max = self._mqtt.room, jitter_permille(), self._together.each_max(now_ms)
        if self._together.proved:
            return self._outbox.send_together(now_ms, room, jitter, each_max, UNANSWERED_TOGETHER_MAX)
        asks = self._outbox.send_together(now_ms, min(room, 1), jitter, each_max, UNANSWERED_MAX)
        return asks + self._outbox.send_together(now_ms, room - len(asks), jitter, 1, UNANSWERED_MAX)

    @property
    def _bytes_max(self) -> int:
        return min(SEVERAL_BYTES_MAX, self._mqtt.payload_bytes_max)

    def _payloads(self, group: list[Slot]) -> list[bytes]:
        payloads = []
        for slot in group:
            payload = self._spool.payload(slot.id)
            if hashlib.sha256(payload).digest() != slot.message_sha256:
                raise SpoolDamaged(f"spool: segment {slot.sequence} is not what was written there")
            payloads.append(payload)
        return payloads
