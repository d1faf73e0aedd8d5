"""The journal over an in-memory device, on every runtime."""

import hashlib
import os

from amos.edges.sector_device import FileSectorDevice, MemorySectorDevice
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
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    journal.begin_boot()
    journal.begin_session()
    journal.begin_session()
    again = Journal(device, SALT)
    assert (again.boot, again.session) == (1, 2)


def test_ended_rows_count_once_and_sounding_rows_from_the_last_flush():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    builder = journal.open(opened(journal))
    builder.advance(1000, 20, 0, [(1, 0, 500, 5)], [(2, 100, 900, 1)])
    journal.flush()
    builder.advance(2000, 40, 0, [(2, 100, 1200, 5)], [(3, 1500, 500, 1)])
    journal.flush()
    found = Journal(device, SALT).unsealed
    assert list(found.ended) == [(1, 0, 500, 5), (2, 100, 1200, 5)]
    assert found.sounding == [(3, 1500, 500, 1)]
    assert (found.end_frame, found.delivered_frames, found.opened.tier) == (2000, 2000, 3)


def test_sealed_segments_are_read_listed_and_trimmed():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    for sequence in (1, 2, 3):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence, 1000)
    again = Journal(device, SALT)
    assert sorted(again.segments) == [1, 2, 3]
    assert again.read(2, 3, 100) == b"ment 2"
    assert again.last_sha256 == hashlib.sha256(b"segment 3").digest()
    assert again.trim(2) == 2
    assert sorted(Journal(device, SALT).segments) == [3]
    assert Journal(device, SALT).receipted == 2


def test_laps_of_both_zones_keep_what_lives():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    journal.begin_boot()
    journal.remember(b"first")
    journal.remember(b"second")
    for sequence in range(1, 61):
        builder = journal.open(opened(journal))
        for second in range(1, 9):
            builder.advance(second * 10, second, 0, [(second, (second - 1) * 10, 10, 5)], [])
            journal.flush()
        if sequence < 60:
            journal.seal(sequence, bytes(3000), 1000)
        if sequence > 2:
            journal.trim(sequence - 2)
    again = Journal(device, SALT)
    assert sorted(again.segments) == [59]
    assert (again.last_sequence, again.boot, again.memory, again.notes) == (59, 1, b"second", [])
    assert [row[0] for row in again.unsealed.ended] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_full_says_so_and_trimming_makes_room():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
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
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    journal.open(opened(journal))
    device.fail_at = device.operations
    for _attempt in (1, 2):
        try:
            journal.seal(1, b"segment", 1)
            raise AssertionError("expected a fault")
        except JournalFault as error:
            assert "storage failed" in str(error)
        device.fail_at = None


def test_sequence_numbers_cannot_jump():
    journal = Journal(MemorySectorDevice(512), SALT)
    try:
        journal.seal(2, b"segment", 1)
        raise AssertionError("expected a fault")
    except JournalFault as error:
        assert "expected sequence 1" in str(error)


def test_damage_in_what_the_ledger_has_is_no_loss():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    for sequence in (1, 2, 3):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence, 1000)
    journal.trim(3)
    device.spoil(*device.find(b"segment 2"))
    found = Journal(device, b"freshone")
    assert found.lost is None and found.receipted == 3 and found.last_sequence == 3


def test_damage_is_set_aside_and_declared_one_range_a_segment():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    for sequence in range(1, 8):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence + bytes(3000), 1000)
    device.spoil(device.find(b"segment 2")[0] + 3, 200)  # in the bytes of one, in the header of the other
    device.spoil(device.find(b"segment 5")[0], 20)
    found = Journal(device, b"freshone")
    assert found.read(2, 0, 100) is None and found.read(1, 0, 9) == b"segment 1"
    assert sorted(found.segments) == [1, 3, 4, 6, 7]
    assert found.lost == (2, 2, 2)
    found.seal(8, b"declares 2", 1)
    assert found.lost == (5, 5, 2)
    found.seal(9, b"declares 5", 1)
    again = Journal(device, SALT)
    assert again.lost is None and sorted(again.segments) == [1, 3, 4, 6, 7, 8, 9]
    assert any(["set aside" in note for note in again.notes])


def test_either_superblock_is_enough_and_without_both_nothing_begins_anew():
    for spoiled in ((0,), (511,), (0, 511)):
        device = MemorySectorDevice(512)
        journal = Journal(device, SALT)
        for sequence in range(1, 31):
            journal.open(opened(journal))
            journal.seal(sequence, bytes(9000), 1000)
            journal.trim(sequence)
        for sector in spoiled:
            device.spoil(sector, 40)
        if len(spoiled) < 2:
            assert Journal(device, SALT).last_sequence == 30
            continue
        try:
            Journal(device, SALT)
            raise AssertionError("expected a fault")
        except JournalFault as error:
            assert "both damaged" in str(error)


def test_a_file_keeps_what_memory_keeps():
    path = "/tmp/amos-test-journal-%s.ring" % os.urandom(6).hex()
    device = FileSectorDevice(path, 256 << 10)
    try:
        journal = Journal(device, SALT)
        for sequence in range(1, 20):
            journal.open(opened(journal))
            journal.seal(sequence, b"segment %d" % sequence + bytes(9000), 1000)
            if sequence > 2:
                journal.trim(sequence - 2)
        device.close()
        device = FileSectorDevice(path, 1 << 20)
        assert device.sector_count == 512
        again = Journal(device, SALT)
        assert sorted(again.segments) == [18, 19] and again.read(18, 0, 10) == b"segment 18"
    finally:
        device.close()
        os.remove(path)
