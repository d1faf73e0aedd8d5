"""The ring on its device: two superblocks, the rows zone, the segments zone; and which sectors may be used again."""

from amos.journal import record, superblock
from amos.journal.errors import JournalFault
from amos.journal.facts import State, Superblock
from amos.journal.zone import WINDOW_BYTES, Zone

ROWS_BYTES_MAX = 512 * 1024
"""Rows zone: ten minutes of flushes, so that a segment is carried forward once at most; read whole at each boot."""

RING_BYTES_MIN = 256 * 1024
RING_SECTORS_MIN = 128
"""Half of it rows: room for what is carried forward three times over, so that one superblock may fail at any moment
(journal.py). The rest holds seven segments of the largest size."""


class Ring:
    """Constructing it finds the newest superblock, or formats a medium that has never held a ring.

    rows, segments   the zones, at their tails; not scanned yet
    state            State of the newest superblock
    notes            list of str
    whole            whether both superblocks are

    Raises `JournalFault` when the medium held a ring whose superblocks are both damaged, or one of another size: to
    begin anew would use sequence numbers twice. Raises OSError.
    """

    def __init__(self, device, salt: bytes, state: State):
        self._device = device
        self.notes: list = []
        device.sync()  # what a killed process has written and not synced must not be trusted before it is
        blocks = superblock.load(device)
        if not blocks:
            blocks = self._format(salt, state)
        elif len(blocks) < 2:
            self.notes.append("one superblock was damaged; it is written anew")
        newest = blocks[0]
        if newest.sector_bytes != device.sector_bytes or newest.sector_count != device.sector_count:
            expected = (newest.sector_count, newest.sector_bytes, device.sector_count, device.sector_bytes)
            raise JournalFault("journal: expected a medium of %d sectors of %d bytes, found %d of %d" % expected)
        self.generation = newest.generation
        self.salt = newest.salt
        self.state = newest.state[0]
        rows, count = newest.rows_sectors, device.sector_count
        self.rows = Zone(device, self.salt, 1, rows, newest.rows_tail, newest.rows_number, record.ROWS_KINDS)
        segments_sectors = count - 2 - rows
        tail, number = newest.segments_tail, newest.segments_number
        self.segments = Zone(device, self.salt, 1 + rows, segments_sectors, tail, number, record.SEGMENTS_KINDS)
        self.whole = len(blocks) == 2
        self._stored = [(block.rows_tail, block.segments_tail) for block in blocks]
        self._set_floors()

    def _set_floors(self) -> None:
        self.rows.floor = min([tails[0] for tails in self._stored])
        self.segments.floor = min([tails[1] for tails in self._stored])

    @property
    def stored_segments_tail(self) -> int:
        """Tail of the segments zone in the newest superblock."""
        return self._stored[0][1]

    def keep(self, state: State) -> None:
        """Write a superblock with the zones' tails; the one before stays as it is. Raises OSError."""
        self.generation += 1
        superblock.store(self._device, self._block(state))
        self._stored = [(self.rows.tail, self.segments.tail), self._stored[0]]
        self._set_floors()

    def _block(self, state: State) -> Superblock:
        return Superblock(
            generation=self.generation,
            salt=self.salt,
            sector_bytes=self._device.sector_bytes,
            sector_count=self._device.sector_count,
            rows_sectors=self.rows.count,
            rows_tail=self.rows.tail,
            rows_number=self.rows.tail_number,
            segments_tail=self.segments.tail,
            segments_number=self.segments.tail_number,
            state=[state],
        )

    def _format(self, salt: bytes, state: State) -> list:
        device = self._device
        size = device.sector_bytes * device.sector_count
        expected = max(RING_BYTES_MIN, RING_SECTORS_MIN * device.sector_bytes)
        if not 512 <= device.sector_bytes <= 4096 or size < expected:
            raise JournalFault("journal: expected at least %d bytes, found %d" % (expected, size))
        if not _is_blank(device, 0) or not _is_blank(device, device.sector_count - 1):
            self._refuse_if_used()
        rows = min(ROWS_BYTES_MAX, size // 2) // device.sector_bytes
        self.generation, self.salt = 0, salt
        self.rows = Zone(device, salt, 1, rows, 0, 0, record.ROWS_KINDS)
        self.segments = Zone(device, salt, 1 + rows, device.sector_count - 2 - rows, 0, 0, record.SEGMENTS_KINDS)
        blocks = []
        for generation in (1, 2):
            self.generation = generation
            blocks.insert(0, self._block(state))
            superblock.store(device, blocks[0])
        return blocks

    def _refuse_if_used(self) -> None:
        """Neither superblock is whole: a cut while formatting leaves no record, damage does."""
        device = self._device
        window = max(1, WINDOW_BYTES // device.sector_bytes)
        mark = record.MAGIC + bytes((record.VERSION,))
        at = 1
        while at < device.sector_count - 1:
            count = min(window, device.sector_count - 1 - at)
            data = device.read(at, count)
            for start in range(0, len(data), device.sector_bytes):
                if data[start : start + len(mark)] == mark:
                    raise JournalFault("journal: expected a superblock, found both damaged; see `amos journal fsck`")
            at += count


def _is_blank(device, sector: int) -> bool:
    data = device.read(sector, 1)
    return data.count(data[:1]) == len(data)
