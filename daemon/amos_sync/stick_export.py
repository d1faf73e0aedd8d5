"""What a courier puts on a stick: its players' segments, questions for the ledger, and what it has for shops elsewhere.

Reads the spool beside a running courier and changes nothing there, so that it can be done at any time and again, and a
stick may be lost: what is on it stays in the spool until a receipt for it is here.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from amos.protocol import bundle_host as bundles
from amos.protocol.answer import ACCEPTED, Answer
from amos.protocol.bundle_host import BundleHeader, BundleItem, BundleWriter
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import BUNDLE_ITEM_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import Usage
from amos_sync.errors import SpoolError, StickFull
from amos_sync.limits import BUNDLE_PART_BYTES
from amos_sync.report import reading
from amos_sync.spool_carried import TO_STICK
from amos_sync.spool_facts import LEDGERS, OPERATORS
from amos_sync.spool_file import PACK_DOCUMENT
from amos_sync.spool_schema import SCHEMA_VERSION
from amos_sync.stick_folder import StickFolder

SUFFIX = ".bundle"
SPARE_BYTES = 128 * 1024
"""Left free on the stick: for its folders, and for the words that say what is on it."""

Progress = Callable[[int, int], None]
"""(items written, items in all)."""


@dataclass
class Exported:
    """What came on the stick. `waiting` segments are in the spool, `segments` of them on the stick; `missing_bytes`:
    about so much of them has no room there."""

    site: str
    waiting: int = 0
    segments: int = 0
    played_ms: int = 0
    players: set[bytes] = field(default_factory=set)
    answers: dict[str, set[bytes]] = field(default_factory=dict)  # site -> its devices that have receipts
    refusals: dict[str, set[bytes]] = field(default_factory=dict)  # site -> its devices that have other answers
    refused: Counter[int] = field(default_factory=Counter)  # verdict -> own segments of which it was the last word
    documents: int = 0
    files: list[str] = field(default_factory=list)
    is_full: bool = False
    missing_bytes: int = 0


@dataclass
class _Counted:
    """An item, and what it adds to what is told."""

    item: BundleItem
    tell: Callable[[Exported], None]


class BundleExport:
    """`write` once. `folder` is the spool's."""

    def __init__(self, folder: Path, stick: StickFolder, progress: Progress) -> None:
        self._folder = folder
        self._stick = stick
        self._progress = progress
        self._done = 0

    def write(self) -> Exported:
        """Put everything there that fits, the oldest first. Raises `SpoolError`, `StickError`."""
        with reading(self._folder) as database:
            site, courier = names_of(database)
            told = Exported(site, waiting=_count(database), missing_bytes=_bytes(database))
            prefix = f"{site[:24]}-{courier.hex()}-"
            before = {name for name in self._stick.names() if name.lower().startswith(prefix)}
            total = _total(database)
            items = _items(database)
            following = next(items, None)
            while following is not None and len(told.files) < 1000 and not told.is_full:
                name = f"{prefix}{len(told.files):03d}{SUFFIX}"
                header = BundleHeader(
                    version=bundles.VERSION, site=site, courier=courier, unix_s=int(time.time()), part=len(told.files)
                )
                room = self._room(before, told)
                if room < BUNDLE_ITEM_BYTES_MAX:
                    told.is_full = True
                    break
                following = self._write_part(name, header, (following, items), (room, total), told)
                told.files.append(name)
            for name in before - set(told.files):
                self._stick.remove(name)
        return told

    def _room(self, before: set[str], told: Exported) -> int:
        """For the next part. What this courier put there earlier gives way, once that is what it takes."""
        room = self._stick.free_bytes - SPARE_BYTES
        if room < BUNDLE_PART_BYTES:
            for name in before - set(told.files):
                self._stick.remove(name)
            room = self._stick.free_bytes - SPARE_BYTES
        return min(room, BUNDLE_PART_BYTES)

    def _write_part(
        self,
        name: str,
        header: BundleHeader,
        source: tuple[_Counted, Iterator[_Counted]],
        bounds: tuple[int, int],
        told: Exported,
    ) -> _Counted | None:
        """Write one file; the item that did not fit, or None when that was all."""
        (first, items), (room, total) = source, bounds
        following: _Counted | None = first
        written: list[_Counted] = []

        def fill(file: BinaryIO) -> None:
            nonlocal following
            writer = BundleWriter()
            file.write(writer.header(header))
            while following is not None and writer.size <= room - BUNDLE_ITEM_BYTES_MAX:
                file.write(writer.add(following.item))
                written.append(following)
                self._progress(self._done + len(written), total)
                following = next(items, None)
            file.write(writer.end())

        try:
            self._stick.write(name, fill)
        except StickFull:
            if not told.files:
                raise
            told.is_full = True
            return None
        self._done += len(written)
        for counted in written:
            counted.tell(told)
        told.is_full = following is not None and room < BUNDLE_PART_BYTES
        return following


def names_of(database: sqlite3.Connection) -> tuple[str, bytes]:
    """(the courier's site, what tells it apart from others there). Raises `SpoolError` before its first run."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    facts = dict(database.execute("SELECT name, value FROM facts WHERE name IN ('site', 'client_id')").fetchall())
    if version != SCHEMA_VERSION or "site" not in facts or "client_id" not in facts:
        raise SpoolError("spool: its courier has not run in this version yet; start it once")
    return bytes.fromhex(facts["site"]).decode(), bytes.fromhex(facts["client_id"].removeprefix("amos-"))


_OWN = "FROM entries WHERE carried_unix_s IS NULL AND state IN (1, 2, 3, 4) AND held_bytes > 0"
_ANSWERED = "FROM entries JOIN carried_devices USING (device) WHERE carried_unix_s IS NOT NULL AND state IN (3, 4, 5)"


def _count(database: sqlite3.Connection) -> int:
    return int(database.execute(f"SELECT count(*) {_OWN}").fetchone()[0])


def _bytes(database: sqlite3.Connection) -> int:
    return int(database.execute(f"SELECT coalesce(sum(message_bytes), 0) {_OWN}").fetchone()[0])


def _total(database: sqlite3.Connection) -> int:
    (answered,) = database.execute(f"SELECT count(*) {_ANSWERED}").fetchone()
    return _count(database) + int(answered)


def _items(database: sqlite3.Connection) -> Iterator[_Counted]:
    """Short and urgent things first."""
    yield from _documents(database)
    yield from _taken(database)
    yield from _answers(database)
    yield from _segments(database)


def _documents(database: sqlite3.Connection) -> Iterator[_Counted]:
    def tell(told: Exported) -> None:
        told.documents += 1

    for whose, topic in ((LEDGERS, "rotation/"), (OPERATORS, "rotation/operator-")):
        sql = "SELECT name, value FROM facts WHERE name LIKE ? ORDER BY name"
        for name, value in database.execute(sql, (f"{whose} %",)):
            number = name.removeprefix(f"{whose} ").partition(".")[0]
            yield _Counted(BundleItem(kind=bundles.DOCUMENT, name=topic + number, content=bytes.fromhex(value)), tell)
    rows = database.execute(
        "SELECT device, name, payload FROM documents WHERE source = ? AND name != ? ORDER BY device, name",
        (TO_STICK, PACK_DOCUMENT),
    )
    for device, name, payload in rows:
        if name == "time":
            item = BundleItem(kind=bundles.TIME, device_id=bytes(device), content=bytes(payload))
        else:
            device_id = bytes(device) or None
            item = BundleItem(kind=bundles.DOCUMENT, device_id=device_id, name=name, content=bytes(payload))
        yield _Counted(item, tell)


def _taken(database: sqlite3.Connection) -> Iterator[_Counted]:
    rows = database.execute("SELECT device, max(sequence) FROM entries WHERE state = 6 GROUP BY device ORDER BY device")
    for device, sequence in rows:
        yield _Counted(BundleItem(kind=bundles.TOOK, device_id=bytes(device), count=sequence), lambda _told: None)


def _answers(database: sqlite3.Connection) -> Iterator[_Counted]:
    rows = database.execute(
        "SELECT device, sequence, message_sha256, state, verdict, detail,"
        " (SELECT receipt FROM receipts WHERE receipts.id = entries.id), site"
        f" {_ANSWERED} ORDER BY entries.id"
    )
    for device, sequence, message_sha256, state, verdict, detail, receipt, site in rows:
        device_id = bytes(device)
        answer = Answer(
            message_sha256=bytes(message_sha256),
            verdict=ACCEPTED if state == 5 else verdict,
            device_id=device_id,
            sequence=sequence,
            receipt=receipt if state == 5 else None,
            detail=detail if state != 5 else None,
        )
        item = BundleItem(kind=bundles.ANSWER, device_id=device_id, content=answer.encode(), site=site)
        yield _Counted(item, _answered(site, device_id, state == 5))


def _answered(site: str, device_id: bytes, is_receipt: bool) -> Callable[[Exported], None]:
    def tell(told: Exported) -> None:
        (told.answers if is_receipt else told.refusals).setdefault(site, set()).add(device_id)

    return tell


def _segments(database: sqlite3.Connection) -> Iterator[_Counted]:
    payload_of = "(SELECT payload FROM messages WHERE messages.id = entries.id)"
    rows = database.execute(f"SELECT device, {payload_of}, verdict {_OWN} ORDER BY sequence, device")
    for device, payload, verdict in rows:
        item = BundleItem(kind=bundles.USAGE, device_id=bytes(device), content=bytes(payload))
        yield _Counted(item, _played(bytes(device), bytes(payload), verdict))


def _played(device_id: bytes, payload: bytes, verdict: int | None) -> Callable[[Exported], None]:
    def tell(told: Exported) -> None:
        told.segments += 1
        told.missing_bytes -= len(payload)
        told.players.add(device_id)
        if verdict is not None:
            told.refused[verdict] += 1
        with suppress(ProtocolError):
            usage = Usage.decode(parse_typed(unwrap(payload), TYP_USAGE, SEGMENT_BYTES_MAX).payload)
            told.played_ms += usage.delivered_frames * 1000 // usage.rate_hz

    return tell
