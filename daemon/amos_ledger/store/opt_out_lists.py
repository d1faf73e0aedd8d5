"""Which entries of the log are opt-out lists: the publisher's, and those of a delegated key; and who withdrew what the
last of those names."""

from amos.protocol.delegated import DelegatedOptOuts, stem_ids_of
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log

_TO_10 = """
CREATE TABLE delegated_opt_out_list (leaf_index INTEGER PRIMARY KEY);
CREATE TABLE delegated_withdrawal (stem_id BLOB PRIMARY KEY, payee TEXT NOT NULL);
"""


class OptOutLists:
    """The tables `opt_out_list`, `delegated_opt_out_list` and `delegated_withdrawal`. Lists were verified when they
    became entries."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    def append(self, serial: int, data: bytes) -> bool:
        """Log a list of the publisher's, unless that serial is there; whether it was not. In a transaction."""
        if self._database.one("SELECT 1 FROM opt_out_list WHERE serial = ?", (serial,)) is not None:
            return False
        self.note(serial, self._log.append([data]))
        return True

    def note(self, serial: int, index: int) -> None:
        """The entry at `index` is the publisher's list with this serial."""
        self._database.run("INSERT INTO opt_out_list VALUES (?, ?)", (serial, index))

    def append_delegated(self, data: bytes, opt_outs: DelegatedOptOuts) -> None:
        """Log a delegated key's list, which says `opt_outs`. In a transaction."""
        self.note_delegated(self._log.append([data]), opt_outs)

    def note_delegated(self, index: int, opt_outs: DelegatedOptOuts) -> None:
        """The entry at `index` is a delegated key's list, opened."""
        self._database.run("INSERT INTO delegated_opt_out_list VALUES (?)", (index,))
        before, after = set(self.withdrawn_by()), set(stem_ids_of(opt_outs))
        for stem_id in sorted(before - after):
            self._database.run("DELETE FROM delegated_withdrawal WHERE stem_id = ?", (stem_id,))
        for stem_id in sorted(after - before):
            self._database.run("INSERT INTO delegated_withdrawal VALUES (?, ?)", (stem_id, opt_outs.payee or ""))

    def withdrawn_by(self) -> dict[bytes, str]:
        """The stems of the last delegated list, and the payee who withdrew each; an empty one where no list says."""
        rows = self._database.rows("SELECT stem_id, payee FROM delegated_withdrawal")
        return {bytes(stem_id): payee for stem_id, payee in rows}

    def newest_batch(self, first: int) -> int:
        """The latest minute of the batch entries from that leaf on, in Unix seconds; 0 without one."""
        row = self._database.one("SELECT MAX(unix_s) FROM batch WHERE leaf_index >= ?", (first,))
        return 0 if row is None or row[0] is None else int(row[0])

    def publishers(self, size: int) -> bytes | None:
        """The last of the publisher's lists in the first `size` entries of the log."""
        return self._last("opt_out_list", size)

    def delegated(self, size: int) -> bytes | None:
        """The last of a delegated key's, in the same way."""
        return self._last("delegated_opt_out_list", size)

    def last_leaves(self, size: int) -> tuple[int | None, int | None]:
        """The leaf indexes of those two."""
        return self._last_leaf("opt_out_list", size), self._last_leaf("delegated_opt_out_list", size)

    def all(self, size: int) -> tuple[bytes, ...]:
        """All of both in the first `size` entries, in their order."""
        both = "SELECT leaf_index FROM opt_out_list UNION ALL SELECT leaf_index FROM delegated_opt_out_list"
        sql = f"SELECT leaf_index FROM ({both}) AS lists WHERE leaf_index < ? ORDER BY leaf_index"
        return tuple(self._log.entry(index) for (index,) in self._database.rows(sql, (size,)))

    def _last(self, table: str, size: int) -> bytes | None:
        index = self._last_leaf(table, size)
        return None if index is None else self._log.entry(index)

    def _last_leaf(self, table: str, size: int) -> int | None:
        sql = f"SELECT leaf_index FROM {table} WHERE leaf_index < ? ORDER BY leaf_index DESC LIMIT 1"
        row = self._database.one(sql, (size,))
        return None if row is None else int(row[0])


def to_10(database: Database, _now_ms: int) -> None:
    """No log of before has lists of a delegated key."""
    database.run_script(_TO_10)
