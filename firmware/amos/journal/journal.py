"""The journal: an append-only record log in one of two slots; compaction copies what lives into the other (SPEC.md).

Contract: when `open`, `flush`, `seal` or `trim` returns, what it was given survives a power cut. When one raises, the
journal refuses everything further until the next boot, whose recovery decides what was stored: a failed sync cannot
be repeated (the operating system may have dropped the bytes already).

A crash leaves: before a record's sync, a torn tail, which recovery cuts; during compaction, the old slot untouched,
since the new one counts only once its COMPLETE record is there.
"""

import hashlib

from amos.journal import record
from amos.journal.builder import SegmentBuilder
from amos.journal.facts import Flushed, Opened, State
from amos.journal.slot import Slot, newest
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import FIRST_PREVIOUS, LOST_DAMAGED

COMPACT_DEAD_BYTES = 256 * 1024
"""Compact once this much, and half of the slot, is dead: about every half hour of play."""

COMPACTED_BASE_BYTES = 256
"""Slot header, STATE and COMPLETE."""

SEALED_HEAD_BYTES = 8 + 8
"""Before a segment in its record: sequence number and delivered milliseconds, little-endian."""


class JournalError(Exception):
    """The journal cannot take more; the player stops rather than play unmetered."""


class JournalFull(JournalError):
    """No room left, and nothing receipted that could make some."""


class JournalFault(JournalError):
    """The storage failed, or the caller broke the order of records."""


class Stored:
    """A sealed segment in the journal: where its bytes are, and how much play it stands for."""

    __slots__ = ("delivered_ms", "offset", "sequence", "sha256", "size")

    def __init__(self, sequence: int, delivered_ms: int, offset: int, size: int, sha256: bytes):
        self.sequence = sequence
        self.delivered_ms = delivered_ms
        self.offset = offset
        self.size = size
        self.sha256 = sha256


def _sealed_payload(sequence: int, delivered_ms: int, segment: bytes) -> bytes:
    return sequence.to_bytes(8, "little") + delivered_ms.to_bytes(8, "little") + segment


class Journal:
    """Over a `LogStore` (edges/log_store.py); `salt` is 8 fresh random bytes. Read `unsealed` after construction: it
    is what a power cut left to be sealed (a SegmentBuilder), or None.

    boot, session     int, counters of the last life; `begin_boot` and `begin_session` step them durably
    last_sequence     int, of the newest sealed segment (0 = none); last_sha256 its hash
    receipted         int, newest sequence the ledger has receipted
    segments          dict, sequence -> Stored, sealed and not trimmed
    lost              None or (first, last, reason): sequence numbers found to be gone
    memory            bytes or None, what the score VM had learned by the last `remember`
    notes             list of str, what recovery had to do
    """

    def __init__(self, store, salt: bytes):
        self._store = store
        self._broken = ""
        self.boot = 0
        self.session = 0
        self.last_sequence = 0
        self.last_sha256 = FIRST_PREVIOUS
        self.receipted = 0
        self.segments: dict = {}
        self.unsealed = None
        self._unsealed_from = 0
        self.lost: tuple[int, int, int] | None = None
        self.memory: bytes | None = None
        self.notes: list = []
        slot = newest(store)
        if slot is None:
            self._slot = Slot(store, 1, 0, salt)
            self._compact(salt)
        else:
            self._slot = slot
            if self._replay():
                self._compact(salt)

    # Recovery

    def _replay(self) -> bool:
        """Read the slot into memory; True when it has to be compacted before anything is appended."""
        for kind, payload, offset in self._slot.records():
            try:
                self._take(kind, payload, offset)
            except ProtocolError as error:
                self._slot.damage.append((offset, offset))
                self.notes.append("record at %d: %s" % (offset, error))
        for start, end in self._slot.damage:
            if end is None:
                self.notes.append("torn tail cut at %d" % start)
            else:
                self.notes.append("damage from %d to %d set aside" % (start, end))
        return bool(self._slot.damage)

    def _take(self, kind: int, payload: bytes, offset: int) -> None:
        if kind == record.STATE:
            state = State.decode(payload)
            self.boot, self.session, self.receipted = state.boot, state.session, state.receipted
            self.last_sequence, self.last_sha256 = state.last_sequence, state.last_sha256
            if state.lost_first is not None and state.lost_last is not None:
                self.lost = (state.lost_first, state.lost_last, LOST_DAMAGED)
        elif kind == record.BOOT:
            state = State.decode(payload)
            self.boot, self.session = state.boot, state.session
        elif kind == record.OPEN:
            self.unsealed = SegmentBuilder(Opened.decode(payload))
            self._unsealed_from = offset
        elif kind == record.FLUSH and self.unsealed:
            self.unsealed.apply(Flushed.decode(payload))
        elif kind == record.SEALED:
            sequence, delivered_ms = int.from_bytes(payload[:8], "little"), int.from_bytes(payload[8:16], "little")
            self._index(sequence, delivered_ms, payload[SEALED_HEAD_BYTES:], offset)
        elif kind == record.MEMORY:
            self.memory = payload
        elif kind == record.TRIMMED:
            self._drop(int.from_bytes(payload, "little"))

    def _index(self, sequence: int, delivered_ms: int, segment: bytes, offset: int) -> None:
        expected = max(self.last_sequence, self.receipted) + 1
        if sequence > expected:
            self.lost = (self.lost[0] if self.lost else expected, sequence - 1, LOST_DAMAGED)
        digest = hashlib.sha256(segment).digest()
        if sequence > self.receipted:
            start = offset + record.HEADER_BYTES + SEALED_HEAD_BYTES
            self.segments[sequence] = Stored(sequence, delivered_ms, start, len(segment), digest)
        if sequence >= self.last_sequence:
            self.last_sequence, self.last_sha256 = sequence, digest
        self.unsealed = None

    def _drop(self, sequence: int) -> None:
        self.receipted = max(self.receipted, sequence)
        for number in [number for number in self.segments if number <= sequence]:
            del self.segments[number]
        if self.lost and self.lost[1] <= self.receipted:
            self.lost = None  # the ledger has what was damaged here

    # Writing

    def begin_boot(self) -> None:
        """A new boot number, durable when this returns."""
        self._append(record.BOOT, self._state(self.boot + 1, self.session).encode())
        self.boot += 1

    def begin_session(self) -> None:
        """A new session number, durable when this returns."""
        self._append(record.BOOT, self._state(self.boot, self.session + 1).encode())
        self.session += 1

    def _state(self, boot: int, session: int) -> State:
        return State(
            boot=boot,
            session=session,
            last_sequence=self.last_sequence,
            last_sha256=self.last_sha256,
            receipted=self.receipted,
            lost_first=self.lost[0] if self.lost else None,
            lost_last=self.lost[1] if self.lost else None,
        )

    def open(self, opened: Opened) -> SegmentBuilder:
        """Begin a segment; nothing may be metered before this returns."""
        offset = self._append(record.OPEN, opened.encode())
        self._unsealed_from = offset
        self.unsealed = SegmentBuilder(opened)
        return self.unsealed

    def flush(self) -> None:
        """Store what `unsealed` has metered since the last flush."""
        if self.unsealed is None:
            raise JournalFault("flush: expected an open segment")
        self._append(record.FLUSH, self.unsealed.flush().encode())

    def seal(self, sequence: int, segment: bytes, delivered_ms: int) -> None:
        """Store a signed segment that stands for `delivered_ms` of play; with this its rows are retired."""
        if sequence != self.last_sequence + 1 or len(segment) > SEGMENT_BYTES_MAX:
            raise JournalFault("seal: expected sequence %d and at most 16 KiB" % (self.last_sequence + 1))
        offset = self._append(record.SEALED, _sealed_payload(sequence, delivered_ms, segment))
        self._index(sequence, delivered_ms, segment, offset)
        self.lost = None
        self._compact_when_due()

    def remember(self, memory: bytes) -> None:
        """Keep what the score VM has learned, for the next session's start state."""
        if memory != self.memory:
            self._append(record.MEMORY, memory)
            self.memory = memory

    def trim(self, sequence: int) -> int:
        """Forget sealed segments up to `sequence`, which the ledger has receipted; how many were forgotten."""
        if sequence > self.last_sequence:
            raise JournalFault("trim: expected at most %d, found %d" % (self.last_sequence, sequence))
        before = len(self.segments)
        self._append(record.TRIMMED, sequence.to_bytes(8, "little"))
        self._drop(sequence)
        self._compact_when_due()
        return before - len(self.segments)

    def read(self, sequence: int, offset: int, size: int):
        """Bytes of a sealed segment, or None when it is not here (never sealed, or trimmed)."""
        stored = self.segments.get(sequence)
        if stored is None:
            return None
        return self._slot.read(stored.offset + offset, max(0, min(size, stored.size - offset)))

    def _append(self, kind: int, payload: bytes) -> int:
        """Append one record durably; its offset."""
        if self._broken:
            raise JournalFault(self._broken)
        # Only seals and trims make bytes dead, so a journal close to full compacts once for each of them at most.
        if not self._fits(kind, payload, self._slot.size) and self._fits(kind, payload, self._compacted_bytes()):
            self._compact(self._next_salt())
        if not self._fits(kind, payload, self._slot.size):
            raise JournalFull("journal: expected room for %d bytes; sync the player" % len(payload))
        try:
            return self._slot.append(kind, payload)
        except OSError as error:
            self._broken = "journal: storage failed (%s)" % error
            raise JournalFault(self._broken)

    def _fits(self, kind: int, payload: bytes, size: int) -> bool:
        # Flushes leave room for the seal they lead to, and seals for trims, so that a full journal can recover.
        reserve = 0
        if kind in (record.OPEN, record.FLUSH):
            reserve = 2 * SEGMENT_BYTES_MAX
        elif kind in (record.SEALED, record.BOOT, record.MEMORY):
            reserve = 1024
        return len(payload) + record.OVERHEAD_BYTES + reserve <= self._store.capacity_bytes - size

    # Compaction

    def _compacted_bytes(self) -> int:
        """Bytes the slot would hold after a compaction, at most."""
        overhead = record.OVERHEAD_BYTES + SEALED_HEAD_BYTES
        live = sum([stored.size + overhead for stored in self.segments.values()])
        live += len(self.memory or b"") + record.OVERHEAD_BYTES
        return COMPACTED_BASE_BYTES + live + (self._slot.size - self._unsealed_from if self.unsealed else 0)

    def _compact_when_due(self) -> None:
        dead = self._slot.size - self._compacted_bytes()
        if dead > COMPACT_DEAD_BYTES and 2 * dead > self._slot.size:
            self._compact(self._next_salt())

    def _next_salt(self) -> bytes:
        return hashlib.sha256(self._slot.salt + b"next").digest()[: record.SALT_BYTES]

    def _compact(self, salt: bytes) -> None:
        """Copy what lives into the other slot; it counts once COMPLETE is stored."""
        old = self._slot
        try:
            new = Slot.create(self._store, 1 - old.index, old.generation + 1, salt)
            new.append(record.STATE, self._state(self.boot, self.session).encode(), sync=False)
            if self.memory:
                new.append(record.MEMORY, self.memory, sync=False)
            moved = {}
            for sequence in sorted(self.segments):
                stored = self.segments[sequence]
                payload = _sealed_payload(sequence, stored.delivered_ms, old.read(stored.offset, stored.size))
                offset = new.append(record.SEALED, payload, sync=False)
                start = offset + record.HEADER_BYTES + SEALED_HEAD_BYTES
                moved[sequence] = Stored(sequence, stored.delivered_ms, start, stored.size, stored.sha256)
            opened_at = new.size
            if self.unsealed:
                for kind, payload, _offset in old.records(self._unsealed_from):
                    if kind in (record.OPEN, record.FLUSH):
                        new.append(kind, payload, sync=False)
            new.append(record.COMPLETE, b"")
        except OSError as error:
            self._broken = "journal: storage failed (%s)" % error
            raise JournalFault(self._broken)
        self._slot, self.segments, self._unsealed_from = new, moved, opened_at
