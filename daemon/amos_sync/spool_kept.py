"""What a spool keeps of returned segments for a ledger that loses them, and how that gives way."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from amos_sync.limits import DROPPED_AT_ONCE, KEPT_BYTES_MAX, KEPT_DAYS, LET_GO_AT_ONCE, RETURNED_ROWS_MAX
from amos_sync.outbox import PULL_STATE, Slot, State
from amos_sync.spool_file import FILE_NAME, keep_reserve, named, use_reserve


class SpoolKept:
    """A part of `Spool`: what is staged here becomes durable with its `commit`.

    kept_bytes   of the messages and receipts that are kept
    _compact     device -> rows of which no message is kept
    """

    folder: Path
    kept_bytes: int
    _compact: Counter[bytes]
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
                "SELECT id, device, sequence, message_sha256, message_bytes, held_bytes FROM entries"
                " WHERE state = 6 AND held_bytes > 0 AND leaf_index BETWEEN ? AND ? ORDER BY device, sequence, id",
                (first, end - 1),
            ).fetchall()
            for id, _device_id, _sequence, _sha256, size, held in rows:
                self._database.execute("DELETE FROM receipts WHERE id = ?", (id,))
                self._database.execute(
                    "UPDATE entries SET state = ?, held_bytes = message_bytes, leaf_index = NULL,"
                    " returned_unix_s = NULL WHERE id = ?",
                    (PULL_STATE, id),
                )
                self.used_bytes += size
                self.kept_bytes -= held
                self.open_entries += 1
        return [Slot(id, device_id, sequence, sha256, PULL_STATE) for id, device_id, sequence, sha256, *_sizes in rows]

    def make_room(self) -> tuple[int, int]:
        """The disk is full: give back what SQLite holds, and let go of the oldest segments that are only kept for a
        ledger that may lose them; (how many, bytes of SQLite's log that were given back). What was staged is gone.
        Raises `SpoolError` when even that cannot be."""
        log = self.folder / (FILE_NAME + "-wal")
        use_reserve(self.folder)
        self.rollback()
        try:
            with named("write"):
                size_bytes = log.stat().st_size if log.exists() else 0
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                rows = list(self._oldest_kept(DROPPED_AT_ONCE))
            with self._staging():
                self._drop(rows)
            self.commit()
            with named("write"):
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            keep_reserve(self.folder)
        return len(rows), size_bytes

    def _let_go(self, now_unix_s: int, count: int = 0) -> None:
        """Let go of the bytes of segments that were kept for long enough, and of the oldest when they are too many,
        and fold compact rows: somewhat more of each than the `count` that are just added, and the rest the next time.
        """
        with self._staging():
            limit_unix_s, excess = now_unix_s - KEPT_DAYS * 86_400, self.kept_bytes - KEPT_BYTES_MAX
            rows = []
            for row in self._oldest_kept(LET_GO_AT_ONCE + 2 * count):
                if row[3] >= limit_unix_s and excess <= 0:
                    break
                excess -= row[2]
                rows.append(row)
            self._drop(rows)
            self._fold(LET_GO_AT_ONCE + 2 * len(rows))

    def _oldest_kept(self, count: int) -> Iterator[tuple[int, bytes, int, int]]:
        """(id, device, bytes held, moment of its return)."""
        return self._database.execute(
            "SELECT id, device, held_bytes, coalesce(returned_unix_s, 0) FROM entries"
            " WHERE state = 6 AND held_bytes > 0 ORDER BY returned_unix_s, id LIMIT ?",
            (count,),
        )

    def _drop(self, rows: list[tuple[int, bytes, int, int]]) -> None:
        for id, device_id, held, _returned_unix_s in rows:
            self._database.execute("UPDATE entries SET held_bytes = 0 WHERE id = ?", (id,))
            self._forget_held(id)
            self.kept_bytes -= held
            self._compact[device_id] += 1

    def _forget_held(self, id: int) -> None:
        self._database.execute("DELETE FROM messages WHERE id = ?", (id,))
        self._database.execute("DELETE FROM receipts WHERE id = ?", (id,))

    def _forget_kept(self, device_id: bytes, sequence: int, segment_sha256: bytes) -> None:
        """A segment that was returned is pulled again."""
        row = self._database.execute(
            "SELECT id, state, held_bytes FROM entries WHERE device = ? AND sequence = ? AND segment_sha256 = ?",
            (device_id, sequence, segment_sha256),
        ).fetchone()
        if row is None:
            return
        id, state, held = row
        self._forget_held(id)
        if state == State.RETURNED:
            self.kept_bytes -= held
            self._compact[device_id] -= not held

    def _count_kept(self) -> None:
        (kept,) = self._database.execute(
            "SELECT coalesce(sum(held_bytes), 0) FROM entries WHERE state = 6 AND held_bytes > 0"
        ).fetchone()
        self.kept_bytes = int(kept)
        counts = self._database.execute(
            "SELECT device, count(*) FROM entries WHERE state = 6 AND held_bytes = 0 GROUP BY device"
        ).fetchall()
        self._compact = Counter(dict(counts))

    def _fold(self, count: int) -> None:
        """Fold up to `count` compact rows beyond `RETURNED_ROWS_MAX` per device into the device's sums."""
        for device_id in [device_id for device_id, rows in self._compact.items() if rows > RETURNED_ROWS_MAX]:
            if count <= 0:
                return
            rows = self._database.execute(
                "SELECT id, segment_bytes, message_bytes, sends FROM entries"
                " WHERE state = 6 AND held_bytes = 0 AND device = ? ORDER BY id LIMIT ?",
                (device_id, min(count, self._compact[device_id] - RETURNED_ROWS_MAX)),
            ).fetchall()
            self._database.executemany("DELETE FROM entries WHERE id = ?", [(row[0],) for row in rows])
            sums = [sum(row[at] for row in rows) for at in (1, 2, 3)]
            self._database.execute(
                "UPDATE devices SET folded_segments = folded_segments + ?,"
                " folded_segment_bytes = folded_segment_bytes + ?, folded_message_bytes = folded_message_bytes + ?,"
                " folded_sends = folded_sends + ?, folded_sent_bytes = folded_sent_bytes + ? WHERE device = ?",
                (len(rows), *sums, sum(row[2] * row[3] for row in rows), device_id),
            )
            self._compact[device_id] -= len(rows)
            count -= len(rows)
