"""What the ring holds, read back: the journal's state after a boot.

Nothing is written here: a power cut during recovery leaves what it found.
"""

from amos.journal import record
from amos.journal.builder import SegmentBuilder
from amos.journal.facts import Flushed, Opened, State
from amos.journal.rows import Rows
from amos.journal.segments import HEAD_BYTES, SealedHead, Segments, without
from amos.protocol.errors import ProtocolError

_ROLES = (0, record.STATE, record.OPEN, record.FLUSH, record.OPEN, record.MEMORY, record.SEALED)
"""By kind: of which kind the last record is needed. CARRY stands for the OPEN before it."""


class Found:
    """The outcome.

    state       State with the newest counters; its `segments_*` are not kept up to date
    unsealed    SegmentBuilder or None: metered and not sealed
    rows        Rows, which each builder uses after the one before
    memory      bytes or None
    segments    Segments
    losses      list of (first, last) sequence numbers that are gone and that no stored segment declares
    rows_damaged   whether the rows zone holds damage, besides a torn tail
    """

    def __init__(self, ring):
        self._ring = ring
        self.state = ring.state
        self.notes: list = []
        self.unsealed = None
        self.rows = Rows()
        self._unsealed_sequence = 0
        self.memory = None
        self.segments = Segments(ring.segments)
        self.rows_damaged = False
        self._declared: list = []
        self._certain = (ring.state.segments_head, ring.state.segments_number)
        self._read_rows()
        self._read_segments()
        self.settle()

    def settle(self) -> None:
        """What follows from the counters: call it again when they were changed."""
        self.segments.drop_until(self.state.receipted)
        self.losses = self._losses()
        if self._unsealed_sequence <= self.state.last_sequence:
            self.unsealed = None

    def _read_rows(self) -> None:
        zone = self._ring.rows
        needed: dict = {}
        for position, header in zone.scan():
            needed[_ROLES[header.kind]] = (position, header.number)
            try:
                self._take(header.kind, zone.read(position, 0, header.length))
            except ProtocolError as error:
                self.notes.append("rows: record at %d: %s" % (position, error))
        self.rows_damaged = any([end is not None for _start, end in zone.damage])
        self._note_damage("rows", zone)
        if self._ring.rescued:
            # With the tail at the oldest record the zone would be full; the others say all that still holds.
            needed.pop(record.FLUSH, None)
            zone.tail, zone.tail_number = min(needed.values()) if needed else (zone.head, zone.number)

    def _note_damage(self, name: str, zone) -> None:
        for start, end in zone.damage:
            if end is None:
                self.notes.append("%s: torn tail cut at %d" % (name, start))
            else:
                self.notes.append("%s: damage from %d to %d set aside" % (name, start, end))

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == record.STATE:
            self._take_state(payload)
        elif kind == record.MEMORY:
            self.memory = payload
        elif kind in (record.OPEN, record.CARRY):
            state, rest = cut_part(payload)
            self._take_state(state)
            opened, flushed = cut_part(rest)
            self.unsealed = SegmentBuilder(Opened.decode(opened), self.rows)
            self._unsealed_sequence = self.state.last_sequence + 1
            if kind == record.CARRY:
                self.unsealed.apply(Flushed.decode(flushed))
        elif kind == record.FLUSH:
            if self.unsealed and int.from_bytes(payload[:8], "little") == self._unsealed_sequence:
                self.unsealed.apply(Flushed.decode(payload[8:]))
            elif not self._ring.rescued:  # which begins anywhere in the rows' history
                self.notes.append("rows: a flush without its segment's beginning set aside")

    def _take_state(self, payload: bytes) -> None:
        state = State.decode(payload)
        if state.segments_head >= self._certain[0]:
            self._certain = (state.segments_head, state.segments_number)
        # Damage may have destroyed newer counters than these; a counter must never go back.
        state.boot = max(state.boot, self.state.boot)
        state.session = max(state.session, self.state.session)
        state.receipted = max(state.receipted, self.state.receipted)
        self.state = state

    def _read_segments(self) -> None:
        zone, state, segments = self._ring.segments, self.state, self.segments
        if self._ring.rescued:
            self._ring.place_segments(state)
        # Damage in the rows zone may have destroyed the newest counters, so every segment is checked by itself.
        doubtful = self.rows_damaged or self._ring.rescued
        for position, header in zone.scan(None if doubtful else self._certain):
            head = SealedHead.decode(zone.read(position, 0, min(HEAD_BYTES, header.length)))
            if header.kind != record.SEALED or head is None or not segments.can_add(head.sequence):
                self.notes.append("segments: record at %d: expected a sealed segment in sequence" % position)
                continue
            segments.add(head.sequence, head.delivered_ms, position)
            state.boot, state.session = max(state.boot, head.boot), max(state.session, head.session)
            if head.lost:
                self._declared.append(head.lost)
            if head.sequence >= state.last_sequence:
                state.last_sequence, state.last_sha256 = head.sequence, head.sha256
        self._note_damage("segments", zone)

    def _losses(self) -> list:
        losses = self.segments.gaps(self.state.receipted, self.state.last_sequence)
        for first, last in self._declared:
            self.segments.drop(first, last)  # declared when a read found the damage that a header does not show
            losses = without(losses, first, last)
        return losses


def part(data: bytes) -> bytes:
    """A message with its length before it, so that more may follow."""
    return len(data).to_bytes(2, "little") + data


def cut_part(data: bytes):
    """(message, what follows it)."""
    size = int.from_bytes(data[:2], "little")
    return data[2 : 2 + size], data[2 + size :]
