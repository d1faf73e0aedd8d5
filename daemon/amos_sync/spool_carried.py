"""What a spool holds for couriers elsewhere: segments that a stick brought, and documents to take or to hand on.

Carried segments are entries beside the players' own, told apart by `carried_unix_s`, and go the same way to the ledger.
They are copies: the shop that sent them keeps its own until its player took a receipt. So they may be let go of at any
time, are bounded apart from the players' own, and never keep a player from being pulled.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from amos_sync.limits import (
    CARRIED_AGAIN_S,
    CARRIED_BYTES_MAX,
    CARRIED_DAYS,
    CARRIED_DEVICES_MAX,
    CARRIED_ENTRIES_MAX,
    CARRIED_REFUSED_DAYS,
    DOCUMENTS_MAX,
)
from amos_sync.outbox import PULL_STATE, Slot, State
from amos_sync.spool_file import named

TO_STICK, FROM_STICK = 0, 1
"""Which way a document goes: one that waits for the next stick, one that a stick brought."""
FOR_ALL = b""
"""In place of a device's id: a document for every player."""


@dataclass(frozen=True)
class Document:
    """Something retained or awaited, by the last part of its topic."""

    device_id: bytes
    name: str
    payload: bytes


class CarriedEntries:
    """A part of `Spool`: what is staged here becomes durable with its `commit`."""

    def __init__(
        self, database: sqlite3.Connection, staging: Callable[[], AbstractContextManager[None]], count: bool = True
    ):
        self._database = database
        self._staging = staging
        self.entries = self.bytes = 0
        if count:
            self.recount()

    def recount(self) -> None:
        """After a rollback."""
        row = self._database.execute(
            "SELECT count(*), coalesce(sum(message_bytes), 0) FROM entries WHERE carried_unix_s IS NOT NULL"
        ).fetchone()
        self.entries, self.bytes = int(row[0]), int(row[1])

    def has_room(self, size: int) -> bool:
        """Whether one more of this size is taken."""
        return self.entries < CARRIED_ENTRIES_MAX and self.bytes + size <= CARRIED_BYTES_MAX

    def known(self, device_id: bytes, sequence: int, segment_sha256: bytes) -> bool:
        """Whether the spool has this very segment, carried or of a player of its own."""
        return self._found(device_id, sequence, segment_sha256) is not None

    def answered_long_ago(self, device_id: bytes, sequence: int, segment_sha256: bytes, now_unix_s: int) -> int | None:
        """The id of a carried entry whose answer has had the time to reach its shop."""
        found = self._found(device_id, sequence, segment_sha256)
        if found is None or found[2] is None or found[1] not in (State.REFUSED, State.RECEIPTED):
            return None
        return found[0] if now_unix_s - found[2] >= CARRIED_AGAIN_S else None

    def _found(self, device_id: bytes, sequence: int, segment_sha256: bytes) -> tuple[int, int, int | None] | None:
        with named("read"):
            row: tuple[int, int, int | None] | None = self._database.execute(
                "SELECT id, state, carried_unix_s FROM entries"
                " WHERE device = ? AND sequence = ? AND segment_sha256 = ?",
                (device_id, sequence, segment_sha256),
            ).fetchone()
        return row

    def stage_device(self, device_id: bytes, site: str, now_unix_s: int) -> bool:
        """Note whose segments come from where, as their bundle says; False where there are too many devices."""
        with self._staging():
            (count,) = self._database.execute("SELECT count(*) FROM carried_devices").fetchone()
            known = self._database.execute("SELECT site FROM carried_devices WHERE device = ?", (device_id,)).fetchone()
            if known is None and count >= CARRIED_DEVICES_MAX:
                return False
            if known is None or known[0] != site:
                self._database.execute(
                    "INSERT INTO carried_devices VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET site = excluded.site,"
                    " unix_s = excluded.unix_s",
                    (device_id, site, now_unix_s),
                )
        return True

    def is_carried_for(self, device_id: bytes) -> bool:
        """Whether segments of this device came by stick."""
        with named("read"):
            row = self._database.execute("SELECT 1 FROM carried_devices WHERE device = ?", (device_id,)).fetchone()
        return row is not None

    def device_ids(self) -> list[bytes]:
        """Of whom segments came by stick."""
        with named("read"):
            return [bytes(row[0]) for row in self._database.execute("SELECT device FROM carried_devices")]

    def stage(
        self, device_id: bytes, sequence: int, hashes: tuple[bytes, bytes], sizes: tuple[int, int], message: bytes
    ) -> Slot:
        """Keep a carried segment; `hashes` and `sizes` are of the segment and of its message."""
        with self._staging():
            (id,) = self._database.execute(
                "INSERT INTO entries (device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes,"
                " held_bytes, state, carried_unix_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (device_id, sequence, *hashes, *sizes, sizes[1], PULL_STATE, int(time.time())),
            ).fetchone()
            self._database.execute("INSERT INTO messages VALUES (?, ?)", (id, message))
        self.entries += 1
        self.bytes += sizes[1]
        return Slot(id, device_id, sequence, hashes[1], PULL_STATE, carried=True)

    def stage_gone(self, ids: list[int]) -> None:
        """Let go of these."""
        with self._staging():
            for id in ids:
                row = self._database.execute(
                    "DELETE FROM entries WHERE id = ? AND carried_unix_s IS NOT NULL RETURNING message_bytes", (id,)
                ).fetchone()
                if row is not None:
                    self._database.execute("DELETE FROM messages WHERE id = ?", (id,))
                    self._database.execute("DELETE FROM receipts WHERE id = ?", (id,))
                    self.entries -= 1
                    self.bytes -= int(row[0])

    def taken(self, device_id: bytes, sequence: int) -> list[int]:
        """Ids of receipted entries that the device's player took receipts for, as a bundle says."""
        with named("read"):
            rows = self._database.execute(
                "SELECT id FROM entries WHERE carried_unix_s IS NOT NULL AND state = 5"
                " AND device = ? AND sequence <= ?",
                (device_id, sequence),
            ).fetchall()
        return [int(row[0]) for row in rows]

    def outdated(self, now_unix_s: int) -> list[tuple[bytes, int]]:
        """(device, id) of what was decided long ago: if its shop still needs it, its next stick brings it again."""
        with named("read"):
            rows = self._database.execute(
                "SELECT device, id FROM entries WHERE carried_unix_s IS NOT NULL AND"
                " (carried_unix_s < ? OR (state = 4 AND carried_unix_s < ?))",
                (now_unix_s - CARRIED_DAYS * 86_400, now_unix_s - CARRIED_REFUSED_DAYS * 86_400),
            ).fetchall()
        return [(bytes(device), int(id)) for device, id in rows]

    def decided(self, count: int) -> list[tuple[bytes, int]]:
        """(device, id) of up to `count` that have their answer, the oldest first: they make room."""
        with named("read"):
            rows = self._database.execute(
                "SELECT device, id FROM entries WHERE carried_unix_s IS NOT NULL AND state IN (4, 5)"
                " ORDER BY state, id LIMIT ?",
                (count,),
            ).fetchall()
        return [(bytes(device), int(id)) for device, id in rows]

    def stage_no_devices(self, now_unix_s: int) -> None:
        """Forget devices of which nothing is carried, and that no stick has named for long."""
        with self._staging():
            self._database.execute(
                "DELETE FROM carried_devices WHERE unix_s < ? AND device NOT IN"
                " (SELECT device FROM entries WHERE carried_unix_s IS NOT NULL)",
                (now_unix_s - CARRIED_DAYS * 86_400,),
            )


class Documents:
    """A part of `Spool`: retained messages and anchors, by device and name; one from the broker and one from a stick of
    each, so that what somebody put on a stick does not take the place of what the broker has."""

    def __init__(self, database: sqlite3.Connection, staging: Callable[[], AbstractContextManager[None]]):
        self._database = database
        self._staging = staging

    def stage(self, document: Document, source: int) -> bool:
        """Keep it in place of the one before; whether it is another."""
        key = (document.device_id, document.name, source)
        with named("read"):
            row = self._database.execute(
                "SELECT payload FROM documents WHERE device = ? AND name = ? AND source = ?", key
            ).fetchone()
            (count,) = self._database.execute("SELECT count(*) FROM documents").fetchone()
        if (row is not None and bytes(row[0]) == document.payload) or (row is None and count >= DOCUMENTS_MAX):
            return False
        with self._staging():
            self._database.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET payload = excluded.payload",
                (*key, document.payload),
            )
        return True

    def stage_gone(self, device_id: bytes, name: str, source: int) -> None:
        """Let go of it."""
        with self._staging():
            self._database.execute(
                "DELETE FROM documents WHERE device = ? AND name = ? AND source = ?", (device_id, name, source)
            )

    def named(self, name: str, source: int, count: int) -> list[Document]:
        """Up to `count` of this name that came this way."""
        with named("read"):
            rows = self._database.execute(
                "SELECT device, payload FROM documents WHERE name = ? AND source = ? LIMIT ?", (name, source, count)
            ).fetchall()
        return [Document(bytes(device), name, bytes(payload)) for device, payload in rows]

    def all(self, source: int) -> list[Document]:
        """Those that came this way."""
        with named("read"):
            rows = self._database.execute(
                "SELECT device, name, payload FROM documents WHERE source = ? ORDER BY device, name", (source,)
            ).fetchall()
        return [Document(bytes(device), name, bytes(payload)) for device, name, payload in rows]
