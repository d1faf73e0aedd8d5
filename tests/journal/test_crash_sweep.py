"""Cut the power at every operation of a run, with every kind of remains, and check what the next boot finds."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.edges.log_store import MemoryLogStore
from amos.journal.facts import Opened
from amos.journal.journal import Journal, JournalError

SALT = b"saltsalt"
FRAMES = 1000
CAPACITY_BYTES = 112 * 1024


class Life:
    """A player's life on a journal: two flushes a segment, a seal, now and then a trim; remembers what was promised."""

    def __init__(self) -> None:
        self.sealed: dict[int, bytes] = {}
        self.trying: tuple[int, bytes] | None = None
        self.trimmed = 0
        self.trimming = 0
        self.flushed_frames = 0
        self.flushing_frames = 0

    def live(self, store: MemoryLogStore, segments: int = 9) -> None:
        journal = Journal(store, SALT)
        journal.begin_boot()
        journal.begin_session()
        for _ in range(segments):
            self.flushed_frames = self.flushing_frames = 0
            self.open(journal)
            for flush in (1, 2):
                builder = journal.unsealed
                builder.advance(flush * FRAMES, flush, 0, [(flush, (flush - 1) * FRAMES, FRAMES, 5)], [])
                self.flushing_frames = flush * FRAMES
                journal.flush()
                self.flushed_frames = flush * FRAMES
            self.seal(journal)
            if journal.last_sequence % 3 == 0:
                self.trimming = journal.last_sequence - 1
                journal.trim(self.trimming)
                self.trimmed = self.trimming

    def open(self, journal: Journal) -> None:
        facts = Opened(
            boot=journal.boot,
            session=journal.session,
            start_state=bytes(32),
            first_frame=0,
            rate_hz=44100,
            start_ms=0,
            clock=0,
            pack=bytes(32),
            score=bytes(32),
            tier=0,
        )
        journal.open(facts)

    def seal(self, journal: Journal) -> None:
        sequence = journal.last_sequence + 1
        segment = b"%d after %s " % (sequence, journal.last_sha256.hex().encode()) + bytes(15000)
        self.trying = (sequence, segment)
        journal.seal(sequence, segment, 1)
        self.sealed[sequence] = segment
        self.trying = None
        self.flushed_frames = self.flushing_frames = 0


def check(life: Life, store: MemoryLogStore) -> Journal:
    """The promises of DESIGN section 8 for what the next boot finds."""
    journal = Journal(store, b"freshone")
    possible = dict(life.sealed)
    if life.trying:
        possible[life.trying[0]] = life.trying[1]
    assert journal.last_sequence in {max(life.sealed, default=0), max(possible, default=0)}
    assert journal.receipted in {life.trimmed, life.trimming}
    for sequence in life.sealed:
        if sequence > journal.receipted:
            assert journal.read(sequence, 0, 1 << 16) == life.sealed[sequence]
    if journal.last_sequence:
        assert journal.last_sha256 == hashlib.sha256(possible[journal.last_sequence]).digest()
    sealed_now = journal.last_sequence > max(life.sealed, default=0)
    metered = sum(row[2] for row in journal.unsealed.ended) if journal.unsealed else 0
    if sealed_now:
        assert journal.unsealed is None
    else:
        assert metered in {life.flushed_frames, life.flushing_frames}
    assert journal.lost is None
    return journal


def operations_of_a_run() -> int:
    store = MemoryLogStore(CAPACITY_BYTES)
    Life().live(store)
    return store.operations


OPERATIONS = operations_of_a_run()


def cut_at(operation: int, persist: int, keep_bytes: int, garbage: bytes) -> None:
    store = MemoryLogStore(CAPACITY_BYTES)
    store.fail_at, store.persist = operation, persist
    life = Life()
    with pytest.raises((JournalError, OSError)):
        life.live(store)
    found = store.after_power_cut(keep_bytes, garbage)
    journal = check(life, found)
    # Recovery itself is durable: a second boot finds the same, and life goes on from there.
    again = Journal(found, b"moresalt")
    assert (again.last_sequence, again.last_sha256) == (journal.last_sequence, journal.last_sha256)
    life.open(again)
    again.seal(again.last_sequence + 1, b"next", 1)


def test_the_run_compacts_more_than_once() -> None:
    store = MemoryLogStore(CAPACITY_BYTES)
    Life().live(store)
    assert Journal(store, SALT)._slot.generation >= 2


@pytest.mark.parametrize("operation", range(OPERATIONS))
def test_power_cut_at_every_operation(operation: int) -> None:
    for persist in (0, 1, 7, 1 << 20):
        for keep_bytes, garbage in ((0, b""), (1, b""), (1 << 20, b""), (0, b"\xff" * 512), (25, b"AJ\x01\x04" * 128)):
            cut_at(operation, persist, keep_bytes, garbage)


@given(
    operation=st.integers(0, OPERATIONS - 1),
    persist=st.integers(0, 20000),
    keep_bytes=st.integers(0, 20000),
    garbage=st.binary(max_size=600),
)
def test_power_cut_with_any_remains(operation: int, persist: int, keep_bytes: int, garbage: bytes) -> None:
    cut_at(operation, persist, keep_bytes, garbage)


def test_damage_in_the_middle_is_set_aside_and_declared() -> None:
    store = MemoryLogStore(CAPACITY_BYTES)
    journal = Journal(store, SALT)
    life = Life()
    for _ in range(4):
        life.open(journal)
        life.seal(journal)
    slot = journal._slot.index
    at = store.read(slot, 0, 1 << 20).find(life.sealed[2][:8])
    store._data[slot][at + 100] ^= 1
    found = Journal(store, b"freshone")
    assert sorted(found.segments) == [1, 3, 4]
    assert found.lost == (2, 2, 2)
    assert any("set aside" in note for note in found.notes)
    assert Journal(store, b"moresalt").lost == (2, 2, 2)
    found.seal(5, b"declares it", 1)
    assert found.lost is None
