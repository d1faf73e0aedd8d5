"""Any bytes on the medium: recovery refuses by name or finds what is whole, never hangs, and play goes on."""

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_life import SALT, SECTOR_COUNT, Life, Media, Promise, Recording, whole_life

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal import record, slot, superblock
from amos.journal.facts import Superblock
from amos.journal.journal import Journal, JournalError, JournalFault, JournalFull
from amos.protocol.cbor import dumps


@cache
def lived() -> tuple[Recording, Life]:
    media = Recording()
    life = whole_life(media)
    life.open()
    life.second(5, ends=False)
    return media, life


def copy_of_the_life() -> MemorySectorDevice:
    return MemorySectorDevice(SECTOR_COUNT, 512, lived()[0].ring.sectors)


def try_boot(device: MemorySectorDevice, reserved: MemorySectorDevice | None) -> None:
    """Refused by name, or a journal whose every answer is true to what had been stored, and that can be played on;
    with a reservation that is whole, on numbers that nobody has seen.
    """
    sealed = lived()[1].promise.sealed
    media = Media(device, reserved)
    try:
        whole = reserved is not None and not media.reservation(1).lost
        journal = media.journal()
        for sequence in list(journal.segments):
            segment = journal.read(sequence, 0, 1 << 16)
            assert segment in (None, sealed.get(sequence))
        assert not whole or journal.last_sequence == max(sealed)
        assert journal.last_sequence <= max(sealed)
        life = Life(media, Promise())
        life.boot()
        life.receipt(life.journal.last_sequence)
        life.segment(2, 3)
        assert sorted(media.journal().segments) == [life.journal.last_sequence]
    except JournalError:
        pass
    assert device.sectors_read < 40 * SECTOR_COUNT


def damage(device: MemorySectorDevice, chance: random.Random) -> None:
    """A run of sectors, a few bytes, or a sector in place of another."""
    kind, start = chance.randrange(4), chance.randrange(SECTOR_COUNT)
    if kind == 0:
        for sector in range(start, min(SECTOR_COUNT, start + chance.randrange(1, 200))):
            device.sectors[sector] = chance.randbytes(512)
    elif kind == 1:
        for _ in range(chance.randrange(1, 9)):
            device.spoil(chance.randrange(SECTOR_COUNT), chance.randrange(512))
    elif kind == 2:
        device.sectors[start] = device.read(chance.randrange(SECTOR_COUNT), 1)
    else:
        for sector in range(start, min(SECTOR_COUNT, start + chance.randrange(1, 50))):
            device.sectors[sector] = chance.choice((bytes(512), b"\xff" * 512))


def fuzz(count: int) -> None:
    for seed in range(count):
        chance, device = random.Random(seed), copy_of_the_life()
        for _ in range(chance.randrange(1, 5)):
            damage(device, chance)
        reserved = MemorySectorDevice(2, 4096, lived()[0].reserved.sectors)
        for sector in range(chance.randrange(3)):
            reserved.spoil(chance.choice((0, sector)), chance.randrange(100))
        try_boot(device, chance.choice((None, reserved)))


@settings(deadline=None, max_examples=50)
@given(first=st.binary(max_size=300), second=st.binary(max_size=300), magic=st.booleans())
def test_any_bytes_beside_the_key(first: bytes, second: bytes, magic: bool) -> None:
    reserved = MemorySectorDevice(2, 4096)
    for sector, noise in enumerate((first, second)):
        reserved.sectors[sector] = ((b"AMOSRSRV" if magic else b"") + noise).ljust(4096, b"\0")
    try_boot(copy_of_the_life(), reserved)


def test_random_damage_is_met_by_name() -> None:
    fuzz(80)


@pytest.mark.sweep
def test_much_random_damage_is_met_by_name() -> None:
    fuzz(10_000)
    print("\n10000 damaged rings, no violation")


@given(noise=st.binary(max_size=2000), sector=st.integers(0, SECTOR_COUNT - 4))
def test_any_bytes_where_there_was_no_ring(noise: bytes, sector: int) -> None:
    device = MemorySectorDevice(SECTOR_COUNT, 512)
    for index in range(0, len(noise), 512):
        device.sectors[sector + index // 512] = (noise[index : index + 512] + bytes(512))[:512]
    try:
        assert Journal(device, SALT).last_sequence == 0
    except JournalError as error:
        assert "expected a ring or a blank medium" in str(error)


def test_wide_damage_loses_only_what_it_covers() -> None:
    device, life = copy_of_the_life(), lived()[1]
    numbers = sorted(life.journal.segments)
    stored = [life.journal.segments[number] for number in numbers]
    start = stored[1].position % life.journal._zone.count
    first = 1 + life.journal._rows.count
    for position in range(start, start + (stored[2].position - stored[1].position)):
        device.sectors[first + position % life.journal._zone.count] = b"\xa5" * 512
    journal = Journal(device, SALT)
    assert sorted(journal.segments) == [number for number in numbers if number != numbers[1]]
    assert journal.lost == (numbers[1], numbers[1], 2)
    assert journal.unsealed.end_frame == life.frame


def test_segments_by_the_thousand_are_bounded_by_the_ring() -> None:
    device = MemorySectorDevice(1 << 14, 512)
    life = Life(Media(device), Promise())
    life.boot()
    with pytest.raises(JournalFull, match="expected fewer than 3839 segments; sync the player"):
        while True:
            life.open()
            life.journal.seal(life.journal.last_sequence + 1, b"short", 1000)
    again = Journal(device, SALT)
    assert len(again.segments) == 3839
    again.trim(3000)
    life.journal = again
    life.segment(1, 1)
    assert Journal(device, SALT).segments.get(3840).size > 100


def test_a_ring_of_4096_byte_sectors_goes_round() -> None:
    device = MemorySectorDevice(128, 4096)
    life = Life(Media(device), Promise())
    life.boot()
    for number in range(1, 40):
        life.segment(3, 300)
        if number % 5 == 0:
            life.receipt(number - 2)
    assert life.journal._rows.head > 2 * life.journal._rows.count and life.journal._zone.head > 62
    again = Journal(device, SALT)
    assert (again.last_sequence, sorted(again.segments)) == (39, list(range(34, 40))) and not again.notes


@pytest.mark.parametrize(("sectors", "sector_bytes"), [(511, 512), (127, 4096), (1 << 12, 256), (1 << 6, 8192)])
def test_a_medium_too_small_or_of_other_sectors_is_refused(sectors: int, sector_bytes: int) -> None:
    with pytest.raises(JournalError, match="expected at least"):
        Journal(MemorySectorDevice(sectors, sector_bytes), SALT)


@pytest.mark.parametrize("from_end", [1, 2])
def test_a_record_of_the_other_zone_counts_for_nothing(from_end: int) -> None:
    """It stands in damage, with a number far ahead: numbering must not go on from it, or a later boot would lose what
    was sealed behind it."""
    device, journal = copy_of_the_life(), lived()[1].journal
    rows, zone = journal._rows, journal._zone
    stray = device.sectors[1 + (rows.head - 1) % rows.count]
    assert record.decode_header(stray, journal._ring.salt).number > zone.number
    last = journal.segments[journal.last_sequence].position
    device.sectors[1 + rows.count + (last + 1) % zone.count] = b"\xa5" * 512
    device.sectors[1 + rows.count + (zone.head - from_end) % zone.count] = stray
    assert zone.head - last > from_end + 1
    device.spoil(1 + rows.tail % rows.count, 0)  # so that the segments have to speak for themselves, this once
    life = Life(Media(device), Promise())
    life.boot()
    life.segment(2, 3)
    sealed = life.journal.last_sequence
    assert sorted(Journal(device, SALT).segments)[-2:] == [sealed - 1, sealed]


@pytest.mark.parametrize("counter", ["boot", "session"])
def test_a_counter_at_its_end_is_refused_by_name(counter: str) -> None:
    device = MemorySectorDevice(SECTOR_COUNT, 512)
    Journal(device, SALT)
    for block in superblock.load(device):
        setattr(block.state[0], counter, (1 << 32) - 1)
        superblock.store(device, block)
    journal = Journal(device, SALT)
    with pytest.raises(JournalFault, match=f"expected {counter} to be below 4294967295"):
        getattr(journal, f"begin_{counter}")()


@pytest.mark.parametrize("field", ["generation", "rows_tail", "rows_number", "segments_tail", "segments_number"])
def test_positions_and_numbers_that_nobody_can_have_reached_are_no_superblock(field: str) -> None:
    device = MemorySectorDevice(SECTOR_COUNT, 512)
    Journal(device, SALT).begin_boot()
    for block in superblock.load(device):
        setattr(block, field, record.COUNT_MAX)
        whole = slot.encode(superblock.MAGIC, block, 512)
        assert superblock.decode(whole) is not None
        body = block.to_map() | {key: 2**64 - 1 for key, name, _kind, _bound in block.FIELDS if name == field}
        data = superblock.MAGIC + len(dumps(body)).to_bytes(2, "little") + dumps(body)
        assert superblock.decode((data + record.checksum(data) + bytes(512))[:512]) is None


def test_sequences_too_far_apart_are_refused_before_anything_is_metered() -> None:
    life = Life(Media(MemorySectorDevice(SECTOR_COUNT, 512)), Promise())
    life.boot()
    life.segment(1, 1)
    life.journal.last_sequence += 1 << 32
    with pytest.raises(JournalFull, match="expected sequences within 32 bits"):
        life.open()


def with_superblock(**changes: int) -> MemorySectorDevice:
    """The device, with a newer superblock that says something else."""
    device = copy_of_the_life()
    block = superblock.load(device)[0]
    for name, value in changes.items():
        setattr(block, name, value)
    block.generation += 2 - block.generation % 2  # the first sector's
    data = superblock.MAGIC + len(forced(block)).to_bytes(2, "little") + forced(block)
    device.sectors[0] = (data + record.checksum(data)).ljust(512, b"\0")
    return device


def forced(block: Superblock) -> bytes:
    """Encoded although it contradicts itself."""
    block.fault = lambda: None  # type: ignore[method-assign]
    return block.encode()


@pytest.mark.parametrize("sector_bytes", [0, 1, 511, 513, 3000])
def test_a_superblock_of_impossible_sectors_is_none(sector_bytes: int) -> None:
    journal = Journal(with_superblock(sector_bytes=sector_bytes), SALT)
    assert journal.last_sequence == max(lived()[1].promise.sealed)
    assert any("one superblock was damaged" in note for note in journal.notes)


def test_no_superblock_makes_a_medium_larger_than_settings_can() -> None:
    device = with_superblock(sector_count=(1 << 32) - 1)
    with pytest.raises(JournalFault, match="expected a medium of 4294967295 sectors"):
        Journal(device, SALT)
    assert device.sector_count == SECTOR_COUNT
