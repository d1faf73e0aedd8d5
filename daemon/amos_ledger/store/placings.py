"""Which entries of the log open pools and place sites in them, and which place devices at sites."""

from collections.abc import Iterator

from amos.protocol.cose import parse_typed
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENROLMENT_BYTES_MAX, POOL_BYTES_MAX
from amos.protocol.licence_pool import OPEN, TYP_POOL, LicencePool
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log
from amos_ledger.store.period_usage import PeriodUsage

_BEFORE = "SELECT unix_s FROM batch WHERE leaf_index < ? ORDER BY leaf_index DESC LIMIT 1"


class Placings:
    """The table `pool_entry`. Entries were verified when they came, and are read from the log."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    def append(self, pool: LicencePool, entry: bytes) -> int:
        """Log the signed entry that says this; its leaf index."""
        index = self._log.append([entry])
        self.note(pool, index)
        return index

    def note(self, pool: LicencePool, index: int) -> None:
        """The entry at `index` says this. It is in force from its instant, but not before the last reception."""
        since_s = max(pool.from_unix_s, self._received_before(index))
        self._database.run("INSERT INTO pool_entry VALUES (?, ?, ?)", (pool.number, index, since_s))

    def last_number(self) -> int:
        """The highest number; 0 for none."""
        row = self._database.one("SELECT coalesce(max(number), 0) FROM pool_entry")
        assert row is not None
        return int(row[0])

    def said(self) -> list[tuple[int, int, LicencePool]]:
        """(leaf index, since when it is in force, what it says) of each, in order."""
        rows = self._database.rows("SELECT leaf_index, since_unix_s FROM pool_entry ORDER BY number")
        return [(index, since_s, self._opened(index)) for index, since_s in rows]

    def pools(self, size: int) -> list[str]:
        """Names of the pools that the first `size` entries of the log open, in their order."""
        return [said.pool for index, _since_s, said in self.said() if said.action == OPEN and index < size]

    def enrolments(self) -> Iterator[tuple[int, int, Enrolment]]:
        """(leaf index, since when it is in force, what it says) of each enrolment, in the log's order."""
        for index in PeriodUsage(self._database).others():
            entry = self._log.entry(index)
            try:
                said = Enrolment.decode(parse_typed(entry, TYP_ENROLMENT, ENROLMENT_BYTES_MAX).payload)
            except ProtocolError:
                continue  # another kind of entry
            yield index, max(said.unix_s, self._received_before(index)), said

    def _received_before(self, index: int) -> int:
        row = self._database.one(_BEFORE, (index,))
        return 0 if row is None else int(row[0])

    def _opened(self, index: int) -> LicencePool:
        payload = parse_typed(self._log.entry(index), TYP_POOL, POOL_BYTES_MAX).payload
        said: LicencePool = LicencePool.decode(payload)
        return said
