"""The journal: rows as they are metered and segments as they are sealed, in a ring of sectors (SPEC.md).

Contract: when `open`, `flush`, `seal` or `trim` returns, what it was given survives a power cut. When one raises
`JournalFault`, this object refuses everything further: a failed sync cannot be repeated (the operating system may have
dropped the bytes already). The media are to be reopened and another Journal made on them, whose recovery decides what
was stored, as at a boot.

A crash leaves: before a record's sync, a torn tail, which recovery cuts; before a superblock's sync, the other one,
whose tails still hold.
"""

from binascii import crc32

from amos.compat import byte_view, const
from amos.journal import record
from amos.journal.builder import SegmentBuilder
from amos.journal.errors import JournalError, JournalFault, JournalFull
from amos.journal.facts import Opened, State
from amos.journal.recovery import part
from amos.journal.segments import HEAD_BYTES, SealedHead, add_range, without
from amos.journal.start import start
from amos.protocol.cbor import Pieces
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.record import U32
from amos.protocol.segment import LOST_DAMAGED, LOST_STORAGE

__all__ = ("Journal", "JournalError", "JournalFault", "JournalFull")

MEMORY_BYTES_MAX = 16 * 1024
"""What the score VM may have learned: 1,024 weights and what each pool played last take 4 KB."""

_SEGMENT_BYTES_MEAN = const(2048)
_SEGMENTS_MIN = const(1024)
"""As many segments may wait as the zone holds of this size, so that their index in RAM (12 bytes each) is at most 0.6 %
of the ring. Ten minutes of ordinary play seal about 2 KB; shorter segments come from restarts."""

_SNAPSHOT_RECORDS_MAX = const(3)
_NOTES_MAX = const(64)


class Journal:
    """Over a `SectorDevice` (edges/sector_device.py); `salt` is 8 fresh random bytes, used where there is no ring yet;
    `reservation` a Reservation, or None where nothing is to be sealed by a player (tools).
    Read `unsealed` after construction: it is what a power cut left to be sealed (a SegmentBuilder), or None. Show
    nothing of it to anyone before `begin_boot` has returned: that reserves the numbers found.

    boot, session     int, counters of the last life; `begin_boot` and `begin_session` step them durably
    last_sequence     int, of the newest sealed segment (0 = none); last_sha256 its hash
    receipted         int, newest sequence the ledger has receipted
    segments          Segments, sequence -> Stored, sealed and not trimmed
    lost              None or (first, last, reason): sequence numbers found to be gone, for the next segment to declare
    memory            bytes or None, what the score VM had learned by the last `remember`
    failed_writes     int, operations of the storage that failed; after one nothing more is stored
    notes             list of str, what recovery had to do, and damage found since
    """

    def __init__(self, medium, salt: bytes, reservation=None):
        self._broken = ""
        self._reservation = reservation
        try:
            self._ring, found = start(medium, crc32(salt) & 0xFFFFFFFF, reservation)
        except OSError as error:
            raise JournalFault("journal: storage failed (%s)" % error)
        self._rows, self._zone = self._ring.rows, self._ring.segments
        state = found.state
        self.boot, self.session, self.receipted = state.boot, state.session, state.receipted
        self.last_sequence, self.last_sha256 = state.last_sequence, state.last_sha256
        self.segments, self.memory, self.unsealed = found.segments, found.memory, found.unsealed
        self._losses, self._skipped = found.losses, (state.skipped_first, state.skipped_last)
        self._ended = found.rows
        self._checked = 0
        self.failed_writes = 0
        self.notes: list = self._ring.notes + found.notes
        if len(self.notes) > _NOTES_MAX:
            self.notes[_NOTES_MAX:] = ["and %d more" % (len(self.notes) - _NOTES_MAX)]
        if self._ring.rescued:
            self._follow_tail()
        while self._ring.missing:
            self._stored(lambda: self._ring.keep(self._state()))
        if found.rows_damaged:
            self._stored(self._snapshot)  # otherwise every boot would find and report the same damage again
        self._stored(self._advance_tail)

    @property
    def lost(self):
        if not self._losses:
            return None
        # First the gap just before the next segment: unless it is declared, the ledger has to hold that segment.
        first, last = self._losses[-1 if self._losses[-1][1] == self.last_sequence else 0]
        skipped = first <= self._skipped[1] and last >= self._skipped[0]
        return first, last, LOST_STORAGE if skipped else LOST_DAMAGED

    @property
    def _segments_max(self) -> int:
        return max(_SEGMENTS_MIN, self._zone.count * self._zone.sector_bytes // _SEGMENT_BYTES_MEAN)

    @property
    def spare_segments(self) -> int:
        """How many more segments of ordinary size, ten minutes of play each, fit before the ring is full."""
        zone = self._zone
        sectors = zone.count - (zone.head - zone.tail) - zone.sectors_of(HEAD_BYTES + SEGMENT_BYTES_MAX)
        fit = sectors // zone.sectors_of(HEAD_BYTES + _SEGMENT_BYTES_MEAN)
        return max(0, min(fit, self._segments_max - len(self.segments)))

    def begin_boot(self) -> None:
        """A new boot number, durable when this returns."""
        self._can_step("boot", self.boot)
        self._append(record.STATE, lambda: self._state(boot=self.boot + 1).encode())
        self.boot += 1
        self._reserve()

    def begin_session(self) -> None:
        """A new session number, durable when this returns."""
        self._can_step("session", self.session)
        self._append(record.STATE, lambda: self._state(session=self.session + 1).encode())
        self.session += 1
        self._reserve()

    def _can_step(self, name: str, counter: int) -> None:
        if counter >= U32:
            raise JournalFault("journal: expected %s to be below %d, found %d" % (name, U32, counter))

    def open(self, opened: Opened) -> SegmentBuilder:
        """Begin a segment; nothing may be metered before this returns. Its seal is sure to find room."""
        self._can_add(self.last_sequence + 1)
        if len(self.segments) >= self._segments_max:
            raise JournalFull("journal: expected fewer than %d segments; sync the player" % len(self.segments))
        self._make_segment_room(SEGMENT_BYTES_MAX)
        self._append(record.OPEN, lambda: part(self._state().encode()) + part(opened.encode()))
        self.unsealed = SegmentBuilder(opened, self._ended)
        return self.unsealed

    def flush(self) -> None:
        """Store what `unsealed` has metered since the last flush."""
        builder = self.unsealed
        if builder is None or builder.closed:
            raise JournalFault("flush: expected an open segment")
        sequence = (self.last_sequence + 1).to_bytes(8, "little")
        self._append(record.FLUSH, lambda: builder.flush().encode_pieces(byte_view).after(sequence))

    def seal(self, sequence: int, segment, delivered_ms: int) -> None:
        """Store a signed segment, bytes or `Pieces` of them, that stands for `delivered_ms` of play; with this its rows
        are retired."""
        segment = segment if isinstance(segment, Pieces) else Pieces([segment])
        if sequence != self.last_sequence + 1 or len(segment) > SEGMENT_BYTES_MAX:
            raise JournalFault("seal: expected sequence %d and at most 16 KiB" % (self.last_sequence + 1))
        self._can_add(sequence)
        self._make_segment_room(len(segment))
        lost = self.lost
        head = SealedHead.of(sequence, delivered_ms, segment, lost and lost[:2], self.boot, self.session)
        position = self._stored(lambda: self._zone.append(record.SEALED, segment.after(head.encode())))
        self.last_sequence, self.last_sha256 = sequence, head.sha256
        self.unsealed = None
        if lost:
            self._losses = without(self._losses, lost[0], lost[1])
        self._reserve()  # before anyone can ask for it
        self.segments.add(sequence, delivered_ms, position)

    def _can_add(self, sequence: int) -> None:
        if not self.segments.can_add(sequence):
            raise JournalFull("journal: expected sequences within 32 bits of each other; sync the player")

    def remember(self, memory: bytes) -> None:
        """Keep what the score VM has learned, for the next session's start state."""
        if len(memory) > MEMORY_BYTES_MAX:
            raise JournalFault("memory: expected at most %d bytes, found %d" % (MEMORY_BYTES_MAX, len(memory)))
        if memory != self.memory:
            self._append(record.MEMORY, lambda: memory)
            self.memory = memory

    def trim(self, sequence: int) -> int:
        """Forget sealed segments up to `sequence`, which the ledger has receipted; how many were forgotten."""
        if sequence > self.last_sequence:
            raise JournalFault("trim: expected at most %d, found %d" % (self.last_sequence, sequence))
        if sequence <= self.receipted:
            return 0
        self._append(record.STATE, lambda: self._state(receipted=sequence).encode())
        self.receipted = sequence
        count = self.segments.drop_until(sequence)
        self._losses = without(self._losses, 1, sequence)  # the ledger has the segment that is damaged here
        self._stored(self._advance_tail)
        self._reserve()
        return count

    def read(self, sequence: int, offset: int, size: int):
        """Bytes of a sealed segment, or None when it is not here: never sealed, trimmed, or found damaged."""
        stored = self.segments.get(sequence)
        if stored is None:
            return None
        zone, at = self._zone, stored.position
        try:
            header = zone.header_at(at)
            if header is None or (sequence != self._checked and not zone.payload_holds(at, header)):
                self.segments.drop(sequence, sequence)
                self._losses = add_range(self._losses, sequence, sequence)
                self.notes.append("segment %d is damaged and set aside" % sequence)
                return None
            self._checked = sequence
            return zone.read(at, HEAD_BYTES + offset, min(size, header.length - HEAD_BYTES - offset))
        except OSError as error:
            raise JournalFault("journal: storage failed (%s)" % error)

    # Storing

    def _state(self, **changed) -> State:
        values = {
            "boot": self.boot,
            "session": self.session,
            "last_sequence": self.last_sequence,
            "last_sha256": self.last_sha256,
            "receipted": self.receipted,
            "segments_head": self._zone.head,
            "segments_number": self._zone.number,
            "skipped_first": self._skipped[0],
            "skipped_last": self._skipped[1],
        }
        values.update(changed)
        return State(**values)

    def _reserve(self) -> None:
        reservation = self._reservation
        if reservation is not None and reservation.has_to_note(self):
            self._stored(lambda: reservation.note(self, self._ring.salt))

    def _append(self, kind: int, payload) -> None:
        """Append to the rows zone what `payload()` gives, once there is room: making room may flush what is open."""

        def store() -> None:
            self._make_rows_room()
            self._rows.append(kind, payload())

        self._stored(store)

    def _stored(self, act):
        """What `act()` gives; a failure of the storage ends this life of the journal."""
        if self._broken:
            raise JournalFault(self._broken)
        try:
            return act()
        except OSError as error:
            self.failed_writes += 1
            self._broken = "journal: storage failed (%s)" % error
            raise JournalFault(self._broken)

    def _make_rows_room(self) -> None:
        """Room for the largest record. What lives is carried forward each quarter of the zone, so that half of it is
        in use between the older superblock's tail and the head, and there is room to go on from the older one."""
        zone = self._rows
        largest = zone.sectors_of(record.PAYLOAD_BYTES_MAX)
        if zone.head - zone.tail >= zone.count // 4:
            while zone.room < _SNAPSHOT_RECORDS_MAX * largest and zone.floor < zone.tail:
                self._ring.keep(self._state())
            self._snapshot()
        while zone.room < largest and zone.floor < zone.tail:
            self._ring.keep(self._state())

    def _snapshot(self) -> None:
        """Write all that lives in the rows zone anew at its head, so that its tail may follow."""
        zone = self._rows
        tail, number = zone.head, zone.number
        zone.append(record.STATE, self._state().encode())
        if self.memory:
            zone.append(record.MEMORY, self.memory)
        builder = self.unsealed
        if builder is not None:
            opened = part(self._state().encode()) + part(builder.opened.encode())
            zone.append(record.CARRY, builder.carry().encode_pieces(byte_view).after(opened))
        zone.tail, zone.tail_number = tail, number
        self._ring.keep(self._state())

    def _make_segment_room(self, segment_bytes: int) -> None:
        zone = self._zone
        need = zone.sectors_of(HEAD_BYTES + segment_bytes)
        while need > zone.room and zone.floor < zone.tail:
            self._stored(lambda: self._ring.keep(self._state()))
        if need > zone.room:
            raise JournalFull("journal: expected room for %d bytes; sync the player" % segment_bytes)

    def _advance_tail(self) -> None:
        """Let the segments' tail follow; a superblock only when that is a long way."""
        self._follow_tail()
        if self._zone.tail - self._ring.stored_segments_tail >= self._zone.count // 4:
            self._ring.keep(self._state())

    def _follow_tail(self) -> None:
        """The segments' tail goes to the first that lives."""
        zone = self._zone
        tail, number = zone.head, zone.number
        for stored in self.segments.values():
            header = zone.header_at(stored.position)
            if header is None:
                return  # It was damaged since; whoever reads it is told.
            tail, number = stored.position, header.number
            break
        zone.tail, zone.tail_number = tail, number
