"""What the ledger says to a courier, by the broker or by a stick: verdicts, anchors, and what it has given up.

Each raises `ProtocolError` for what is none, and `SpoolDamaged` where it shows that the spool is not what was written.
"""

from collections.abc import Callable

from amos.protocol.anchor import Anchor
from amos.protocol.answer import Answer
from amos.protocol.answer_host import read_answer
from amos.protocol.cose import TYP_ANCHOR, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.forgone import read_forgone
from amos.protocol.limits import ANCHOR_BYTES_MAX
from amos.protocol.printable_host import printable
from amos.protocol.receipt_host import read_receipt
from amos_mqtt.client import MqttClient
from amos_sync.clock import clock_fault, clock_ms, jitter_permille, wall_ms
from amos_sync.errors import SpoolDamaged
from amos_sync.hindrances import Hindrances
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import FORGONE_AGAIN_MS
from amos_sync.message import Message
from amos_sync.notes import Notes
from amos_sync.outbox import Outbox, Slot, State
from amos_sync.players import Players
from amos_sync.spool import Spool
from amos_sync.spool_damage import names
from amos_sync.together import Together


class LedgerWords:
    """`wake(device_id)` tells a player's session that there is something for it."""

    def __init__(
        self,
        spool: Spool,
        outbox: Outbox,
        mqtt: MqttClient[Message],
        notes: Notes,
        players: Players,
        line: LedgerLine,
        hindrances: Hindrances,
        together: Together,
        wake: Callable[[bytes | None], None],
    ) -> None:
        self._spool = spool
        self._outbox = outbox
        self._mqtt = mqtt
        self._notes = notes
        self._players = players
        self._line = line
        self._hindrances = hindrances
        self._together = together
        self._wake = wake
        self._forgone_ms = clock_ms()

    def anchor_came(self, device_id: bytes, payload: bytes, now_ms: int) -> None:
        """A time anchor for a player."""
        signed = parse_typed(payload, TYP_ANCHOR, ANCHOR_BYTES_MAX)
        waited_ms = self._players.anchors.waited_ms(device_id, now_ms)
        if not self._players.believes(device_id, signed.kid) or not self._players.anchors.came(device_id, payload):
            return
        self._wake(device_id)
        if waited_ms is not None and self._line.signed(signed):
            anchor = Anchor.decode(signed.payload)
            wrong = clock_fault(wall_ms(), anchor.unix_ms, waited_ms)
            if wrong is None:
                self._notes.over("clock", "this machine's clock is right again", now_ms)
            else:
                self._notes.wrong("clock", wrong, now_ms)

    def send_again(self, message: bytes, now_ms: int) -> None:
        """The ledger has given up what it signed from some leaf on: what was receipted there goes to it anew."""
        if message == self._spool.forgone() or now_ms < self._forgone_ms:
            return
        forgone = read_forgone(message)
        if forgone.kept_size >= forgone.lost_size:
            raise MessageError(
                f"forgone.kept_size: expected below lost_size, which is {forgone.lost_size}, found {forgone.kept_size}"
            )
        slots = self._spool.stage_again(forgone.kept_size, forgone.lost_size)
        self._spool.stage_forgone(message)
        self._forgone_ms = now_ms + FORGONE_AGAIN_MS
        for slot in slots:
            self._outbox.add(slot)
        if slots:
            self._notes.say("forgone", f"the ledger has lost {len(slots)} returned segments, which go to it again")
            topics_of = {name for slot in slots for name in self._players.topics_of(slot.device_id)}
            self._mqtt.subscribe(sorted(topics_of))

    def refusal_brought(self, slot: Slot, answer: Answer, now_ms: int) -> bool:
        """A stick says what the ledger said of a segment, no receipt; whether that is of use. Where there is a broker
        the ledger says so itself."""
        if self._mqtt.up or self._outbox.told(slot, answer.verdict, now_ms) is None:
            return False
        detail = printable(answer.detail) if answer.detail else None
        self._spool.stage_answer(slot, detail)
        self._hindrances.decided(slot.device_id, answer.verdict, detail)
        return True

    def answered(self, device_id: bytes, message: Message, now_ms: int) -> None:
        """A verdict on a segment."""
        answer = read_answer(message.payload)
        self._hindrances.unanswered.answered(now_ms)
        slot = self._outbox.find(answer.message_sha256, device_id, answer.sequence)
        if slot is None or slot.state is State.RECEIPTED:
            return  # an answer to what is done already: resends bring such
        named = answer.device_id in (None, device_id) and answer.sequence in (None, slot.sequence)
        if slot.device_id != device_id or not named:
            if names(unwrap(self._spool.payload(slot.id))) != (slot.device_id, slot.sequence):
                raise SpoolDamaged(f"spool: segment {slot.sequence} is noted under another name than its own")
            raise ProtocolError("answer: expected device and sequence of the message that its hash names")
        leaf_index = None
        if answer.receipt is not None:
            receipt = read_receipt(answer.receipt)
            leaf_index = receipt.leaf_index
            if self._line.checks:
                self._line.check(receipt, unwrap(self._spool.payload(slot.id)))
            if not self._players.believes(device_id, receipt.message.kid):
                return  # in a time of transition the same comes by the other key as well
        if slot.together and slot.state is State.SENT and slot.asked_ms is not None:
            self._together.answered(now_ms - slot.asked_ms)
        if self._outbox.answered(slot, answer.verdict, now_ms, jitter_permille()) is None:
            return
        if answer.receipt is not None:
            self._spool.stage_answer(slot, receipt=answer.receipt, leaf_index=leaf_index)
            self._wake(device_id)
            return
        detail = printable(answer.detail) if answer.detail else None
        self._spool.stage_answer(slot, detail)
        self._hindrances.decided(device_id, answer.verdict, detail)
