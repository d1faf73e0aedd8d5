"""Devices and their chains of segments in the database: accepted, held, and kept as evidence."""

from collections.abc import Iterable, Sequence

from amos.protocol.answer import GAP, UNKNOWN_PACK
from amos.protocol.enrolment import Enrolment
from amos.protocol.handover import key_id
from amos.protocol.segment import Usage
from amos_ledger.intake.reading import Reading
from amos_ledger.limits import EVIDENCE_SEGMENTS_MAX, PAYLOADS_CACHED_MAX
from amos_ledger.log.leaf import Leaf
from amos_ledger.records import Accepted, DatedPlay, Decided, Device, DeviceKey, Held, Sealed, Waiting, severed
from amos_ledger.store.anchors import Anchors
from amos_ledger.store.database import Database, Row, greater, marks
from amos_ledger.store.entries import Log
from amos_ledger.store.sessions import Sessions
from amos_ledger.store.signed_heads import SignedHeads

LOCKED_AT_ONCE = 256
"""Devices that one statement locks: a batch is of no more."""

SEALED = "sequence, sha256, previous, boot, session, first_frame, end_frame, leaf_index, sounding"
_INSERT_USAGE = f"INSERT INTO usage VALUES ({marks(20)})"
_LEAF_COLUMN = 0
"""Of the table `usage`."""

_DEVICE = "device_id, site, name, tier, voices, quarantine, retired_unix_s, first_enrolled_unix_s, counted_ms"
_NO_SOUND = bytes(32)
_HELD = "segment, site, message_sha256, received_unix_s"


class Chain:
    """The tables `device`, `device_key`, `usage`, `flag`, `held` and `evidence`. Writes belong inside the store's
    transaction."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database = database
        self._log = log
        self._payloads: dict[bytes, Usage] = {}
        self.sessions = Sessions(database)
        self.anchors = Anchors(database)
        self.heads = SignedHeads(database, log)

    # Devices.

    def lock(self, device_ids: Iterable[bytes]) -> None:
        """Let nobody else change what is kept of these devices until the transaction ends."""
        wanted = sorted(set(device_ids))
        for start in range(0, len(wanted), LOCKED_AT_ONCE):
            part = wanted[start : start + LOCKED_AT_ONCE]
            sql = f"SELECT device_id FROM device WHERE device_id IN ({marks(len(part))}) ORDER BY device_id"
            self._database.lock(sql, part)

    def device(self, device_id: bytes) -> Device | None:
        """The enrolled device, or None."""
        return self._database.devices.found(("device", device_id), lambda: self._stored_device(device_id))

    def _stored_device(self, device_id: bytes) -> Device | None:
        row = self._database.first(f"SELECT {_DEVICE} FROM device WHERE device_id = ?", (device_id,))
        return device_of(self.keys(device_id), row) if row else None

    def device_rows(self, device_ids: Sequence[bytes]) -> list[Row]:
        """What `device_of` takes, of those that are enrolled."""
        sql = f"SELECT {_DEVICE} FROM device WHERE device_id IN ({marks(len(device_ids))})"
        return self._database.rows(sql, device_ids)

    def keys(self, device_id: bytes) -> list[tuple[int, bytes]]:
        """(first sequence number, public key that signs from there on), in order; none of a device not enrolled."""
        sql = "SELECT first_sequence, public_key FROM device_key WHERE device_id = ? ORDER BY number"
        return [(first, bytes(public_key)) for first, public_key in self._database.first_rows(sql, (device_id,))]

    def enrolment(self, device_id: bytes) -> tuple[int, bytes] | None:
        """(Unix seconds, signed bytes) of the enrolment in force, or None."""
        sql = "SELECT enrolled_unix_s, leaf_index FROM device WHERE device_id = ?"
        row = self._database.one(sql, (device_id,))
        return (row[0], self._log.entry(row[1])) if row else None

    def enrolment_leaf(self, device_id: bytes) -> int:
        """Leaf index of the enrolment in force. Raises `LookupError`."""
        row = self._database.one("SELECT leaf_index FROM device WHERE device_id = ?", (device_id,))
        if row is None:
            raise LookupError(f"device: expected an enrolled one, found {device_id.hex()}")
        return int(row[0])

    def enrol(self, enrolment: Enrolment, leaf_index: int) -> None:
        """Put the enrolment in force, and retire the device it replaces; a quarantine stays. So does the highest number
        of voices that it was ever enrolled with: what it played with them may be under way."""
        sql = (
            "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL, ?, 0)"
            " ON CONFLICT (device_id) DO UPDATE SET"
            " leaf_index = excluded.leaf_index, site = excluded.site, name = excluded.name, tier = excluded.tier,"
            f" voices = {greater('device.voices', 'excluded.voices')}, enrolled_unix_s = excluded.enrolled_unix_s,"
            " predecessor = coalesce(excluded.predecessor, device.predecessor)"
        )
        facts = (enrolment.site, enrolment.name, enrolment.tier, enrolment.voices, enrolment.unix_s)
        row = (enrolment.device_id, leaf_index, *facts, enrolment.predecessor, enrolment.unix_s)
        self._database.run(sql, row)
        keys = [(enrolment.device_id, number, *key) for number, key in enumerate(enrolment.keys, 1)]
        self._database.run_many("INSERT INTO device_key VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", keys)
        if enrolment.predecessor is not None:
            sql = "UPDATE device SET retired_unix_s = ? WHERE device_id = ? AND retired_unix_s IS NULL"
            self._database.run(sql, (enrolment.unix_s, enrolment.predecessor))

    def count_time(self, device: Device, milliseconds: int) -> Device:
        """Add to what the device has taken of the time since its enrolment; the device as it is then."""
        device_id = device.device_id
        gathered = self._database.gathered(self._write_counted)
        gathered[device_id] = gathered.get(device_id, 0) + milliseconds
        counted = Device(*device[:-1], device.counted_ms + milliseconds)
        self._database.devices.note(("device", device_id), counted)
        return counted

    def _write_counted(self, gathered: dict[bytes, int]) -> None:
        sql = "UPDATE device SET counted_ms = counted_ms + ? WHERE device_id = ?"
        for device_id, milliseconds in gathered.items():
            self._database.later(sql, (milliseconds, device_id))

    def revoke(self, device_id: bytes, unix_s: int) -> None:
        """What the device began to play after this instant does not count; it was retired later, or not at all."""
        self._database.run("UPDATE device SET retired_unix_s = ? WHERE device_id = ?", (unix_s, device_id))

    def predecessor(self, device_id: bytes) -> bytes | None:
        """The device that this one replaced, or None."""
        row = self._database.one("SELECT predecessor FROM device WHERE device_id = ?", (device_id,))
        return bytes(row[0]) if row and row[0] is not None else None

    def successor(self, device_id: bytes) -> bytes | None:
        """The device that replaced this one, or None."""
        row = self._database.one("SELECT device_id FROM device WHERE predecessor = ?", (device_id,))
        return bytes(row[0]) if row else None

    def at_place(self, site: str, name: str) -> bytes | None:
        """The device last enrolled under this name at this site that nothing has replaced, or None."""
        sql = (
            "SELECT device_id FROM device WHERE site = ? AND name = ? AND retired_unix_s IS NULL"
            " ORDER BY leaf_index DESC LIMIT 1"
        )
        row = self._database.one(sql, (site, name))
        return bytes(row[0]) if row else None

    def last_sequence(self, device_id: bytes) -> int:
        """The highest sequence number accepted of the device, 0 for none."""
        row = self._database.one("SELECT max(sequence) FROM usage WHERE device_id = ?", (device_id,))
        return row[0] if row and row[0] is not None else 0

    # Accepted segments.

    def neighbours(self, device_id: bytes, sequence: int) -> tuple[Sealed | None, Sealed | None]:
        """The accepted segments before and after this sequence number."""
        last = self.last(device_id)
        if last is None or sequence > last.sequence:
            return last, None
        before = f"SELECT {SEALED} FROM usage WHERE device_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT 1"
        after = f"SELECT {SEALED} FROM usage WHERE device_id = ? AND sequence > ? ORDER BY sequence LIMIT 1"
        return tuple(  # type: ignore[return-value]
            Sealed(*row) if row else None
            for row in (self._database.one(sql, (device_id, sequence)) for sql in (before, after))
        )

    def last(self, device_id: bytes) -> Sealed | None:
        """The device's accepted segment with the highest sequence number."""
        return self._database.devices.found(("last", device_id), lambda: self._stored_last(device_id))

    def _stored_last(self, device_id: bytes) -> Sealed | None:
        sql = f"SELECT {SEALED} FROM usage WHERE device_id = ? ORDER BY sequence DESC LIMIT 1"
        row = self._database.first(sql, (device_id,))
        return Sealed(*row) if row else None

    def note_last(self, device_id: bytes, row: Row | None) -> None:
        """Remember the columns `SEALED` of that segment, None: the device has none."""
        self._database.devices.note(("last", device_id), Sealed(*row) if row else None)

    def any_held(self, device_id: bytes) -> bool:
        """Whether any segment of the device is held."""
        sql = "SELECT 1 FROM held WHERE device_id = ? LIMIT 1"
        return self._database.devices.found(
            ("held", device_id), lambda: self._database.first(sql, (device_id,)) is not None
        )

    def kept(self, device_id: bytes, sequence: int) -> tuple[bytes | None, bytes | None, int]:
        """(hash of the accepted segment with this number, of the held one, how many of the device are held)."""
        last = self.last(device_id)
        if (last is None or sequence > last.sequence) and not self.any_held(device_id):
            return None, None, 0
        sql = """
            SELECT (SELECT sha256 FROM usage WHERE device_id = ?1 AND sequence = ?2),
                (SELECT sha256 FROM held WHERE device_id = ?1 AND sequence = ?2),
                (SELECT count(*) FROM held WHERE device_id = ?1)
        """
        row = self._database.one(sql, (device_id, sequence))
        assert row is not None
        return row[0], row[1], row[2]

    def accept(self, reading: Reading, usage: Usage, accepted: Accepted, played_frames: int | None = None) -> None:
        """Note an accepted segment; `played_frames` of it are counted when they are not given."""
        if played_frames is None:
            played_frames = usage.played_frames()
        device_id, sequence, last = usage.device_id, usage.sequence, self.last(usage.device_id)
        if accepted.epoch is not None and accepted.dated_ms is not None:
            self.anchors.note_dated(device_id, accepted.epoch, DatedPlay(sequence, usage.boot, *accepted.dated_ms))
        self.add_row(reading, usage, accepted, played_frames)
        if last is None or sequence > last.sequence:
            previous = None if severed(usage) else usage.previous
            where = usage.boot, usage.session, usage.first_frame, usage.end_frame
            sealed = Sealed(sequence, reading.sha256, previous, *where, accepted.leaf_index, accepted.sounding)
            self._database.devices.note(("last", device_id), sealed)
        self.sessions.add(usage, played_frames)
        if last is not None and sequence > last.sequence:
            self.forget_payload(last)
        self.keep_payload(reading.sha256, usage)

    def add_row(self, reading: Reading, usage: Usage, accepted: Accepted, played_frames: int) -> None:
        """Let the rows wait that an accepted segment has for itself."""
        leaf_index, period, late, received_s, flags, sounding, epoch, dated_ms = accepted
        device_id, sequence = usage.device_id, usage.sequence
        start_ms, end_ms = dated_ms or (None, None)
        row: list[object] = [
            *(leaf_index, device_id, sequence, reading.sha256, None if severed(usage) else usage.previous),
            *(usage.boot, usage.session, usage.first_frame, usage.end_frame, played_frames, period, int(late)),
            *(received_s, reading.site, reading.message_sha256, sounding),
            usage.pcm_sha256 if played_frames and usage.pcm_sha256 != _NO_SOUND else None,
            *(epoch, start_ms, end_ms),
        ]
        if isinstance(leaf_index, Leaf):
            leaf_index.fill(row, _LEAF_COLUMN)
        self._database.later(_INSERT_USAGE, row)
        for flag, frames in flags.items():
            self._database.later("INSERT INTO flag VALUES (?, ?, ?, ?)", (device_id, sequence, flag, frames))

    def move(self, usage: Usage, period: str, late: bool) -> None:
        """The accepted segment accrues to this period."""
        sql = "UPDATE usage SET period = ?, late = ? WHERE device_id = ? AND sequence = ?"
        self._database.run(sql, (period, int(late), usage.device_id, usage.sequence))

    def payload(self, sealed: Sealed) -> Usage:
        """What an accepted segment says, from the log. A device's next segment asks for its last one, so the latest of
        many devices are kept; under their hash, since what was not committed may be among them."""
        usage = self._payloads.pop(sealed.sha256, None)
        if usage is None:
            usage = self._log.usage(sealed.leaf_index)
        self.keep_payload(sealed.sha256, usage)
        return usage

    def forget_payload(self, sealed: Sealed) -> None:
        """Nobody asks for it: the next segment of the device asks for a later one."""
        self._payloads.pop(sealed.sha256, None)

    def keep_payload(self, sha256: bytes, usage: Usage) -> None:
        """Keep it in memory, in the place of the one longest not asked for."""
        self._payloads[sha256] = usage
        if len(self._payloads) > PAYLOADS_CACHED_MAX:
            del self._payloads[next(iter(self._payloads))]

    def leaf_of(self, device_id: bytes, sequence: int) -> int | None:
        """Where in the log an accepted segment stands."""
        sql = "SELECT leaf_index FROM usage WHERE device_id = ? AND sequence = ?"
        row = self._database.one(sql, (device_id, sequence))
        return None if row is None else int(row[0])

    # Declared losses.

    def declare_lost(self, usage: Usage) -> None:
        """Note the range that the segment declares lost."""
        sql = "INSERT INTO lost VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        self._database.run(sql, (usage.device_id, usage.lost_first, usage.lost_last, usage.sequence))

    def take_back_loss(self, device_id: bytes, declared_by: int) -> None:
        """Forget what a segment declared that did not come to be accepted."""
        self._database.run("DELETE FROM lost WHERE device_id = ? AND declared_by = ?", (device_id, declared_by))

    def note_loss(self, device_id: bytes, first: int, last: int) -> None:
        """Note a range that the operator declares lost: no segment does."""
        sql = "INSERT INTO lost VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING"
        self._database.run(sql, (device_id, first, last))

    def lost(self, device_id: bytes) -> tuple[tuple[int, int], ...]:
        """Ranges (first, last) of sequence numbers that the device declared lost."""
        sql = "SELECT first, last FROM lost WHERE device_id = ?"
        return self._database.devices.found(
            ("lost", device_id), lambda: tuple(self._database.first_rows(sql, (device_id,)))
        )

    # Held segments.

    def hold(self, reading: Reading, usage: Usage, verdict: int, missing: int | None, received_s: int) -> None:
        """Keep a segment until what it waits for arrives, or note that it waits for something else.

        `missing` is the sequence number it waits for, None when it waits for its pack.
        """
        row = (usage.device_id, usage.sequence, reading.sha256, reading.segment, reading.site, reading.message_sha256)
        self.release(usage.device_id, usage.sequence)
        sql = f"INSERT INTO held VALUES ({marks(10)})"
        self._database.run(sql, (*row, verdict, missing or 0, usage.pack, received_s))

    def release(self, device_id: bytes, sequence: int) -> None:
        """Hold it no longer."""
        self._database.run("DELETE FROM held WHERE device_id = ? AND sequence = ?", (device_id, sequence))

    def next_ready(self, device_id: bytes) -> Held | None:
        """The first held segment of the device that can be decided anew, or None."""
        if not self.any_held(device_id):
            return None
        sql = f"""
            SELECT {_HELD} FROM held WHERE device_id = ?1 AND (
                EXISTS (SELECT 1 FROM device WHERE device_id = ?1 AND quarantine IS NOT NULL)
                OR verdict != ?2 AND EXISTS (SELECT 1 FROM manifest WHERE manifest.pack = held.pack)
                OR verdict = ?2 AND EXISTS (SELECT 1 FROM usage WHERE device_id = ?1 AND sequence = waits_for)
                OR verdict = ?2 AND EXISTS (
                    SELECT 1 FROM lost WHERE device_id = ?1 AND waits_for BETWEEN first AND last)
            ) ORDER BY sequence LIMIT 1
        """
        row = self._database.one(sql, (device_id, GAP))
        return Held(*row) if row else None

    def held_from(self, device_id: bytes, sequence: int) -> list[Held]:
        """The held segments of the device from this number on."""
        sql = f"SELECT {_HELD} FROM held WHERE device_id = ? AND sequence >= ? ORDER BY sequence"
        return [Held(*row) for row in self._database.rows(sql, (device_id, sequence))]

    def devices_with_published_packs(self) -> list[bytes]:
        """Devices of which a held segment's pack has been published since."""
        sql = "SELECT DISTINCT device_id FROM held JOIN manifest USING (pack) WHERE verdict = ?"
        return [bytes(device_id) for (device_id,) in self._database.rows(sql, (UNKNOWN_PACK,))]

    def waiting(self) -> list[Waiting]:
        """Every held segment, by device."""
        sql = (
            "SELECT device_id, name, device.site, sequence, verdict, waits_for, pack, received_unix_s"
            " FROM held JOIN device USING (device_id)"
        )
        waiting = [Waiting(*row) for row in self._database.rows(sql)]
        return sorted(waiting, key=lambda item: (item.name, item.device_id, item.sequence))

    # Evidence.

    def keep_evidence(self, reading: Reading, sequence: int, decided: Decided, received_s: int) -> bool:
        """Keep the segment unless it is kept already; False when the device's evidence is full."""
        assert reading.device_id is not None
        row = self._database.one(
            "SELECT count(*), count(*) FILTER (WHERE sha256 = ?) FROM evidence WHERE device_id = ?",
            (reading.sha256, reading.device_id),
        )
        if row and row[0] >= EVIDENCE_SEGMENTS_MAX and not row[1]:
            return False
        about = (reading.device_id, reading.sha256, sequence, reading.segment)
        values = (*about, decided.verdict, decided.detail, received_s, decided.finding)
        row = (*values, reading.site, reading.message_sha256)
        self._database.run(f"INSERT INTO evidence VALUES ({marks(10)}) ON CONFLICT DO NOTHING", row)
        return True


def device_of(keys: Sequence[tuple[int, bytes]], row: Row) -> Device:
    """The device of this row, with its keys as `Chain.keys` gives them."""
    ends = [*(first for first, _key in keys[1:]), None]
    own = (DeviceKey(key_id(key), key, first, until) for (first, key), until in zip(keys, ends, strict=True))
    return Device(tuple(own), *row)
