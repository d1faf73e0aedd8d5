"""The journal's partition of a board's SD card: a SectorDevice (contract in sector_device.py) beside the file system.

When power is cut, a file system's own writes can destroy what a journal inside it has acknowledged. They do not touch
sectors outside of it. The partition is the first of type DA (data that is no file system) in the card's table (MBR), so
that no computer offers to format it. `boards/README.md` says how to make one.
"""

from amos.compat import const

BLOCK_BYTES = 512
_TYPE = const(0xDA)
_TABLE_AT = const(446)
_ENTRY_BYTES = const(16)
_ENTRIES = const(4)

_IOCTL_SYNC = const(3)
_IOCTL_BLOCKS = const(4)
_IOCTL_BLOCK_BYTES = const(5)


class PartitionError(OSError):
    """The card has no partition for a journal, or a table that contradicts itself; it says what was expected."""


def find_partition(table: bytes, block_count: int) -> tuple:
    """(first block, blocks) of the journal's partition in an MBR of a card with `block_count` blocks.

    Raises `PartitionError`.
    """
    if len(table) != BLOCK_BYTES or table[510:] != b"\x55\xaa":
        raise PartitionError("SD card: expected a partition table (MBR), found none")
    found, others = None, []
    for index in range(_ENTRIES):
        entry = table[_TABLE_AT + index * _ENTRY_BYTES :][:_ENTRY_BYTES]
        first, count = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:16], "little")
        if not entry[4]:
            continue
        if entry[4] == _TYPE and found is None:
            found = (first, count)
        else:
            others.append((first, count))
    if found is None:
        raise PartitionError("SD card: expected a partition of type DA for the journal, found none")
    first, count = found
    if first < 1 or count < 1 or first + count > block_count:
        text = "SD card: expected the journal's partition in blocks 1 to %d, found %d to %d"
        raise PartitionError(text % (block_count - 1, first, first + count - 1))
    for start, size in others:
        if start < first + count and first < start + size:
            text = "SD card: expected a partition for the journal alone, found another in blocks %d to %d"
            raise PartitionError(text % (start, start + size - 1))
    return found


class CardSectorDevice:
    """The partition on `card`, a MicroPython block device (readblocks, writeblocks, ioctl) of 512-byte blocks.
    `restart()`, where the driver needs it, makes a card that was away ready again."""

    def __init__(self, card, restart=None):
        self._card = card
        self._restart = restart
        block_bytes = card.ioctl(_IOCTL_BLOCK_BYTES, 0)
        if block_bytes not in (None, BLOCK_BYTES):
            raise PartitionError("SD card: expected blocks of 512 bytes, found %d" % block_bytes)
        self.sector_bytes = BLOCK_BYTES
        self._first = 0
        self._first, self.sector_count = self._find()

    def _find(self) -> tuple:
        table = bytearray(BLOCK_BYTES)
        _check(self._card.readblocks(0, table), "read")
        return find_partition(bytes(table), self._card.ioctl(_IOCTL_BLOCKS, 0) or 0)

    def read(self, sector: int, count: int) -> bytes:
        data = bytearray(count * BLOCK_BYTES)
        _check(self._card.readblocks(self._first + sector, data), "read")
        return bytes(data)

    def write(self, sector: int, data: bytes) -> None:
        _check(self._card.writeblocks(self._first + sector, data), "write")

    def sync(self) -> None:
        # The SPI driver waits for the card with each write, and knows no sync.
        _check(self._card.ioctl(_IOCTL_SYNC, 0), "sync")

    def grow(self, sector_count: int) -> None:
        raise PartitionError(
            "SD card: expected a partition of %d sectors, found %d" % (sector_count, self.sector_count)
        )

    def regroup(self, sector_bytes: int) -> None:
        raise PartitionError("SD card: expected sectors of %d bytes, found %d" % (sector_bytes, BLOCK_BYTES))

    def reopen(self) -> None:
        # The driver stores each write before it returns: nothing is left to be written again.
        if self._restart is not None:
            self._restart()
        if self._find() != (self._first, self.sector_count):
            raise PartitionError("SD card: expected the card that was here, found another")

    def close(self) -> None:
        return None


def _check(result, act: str) -> None:
    """A driver reports a failure by OSError, by False or by a negative number; None, True and 0 mean success."""
    if result is False or (result is not None and result is not True and result < 0):
        raise OSError("SD card: %s failed" % act)
