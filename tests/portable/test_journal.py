"""The journal over an in-memory device, on every runtime."""

import hashlib
import os

from amos.compat import byte_view
from amos.edges.card_partition import CardSectorDevice
from amos.edges.sector_device import FileSectorDevice
from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.facts import Opened
from amos.journal.journal import Journal, JournalFault, JournalFull
from amos.journal.reservation import Reservation
from amos.journal.rows import Rows
from amos.protocol.errors import MessageError
from amos.protocol.segment import SEAL_FULL, sign_usage_pieces
from amos.protocol.usage_reader import OUTPUT_KIND_I2S, PACE_CLOCKED
from signed_usage import columns, sign_usage

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
        output_kind=OUTPUT_KIND_I2S,
        pace=PACE_CLOCKED,
        seed_root=b"r" * 32,
    )


def test_a_session_without_rows_is_a_gap_in_the_session_numbers_of_the_chain():
    device = MemorySectorDevice(512)
    found = []
    for life in range(6):
        journal = Journal(device, SALT)
        journal.begin_boot()
        journal.begin_session()
        builder = journal.open(opened(journal))
        if life % 3 == 0:  # the others are cut before their first flush, and whoever cut them liked no music of theirs
            builder.advance(44100, 1000, 0, [(1, 0, 44100, 5)], [])
            journal.flush()
            usage = builder.usage(bytes(16), journal.last_sequence + 1, journal.last_sha256, bytes(32), SEAL_FULL)
            segment = sign_usage_pieces(usage, lambda _message: bytes(64), byte_view).join()
            journal.seal(usage.sequence, segment, 1000)
            found.append((usage.sequence, usage.session))
    assert found == [(1, 1), (2, 4)] and Journal(device, SALT).session == 6


def rows_of(builder) -> list:
    """Its (stem, start, frames, flags)."""
    return list(zip(*builder.rows.columns(0)))


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
    assert rows_of(found) == [(1, 0, 500, 5), (2, 100, 1200, 5), (3, 1500, 500, 1)] and found.final == 2
    assert (found.end_frame, found.delivered_frames, found.opened.tier) == (2000, 2000, 3)


def sealed_of(builder) -> tuple:
    """(the segment as the player makes it, its rows)."""
    usage = builder.usage(bytes(16), 1, bytes(32), bytes(32), SEAL_FULL)
    return sign_usage_pieces(usage, lambda _message: bytes(64), byte_view).join(), usage.rows()


def test_a_segment_made_where_its_rows_lie_is_the_one_of_copies():
    journal = Journal(MemorySectorDevice(512), SALT)
    builder = journal.open(opened(journal, 5000))
    ended = [(9, 5300, 20, 1), (7, 5100, 400, 5), (6, 5100, 30, 2), (1, 5000, 1, 4)]
    builder.advance(6000, 20, 0, ended, [(8, 5050, 950, 1), (3, 5200, 800, 1)])
    later = [(8, 5050, 1000, 5), (3, 5200, 1800, 1)]
    builder.advance(7000, 40, 0, later[:1], later[1:])
    segment, rows = sealed_of(builder)
    assert rows == sorted(ended + later, key=lambda row: (row[1], row[0]))
    usage = builder.usage(bytes(16), 1, bytes(32), bytes(32), SEAL_FULL)
    usage.stems, usage.starts, usage.frames, usage.flags = columns(rows, 5000)
    assert sign_usage(usage, lambda _message: bytes(64)) == segment
    assert rows_of(builder) == [(stem, start - 5000, frames, flags) for stem, start, frames, flags in rows]
    assert sealed_of(builder) == (segment, rows)


def test_a_seal_that_is_refused_leaves_its_rows_to_be_carried_and_sealed():
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    builder = journal.open(opened(journal))
    builder.advance(1000, 20, 0, [(2, 100, 500, 5), (1, 50, 500, 5)], [(3, 70, 900, 1)])
    journal.flush()
    segment, rows = sealed_of(builder)
    for act in (lambda: journal.seal(2, segment, 1), journal.flush):
        try:
            act()
            raise AssertionError("expected a fault")
        except JournalFault as error:
            assert "expected sequence 1" in str(error) or "expected an open segment" in str(error)
    for turn in range(8):
        journal.remember(bytes((turn,)) * 9000)  # until all that lives is carried forward, and what was flushed is gone
    found = Journal(device, SALT).unsealed
    assert rows_of(found) == rows_of(builder) == rows and found.final == 3
    assert sealed_of(found) == sealed_of(builder) == (segment, rows)


def test_a_row_out_of_range_is_refused_and_columns_are_full():
    rows = Rows()
    for row in ((65536, 0, 1, 0), (0, -1, 1, 0), (0, 0, 0, 0), (0, 1 << 32, 1, 0), (0, 0, 1 << 32, 0), (0, 0, 1, 256)):
        try:
            rows.add(*row)
            raise AssertionError(row)
        except MessageError as error:
            assert "row: expected" in str(error)
    try:
        while True:
            rows.add(65535, (1 << 32) - 1 - len(rows), (1 << 32) - 1, 255)
    except MessageError as error:
        assert "rows: expected at most 1200" in str(error)
    stems, starts, frames, flags = rows.segment_columns()
    assert (len(stems), stems[1199], frames[0], flags[0]) == (1200, 65535, (1 << 32) - 1, 255)
    assert starts[0] == (1 << 32) - 1200 and [starts[index] for index in range(1, 1200)] == [1] * 1199


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
    assert [row[0] for row in rows_of(again.unsealed)] == [1, 2, 3, 4, 5, 6, 7, 8]


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


def lived(seals=30):
    """A device whose both zones have gone round, and its journal: segments from 26 on wait, another is open."""
    device = MemorySectorDevice(512)
    journal = Journal(device, SALT)
    journal.begin_boot()
    for sequence in range(1, seals + 1):
        builder = journal.open(opened(journal))
        for second in range(1, 9):
            builder.advance(second * 10, second, 0, [(second, (second - 1) * 10, 10, 5)], [])
            journal.flush()
        journal.seal(sequence, bytes(9000) + b"segment %d" % sequence, 1000)
        journal.remember(b"learned by %d" % sequence)
        journal.trim(max(sequence - 5, 0))
    builder = journal.open(opened(journal))
    builder.advance(10, 1, 0, [(1, 0, 10, 5)], [])
    journal.flush()
    return device, journal


def test_with_any_superblocks_damaged_all_is_found():
    once, journal = lived()
    for spoiled in ((), (0,), (511,), (0, 511)):
        device = MemorySectorDevice(512, sectors=once.sectors)
        for sector in spoiled:
            device.spoil(sector, 40)
        for _boot in (1, 2):
            found = Journal(device, b"freshone")
            assert found.last_sequence == 30 and found.receipted == 25 and found.lost is None
            assert found.last_sha256 == journal.last_sha256 and found.memory == b"learned by 30"
            assert sorted(found.segments) == [26, 27, 28, 29, 30] and found.unsealed.end_frame == 10
            assert [found.read(number, 9000, 99) for number in (26, 30)] == [b"segment 26", b"segment 30"]
        found.seal(31, b"segment 31", 1)
        again = Journal(device, SALT)
        assert again.last_sequence == 31 and again.notes == [] and again.unsealed is None


def test_a_medium_of_something_else_is_left_alone():
    for sector in (0, 2, 255):
        device = MemorySectorDevice(512)
        device.sectors[sector] = b"\x00\x01" + bytes(510)
        before = dict(device.sectors)
        try:
            Journal(device, SALT)
            raise AssertionError("expected a fault")
        except JournalFault as error:
            assert "expected a ring or a blank medium" in str(error)
        assert device.sectors == before


def test_a_ring_within_another_medium_is_left_alone():
    ring, _journal = lived()
    device = MemorySectorDevice(1024)
    for sector in range(512):
        device.sectors[100 + sector] = ring.read(sector, 1)
    before = dict(device.sectors)
    try:
        Journal(device, SALT)
        raise AssertionError("expected a fault")
    except JournalFault as error:
        assert "expected a superblock at byte 0, found it at 51200" in str(error)
    assert device.sectors == before


def test_a_longer_medium_is_used_as_far_as_the_ring_goes():
    ring, _journal = lived()
    for spoiled in ((), (0,), (511,)):
        device = MemorySectorDevice(2048, 512, ring.sectors)
        for sector in spoiled:
            device.spoil(sector, 40)
        found = Journal(device, SALT)
        assert sorted(found.segments) == [26, 27, 28, 29, 30] and found.unsealed.end_frame == 10
        assert any(["leaves the rest" in note for note in found.notes])
        found.seal(31, b"segment 31", 1)
        assert Journal(device, SALT).last_sequence == 31 and max(device.sectors) == 511


def test_a_medium_cut_short_is_damaged_where_it_ends():
    device, _journal = lived()
    cut = max([sector for sector in device.sectors if sector < 511]) - 40
    short = MemorySectorDevice(cut, 512, {sector: data for sector, data in device.sectors.items() if sector < cut})
    found = Journal(short, SALT)
    assert short.sector_count == 512 and any(["had been cut" in note for note in found.notes])
    assert found.last_sequence == 30 and found.unsealed.end_frame == 10
    gone = [number for number in range(26, 31) if number not in found.segments]
    assert gone and found.lost[:2] == (gone[0], gone[-1])
    found.seal(31, b"declares", 1)
    assert Journal(short, SALT).lost is None


def test_a_blank_card_goes_on_behind_what_is_reserved():
    for block, first in ((1, 4), (64, 64)):
        reserved = MemorySectorDevice(2, 4096)
        for turn in (1, 2):
            device = MemorySectorDevice(512)
            journal = Journal(device, b"salt %d" % turn, Reservation(reserved, b"the player's key", block))
            journal.begin_boot()
            assert journal.boot == turn and journal.lost == ((1, first - 1, 1) if turn == 2 else None)
            for sequence in range(journal.last_sequence + 1, journal.last_sequence + 4):
                journal.open(opened(journal))
                journal.seal(sequence, b"segment %d" % sequence, 1000)
        assert sorted(journal.segments) == [first, first + 1, first + 2]
        again = Journal(device, SALT, Reservation(reserved, b"the player's key", block))
        assert (again.boot, again.last_sequence, again.lost, again.notes) == (2, first + 2, None, [])


class Card:
    """A block device with a partition of type DA from block 100 on."""

    def __init__(self):
        self.blocks = {0: bytes(450) + b"\xda\0\0\0\x64\0\0\0\0\x02\0\0" + bytes(48) + b"\x55\xaa"}

    def readblocks(self, block, buffer):
        for index in range(len(buffer) // 512):
            buffer[index * 512 : (index + 1) * 512] = self.blocks.get(block + index, bytes(512))

    def writeblocks(self, block, buffer):
        for index in range(len(buffer) // 512):
            self.blocks[block + index] = bytes(buffer[index * 512 : (index + 1) * 512])

    def ioctl(self, what, argument):
        return 1000 if what == 4 else 512 if what == 5 else None


def test_a_partition_of_a_card_keeps_what_memory_keeps():
    card = Card()
    journal = Journal(CardSectorDevice(card), SALT)
    for sequence in range(1, 20):
        journal.open(opened(journal))
        journal.seal(sequence, b"segment %d" % sequence + bytes(9000), 1000)
        journal.trim(max(sequence - 2, 0))
    again = Journal(CardSectorDevice(card), SALT)
    assert sorted(again.segments) == [18, 19] and again.read(18, 0, 10) == b"segment 18"
    assert min(card.blocks) == 0 and sorted(card.blocks)[1] == 100 and max(card.blocks) == 611


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
        device = FileSectorDevice(path, 1 << 20, 4096)
        assert device.sector_count == 64
        again = Journal(device, SALT)
        assert sorted(again.segments) == [18, 19] and again.read(18, 0, 10) == b"segment 18"
    finally:
        device.close()
        os.remove(path)
