"""Which entries of the log are transfers, and what closings gave: the money's side of the database.

What a closing gave follows from the log and takes long to work out, so it is kept once it was; it may be thrown away.
"""

from collections.abc import Sequence

from amos.protocol.cose import parse_typed
from amos.protocol.ledger_limits import TRANSFER_BYTES_MAX
from amos.protocol.transfer import TYP_TRANSFER, Transfer
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log


class Transfers:
    """The tables `transfer` and `earned`. Transfers were verified when they became entries, and are read from there."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    def append(self, number: int, entry: bytes) -> int:
        """Log the signed transfer with this number; its leaf index."""
        index = self._log.append([entry])
        self.note(number, index)
        return index

    def note(self, number: int, index: int) -> None:
        """The entry at `index` is the transfer with this number."""
        self._database.run("INSERT INTO transfer VALUES (?, ?)", (number, index))

    def last_number(self) -> int:
        """The highest number; 0 for none."""
        row = self._database.one("SELECT coalesce(max(number), 0) FROM transfer")
        assert row is not None
        return int(row[0])

    def entries(self, size: int) -> list[tuple[int, bytes]]:
        """(leaf index, signed transfer) in the first `size` entries of the log, in order."""
        sql = "SELECT leaf_index FROM transfer WHERE leaf_index < ? ORDER BY number"
        return [(index, self._log.entry(index)) for (index,) in self._database.rows(sql, (size,))]

    def said(self, size: int) -> list[tuple[int, Transfer]]:
        """(leaf index, what it says) of them."""
        found = []
        for index, entry in self.entries(size):
            moved: Transfer = Transfer.decode(parse_typed(entry, TYP_TRANSFER, TRANSFER_BYTES_MAX).payload)
            found.append((index, moved))
        return found

    def earned(self, title: str) -> list[tuple[str, int, int]]:
        """(payee, micro-units, those of them frozen late) that the closing of that title gave, as far as kept."""
        sql = "SELECT payee, amount_micro, frozen_late_micro FROM earned WHERE period = ? ORDER BY payee"
        rows = self._database.rows(sql, (title,))
        return [(payee, amount, frozen) for payee, amount, frozen in rows]

    def keep_earned(self, title: str, earned: Sequence[tuple[str, int, int]]) -> None:
        """Keep what the closing of that title gave, as `earned` has it, in the place of what was kept of it."""
        self._database.run("DELETE FROM earned WHERE period = ?", (title,))
        sql = "INSERT INTO earned VALUES (?, ?, ?, ?)"
        self._database.run_many(sql, [(title, *row) for row in earned])
