"""What a spool keeps of returned segments for a ledger that loses them, and how that gives way."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from amos_sync.limits import DROPPED_AT_ONCE, KEPT_BYTES_MAX, KEPT_DAYS
from amos_sync.outbox import PULL_STATE, Slot
from amos_sync.spool_file import FILE_NAME, RESERVE_NAME, keep_reserve, named


class SpoolKept:
    """A part of `Spool`: what is staged here becomes durable with its `commit`.

    kept_bytes   of the messages that are kept
    """

    folder: Path
    kept_bytes: int
    used_bytes: int
    open_entries: int
    commit: Callable[[], None]
    rollback: Callable[[], None]
    _database: sqlite3.Connection
    _staging: Callable[[], AbstractContextManager[None]]

    def stage_again(self, first: int, end: int) -> list[Slot]:
        """Returned segments that were receipted at leaf indexes [first, end) wait for the ledger again: as slots."""
        with self._staging():
            rows = self._database.execute(
                "UPDATE entries SET state = ?, receipt = NULL, leaf_index = NULL, returned_unix_s = NULL"
                " WHERE state = 6 AND payload IS NOT NULL AND leaf_index BETWEEN ? AND ?"
                " RETURNING id, device, sequence, message_sha256, message_bytes",
                (PULL_STATE, first, end - 1),
            ).fetchall()
        for row in rows:
            self.used_bytes += row[4]
            self.kept_bytes -= row[4]
            self.open_entries += 1
        rows.sort(key=lambda row: (row[1], row[2], row[0]))
        return [Slot(id, device_id, sequence, sha256, PULL_STATE) for id, device_id, sequence, sha256, _size in rows]

    def make_room(self) -> tuple[int, int]:
        """The disk is full: give back what SQLite holds, and let go of the oldest segments that are only kept for a
        ledger that may lose them; (how many, bytes of SQLite's log that were given back). What was staged is gone.
        Raises `SpoolError` when even that cannot be."""
        log = self.folder / (FILE_NAME + "-wal")
        with suppress(OSError):
            (self.folder / RESERVE_NAME).unlink(missing_ok=True)
        self.rollback()
        try:
            with named("write"):
                size_bytes = log.stat().st_size if log.exists() else 0
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                rows = self._database.execute(
                    "SELECT id, message_bytes FROM entries WHERE state = 6 AND payload IS NOT NULL"
                    " ORDER BY returned_unix_s, id LIMIT ?",
                    (DROPPED_AT_ONCE,),
                ).fetchall()
            with self._staging():
                for id, size in rows:
                    self._database.execute("UPDATE entries SET payload = NULL, receipt = NULL WHERE id = ?", (id,))
                    self.kept_bytes -= size
            self.commit()
            with named("write"):
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            keep_reserve(self.folder)
        return len(rows), size_bytes

    def _drop_old(self, now_unix_s: int) -> None:
        """Let go of the bytes of segments that were kept for long enough, and of the oldest when they are too many."""
        kept = "FROM entries WHERE state = 6 AND payload IS NOT NULL"
        with self._staging():
            rows = self._database.execute(
                f"SELECT id, message_bytes {kept} AND returned_unix_s < ?", (now_unix_s - KEPT_DAYS * 86_400,)
            ).fetchall()
            excess = self.kept_bytes - sum(size for _id, size in rows) - KEPT_BYTES_MAX
            if excess > 0:
                gone = {id for id, _size in rows}
                for id, size in self._database.execute(f"SELECT id, message_bytes {kept} ORDER BY returned_unix_s, id"):
                    if excess <= 0:
                        break
                    if id not in gone:
                        rows.append((id, size))
                        excess -= size
            for id, size in rows:
                self._database.execute("UPDATE entries SET payload = NULL, receipt = NULL WHERE id = ?", (id,))
                self.kept_bytes -= size
