"""Which entries of the log appoint another key of the operator's or the ledger's, and the lines of keys they give."""

from amos.protocol.key_line_host import KeyLine
from amos.protocol.rotation import Rotation, read_rotation
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log


class Rotations:
    """Of the log called `origin`. Each rotation was verified when it became an entry, and is read from there."""

    def __init__(self, database: Database, log: Log, origin: str) -> None:
        self._database = database
        self._log = log
        self._origin = origin

    def note(self, index: int, rotation: Rotation) -> None:
        """The entry at `index` is this rotation."""
        self._database.run("INSERT INTO rotation VALUES (?, ?, ?)", (index, rotation.role, rotation.number))

    def entries(self, role: int) -> list[tuple[int, bytes]]:
        """(leaf index, signed rotation) in this role, in their order."""
        sql = "SELECT leaf_index FROM rotation WHERE role = ? ORDER BY number"
        return [(index, self._log.entry(index)) for (index,) in self._database.rows(sql, (role,))]

    def line(self, role: int, only: bytes) -> KeyLine:
        """The keys in this role; `only` is the one key where there was no rotation. Raises `EntryDamaged`."""
        known = [(index, read_rotation(entry)) for index, entry in self.entries(role)]
        line = KeyLine(role, self._origin, known[0][1].old_key if known else only)
        for index, rotation in known:
            line.add(index, rotation)
        return line
