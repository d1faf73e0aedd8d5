"""The time anchors that the ledger has signed and devices may rest on, in the database, and the ledger's own clock.

Anchors are remembered for as long as play that rests on them is dated by it (`ANCHOR_DAYS`); older ones are not judged.
Each setting back of the ledger's own clock begins another epoch, and so does each process, since nobody saw what the
clock did before it; instants of two epochs are not compared: a wrong clock here is no device's fault.
"""

from amos_ledger.errors import ClockWrong
from amos_ledger.limits import NUMBER_MAX
from amos_ledger.records import DatedPlay, IssuedAnchor
from amos_ledger.store.database import Database

ANCHOR_DAYS = 402
"""The 400 days after which play is dated by its arrival, and the day for which an anchor dates it."""

CLOCK_BEFORE_MS = 86_400_000
"""A clock that goes back by less was wrong by its zone, or ran fast, and is right again."""

CLOCK_AFTER_MS = 2 * 365 * 86_400_000
"""Nobody leaves a ledger for so long, and a clock that fell to its end of time shows more."""

PLAUSIBLE_MS = 1_577_836_800_000
"""The year 2020. What was noted before is a machine without a clock that had not been told the time."""

CLOCK_BACK_MS = 1000
"""A clock that is set back by less was only disciplined."""

_DAY_MS = 86_400_000


class Anchors:
    """The table `anchor`, and the ledger's clock. Writes belong inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check_clock(self, now_ms: int) -> None:
        """Raise `ClockWrong` when the ledger's clock shows what it cannot.

        What is received now would be dated wrong, in the log and for good.
        """
        row = self._database.one("SELECT clock_ms FROM ledger")
        assert row is not None
        before_ms = row[0] - CLOCK_BEFORE_MS
        after_ms = row[0] + CLOCK_AFTER_MS if row[0] >= PLAUSIBLE_MS else NUMBER_MAX
        if not before_ms <= now_ms <= after_ms:
            what = ("before" if now_ms < before_ms else "years after") + " what the ledger has stored"
            raise ClockWrong(
                f"clock: expected from {before_ms // 1000} to {after_ms // 1000} Unix seconds, found {now_ms // 1000},"
                f" {what}; set this machine's clock, or say with `amos ledger clock` that it is right"
            )

    def accept_clock(self, now_ms: int) -> None:
        """The operator says that the clock is right, whatever it showed before."""
        self.note_clock(now_ms, True)

    def note_clock(self, now_ms: int, begins_epoch: bool) -> None:
        """The ledger's clock shows `now_ms`, and was seen to be set back or not seen at all before, or goes on."""
        sql = (
            "UPDATE ledger SET clock_epoch = clock_epoch + ?3, clock_ms = ?1"
            " WHERE ?3 = 1 OR clock_ms NOT BETWEEN ?1 - ?2 AND ?1 + ?2"
        )
        self._database.run(sql, (now_ms, CLOCK_BACK_MS, int(begins_epoch)), of_devices=begins_epoch)

    def issued_within(self, device_id: bytes, since_ms: int, until_ms: int) -> int:
        """How many anchors of the device are of these moments."""
        sql = "SELECT count(*) FROM anchor WHERE device_id = ? AND unix_ms BETWEEN ? AND ?"
        row = self._database.one(sql, (device_id, since_ms, until_ms))
        return row[0] if row else 0

    def issue(self, device_id: bytes, unix_ms: int) -> None:
        """Remember an anchor that is about to be signed, and forget those that are too old to be judged. What was
        forgotten is not judged: it may not be old at all, where this clock is wrong."""
        sql = (
            "INSERT INTO anchor SELECT ?, ?, clock_epoch, NULL, NULL FROM ledger WHERE true"
            " ON CONFLICT (device_id, unix_ms) DO UPDATE SET clock_epoch = excluded.clock_epoch,"
            " boot = NULL, own_ms = NULL"
        )
        self._database.run(sql, (device_id, unix_ms), of_devices=False)
        for name in (("anchor", device_id, unix_ms), ("line", device_id)):
            self._database.devices.forget_one(name)
        old = device_id, unix_ms - ANCHOR_DAYS * _DAY_MS
        row = self._database.one("SELECT max(unix_ms) FROM anchor WHERE device_id = ? AND unix_ms < ?", old)
        if row is not None and row[0] is not None:
            self.forget(row[0] + 1)
            self._database.run("DELETE FROM anchor WHERE device_id = ? AND unix_ms < ?", old)

    def issued(self, device_id: bytes, unix_ms: int) -> IssuedAnchor | None:
        """What is remembered of the device's anchor of this moment; None where that was before what is remembered."""
        name = "anchor", device_id, unix_ms
        known: IssuedAnchor | None = self._database.devices.known(name)
        if known is None:
            known = self._database.remembered(name, lambda: self._issued(device_id, unix_ms))
            if known is not None and known.issued:  # of any other, the clock decides anew each time
                self._database.devices.note(name, known)
        return known

    def _issued(self, device_id: bytes, unix_ms: int) -> IssuedAnchor | None:
        sql = (
            "SELECT anchors_since_ms, clock_ms, ledger.clock_epoch, anchor.clock_epoch, boot, own_ms FROM ledger"
            " LEFT JOIN anchor ON device_id = ? AND unix_ms = ?"
        )
        row = self._database.first(sql, (device_id, unix_ms))
        assert row is not None
        since_ms, clock_ms, current, epoch, boot, own_ms = row
        if epoch is not None:
            return IssuedAnchor(True, epoch, epoch == current, boot, own_ms)
        return IssuedAnchor(False) if unix_ms >= max(since_ms, clock_ms - ANCHOR_DAYS * _DAY_MS) else None

    def note_issued(self, device_id: bytes, unix_ms: int, epoch: int, boot: int | None, own_ms: int | None) -> None:
        """Remember an anchor that is stored."""
        current = self._database.remembered("epoch", self._current_epoch)
        self._database.devices.note(
            ("anchor", device_id, unix_ms), IssuedAnchor(True, epoch, epoch == current, boot, own_ms)
        )

    def _current_epoch(self) -> int:
        row = self._database.first("SELECT clock_epoch FROM ledger")
        assert row is not None
        return int(row[0])

    def forget(self, now_ms: int) -> None:
        """Judge no anchor from before this moment: some may have been signed that are not remembered."""
        sql = "UPDATE ledger SET anchors_since_ms = ? WHERE anchors_since_ms < ?"
        self._database.run(sql, (now_ms, now_ms))

    def use(self, device_id: bytes, unix_ms: int, boot: int, own_ms: int | None) -> IssuedAnchor | None:
        """Note the boot in which an anchor was used first, and the moment of the player's clock that it was there; the
        anchor as it is then."""
        anchor = self.issued(device_id, unix_ms)
        if anchor is None or not anchor.issued or anchor.boot is not None:
            return anchor
        sql = "UPDATE anchor SET boot = ?, own_ms = ? WHERE device_id = ? AND unix_ms = ? AND boot IS NULL"
        self._database.later(sql, (boot, own_ms, device_id, unix_ms))
        used = anchor._replace(boot=boot, own_ms=own_ms)
        self._database.devices.note(("anchor", device_id, unix_ms), used)
        return used

    def elsewhere(self, device_id: bytes, epoch: int, start_ms: int) -> tuple[DatedPlay, ...]:
        """The accepted segments that the ledger dated in this epoch, nearest to `start_ms` before and from it on."""
        latest = self.latest(device_id, epoch)
        if latest is None or start_ms > latest.start_unix_ms:
            return () if latest is None else (latest,)
        found = []
        for comparison, order in (("<", "DESC"), (">=", "ASC")):
            sql = (
                "SELECT sequence, boot, start_unix_ms, end_unix_ms FROM usage WHERE device_id = ? AND clock_epoch = ?"
                f" AND start_unix_ms {comparison} ? ORDER BY start_unix_ms {order} LIMIT 1"
            )
            row = self._database.one(sql, (device_id, epoch, start_ms))
            if row is not None:
                found.append(DatedPlay(*row))
        return tuple(found)

    def latest(self, device_id: bytes, epoch: int) -> DatedPlay | None:
        """The last of those that `elsewhere` chooses from: the one that begins last."""
        return self._database.devices.found(("dated", device_id, epoch), lambda: self._stored_latest(device_id, epoch))

    def _stored_latest(self, device_id: bytes, epoch: int) -> DatedPlay | None:
        sql = (
            "SELECT sequence, boot, start_unix_ms, end_unix_ms FROM usage WHERE device_id = ? AND clock_epoch = ?"
            " AND start_unix_ms IS NOT NULL ORDER BY start_unix_ms DESC, sequence DESC LIMIT 1"
        )
        row = self._database.first(sql, (device_id, epoch))
        return DatedPlay(*row) if row else None

    def note_dated(self, device_id: bytes, epoch: int, play: DatedPlay) -> None:
        """A segment that is dated in this epoch is accepted; called before its row waits to be written."""
        latest = self.latest(device_id, epoch)
        if latest is None or (play.start_unix_ms, play.sequence) > (latest.start_unix_ms, latest.sequence):
            self._database.devices.note(("dated", device_id, epoch), play)
