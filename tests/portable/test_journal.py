"""The journal over an in-memory store, on every runtime."""

import hashlib

from amos.edges.log_store import MemoryLogStore
from amos.journal.facts import Opened
from amos.journal.journal import Journal, JournalFault, JournalFull

SALT = b"saltsalt"


def opened(journal, first_frame=0):
    return Opened(
        boot=journal.boot,
        session=journal.session,
        start_state=bytes(32),
        first_frame=first_frame,
        rate_hz=44100,
        start_ms=0,
        clock=0,
        pack=bytes(32),
        score=bytes(32),
        tier=3,
    )


def test_counters_survive():
    store = MemoryLogStore()
    journal = Journal(store, SALT)
    journal.begin_boot()
    journal.begin_session()
    journal.begin_session()
    again = Journal(store, SALT)
    assert (again.boot, again.session) == (1, 2)


def test_ended_rows_count_once_and_sounding_rows_from_the_last_flush():
    store = MemoryLogStore()
    journal = Journal(store, SALT)
    builder = journal.open(opened(journal))
    builder.advance(1000, 20, 0, [(1, 0, 500, 5)], [(2, 100, 900, 1)])
    journal.flush()
    builder.advance(2000, 40, 0, [(2, 100, 1200, 5)], [(3, 1500, 500, 1)])
    journal.flush()
    found = Journal(store, SALT).unsealed
    assert found.ended == [(1, 0, 500, 5), (2, 100, 1200, 5)]
    assert found.sounding == [(3, 1500, 500, 1)]
    assert (found.end_frame, found.delivered_frames, found.opened.tier) == (2000, 2000, 3)


def test_sealed_segments_are_read_listed_and_trimmed():
    store = MemoryLogStore()
    journal = Journal(store, SALT)
    for sequence in (1, 2, 3):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence, 1000)
    again = Journal(store, SALT)
    assert sorted(again.segments) == [1, 2, 3]
    assert again.read(2, 3, 100) == b"ment 2"
    assert again.last_sha256 == hashlib.sha256(b"segment 3").digest()
    assert again.trim(2) == 2
    assert sorted(Journal(store, SALT).segments) == [3]
    assert Journal(store, SALT).receipted == 2


def test_compaction_keeps_what_lives():
    store = MemoryLogStore(96 * 1024)
    journal = Journal(store, SALT)
    journal.begin_boot()
    for sequence in range(1, 80):
        journal.open(opened(journal))
        journal.seal(sequence, bytes(3000), 1000)
        if sequence > 2:
            journal.trim(sequence - 2)
    builder = journal.open(opened(journal))
    builder.advance(10, 1, 0, [], [(7, 0, 10, 1)])
    journal.flush()
    again = Journal(store, SALT)
    assert sorted(again.segments) == [78, 79]
    assert again.last_sequence == 79 and again.boot == 1
    assert again.unsealed.sounding == [(7, 0, 10, 1)]


def test_full_says_so_and_trimming_makes_room():
    store = MemoryLogStore(112 * 1024)
    journal = Journal(store, SALT)
    sequence = 0
    try:
        while True:
            journal.open(opened(journal))
            sequence += 1
            journal.seal(sequence, bytes(16000), 1000)
    except JournalFull as error:
        assert "sync the player" in str(error)
    stored = len(journal.segments)
    assert stored >= 4
    journal.trim(journal.last_sequence)
    journal.open(opened(journal))
    journal.seal(journal.last_sequence + 1, bytes(16000), 1000)


def test_a_failed_write_stops_the_journal_until_the_next_boot():
    store = MemoryLogStore()
    journal = Journal(store, SALT)
    journal.open(opened(journal))
    store.fail_at = store.operations
    for _attempt in (1, 2):
        try:
            journal.seal(1, b"segment", 1)
            raise AssertionError("expected a fault")
        except JournalFault as error:
            assert "storage failed" in str(error)
        store.fail_at = None


def test_sequence_numbers_cannot_jump():
    journal = Journal(MemoryLogStore(), SALT)
    try:
        journal.seal(2, b"segment", 1)
        raise AssertionError("expected a fault")
    except JournalFault as error:
        assert "expected sequence 1" in str(error)


def test_memory_survives_and_moves_with_a_compaction():
    store = MemoryLogStore(96 * 1024)
    journal = Journal(store, SALT)
    assert journal.memory is None
    journal.remember(b"first")
    journal.remember(b"second")
    for sequence in range(1, 60):
        journal.open(opened(journal))
        journal.seal(sequence, bytes(3000), 1000)
        journal.trim(sequence)
    assert Journal(store, SALT).memory == b"second"


def test_damage_in_what_the_ledger_has_is_no_loss():
    store = MemoryLogStore()
    journal = Journal(store, SALT)
    for sequence in (1, 2, 3):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence, 1000)
    journal.trim(3)
    at = bytes(store._data[0]).find(b"segment 2")
    store._data[0][at] ^= 1
    found = Journal(store, b"freshone")
    assert found.lost is None and found.receipted == 3 and found.last_sequence == 3
