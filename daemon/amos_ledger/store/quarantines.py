"""Quarantines of devices in the database: when each began, what ended it, what is kept meanwhile, what was rejected."""

from amos.protocol.quarantine import LIFT, Ruling, quarantine_entry, read_quarantine
from amos_ledger.records import Evidence, Quarantined
from amos_ledger.store.database import Database
from amos_ledger.store.entries import Log

_EVIDENCE = "sequence, sha256, segment, verdict, detail, finding, received_unix_s, site, message_sha256"


class Quarantines:
    """The tables `quarantine` and `rejected`, and what of `evidence` rulings need. Writes belong inside the store's
    transaction."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log

    def begin(self, device_id: bytes, sequence: int, sha256: bytes, reason: str) -> None:
        """From this moment on the device's segments are only kept as evidence; the first reason stays."""
        if self.in_force(device_id) is None:
            entry = quarantine_entry(device_id, sequence, sha256, reason)
            read = read_quarantine(entry)
            assert read is not None
            self.note(self._log.append([entry]), device_id, read[3])  # as whoever reads the log will know it

    def note(self, leaf_index: int, device_id: bytes, reason: str) -> None:
        """A quarantine began with this entry of the log."""
        self._database.run("INSERT INTO quarantine VALUES (?, ?, NULL)", (leaf_index, device_id))
        self._database.run("UPDATE device SET quarantine = ? WHERE device_id = ?", (reason, device_id))

    def in_force(self, device_id: bytes) -> int | None:
        """Index of the entry that began the device's present quarantine, or None."""
        sql = "SELECT leaf_index FROM quarantine WHERE device_id = ? AND lifted_leaf_index IS NULL"
        row = self._database.one(sql, (device_id,))
        return int(row[0]) if row else None

    def rule(self, ruling: Ruling, leaf_index: int) -> None:
        """Do what the ruling at this entry of the log says."""
        if ruling.action == LIFT:
            sql = "UPDATE quarantine SET lifted_leaf_index = ? WHERE leaf_index = ?"
            self._database.run(sql, (leaf_index, ruling.quarantine))
            self._database.run("UPDATE device SET quarantine = NULL WHERE device_id = ?", (ruling.device_id,))
        rows = [(ruling.device_id, sha256, leaf_index) for sha256 in ruling.rejected]
        self._database.run_many("INSERT INTO rejected VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)

    def rejected(self, device_id: bytes, sha256: bytes) -> int | None:
        """Index of the ruling that rejected this segment, or None."""
        if not self.any_rejected(device_id):
            return None
        sql = "SELECT leaf_index FROM rejected WHERE device_id = ? AND sha256 = ?"
        row = self._database.one(sql, (device_id, sha256))
        return int(row[0]) if row else None

    def any_rejected(self, device_id: bytes) -> bool:
        """Whether any segment of the device was rejected."""
        return self._database.devices.found(("rejected", device_id), lambda: self._any_rejected(device_id))

    def _any_rejected(self, device_id: bytes) -> bool:
        return self._database.first("SELECT 1 FROM rejected WHERE device_id = ? LIMIT 1", (device_id,)) is not None

    def evidence(self, device_id: bytes) -> list[Evidence]:
        """What is kept of the device, in the order in which it would be decided: as sealed, then as received."""
        sql = (
            f"SELECT {_EVIDENCE}, (SELECT leaf_index FROM rejected WHERE rejected.device_id = evidence.device_id"
            " AND rejected.sha256 = evidence.sha256) FROM evidence WHERE device_id = ?"
            " ORDER BY sequence, received_unix_s, sha256"
        )
        return [Evidence(*row) for row in self._database.rows(sql, (device_id,))]

    def take_back(self, device_id: bytes, sha256: bytes) -> None:
        """It is kept as evidence no longer, because it is about to be decided anew."""
        self._database.run("DELETE FROM evidence WHERE device_id = ? AND sha256 = ?", (device_id, sha256))

    def devices(self) -> list[Quarantined]:
        """Devices in quarantine, the longest first."""
        sql = (
            "SELECT device_id, name, site, quarantine.leaf_index, device.quarantine,"
            " (SELECT count(*) FROM evidence WHERE evidence.device_id = device.device_id),"
            " (SELECT count(*) FROM rejected JOIN evidence USING (device_id, sha256)"
            "  WHERE rejected.device_id = device.device_id)"
            " FROM quarantine JOIN device USING (device_id) WHERE lifted_leaf_index IS NULL"
            " ORDER BY quarantine.leaf_index"
        )
        return [Quarantined(*row) for row in self._database.rows(sql)]

    def history(self, device_id: bytes) -> list[tuple[int, int | None]]:
        """(entry that began it, entry that lifted it) of each quarantine of the device."""
        sql = "SELECT leaf_index, lifted_leaf_index FROM quarantine WHERE device_id = ? ORDER BY leaf_index"
        return [(begun, lifted) for begun, lifted in self._database.rows(sql, (device_id,))]
