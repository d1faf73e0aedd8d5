"""What a spool keeps beside segments, a value a name: heads, rotations, what is wrong, how its courier was started."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from amos_sync.limits import UNTAKEN_KEPT_MAX
from amos_sync.spool_carried import FOR_ALL, TO_STICK, Document, Documents
from amos_sync.spool_file import FAULTS_FACT, PACK_DOCUMENT, UNTAKEN_FACT, named

LEDGERS, OPERATORS = "rotation", "operator rotation"
"""What rotations of the ledger's and of the operator's key are named by."""


def _rotation_name(number: int, turn: int, whose: str) -> str:
    """The first has the name that couriers gave it that kept one of each number."""
    return f"{whose} {number}.{turn}" if turn else f"{whose} {number}"


class SpoolFacts:
    """A part of `Spool`: what is staged here becomes durable with its `commit`."""

    documents: Documents
    _database: sqlite3.Connection
    _staging: Callable[[], AbstractContextManager[None]]

    def head(self) -> bytes | None:
        """The highest tree head of the ledger that was shown, as signed."""
        return self._fact("head")

    def stage_head(self, note: bytes) -> None:
        """Keep this head in place of the one before."""
        self._stage_fact("head", note)

    def forgone(self) -> bytes | None:
        """The last request to send again that was met."""
        return self._fact("forgone")

    def stage_forgone(self, message: bytes) -> None:
        """This request is met with this commit."""
        self._stage_fact("forgone", message)

    def stage_faults(self, faults: bytes) -> None:
        """What is wrong at the moment, for who looks at the spool from outside."""
        self._stage_fact(FAULTS_FACT, faults)

    def stage_settings(self, site: str, publisher_key: bytes | None) -> None:
        """How this courier was started, for who brings or fetches bundles."""
        self._stage_fact("site", site.encode())
        self._stage_fact("publisher_key", publisher_key or b"")
        self.stage_connected(False)

    def stage_connected(self, is_connected: bool) -> None:
        """Whether there is a broker at the moment."""
        self._stage_fact("connected", b"%d" % is_connected)

    def stage_untaken(self, name: str, counts: dict[str, int]) -> None:
        """Of this bundle so many items were not taken, by the cause."""
        before = json.loads(self._fact(UNTAKEN_FACT) or b"{}")
        after = [(other, kept) for other, kept in before.items() if other != name]
        after += [(name, counts)] if counts else []
        if dict(after) != before:
            self._stage_fact(UNTAKEN_FACT, json.dumps(dict(after[-UNTAKEN_KEPT_MAX:])).encode())

    def stage_pack(self, signed: bytes, blobs: Path) -> bool:
        """The pack that there is for players, and the folder of its blobs; whether it is another than before."""
        changed = self.documents.stage(Document(FOR_ALL, PACK_DOCUMENT, signed), TO_STICK)
        if changed:
            self._stage_fact("pack_blobs", bytes(blobs))
        return changed

    def rotations(self, whose: str = LEDGERS) -> list[tuple[int, bytes]]:
        """(turn in which it came among those of its number, rotation of that key with its receipt)."""
        with named("read"):
            sql = "SELECT name, value FROM facts WHERE name LIKE ?"
            rows = self._database.execute(sql, (f"{whose} %",)).fetchall()
        return [(int(name.partition(".")[2] or 0), bytes.fromhex(value)) for name, value in rows]

    def stage_rotation(self, number: int, turn: int, appointment: bytes, whose: str = LEDGERS) -> None:
        """Keep it."""
        self._stage_fact(_rotation_name(number, turn, whose), appointment)

    def stage_no_rotation(self, number: int, turn: int, whose: str = LEDGERS) -> None:
        """Let go of it."""
        with self._staging():
            self._database.execute("DELETE FROM facts WHERE name = ?", (_rotation_name(number, turn, whose),))

    def _fact(self, name: str) -> bytes | None:
        with named("read"):
            row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes.fromhex(row[0])

    def _stage_fact(self, name: str, value: bytes) -> None:
        with self._staging():
            self._database.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value.hex())
            )
