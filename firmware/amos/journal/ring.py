"""The ring on its medium: two superblocks, the rows zone, the segments zone; and which sectors may be used again."""

from amos.compat import const
from amos.journal import record, search, superblock
from amos.journal.errors import JournalFault
from amos.journal.facts import NOBODY, SECTOR_BYTES, State, Superblock, no_state
from amos.journal.slot import is_blank
from amos.journal.zone import WINDOW_BYTES, Zone, make_window

_ROWS_BYTES_MAX = const(512 * 1024)
"""Rows zone: ten minutes of flushes, so that a segment is carried forward once at most; read whole at each boot."""

RING_BYTES_MIN = 256 * 1024
_RING_SECTORS_MIN = const(128)
"""Half of it rows: room for what is carried forward three times over, so that one superblock may fail at any moment
(journal.py). The rest holds seven segments of the largest size."""

_GROWN_BYTES_MAX = const(1 << 30)
"""The largest file that the settings allow: no superblock makes one longer."""

_BLANK_BYTES = const(128 * 1024)
"""A medium whose first bytes, so many, are blank holds no file system: every usual one writes something before that."""


class Ring:
    """Constructing it finds the newest superblock; with both damaged, the ring itself; a blank medium is formatted.

    salt, owner      uint32 and device_id, for a ring that is made
    known_salt       of the ring that was used last, or None
    anew             make a ring over whatever stands there

    rows, segments   the zones, at their tails; not scanned yet
    state            State of the newest superblock
    device_id        whose ring it is; None when only a superblock could have told
    notes            list of str
    missing          superblocks that are not whole, 0 to 2
    rescued          whether it was found by its records: call `place_segments` when the rows have been read

    Raises `JournalFault` for a medium that holds something else, and for one smaller than its ring. Raises OSError.
    """

    def __init__(self, medium, salt: int, owner: bytes = NOBODY, known_salt=None, anew: bool = False):
        self._medium = medium
        self.notes: list = []
        self.rescued = False
        medium.sync()  # A killed process may have written without a sync: sync before anything is read.
        blocks = [] if anew else superblock.load(medium)
        traces = None
        if not blocks and not anew:
            traces = self._search(known_salt)
            blocks = [traces.block] if traces and traces.block else []
        if blocks and self._regroup(blocks[0].sector_bytes):
            blocks = superblock.load(medium)
        if blocks:
            self._begin(blocks)
        elif traces is not None:
            self._regroup(traces.sector_bytes)
            self._rescue(traces.salt)
        else:
            self._format(salt, owner)

    def _begin(self, blocks: list) -> None:
        newest = blocks[0]
        # A cut while a ring was made over another leaves one superblock of each.
        blocks = [block for block in blocks if block.salt == newest.salt]
        self._check_geometry(newest)
        self.generation, self.salt, self.state = newest.generation, newest.salt, newest.state[0]
        self.device_id = newest.device_id
        rows, count = newest.rows_sectors, newest.sector_count
        window = make_window(newest.sector_bytes)
        tail, number = newest.rows_tail, newest.rows_number
        self.rows = Zone(self._medium, self.salt, 1, rows, tail, number, record.ROWS_KINDS, window)
        tail, number = newest.segments_tail, newest.segments_number
        kinds = record.SEGMENTS_KINDS
        self.segments = Zone(self._medium, self.salt, 1 + rows, count - 2 - rows, tail, number, kinds, window)
        self.missing = 2 - len(blocks)
        if self.missing:
            self.notes.append("one superblock was damaged; it is written anew")
        self._stored = [(block.rows_tail, block.segments_tail) for block in blocks]
        self._set_floors()

    def _regroup(self, sector_bytes: int) -> bool:
        """Whether the medium has other sectors than it had, as the ring's are."""
        told = (sector_bytes, self._medium.sector_bytes)
        if told[0] == told[1]:
            return False
        try:
            self._medium.regroup(sector_bytes)
        except OSError:
            raise JournalFault("journal: expected a medium with sectors of %d bytes, found %d" % told)
        return True

    def _check_geometry(self, block: Superblock) -> None:
        medium = self._medium
        told = (block.sector_count, medium.sector_count)
        if told[1] > told[0]:
            self.notes.append("the ring has %d sectors, and leaves the rest of the medium's %d alone" % told)
        elif told[1] < told[0]:
            try:
                if block.sector_count * block.sector_bytes > _GROWN_BYTES_MAX:
                    raise OSError("too long")
                medium.grow(block.sector_count)
            except OSError:
                raise JournalFault("journal: expected a medium of %d sectors, as the ring on it has, found %d" % told)
            self.notes.append("the medium of %d sectors had been cut to %d; what stood behind is damaged" % told)

    def _search(self, known_salt):
        """Traces of a ring whose superblocks are not where they ought to be; None on a blank medium."""
        medium = self._medium
        blank = self._begins_blank()
        if blank and known_salt is None and is_blank(medium.read(medium.sector_count - 1, 1)):
            return None
        traces = search.search(medium, known_salt)
        if traces.block is not None or traces.salt is not None:
            return traces
        if not blank:
            raise JournalFault("journal: expected a ring or a blank medium, found neither; blank it if it is the one")
        return None

    def _begins_blank(self) -> bool:
        medium = self._medium
        window = WINDOW_BYTES // medium.sector_bytes or 1
        for sector in range(0, min(_BLANK_BYTES // medium.sector_bytes, medium.sector_count - window), window):
            if not is_blank(medium.read(sector, window)):
                return False
        return True

    def _rescue(self, salt: int) -> None:
        """Build the ring from its records, in place of superblocks: first the rows zone, then `place_segments`."""
        self._begin([self._first_block(0, salt, NOBODY)])
        self.notes = ["both superblocks were damaged; the ring was found by its records"]
        self.device_id, self.missing, self.rescued = None, 2, True
        search.place(self.rows, self.rows.count, 0)

    def place_segments(self, state: State) -> None:
        """Where the segments begin in a rescued ring; `state` is the newest in its rows."""
        search.place(self.segments, state.segments_head, state.segments_number)
        self._stored = [(self.rows.tail, self.segments.tail)]

    def _format(self, salt: int, owner: bytes) -> None:
        blocks = [self._first_block(generation, salt, owner) for generation in (2, 1)]
        for block in reversed(blocks):
            superblock.store(self._medium, block)
        self._begin(blocks)

    def _first_block(self, generation: int, salt: int, owner: bytes) -> Superblock:
        """A superblock of a ring on the whole medium, from its beginning on."""
        medium = self._medium
        size = medium.sector_bytes * medium.sector_count
        expected = max(RING_BYTES_MIN, _RING_SECTORS_MIN * medium.sector_bytes)
        if medium.sector_bytes not in SECTOR_BYTES or size < expected:
            raise JournalFault("journal: expected at least %d bytes, found %d" % (expected, size))
        return Superblock(
            generation=generation,
            salt=salt,
            sector_bytes=medium.sector_bytes,
            sector_count=medium.sector_count,
            rows_sectors=min(_ROWS_BYTES_MAX, size // 2) // medium.sector_bytes,
            rows_tail=0,
            rows_number=0,
            segments_tail=0,
            segments_number=0,
            state=[no_state()],
            device_id=owner,
        )

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
        rows, segments = self.rows, self.segments
        block = Superblock(
            generation=self.generation,
            salt=self.salt,
            sector_bytes=self._medium.sector_bytes,
            sector_count=2 + rows.count + segments.count,
            rows_sectors=rows.count,
            rows_tail=rows.tail,
            rows_number=rows.tail_number,
            segments_tail=segments.tail,
            segments_number=segments.tail_number,
            state=[state],
            device_id=self.device_id,
        )
        superblock.store(self._medium, block)
        self.missing = max(self.missing - 1, 0)
        self._stored = [(rows.tail, segments.tail), self._stored[0]]
        self._set_floors()
