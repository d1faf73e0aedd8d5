"""Devices and their chains of segments in the database: accepted, held, and kept as evidence."""

from amos.protocol.answer import GAP
from amos.protocol.enrolment import Enrolment
from amos.protocol.segment import Usage
from amos_ledger.intake.reading import Reading
from amos_ledger.limits import EVIDENCE_SEGMENTS_MAX
from amos_ledger.records import Device, Held, Receipted, Sealed, severed
from amos_ledger.store.database import Database, Row

_SEALED = "sequence, sha256, previous, boot, session, first_frame, end_frame"
_HELD = "segment, site, message_sha256, received_unix_s"


class Chain:
    """The tables `device`, `usage`, `held` and `evidence`. Writes belong inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Devices.

    def device(self, device_id: bytes) -> Device | None:
        """The enrolled device, or None."""
        facts = "device, public_key, site, name, tier, voices, quarantine, retired_unix_s"
        row = self._database.one(f"SELECT {facts} FROM device WHERE device = ?", (device_id,))
        return Device(*row) if row else None

    def enrolment(self, device_id: bytes) -> tuple[int, bytes] | None:
        """(Unix seconds, signed bytes) of the enrolment in force, or None."""
        sql = "SELECT enrolled_unix_s, bytes FROM device JOIN entry USING (leaf_index) WHERE device = ?"
        row = self._database.one(sql, (device_id,))
        return (row[0], bytes(row[1])) if row else None

    def enrolment_leaf(self, device_id: bytes) -> int:
        """Leaf index of the enrolment in force. Raises `LookupError`."""
        row = self._database.one("SELECT leaf_index FROM device WHERE device = ?", (device_id,))
        if row is None:
            raise LookupError(f"device: expected an enrolled one, found {device_id.hex()}")
        return int(row[0])

    def enrol(self, enrolment: Enrolment, leaf_index: int) -> None:
        """Put the enrolment in force, and retire the device it replaces; a quarantine stays."""
        sql = (
            "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL) ON CONFLICT (device) DO UPDATE SET"
            " leaf_index = excluded.leaf_index, site = excluded.site, name = excluded.name, tier = excluded.tier,"
            " voices = excluded.voices, enrolled_unix_s = excluded.enrolled_unix_s,"
            " predecessor = coalesce(excluded.predecessor, predecessor)"
        )
        facts = (enrolment.site, enrolment.name, enrolment.tier, enrolment.voices, enrolment.unix_s)
        row = (enrolment.device_id, leaf_index, enrolment.public_key, *facts, enrolment.predecessor)
        self._database.run(sql, row)
        if enrolment.predecessor is not None:
            sql = "UPDATE device SET retired_unix_s = ? WHERE device = ? AND retired_unix_s IS NULL"
            self._database.run(sql, (enrolment.unix_s, enrolment.predecessor))

    def revoke(self, device_id: bytes, unix_s: int) -> None:
        """What the device began to play after this instant does not count; it was retired later, or not at all."""
        self._database.run("UPDATE device SET retired_unix_s = ? WHERE device = ?", (unix_s, device_id))

    def predecessor(self, device_id: bytes) -> bytes | None:
        """The device that this one replaced, or None."""
        row = self._database.one("SELECT predecessor FROM device WHERE device = ?", (device_id,))
        return bytes(row[0]) if row and row[0] is not None else None

    def successor(self, device_id: bytes) -> bytes | None:
        """The device that replaced this one, or None."""
        row = self._database.one("SELECT device FROM device WHERE predecessor = ?", (device_id,))
        return bytes(row[0]) if row else None

    def at_place(self, site: str, name: str) -> bytes | None:
        """The device last enrolled under this name at this site that nothing has replaced, or None."""
        sql = (
            "SELECT device FROM device WHERE site = ? AND name = ? AND retired_unix_s IS NULL"
            " ORDER BY leaf_index DESC LIMIT 1"
        )
        row = self._database.one(sql, (site, name))
        return bytes(row[0]) if row else None

    def quarantine(self, device_id: bytes, reason: str) -> None:
        """From this moment on the device's segments are only kept as evidence; the first reason stays."""
        self._database.run(
            "UPDATE device SET quarantine = ? WHERE device = ? AND quarantine IS NULL", (reason, device_id)
        )

    # Accepted segments.

    def neighbours(self, device_id: bytes, sequence: int) -> tuple[Sealed | None, Sealed | None]:
        """The accepted segments before and after this sequence number."""
        before = f"SELECT {_SEALED} FROM usage WHERE device = ? AND sequence < ? ORDER BY sequence DESC LIMIT 1"
        after = f"SELECT {_SEALED} FROM usage WHERE device = ? AND sequence > ? ORDER BY sequence LIMIT 1"
        return tuple(  # type: ignore[return-value]
            Sealed(*row) if row else None
            for row in (self._database.one(sql, (device_id, sequence)) for sql in (before, after))
        )

    def kept(self, device_id: bytes, sequence: int) -> tuple[bytes | None, bytes | None, int]:
        """(hash of the accepted segment with this number, of the held one, how many of the device are held)."""
        sql = """
            SELECT (SELECT sha256 FROM usage WHERE device = ?1 AND sequence = ?2),
                (SELECT sha256 FROM held WHERE device = ?1 AND sequence = ?2),
                (SELECT count(*) FROM held WHERE device = ?1)
        """
        row = self._database.one(sql, (device_id, sequence))
        assert row is not None
        return row[0], row[1], row[2]

    def accept(
        self, reading: Reading, usage: Usage, leaf_index: int, period: tuple[str, bool], received_s: int
    ) -> None:
        """Note an accepted segment; `period` is (name, late)."""
        sealed = (
            usage.sequence,
            reading.sha256,
            None if severed(usage) else usage.previous,
            leaf_index,
            *(usage.boot, usage.session, usage.first_frame, usage.end_frame, usage.played_frames()),
        )
        row = (usage.device_id, *sealed, *period, received_s, reading.site, reading.message_sha256, None)
        self._database.run(f"INSERT INTO usage VALUES ({', '.join('?' * len(row))})", row)

    def receipt(self, device_id: bytes, sequence: int) -> bytes | None:
        """The original receipt of an accepted segment; None while it has none."""
        sql = "SELECT receipt FROM usage WHERE device = ? AND sequence = ?"
        row = self._database.one(sql, (device_id, sequence))
        return bytes(row[0]) if row and row[0] is not None else None

    def without_receipt(self, size: int, count: int) -> list[Row]:
        """(leaf index, device, sequence, site, message hash) of segments without receipt below leaf `size`."""
        sql = (
            "SELECT leaf_index, device, sequence, site, message_sha256 FROM usage"
            " WHERE receipt IS NULL AND leaf_index < ? ORDER BY leaf_index LIMIT ?"
        )
        return self._database.rows(sql, (size, count))

    def keep_receipts(self, receipted: list[Receipted]) -> None:
        """Store first receipts; one that is there stays."""
        sql = "UPDATE usage SET receipt = ? WHERE device = ? AND sequence = ? AND receipt IS NULL"
        self._database.run_many(sql, [(item.receipt, item.device_id, item.sequence) for item in receipted])

    # Declared losses.

    def declare_lost(self, usage: Usage) -> None:
        """Note the range that the segment declares lost."""
        sql = "INSERT OR IGNORE INTO lost VALUES (?, ?, ?, ?)"
        self._database.run(sql, (usage.device_id, usage.lost_first, usage.lost_last, usage.sequence))

    def lost(self, device_id: bytes) -> tuple[tuple[int, int], ...]:
        """Ranges (first, last) of sequence numbers that the device declared lost."""
        return tuple(self._database.rows("SELECT first, last FROM lost WHERE device = ?", (device_id,)))

    # Held segments.

    def hold(self, reading: Reading, usage: Usage, verdict: int, missing: int | None, received_s: int) -> None:
        """Keep a segment until what it waits for arrives, or note that it waits for something else.

        `missing` is the sequence number it waits for, None when it waits for its pack.
        """
        row = (usage.device_id, usage.sequence, reading.sha256, reading.segment, reading.site, reading.message_sha256)
        sql = "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._database.run(sql, (*row, verdict, missing or 0, usage.pack, received_s))

    def release(self, device_id: bytes, sequence: int) -> None:
        """Hold it no longer."""
        self._database.run("DELETE FROM held WHERE device = ? AND sequence = ?", (device_id, sequence))

    def next_ready(self, device_id: bytes) -> Held | None:
        """The first held segment of the device that can be decided anew, or None."""
        sql = f"""
            SELECT {_HELD} FROM held WHERE device = ?1 AND (
                EXISTS (SELECT 1 FROM device WHERE device = ?1 AND quarantine IS NOT NULL)
                OR verdict != ?2 AND EXISTS (SELECT 1 FROM manifest WHERE manifest.pack = held.pack)
                OR verdict = ?2 AND EXISTS (SELECT 1 FROM usage WHERE device = ?1 AND sequence = waits_for)
                OR verdict = ?2 AND EXISTS (SELECT 1 FROM lost WHERE device = ?1 AND waits_for BETWEEN first AND last)
            ) ORDER BY sequence LIMIT 1
        """
        row = self._database.one(sql, (device_id, GAP))
        return Held(*row) if row else None

    def devices_with_published_packs(self) -> list[bytes]:
        """Devices of which a held segment's pack has been published since."""
        sql = "SELECT DISTINCT device FROM held JOIN manifest USING (pack) WHERE verdict != ?"
        return [bytes(device_id) for (device_id,) in self._database.rows(sql, (GAP,))]

    # Evidence.

    def keep_evidence(self, reading: Reading, sequence: int, verdict: int, detail: str, received_s: int) -> bool:
        """Keep the segment unless it is kept already; False when the device's evidence is full."""
        assert reading.device_id is not None
        row = self._database.one(
            "SELECT count(*), max(sha256 = ?) FROM evidence WHERE device = ?", (reading.sha256, reading.device_id)
        )
        if row and row[0] >= EVIDENCE_SEGMENTS_MAX and not row[1]:
            return False
        values = (reading.device_id, reading.sha256, sequence, reading.segment, verdict, detail, received_s)
        self._database.run("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        return True
