"""Rows in columns: 11 bytes each, in arrays made once; 1,200 tuples would fragment a board's heap."""

from array import array

from amos.protocol.errors import MessageError
from amos.protocol.limits import SEGMENT_ROWS_MAX
from amos.protocol.record import U8, U16, U32


class Rows:
    """Up to `SEGMENT_ROWS_MAX` rows (stem, start, frames, flags), by index in the order of adding; starts as the caller
    counts them, 32 bits."""

    def __init__(self) -> None:
        self._stems = array("H", bytes(2 * SEGMENT_ROWS_MAX))
        self._starts = array("I", bytes(4 * SEGMENT_ROWS_MAX))
        self._frames = array("I", bytes(4 * SEGMENT_ROWS_MAX))
        self._flags = array("B", bytes(SEGMENT_ROWS_MAX))
        self._count = 0
        self._in_steps = False  # whether each start is counted from the one before

    def __len__(self) -> int:
        return self._count

    def keep(self, count: int) -> None:
        """Forget all but the first `count` rows; the arrays stay."""
        self._leave_steps()
        self._count = count

    def add(self, stem: int, start: int, frames: int, flags: int) -> None:
        """Raises `MessageError`: `array` would truncate silently on MicroPython."""
        self._leave_steps()
        at = self._count
        if at >= SEGMENT_ROWS_MAX:
            raise MessageError("rows: expected at most %d" % SEGMENT_ROWS_MAX)
        if not (0 <= stem <= U16 and 0 <= start <= U32 and 0 < frames <= U32 and 0 <= flags <= U8):
            raise MessageError("row: expected stem, start, frames and flags in range, found %r" % (
                (stem, start, frames, flags),))  # fmt: skip
        self._set(at, stem, start, frames, flags)
        self._count = at + 1

    def mark(self, first: int, flags: int) -> None:
        """Give these flags too to the rows from index `first` on."""
        for index in range(first, self._count):
            self._flags[index] |= flags

    def columns(self, first: int) -> tuple:
        """(stems, starts, frames, flags) of the rows from index `first` on: views, which hold until the next call."""
        self._leave_steps()
        return self._views(first)

    def segment_columns(self) -> tuple:
        """The same of all rows as a segment has them: by start, then stem, and each start counted from the one before.
        The rows are in this order from now on. No copies: this is asked for when a heap is at its fullest."""
        self._leave_steps()
        self._sort()
        starts = self._starts
        for index in range(self._count - 1, 0, -1):
            starts[index] -= starts[index - 1]
        self._in_steps = True
        return self._views(0)

    def _leave_steps(self) -> None:
        """Count every start as the caller does again, whether or not the segment was stored."""
        if self._in_steps:
            starts = self._starts
            for index in range(1, self._count):
                starts[index] += starts[index - 1]
            self._in_steps = False

    def _views(self, first: int) -> tuple:
        columns = (self._stems, self._starts, self._frames, self._flags)
        return tuple([memoryview(column)[first : self._count] for column in columns])

    def _set(self, at: int, stem: int, start: int, frames: int, flags: int) -> None:
        self._stems[at] = stem
        self._starts[at] = start
        self._frames[at] = frames
        self._flags[at] = flags

    def _sort(self) -> None:
        """By start, then stem. They come almost in order, for which insertion is quick."""
        stems, starts, lengths, bits = self._stems, self._starts, self._frames, self._flags
        for index in range(1, self._count):
            stem, start, frames, flags = stems[index], starts[index], lengths[index], bits[index]
            at = index
            while at:
                before = at - 1
                if starts[before] < start or (starts[before] == start and stems[before] <= stem):
                    break
                self._set(at, stems[before], starts[before], lengths[before], bits[before])
                at = before
            if at < index:
                self._set(at, stem, start, frames, flags)
