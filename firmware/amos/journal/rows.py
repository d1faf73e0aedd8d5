"""Rows in columns: 11 bytes each, in arrays taken once; 1,200 tuples would take a board's heap to pieces."""

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

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple:
        return self._stems[index], self._starts[index], self._frames[index], self._flags[index]

    def __iter__(self):
        for index in range(self._count):
            yield self[index]

    def clear(self) -> None:
        """Forget all rows; the arrays stay."""
        self._count = 0

    def add(self, stem: int, start: int, frames: int, flags: int) -> None:
        """Raises `MessageError`: `array` would truncate silently on MicroPython."""
        at = self._count
        if at >= SEGMENT_ROWS_MAX:
            raise MessageError("rows: expected at most %d" % SEGMENT_ROWS_MAX)
        if not (0 <= stem <= U16 and 0 <= start <= U32 and 0 < frames <= U32 and 0 <= flags <= U8):
            raise MessageError("row: expected stem, start, frames and flags in range, found %r" % (
                (stem, start, frames, flags),))  # fmt: skip
        self._stems[at] = stem
        self._starts[at] = start
        self._frames[at] = frames
        self._flags[at] = flags
        self._count = at + 1

    def columns(self, first: int, more) -> tuple:
        """(stems, starts, frames, flags) of the rows from index `first` on, and of `more` rows, as arrays."""
        until = self._count
        return (
            self._stems[first:until] + array("H", [row[0] for row in more]),
            self._starts[first:until] + array("I", [row[1] for row in more]),
            self._frames[first:until] + array("I", [row[2] for row in more]),
            self._flags[first:until] + array("B", [row[3] for row in more]),
        )
