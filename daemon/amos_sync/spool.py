"""The courier's durable memory: SQLite in one folder (WAL, `synchronous=FULL`), one courier at a time.

Changes are staged in a transaction and become durable together in `commit`: when it returns, they survive a power cut;
before, a crash leaves the spool as it was after the last commit. The courier lets nothing leave (no request,
no message) before the commit of what led to it. Only that a message was sent, and what the ledger answered, may wait
for others while no player is told of it:

    crash before the commit of a pull      the player still has the segment, and it is pulled again
    crash after it, before sending         it is sent at the next start, the same bytes
    crash before an answer's commit        it is sent again, and answered again
    crash after a receipt's commit         the receipt is offered at the next start
    crash between the player's yes and
    the commit of `returned`               the player's status says so at the next start

Payloads stay until a player took a receipt that covers them, and for `KEPT_DAYS` more, with their receipts, within
`KEPT_BYTES_MAX`: a ledger that is put back from a copy may have lost them, and the player no longer has them. Then a
compact row remains, until there are many, and then a sum. A full spool takes no more
segments (`full`), and still takes receipts, which make room. Any failure of SQLite is a `SpoolError`; then `rollback`.
Where the disk itself is full (`SpoolDiskFull`), what is only kept gives way (`make_room`); a file that is damaged
(`SpoolDamaged`) is set aside, and the players list what it had (`set_aside`).
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from amos.edges.private_host import make_private_folders
from amos_sync.errors import SpoolDamaged, SpoolDiskFull, SpoolError
from amos_sync.limits import (
    SEQUENCE_MAX,
    SPOOL_BYTES_MAX,
    SPOOL_ENTRIES_MAX,
)
from amos_sync.outbox import Slot, State
from amos_sync.spool_carried import CarriedEntries, Documents
from amos_sync.spool_damage import check, check_held, save, set_aside
from amos_sync.spool_facts import SpoolFacts
from amos_sync.spool_file import (
    FILE_NAME,
    LOCK_NAME,
    keep_reserve,
    lock_spool,
    named,
    open_database,
    use_reserve,
)
from amos_sync.spool_kept import SpoolKept


@dataclass(frozen=True)
class Receipted:
    """A segment as it was sent, and the receipt that it got."""

    device_id: bytes
    leaf_index: int
    payload: bytes
    receipt: bytes


@dataclass(frozen=True)
class Held:
    """What the spool knows of one listed segment."""

    id: int
    segment_sha256: bytes
    state: State
    carried: bool


def _slot(
    id: int, device_id: bytes, sequence: int, message_sha256: bytes, state: int, carried_unix_s: int | None
) -> Slot:
    """Raises ValueError, TypeError for columns that nobody wrote so."""
    if len(device_id) != 16 or len(message_sha256) != 32 or not 1 <= sequence <= SEQUENCE_MAX:
        raise ValueError(f"entry {id}: expected a device, a sequence number and a hash")
    return Slot(id, bytes(device_id), sequence, bytes(message_sha256), State(state), carried=carried_unix_s is not None)


class Spool(SpoolFacts, SpoolKept):
    """Opens or creates the spool in `folder`. Raises `SpoolBusy` when another courier has it, else `SpoolError`.

    urgent   whether something staged has to be durable before anything is let out
    mended   what was done about a damaged file, until somebody has told it; else None
    """

    def __init__(self, folder: Path, bytes_max: int = SPOOL_BYTES_MAX):
        self.folder = folder
        self.bytes_max = bytes_max
        self.mended: str | None = None
        self.urgent = False
        with named(f"use {folder}"):
            make_private_folders(folder)
            self._lock = lock_spool(folder / LOCK_NAME)
        try:
            try:
                self._open()
            except SpoolDamaged:
                self.set_aside()
            except SpoolDiskFull:
                self._hang_up()
                use_reserve(folder)
                self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, saved: Path | None = None) -> int:
        with named(f"open {self.folder / FILE_NAME}"):
            self._database = open_database(self.folder / FILE_NAME)
            check(self._database)
            check_held(self._database)
            count = 0
            if saved is not None:
                self._database.execute("BEGIN IMMEDIATE")
                count = save(saved, self._database)
                self._database.execute("COMMIT")
            self.carried = CarriedEntries(self._database, self._staging)
            self.documents = Documents(self._database, self._staging)
            self.client_id = self._client_id()
            self._count()
            self._let_go(int(time.time()))
            self.commit()
            keep_reserve(self.folder)
            self.slots()  # each state is one of those that there are
        return count

    def _hang_up(self) -> None:
        with suppress(AttributeError, sqlite3.Error):
            self._database.close()

    def set_aside(self) -> None:
        """The file is damaged: go on with a fresh one, and with what is whole in the old. `mended` says what was done.
        What was staged is gone. Raises `SpoolError` when the disk does not let it."""
        self._hang_up()
        with named("set the damaged file aside"):
            damaged = set_aside(self.folder / FILE_NAME)
        count = self._open(damaged)
        self.mended = (
            f"spool {self.folder}: its file was damaged (is the card at its end?) and is set aside as {damaged};"
            f" {count} segments of it are whole; what is missing the players list again"
        )

    def close(self) -> None:
        """Give the spool back. What was staged and not committed is gone."""
        self._database.close()
        os.close(self._lock)

    @property
    def full(self) -> bool:
        """Whether no further segment is taken until receipts make room."""
        return self.used_bytes >= self.bytes_max or self.open_entries >= SPOOL_ENTRIES_MAX

    def slots(self) -> list[Slot]:
        """Every segment that is not yet returned, in order of device and sequence."""
        with named("read"):
            rows = self._database.execute(
                "SELECT id, device, sequence, message_sha256, state, carried_unix_s FROM entries WHERE state != 6 "
                "ORDER BY device, sequence, id"
            ).fetchall()
            return [_slot(*row) for row in rows]

    def held(self, device_id: bytes, first: int, last: int) -> dict[int, list[Held]]:
        """Sequence -> what is known of it; two entries under one number are a fork, and both are kept."""
        with named("read"):
            rows = self._database.execute(
                "SELECT sequence, id, segment_sha256, state, carried_unix_s FROM entries"
                " WHERE device = ? AND sequence BETWEEN ? AND ?",
                (device_id, first, last),
            ).fetchall()
        known: dict[int, list[Held]] = {}
        for sequence, id, segment_sha256, state, carried in rows:
            known.setdefault(sequence, []).append(Held(id, segment_sha256, State(state), carried is not None))
        return known

    def payload(self, id: int) -> bytes:
        """The message to send: the same bytes each time."""
        return self._blob("payload", "messages", id)

    def receipt(self, id: int) -> bytes:
        """The ledger's receipt of this entry."""
        return self._blob("receipt", "receipts", id)

    def message_bytes(self, id: int) -> int:
        """The size of what is sent."""
        with named("read"):
            row = self._database.execute("SELECT message_bytes FROM entries WHERE id = ?", (id,)).fetchone()
        return int(row[0]) if row else 0

    def _blob(self, column: str, table: str, id: int) -> bytes:
        with named("read"):
            row = self._database.execute(f"SELECT {column} FROM {table} WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise SpoolError(f"spool: expected a {column} with entry {id}, found none; the file was changed by others")
        return bytes(row[0])

    def stage_device(self, device_id: bytes, port: str) -> str | None:
        """Note where a device answers; the hex name of another device that was last seen there, or None."""
        with self._staging():
            row = self._database.execute(
                "SELECT device FROM devices WHERE port = ? AND device != ?", (port, device_id)
            ).fetchone()
            self._database.execute("UPDATE devices SET port = '' WHERE port = ? AND device != ?", (port, device_id))
            self._database.execute(
                "INSERT INTO devices (device, port) VALUES (?, ?) ON CONFLICT DO UPDATE SET port = excluded.port",
                (device_id, port),
            )
        return bytes(row[0]).hex() if row else None

    def knows(self, device_id: bytes) -> bool:
        """Whether it was connected here once."""
        with named("read"):
            return self._database.execute("SELECT 1 FROM devices WHERE device = ?", (device_id,)).fetchone() is not None

    def stage_line_bytes(self, device_id: bytes, count: int) -> None:
        """Add to the bytes that crossed the line of a device, both ways."""
        with self._staging():
            self._database.execute(
                "UPDATE devices SET line_bytes = line_bytes + ? WHERE device = ?", (count, device_id)
            )

    def stage_pull(
        self,
        device_id: bytes,
        sequence: int,
        segment_sha256: bytes,
        segment_bytes: int,
        message: bytes,
        sha256: bytes,
        state: State,
    ) -> int:
        """Keep a pulled segment as the message that will carry it (`sha256` is the message's); the entry's id."""
        with self._staging():
            self._forget_kept(device_id, sequence, segment_sha256)
            size = len(message)
            cursor = self._database.execute(
                "INSERT INTO entries (device, sequence, segment_sha256, message_sha256, segment_bytes, message_bytes,"
                " held_bytes, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, sequence, segment_sha256)"
                " DO UPDATE SET message_sha256 = excluded.message_sha256, message_bytes = excluded.message_bytes,"
                " held_bytes = excluded.held_bytes, state = excluded.state, leaf_index = NULL, returned_unix_s = NULL"
                " RETURNING id",
                (device_id, sequence, segment_sha256, sha256, segment_bytes, size, size, state),
            )
            id = int(cursor.fetchone()[0])
            self._database.execute("INSERT INTO messages VALUES (?, ?)", (id, message))
        self.used_bytes += len(message)
        self.open_entries += 1
        return id

    def stage_sent(self, slot: Slot) -> None:
        """The message was given to the broker, as often as is not noted yet."""
        with self._staging(waits=True):
            self._database.execute(
                "UPDATE entries SET state = ?, sends = sends + ? WHERE id = ?",
                (slot.state, slot.unnoted_sends, slot.id),
            )
        slot.unnoted_sends = 0

    def stage_answer(
        self, slot: Slot, detail: str | None = None, receipt: bytes | None = None, leaf_index: int | None = None
    ) -> None:
        """What the ledger says of a segment, as the slot has it; without `receipt`, which proves it at `leaf_index`, an
        earlier one is forgotten."""
        with self._staging(waits=True):
            self._database.execute(
                "UPDATE entries SET state = ?, sends = sends + ?, verdict = ?, detail = ?, leaf_index = ?,"
                " held_bytes = message_bytes + ? WHERE id = ?",
                (slot.state, slot.unnoted_sends, slot.verdict, detail, leaf_index, len(receipt or b""), slot.id),
            )
            if receipt is None:
                self._database.execute("DELETE FROM receipts WHERE id = ?", (slot.id,))
            else:
                self._database.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?)", (slot.id, receipt))
        slot.unnoted_sends = 0

    def stage_returned(self, slots: list[Slot], now_unix_s: int | None = None) -> None:
        """The player took a receipt that covers these: they are kept for a while, in case the ledger loses them."""
        now_unix_s = int(time.time()) if now_unix_s is None else now_unix_s
        with self._staging():
            for slot in slots:
                size, held = self._database.execute(
                    "UPDATE entries SET state = ?, returned_unix_s = ? WHERE id = ?"
                    " RETURNING message_bytes, held_bytes",
                    (slot.state, now_unix_s, slot.id),
                ).fetchone()
                self.used_bytes -= size
                self.open_entries -= 1
                self.kept_bytes += held
        self._let_go(now_unix_s, len(slots))

    def receipted_from(self, leaf_index: int, turn: int) -> Receipted | None:
        """A segment receipted at this leaf or a later one, whose bytes are still here: the latest, and with each `turn`
        the one before. A receipt does not bind the index that it names, so the latest may be none in truth."""
        of = "FROM entries WHERE held_bytes > 0 AND leaf_index >= ?"
        with named("read"):
            ((count,),) = self._database.execute(f"SELECT count(*) {of}", (leaf_index,))
            if not count:
                return None
            row = self._database.execute(
                f"SELECT id, device, leaf_index {of} ORDER BY leaf_index DESC LIMIT 1 OFFSET ?",
                (leaf_index, turn % count),
            ).fetchone()
        return Receipted(row[1], row[2], self.payload(row[0]), self.receipt(row[0]))

    @property
    def staged(self) -> bool:
        """Whether `commit` has something to do."""
        return self._database.in_transaction

    def commit(self) -> None:
        """Make everything staged durable, in one step."""
        if self._database.in_transaction:
            with named("write"):
                self._database.execute("COMMIT")
        self.urgent = False

    def rollback(self) -> None:
        """Drop everything staged since the last commit."""
        self.urgent = False
        if self._database.in_transaction:
            with named("roll back"):
                self._database.execute("ROLLBACK")
        with named("read"):
            self._count()
            self.carried.recount()

    @contextmanager
    def _staging(self, waits: bool = False) -> Iterator[None]:
        """`waits`: a crash may lose this change alone: the segment is sent again then, and answered again."""
        with named("write"):
            if not self._database.in_transaction:
                self._database.execute("BEGIN IMMEDIATE")
            self.urgent = self.urgent or not waits
            yield

    def _count(self) -> None:
        row = self._database.execute(
            "SELECT count(*), coalesce(sum(message_bytes), 0) FROM entries WHERE state != 6 AND carried_unix_s IS NULL"
        ).fetchone()
        self.open_entries, self.used_bytes = int(row[0]), int(row[1])
        self._count_kept()

    def _client_id(self) -> str:
        """The MQTT client id, kept so that the broker finds this courier's session again."""
        self._database.execute(
            "INSERT INTO facts VALUES ('client_id', ?) ON CONFLICT DO NOTHING", ("amos-" + secrets.token_hex(8),)
        )
        return str(self._database.execute("SELECT value FROM facts WHERE name = 'client_id'").fetchone()[0])
