"""What keeps segments from their receipts at the moment, in a sentence each that says what to do about it.

It is looked for anew in the state of spool, outbox, broker and players, not noted as things happen: so nothing that
lasts is missed, and what is over is seen to be over. What is wrong with the broker its client says itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from amos.protocol import answer as answers
from amos_mqtt.client import MqttClient
from amos_mqtt.limits import UNANSWERED_MS
from amos_sync.device import Device
from amos_sync.limits import LOOK_MS
from amos_sync.message import Message
from amos_sync.notes import Notes
from amos_sync.outbox import Outbox, Slot
from amos_sync.spool import Spool
from amos_sync.unanswered import Unanswered, part_silence, silence, usage_pattern


@dataclass(frozen=True)
class Hindrance:
    """What is so, and what to say when it is over."""

    sentence: str
    over: str


class Hindrances:
    """`look` once a turn."""

    def __init__(self, site: str, spool: Spool, outbox: Outbox, mqtt: MqttClient[Message], notes: Notes) -> None:
        self.unanswered = Unanswered()
        self._details: dict[tuple[bytes, int], str | None] = {}
        self._site = site
        self._spool = spool
        self._outbox = outbox
        self._mqtt = mqtt
        self._notes = notes
        self._present: dict[str, Hindrance] = {}
        self._since_ms: dict[str, int] = {}
        self._looked_ms: int | None = None

    def decided(self, device_id: bytes, verdict: int, detail: str | None) -> None:
        """The ledger held or refused a segment, and may have said more; the first of a kind is told soon."""
        if (device_id, verdict) not in self._details:
            self._looked_ms = None
        self._details[device_id, verdict] = detail

    def look(self, devices: Iterable[Device], now_ms: int) -> bool:
        """Tell what began, changed or is over; whether it was time to look at all."""
        if self._looked_ms is not None and now_ms - self._looked_ms < LOOK_MS:
            return False
        self._looked_ms = now_ms
        found = self._full() | self._silence(now_ms) | self._no_room(now_ms) | self._verdicts()
        for device in devices:
            found |= self._untaken(device, now_ms)
        for subject, hindrance in found.items():
            self._notes.wrong(subject, hindrance.sentence, now_ms)
        for subject in self._present.keys() - found.keys():
            self._notes.over(subject, self._present[subject].over, now_ms)
        self._present = found
        self._notes.look(now_ms)
        return True

    def _full(self) -> dict[str, Hindrance]:
        if not self._spool.full:
            return {}
        name = f"spool {self._spool.folder}"
        kept = f"{self._spool.open_entries} segments, {self._spool.used_bytes >> 20} MiB"
        advice = "pulling stops until receipts make room; more of it is --spool-mib"
        return {"full": Hindrance(f"{name}: full ({kept}); {advice}", f"{name}: has room again")}

    def _silence(self, now_ms: int) -> dict[str, Hindrance]:
        self.unanswered.look(self._outbox.asked(), now_ms)
        slots = self.unanswered.slots
        if not slots:
            return {}
        name = f"broker {self._mqtt.broker.name}"
        largest = max(self._spool.message_bytes(slot.id) for slot in slots[:100])
        nobody = usage_pattern(self._site) in self._mqtt.unheard
        partly = self.unanswered.partly
        sentence = part_silence(slots, largest) if partly else silence(self._site, largest, nobody)
        over = f"{name}: the ledger answers again"
        return {"answers": Hindrance(f"{name}: {sentence}", over)}

    def _no_room(self, now_ms: int) -> dict[str, Hindrance]:
        if not self._lasts("acknowledgements", self._mqtt.up and not self._mqtt.room, now_ms):
            return {}
        name = f"broker {self._mqtt.broker.name}"
        sentence = f"{name}: has acknowledged nothing for a minute; look at its log and its disk, or start it anew"
        return {"acknowledgements": Hindrance(sentence, f"{name}: acknowledges messages again")}

    def _verdicts(self) -> dict[str, Hindrance]:
        groups: dict[tuple[bytes, int], list[Slot]] = defaultdict(list)
        for slot in self._outbox.decided():
            if slot.verdict is not None:
                groups[slot.device_id, slot.verdict].append(slot)
        self._details = {key: self._details.get(key) for key in groups}
        return {f"{key[0].hex()} {key[1]}": self._verdict(key, slots) for key, slots in groups.items()}

    def _verdict(self, key: tuple[bytes, int], slots: list[Slot]) -> Hindrance:
        device_id, verdict = key
        name, called = device_id.hex()[:8], answers.VERDICTS[verdict]
        first = min(slots, key=lambda slot: slot.sequence)
        detail = f" ({self._details[key]})" if self._details[key] else ""
        sentence = (
            f"{name}: segment {first.sequence} ({len(slots)} in all): {called}. {answers.SENTENCES[verdict]}{detail}"
        )
        state = "held" if verdict in answers.HELD else "refused"
        return Hindrance(sentence, f"{name}: no segment is {state} any more as: {called}")

    def _untaken(self, device: Device, now_ms: int) -> dict[str, Hindrance]:
        session = device.session
        if session is None or session.device_id is None or session.status is None:
            return {}
        offer = self._outbox.next_offer(session.device_id, session.status.last_receipted)
        subject = f"{device.address} receipt"
        if not self._lasts(subject, offer is not None, now_ms) or offer is None:
            return {}
        sentence = f"{session.name}: has not taken its receipt for segment {offer.sequence} for a minute"
        advice = "look at its status, and start it anew"
        return {subject: Hindrance(f"{sentence}; {advice}", f"{session.name}: takes receipts again")}

    def _lasts(self, subject: str, is_so: bool, now_ms: int) -> bool:
        if not is_so:
            self._since_ms.pop(subject, None)
            return False
        return now_ms - self._since_ms.setdefault(subject, now_ms) >= UNANSWERED_MS
