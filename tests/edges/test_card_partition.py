"""The journal's partition of a card: found in any table by its type, or refused by name; nothing else is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos.edges import sd_card
from amos.edges.address import AddressError
from amos.edges.card_partition import CardSectorDevice, PartitionError, find_partition
from amos.edges.journal_store import open_store
from amos.journal.journal import Journal

BLOCKS = 4096
FIRST, COUNT = 2048, 1024


def entry(kind: int, first: int, count: int) -> bytes:
    return bytes([0, 0, 0, 0, kind, 0, 0, 0]) + first.to_bytes(4, "little") + count.to_bytes(4, "little")


def table(*entries: bytes) -> bytes:
    return (bytes(446) + b"".join(entries)).ljust(510, b"\0") + b"\x55\xaa"


FAT = entry(0x0C, 64, 1984)
OURS = entry(0xDA, FIRST, COUNT)


class Card:
    """A block device as MicroPython's, which answers as `answer` when it has done its work."""

    def __init__(self, first_block: bytes, answer: object = None):
        self.data = bytearray(first_block + b"F" * (BLOCKS - 1) * 512)
        self.data[FIRST * 512 : (FIRST + COUNT) * 512] = bytes(COUNT * 512)
        self.answer = answer
        self.block_bytes: int | None = 512

    def readblocks(self, block: int, buffer: bytearray) -> object:
        assert len(buffer) % 512 == 0 and block * 512 + len(buffer) <= len(self.data)
        buffer[:] = self.data[block * 512 : block * 512 + len(buffer)]
        return self.answer

    def writeblocks(self, block: int, buffer: bytes) -> object:
        assert len(buffer) % 512 == 0
        self.data[block * 512 : block * 512 + len(buffer)] = buffer
        return self.answer

    def ioctl(self, what: int, _argument: int) -> object:
        return {3: self.answer, 4: BLOCKS, 5: self.block_bytes}[what]


@pytest.mark.parametrize("answer", [None, 0, True])
def test_the_journal_lives_in_its_partition_and_nowhere_else(answer: object) -> None:
    card = Card(table(FAT, OURS), answer)
    before = bytes(card.data)
    device = CardSectorDevice(card)
    assert (device.sector_count, device.sector_bytes) == (COUNT, 512)
    journal = Journal(device, b"saltsalt")
    for sequence in range(1, 60):
        journal.seal(sequence, b"segment %d" % sequence + bytes(9000), 1000)
        journal.trim(sequence - 1)
    again = Journal(CardSectorDevice(card), b"saltsalt")
    assert again.read(59, 0, 10) == b"segment 59" and not again.notes
    assert card.data[: FIRST * 512] == before[: FIRST * 512]
    assert card.data[(FIRST + COUNT) * 512 :] == before[(FIRST + COUNT) * 512 :]


@pytest.mark.parametrize("answer", [False, -5])
def test_what_the_driver_says_failed_is_an_error(answer: object) -> None:
    card = Card(table(OURS))
    device = CardSectorDevice(card)
    card.answer = answer
    for act in (lambda: device.read(0, 1), lambda: device.write(0, bytes(512)), device.sync):
        with pytest.raises(OSError, match=r"SD card: \w+ failed"):
            act()


@pytest.mark.parametrize(
    ("first_block", "said"),
    [
        (bytes(512), "expected a partition table"),
        (table(FAT), "of type DA for the journal, found none"),
        (table(entry(0xDA, 0, 100)), "in blocks 1 to 4095, found 0 to 99"),
        (table(entry(0xDA, 100, 0)), "found 100 to 99"),
        (table(entry(0xDA, 4000, 97)), "found 4000 to 4096"),
        (table(entry(0xDA, 0xFFFFFFFF, 0xFFFFFFFF)), "found 4294967295"),
        (table(entry(0x0C, 64, 1985), OURS), "expected a partition for the journal alone, found another in blocks 64"),
        (table(OURS, entry(0xDA, 3000, 10)), "alone, found another in blocks 3000 to 3009"),
    ],
)
def test_a_table_that_does_not_tell_is_refused_by_name(first_block: bytes, said: str) -> None:
    with pytest.raises(PartitionError, match=said):
        CardSectorDevice(Card(first_block))


@given(st.binary(min_size=64, max_size=64), st.integers(1, 1 << 32))
def test_any_table_is_refused_by_name_or_names_blocks_of_the_card(entries: bytes, blocks: int) -> None:
    try:
        first, count = find_partition(table(entries), blocks)
    except PartitionError:
        return
    assert min(first, count) >= 1 and first + count <= blocks


def test_blocks_of_another_size_are_refused() -> None:
    card = Card(table(OURS))
    card.block_bytes = 4096
    with pytest.raises(PartitionError, match="expected blocks of 512 bytes, found 4096"):
        CardSectorDevice(card)


def test_a_card_that_does_not_tell_its_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(table(OURS))
    monkeypatch.setattr(card, "ioctl", lambda what, _argument: 512 if what == 5 else None)
    with pytest.raises(PartitionError, match="found 2048 to 3071"):
        CardSectorDevice(card)


def test_the_partition_does_not_grow() -> None:
    with pytest.raises(PartitionError, match="expected a partition of 2000 sectors, found 1024"):
        CardSectorDevice(Card(table(OURS))).grow(2000)


def test_the_card_is_the_one_that_is_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sd_card, "_cards", [])
    with pytest.raises(OSError, match="expected one that is mounted"):
        open_store("raw:sd", "/nowhere", 1 << 20)
    monkeypatch.setattr(sd_card, "_cards", [(Card(table(OURS)), 20_000_000)])
    assert open_store("raw:sd", "/nowhere", 1 << 20).sector_count == COUNT


@pytest.mark.parametrize("address", ["", "sd", "raw", "raw:", "file:/x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match="journal: expected file, raw:sd or raw:PATH"):
        open_store(address, "/nowhere", 1 << 20)
