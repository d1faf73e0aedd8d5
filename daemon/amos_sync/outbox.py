"""Which segment to send and when, and what each answer does to it. Pure: time and jitter are passed in.

A segment's way through the spool, as one table (`NEXT`): what is not in it changes nothing.

    PULLED      durable in the spool, waiting to be sent
    SENT        given to the broker, no answer yet; sent again when none comes
    HELD        the ledger keeps it until something else arrives (gap, unknown pack); its receipt comes by itself
    REFUSED     the ledger named a reason; kept, shown to the operator, sent again slowly
    RECEIPTED   the ledger's receipt is durable in the spool, the player has not taken it yet
    RETURNED    the player took a receipt that covers it: the payload may go

Answers are not signed, only receipts are, so a refusal may be a lie of the broker: it can delay a segment, and never
ends its resending. The same holds for a receipt that the player refuses: the segment is sent again.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from enum import IntEnum

from amos.protocol import answer as answers
from amos_mqtt.back_off import back_off_ms


class State(IntEnum):
    """Where a segment stands; the numbers are stored in the spool."""

    PULLED = 1
    SENT = 2
    HELD = 3
    REFUSED = 4
    RECEIPTED = 5
    RETURNED = 6


class Event(IntEnum):
    """What happens to a segment."""

    SEND = 1
    RECEIPT = 2
    HOLD = 3
    REFUSE = 4
    PLAYER_TOOK = 5
    PLAYER_REFUSED = 6
    PULL = 7
    REFUSAL_BROUGHT = 8
    HOLD_BROUGHT = 9


NEXT = {
    (State.PULLED, Event.SEND): State.SENT,
    (State.SENT, Event.SEND): State.SENT,
    (State.HELD, Event.SEND): State.SENT,
    (State.REFUSED, Event.SEND): State.SENT,
    # After a restart a receipt may come before the segment is sent again. A refusal from then counts for nothing: it
    # would keep waiting, for an hour or more, what each start sends again.
    (State.PULLED, Event.RECEIPT): State.RECEIPTED,
    (State.SENT, Event.RECEIPT): State.RECEIPTED,
    (State.HELD, Event.RECEIPT): State.RECEIPTED,
    (State.REFUSED, Event.RECEIPT): State.RECEIPTED,
    (State.SENT, Event.HOLD): State.HELD,
    (State.HELD, Event.HOLD): State.HELD,
    (State.REFUSED, Event.HOLD): State.HELD,
    (State.SENT, Event.REFUSE): State.REFUSED,
    (State.HELD, Event.REFUSE): State.REFUSED,
    (State.REFUSED, Event.REFUSE): State.REFUSED,
    (State.RECEIPTED, Event.PLAYER_TOOK): State.RETURNED,
    (State.RECEIPTED, Event.PLAYER_REFUSED): State.PULLED,
    # By a stick: shown to the operator, until there is a broker again and the ledger answers itself.
    (State.PULLED, Event.REFUSAL_BROUGHT): State.REFUSED,
    (State.HELD, Event.REFUSAL_BROUGHT): State.REFUSED,
    (State.REFUSED, Event.REFUSAL_BROUGHT): State.REFUSED,
    (State.PULLED, Event.HOLD_BROUGHT): State.HELD,
    (State.HELD, Event.HOLD_BROUGHT): State.HELD,
    (State.REFUSED, Event.HOLD_BROUGHT): State.HELD,
    # A player that lost its note of the receipt lists the segment again, and gets the receipt again.
    (State.RETURNED, Event.PULL): State.PULLED,
}
"""(state, event) -> state. A receipt outweighs every later refusal; only the player ends a segment's way."""

PULL_STATE = NEXT[State.RETURNED, Event.PULL]
"""Of a segment that was just pulled, for the first time or again."""

EVENT_OF_VERDICT = {
    answers.ACCEPTED: Event.RECEIPT,
    answers.DUPLICATE: Event.RECEIPT,
    answers.GAP: Event.HOLD,
    answers.UNKNOWN_PACK: Event.HOLD,
    answers.FORK: Event.REFUSE,
    answers.UNKNOWN_DEVICE: Event.REFUSE,
    answers.BAD_SIGNATURE: Event.REFUSE,
    answers.MALFORMED: Event.REFUSE,
    answers.IMPOSSIBLE: Event.REFUSE,
    answers.QUARANTINED: Event.REFUSE,
    answers.UNAVAILABLE: Event.REFUSE,
    answers.RETIRED: Event.REFUSE,
    answers.ENROLMENT_REFUSED: Event.REFUSE,  # no ledger says so of a segment
}

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS

UNANSWERED_WAIT_MS = (10_000, 10 * _MINUTE_MS)
PLAYER_REFUSED_WAIT_MS = (_MINUTE_MS, _HOUR_MS)
FINAL_WAIT_MS = (_HOUR_MS, 24 * _HOUR_MS)
"""For refusals that only an operator can change: once an hour, then once a day, and at each start of the courier."""

WAIT_MS = {
    answers.UNAVAILABLE: (2_000, 5 * _MINUTE_MS),
    answers.UNKNOWN_DEVICE: (5_000, 10 * _MINUTE_MS),
    answers.GAP: (30_000, _HOUR_MS),
    answers.UNKNOWN_PACK: (30_000, _HOUR_MS),
}
"""Verdict -> first and longest wait before the same bytes are sent again; `FINAL_WAIT_MS` for the others."""


class Slot:
    """One segment in the outbox; `id` is the spool's. `verdict` is the last refusal or hold, if any; `asked_ms` is when
    it was sent first since the last answer; `carried`: a stick brought it for a shop elsewhere; `together`: it was sent
    with others in one message the last time; `unnoted_sends` are those that the spool does not know of."""

    __slots__ = (
        "asked_ms", "attempts", "carried", "device_id", "due_ms", "id", "message_sha256", "sequence", "state",
        "together", "unnoted_sends", "verdict"
    )  # fmt: skip

    def __init__(
        self, id: int, device_id: bytes, sequence: int, message_sha256: bytes, state: State, carried: bool = False
    ):
        self.id = id
        self.device_id = device_id
        self.sequence = sequence
        self.message_sha256 = message_sha256
        self.state = state
        self.carried = carried
        self.together = False
        self.unnoted_sends = 0
        self.attempts = 0
        self.due_ms = 0
        self.asked_ms: int | None = None
        self.verdict: int | None = None


class _Lane:
    """The slots of one device."""

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.fresh: deque[Slot] = deque()
        self.later: list[tuple[int, int]] = []  # (due_ms, id), outdated ones included: the slot's due_ms decides
        self.receipted: dict[int, Slot] = {}
        self.unanswered = 0
        self.own = 0


class Outbox:
    """Every segment that is not yet returned. Each method that changes a slot returns it: the spool stores its state.

    unanswered_max   fresh segments of one device on their way at once
    """

    def __init__(self, unanswered_max: int) -> None:
        self._unanswered_max = unanswered_max
        self._lanes: dict[bytes, _Lane] = {}
        self._by_message: dict[bytes, list[Slot]] = {}
        self._count = 0

    def clear(self) -> None:
        """Forget everything: it is read from the spool again."""
        self._lanes.clear()
        self._by_message.clear()
        self._count = 0

    def add(self, slot: Slot) -> None:
        """Take a slot in: just pulled, or found in the spool at the start (then everything unanswered is due)."""
        lane = self._lanes.setdefault(slot.device_id, _Lane())
        if slot.state in (State.SENT, State.HELD, State.REFUSED):
            slot.state = State.PULLED
        lane.slots[slot.id] = slot
        lane.own += not slot.carried
        self._by_message.setdefault(slot.message_sha256, []).append(slot)
        self._count += 1
        if slot.state is State.RECEIPTED:
            lane.receipted[slot.id] = slot
        else:
            lane.fresh.append(slot)

    def send(self, now_ms: int, count_max: int, jitter_permille: int) -> list[Slot]:
        """Up to `count_max` slots to give to the broker now, each alone, which count as sent from here on.

        Overdue ones first, then fresh ones in order; the devices take turns, those of this shop before all others: what
        sticks bring, however much, holds up none of its players.
        """
        return [slot for (slot,) in self.send_together(now_ms, count_max, jitter_permille, 1, self._unanswered_max)]

    def send_together(
        self, now_ms: int, count_max: int, jitter_permille: int, each_max: int, unanswered_max: int
    ) -> list[list[Slot]]:
        """As `send`, up to `count_max` groups: fresh ones of one device go together, up to `each_max` of them as long
        as it has less than `unanswered_max` under way. One that is sent again goes alone: whatever kept it from its
        answer may have been its company."""
        own = [lane for lane in self._lanes.values() if lane.slots and lane.own]
        how = (now_ms, jitter_permille, each_max, unanswered_max)
        chosen = self._send_of(own, count_max, *how)
        others = [lane for lane in self._lanes.values() if lane.slots and not lane.own]
        return chosen + self._send_of(others, count_max - len(chosen), *how)

    def _send_of(
        self,
        lanes: "list[_Lane]",
        count_max: int,
        now_ms: int,
        jitter_permille: int,
        each_max: int,
        unanswered_max: int,
    ) -> list[list[Slot]]:
        chosen: list[list[Slot]] = []
        while lanes and len(chosen) < count_max:
            for lane in list(lanes):
                room = len(chosen) < count_max
                group = self._due_of(lane, now_ms, each_max, unanswered_max) if room else []
                if not group:
                    lanes.remove(lane)
                    continue
                for slot in group:
                    self._sent(slot, now_ms, jitter_permille)
                chosen.append(group)
        # Whoever was served last goes to the end, so that turns stay fair when there is room for one at a time.
        if chosen:
            last = chosen[-1][0].device_id
            self._lanes[last] = self._lanes.pop(last)
        return chosen

    def _sent(self, slot: Slot, now_ms: int, jitter_permille: int) -> None:
        self._move(slot, Event.SEND)
        slot.attempts += 1
        slot.unnoted_sends += 1
        slot.asked_ms = now_ms if slot.asked_ms is None else slot.asked_ms
        self._wait(slot, now_ms, UNANSWERED_WAIT_MS, jitter_permille)

    def _due_of(self, lane: _Lane, now_ms: int, each_max: int, unanswered_max: int) -> list[Slot]:
        if self._waits(lane) and lane.later[0][0] <= now_ms:
            return [lane.slots[heapq.heappop(lane.later)[1]]]
        group: list[Slot] = []
        while lane.fresh and len(group) < each_max and lane.unanswered + len(group) < unanswered_max:
            slot = lane.fresh.popleft()
            if slot.state is State.PULLED and slot.id in lane.slots:
                group.append(slot)
        return group

    def answered(self, slot: Slot, verdict: int, now_ms: int, jitter_permille: int) -> Slot | None:
        """Apply the ledger's verdict; the slot if that changed anything, else None."""
        if not self._move(slot, EVENT_OF_VERDICT[verdict]):
            return None
        slot.verdict = None if slot.state is State.RECEIPTED else verdict
        slot.asked_ms = None
        slot.together = False  # its company did it no harm
        if slot.state in (State.HELD, State.REFUSED):
            self._wait(slot, now_ms, WAIT_MS.get(verdict, FINAL_WAIT_MS), jitter_permille)
        return slot

    def told(self, slot: Slot, verdict: int, now_ms: int) -> Slot | None:
        """A stick brought a verdict that is no receipt; the slot if that changed anything, else None. Anybody may have
        written it: it delays nothing, and the segment goes with the next broker."""
        event = Event.HOLD_BROUGHT if verdict in answers.HELD else Event.REFUSAL_BROUGHT
        if not self._move(slot, event):
            return None
        slot.verdict = verdict
        slot.due_ms = now_ms
        heapq.heappush(self._lanes[slot.device_id].later, (slot.due_ms, slot.id))
        return slot

    def find(self, message_sha256: bytes, device_id: bytes | None = None, sequence: int | None = None) -> Slot | None:
        """The slot whose payload has this hash: that of the device and sequence, if there is one. A player that hands
        over what is another's has a slot of the same hash, and must not come in its way."""
        slots = self._by_message.get(message_sha256, [])
        fits = (slot for slot in slots if slot.device_id == device_id and sequence in (None, slot.sequence))
        return next(fits, slots[0] if slots else None)

    def player_at(self, device_id: bytes, last_receipted: int) -> list[Slot]:
        """The player holds receipts up to this sequence: what the ledger receipted up to there is returned.

        Segments without a receipt of the ledger stay, whatever the player says.
        """
        lane = self._lanes.get(device_id)
        if lane is None:
            return []
        taken = [slot for slot in lane.receipted.values() if slot.sequence <= last_receipted]
        for slot in taken:
            self._move(slot, Event.PLAYER_TOOK)
        return taken

    def next_offer(self, device_id: bytes, last_receipted: int) -> Slot | None:
        """The newest receipted slot beyond what the player has: by the chain it confirms every earlier one too."""
        lane = self._lanes.get(device_id)
        ahead = [slot for slot in lane.receipted.values() if slot.sequence > last_receipted] if lane else []
        return max(ahead, key=lambda slot: slot.sequence, default=None)

    def player_refused(self, slot: Slot, now_ms: int, jitter_permille: int) -> Slot:
        """The player did not take this receipt: forget it, and ask the ledger again."""
        self._move(slot, Event.PLAYER_REFUSED)
        slot.attempts += 1
        self._wait(slot, now_ms, PLAYER_REFUSED_WAIT_MS, jitter_permille)
        return slot

    def all(self) -> list[Slot]:
        """Every slot."""
        return [slot for lane in self._lanes.values() for slot in lane.slots.values()]

    def own(self) -> list[Slot]:
        """The slots of this shop's own players."""
        return [slot for slot in self.all() if not slot.carried]

    @property
    def carrying(self) -> bool:
        """Whether something that a stick brought has no answer yet."""
        lanes = [lane for lane in self._lanes.values() if lane.own < len(lane.slots)]
        waiting = (State.PULLED, State.SENT)
        return any(slot.carried and slot.state in waiting for lane in lanes for slot in lane.slots.values())

    def open_slots(self, device_id: bytes) -> list[Slot]:
        """The device's slots that are not yet returned."""
        lane = self._lanes.get(device_id)
        return list(lane.slots.values()) if lane else []

    def asked(self) -> list[Slot]:
        """The slots whose answer is awaited."""
        return [slot for slot in self.all() if slot.state is State.SENT]

    def decided(self) -> list[Slot]:
        """This shop's slots that the ledger held or refused the last time, those that are asked about again too."""
        return [slot for slot in self.own() if slot.verdict is not None]

    def device_ids(self) -> list[bytes]:
        """Devices with open slots."""
        return [device_id for device_id, lane in self._lanes.items() if lane.slots]

    def __len__(self) -> int:
        return self._count

    def forget(self, device_id: bytes, id: int) -> None:
        """A carried slot is let go of, in whatever state."""
        lane = self._lanes.get(device_id)
        slot = lane.slots.get(id) if lane else None
        if lane is not None and slot is not None:
            lane.unanswered -= slot.state is State.SENT
            lane.receipted.pop(id, None)
            self._remove(lane, slot)

    def next_due_ms(self) -> int | None:
        """When a waiting slot is due next; None when none waits. Fresh ones depend on room, not on time."""
        return min((lane.later[0][0] for lane in self._lanes.values() if self._waits(lane)), default=None)

    @staticmethod
    def _waits(lane: _Lane) -> bool:
        """Whether a slot of the lane waits. Moments of slots that have moved on are let go of: once they are past,
        the loop would rest no more."""
        while lane.later:
            due_ms, id = lane.later[0]
            slot = lane.slots.get(id)
            if slot is not None and slot.due_ms == due_ms and (slot.state, Event.SEND) in NEXT:
                return True
            heapq.heappop(lane.later)
        return False

    def _move(self, slot: Slot, event: Event) -> bool:
        state = NEXT.get((slot.state, event))
        if state is None:
            return False
        lane = self._lanes[slot.device_id]
        lane.unanswered += (state is State.SENT) - (slot.state is State.SENT)
        slot.state = state
        if state is State.RECEIPTED:
            lane.receipted[slot.id] = slot
        else:
            lane.receipted.pop(slot.id, None)
        if state is State.RETURNED:
            self._remove(lane, slot)
        return True

    def _remove(self, lane: _Lane, slot: Slot) -> None:
        lane.own -= not slot.carried
        del lane.slots[slot.id]
        self._count -= 1
        alike = self._by_message[slot.message_sha256]
        alike.remove(slot)
        if not alike:
            del self._by_message[slot.message_sha256]

    def _wait(self, slot: Slot, now_ms: int, bounds: tuple[int, int], jitter_permille: int) -> None:
        slot.due_ms = now_ms + back_off_ms(bounds, max(slot.attempts, 1), jitter_permille)
        heapq.heappush(self._lanes[slot.device_id].later, (slot.due_ms, slot.id))


def final_refusals(slots: Iterable[Slot]) -> list[Slot]:
    """Those refused for a reason that time alone does not change."""
    return [slot for slot in slots if slot.state is State.REFUSED and slot.verdict not in answers.RETRY]
