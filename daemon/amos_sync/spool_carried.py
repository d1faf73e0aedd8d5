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
from typing import Any

from amos_sync.limits import (
    CARRIED_AGAIN_S,
    CARRIED_BYTES_MAX,
    CARRIED_DAYS,
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

_CARRIED = "FROM entries WHERE carried_unix_s IS NOT NULL"
_KNOWN = f"SELECT device {_CARRIED} AND state IN (3, 5)"


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

    def stage_device(self, device_id: bytes, site: str, now_unix_s: int) -> None:
        """Note whose segments come from where, as their bundle says: the first, once the ledger knows the device."""
        with self._staging():
            known = self._database.execute("SELECT site FROM carried_devices WHERE device = ?", (device_id,)).fetchone()
            if known is None or (known[0] != site and not self.is_known_to_ledger(device_id)):
                self._database.execute(
                    "INSERT INTO carried_devices VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET site = excluded.site,"
                    " unix_s = excluded.unix_s",
                    (device_id, site, now_unix_s),
                )

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

    def refused(self, count: int) -> list[tuple[bytes, int]]:
        """(device, id) of up to `count` that the ledger refused, the oldest first."""
        return self._ids(f"{_CARRIED} AND state = 4 ORDER BY id LIMIT ?", (count,))

    def receipted(self, also_recent: bool, now_unix_s: int, count: int) -> list[tuple[bytes, int]]:
        """(device, id) of up to `count` whose receipt waits here, the oldest first; recent ones only if wanted."""
        until_unix_s = now_unix_s - (0 if also_recent else CARRIED_REFUSED_DAYS * 86_400)
        return self._ids(f"{_CARRIED} AND state = 5 AND carried_unix_s <= ? ORDER BY id LIMIT ?", (until_unix_s, count))

    def waiting_of_largest(self, site: str, is_known: bool, count: int) -> list[tuple[bytes, int]]:
        """(device, id) of up to `count`, the newest first, that wait for their answer and are of devices that the
        ledger never vouched for: those of the site that has most of such. None where `site` itself has most,
        unless what comes for it is of a device that the ledger knows."""
        rows = self._rows(
            "SELECT site, sum(message_bytes) AS size FROM entries JOIN carried_devices USING (device)"
            f" WHERE carried_unix_s IS NOT NULL AND state IN (1, 2) AND device NOT IN ({_KNOWN})"
            " GROUP BY site ORDER BY size DESC LIMIT 1"
        )
        if not rows or (rows[0][0] == site and not is_known):
            return []
        return self._ids(
            f"{_CARRIED} AND state IN (1, 2) AND device NOT IN ({_KNOWN})"
            " AND device IN (SELECT device FROM carried_devices WHERE site = ?) ORDER BY id DESC LIMIT ?",
            (rows[0][0], count),
        )

    def is_known_to_ledger(self, device_id: bytes) -> bool:
        """Whether something of the device is here that the ledger receipted or holds."""
        return bool(self._rows(f"SELECT 1 {_CARRIED} AND state IN (3, 5) AND device = ? LIMIT 1", (device_id,)))

    def devices(self) -> int:
        """Of how many devices something came by stick."""
        return int(self._rows("SELECT count(*) FROM carried_devices")[0][0])

    def strangers(self, count: int) -> list[tuple[bytes, str]]:
        """(device, site) of up to `count` that the ledger never vouched for, as far as can be seen here: the oldest of
        the sites that have most of such."""
        rows = self._rows(
            f"WITH strangers AS (SELECT device, site, unix_s FROM carried_devices WHERE device NOT IN ({_KNOWN}))"
            " SELECT device, site FROM strangers JOIN (SELECT site, count(*) AS many FROM strangers GROUP BY site)"
            " USING (site) ORDER BY many DESC, unix_s, device LIMIT ?",
            (count,),
        )
        return [(bytes(device), str(site)) for device, site in rows]

    def of_device(self, device_id: bytes) -> list[tuple[bytes, int]]:
        """(device, id) of all that is carried of it."""
        return self._ids(f"{_CARRIED} AND device = ?", (device_id,))

    def stage_no_device(self, device_id: bytes) -> None:
        """Forget a device of which nothing is carried any more, and what waits here for it."""
        with self._staging():
            self._database.execute("DELETE FROM carried_devices WHERE device = ?", (device_id,))
            self._database.execute(
                "DELETE FROM documents WHERE device = ? AND device NOT IN (SELECT device FROM devices)", (device_id,)
            )

    def _ids(self, of: str, values: tuple[object, ...]) -> list[tuple[bytes, int]]:
        return [(bytes(device), int(id)) for device, id in self._rows(f"SELECT device, id {of}", values)]

    def _rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        with named("read"):
            return self._database.execute(sql, values).fetchall()

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
