"""Where an entry will stand in the log. Intake decides first, and learns the place when it writes: only then is the
log's head locked, so that others decide side by side meanwhile."""


class Leaf:
    """An index that is given when the rows that wait are written; rows that refer to it are filled in then."""

    __slots__ = ("_rows", "index")

    def __init__(self) -> None:
        self.index: int | None = None
        self._rows: list[tuple[list[object], int]] = []

    def fill(self, row: list[object], column: int) -> None:
        """Put the index into this column of a row that waits."""
        if self.index is None:
            self._rows.append((row, column))
        else:
            row[column] = self.index

    def give(self, index: int) -> None:
        """The entry stands at `index`."""
        self.index = index
        for row, column in self._rows:
            row[column] = index
        self._rows.clear()
