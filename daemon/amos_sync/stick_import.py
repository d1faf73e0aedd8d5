"""What a stick brings: each bundle is read as a stranger's, checked whole, copied beside the spool, and left for the
courier to take in (`Inbox`). A bundle that is torn, damaged or made up is named and passed over.
"""

import fcntl
import hashlib
import json
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from amos.edges.durable_host import sync_folder
from amos.edges.private_host import create_private, make_private_folders
from amos.protocol import bundle_host as bundles
from amos.protocol.answer import RECEIPTED, decode_answer
from amos.protocol.bundle_host import BundleHeader, BundleItem, BundleReader
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import BUNDLE_BYTES_MAX
from amos.protocol.printable_host import printable
from amos_sync.errors import SpoolDiskFull, SpoolError, StickRefused
from amos_sync.inbox import FOLDER_NAME, SUFFIX
from amos_sync.limits import INBOX_BYTES_MAX
from amos_sync.report import reading
from amos_sync.spool_file import DISK_FULL, UNTAKEN_FACT, is_full
from amos_sync.stick_export import Progress, names_of
from amos_sync.stick_folder import StickFolder, read_stick

BUNDLE_NAME = re.compile(r"[a-z0-9_-]{18,41}-[0-9]{3}\.bundle", re.IGNORECASE)
LOOK_S = 0.2
CONNECT_S = 5
"""A courier that was just started has its broker by then, if there is one."""


@dataclass
class Imported:
    """What was on the stick. Devices are counted by the site that they are of, as their bundles say.

    segments   site -> (segments, devices) that are for the ledger
    answers    devices of players that are here, that have answers or anchors
    receipts   whether there are receipts among these
    refused_here  verdict -> segments from here that the ledger gave no receipt for
    elsewhere  site -> devices whose answers are for another shop
    untaken    cause -> items that the courier did not take in, once it has looked at them
    taken      files that were left for the courier, by the name that they have there
    refused    a sentence for each file that was passed over
    """

    segments: dict[str, tuple[int, set[bytes]]] = field(default_factory=dict)
    answers: set[bytes] = field(default_factory=set)
    receipts: bool = False
    refused_here: Counter[int] = field(default_factory=Counter)
    elsewhere: dict[str, set[bytes]] = field(default_factory=dict)
    documents: int = 0
    own: int = 0
    taken: list[Path] = field(default_factory=list)
    untaken: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    pack: str | None = None

    @property
    def devices(self) -> set[bytes]:
        """Those whose segments are for the ledger."""
        return {device_id for _count, device_ids in self.segments.values() for device_id in device_ids}


@dataclass
class _Tally:
    """Of one bundle, until it is known to be whole."""

    usage: dict[bytes, int] = field(default_factory=dict)
    here: set[bytes] = field(default_factory=set)
    receipts: bool = False
    refused: Counter[int] = field(default_factory=Counter)
    elsewhere: dict[str, set[bytes]] = field(default_factory=dict)
    documents: int = 0
    asks: bool = False


class BundleImport:
    """`read` once. `folder` is the spool's; its courier takes in what is left there, now or when it runs again."""

    def __init__(self, folder: Path, stick: StickFolder, progress: Progress) -> None:
        self._stick = stick
        self._progress = progress
        self._inbox = folder / FOLDER_NAME
        self._folder = folder
        with reading(folder) as database:
            self._site, self._courier = names_of(database)
            self._players = _players(database)

    def read(self) -> Imported:
        """Look at each bundle. Raises `SpoolError` where this machine's disk does not take them, and `StickError`."""
        told = Imported()
        names = [name for name in self._stick.names() if BUNDLE_NAME.fullmatch(name)]
        with self._importing():
            for done, name in enumerate(names):
                self._progress(done, len(names))
                try:
                    self._one(name, told)
                except StickRefused as error:
                    told.refused.append(printable(str(error)))
            self._progress(len(names), len(names))
        return told

    @contextmanager
    def _importing(self) -> Iterator[None]:
        """Others may import at the same time. What one left that was broken off goes where there is no other."""
        with _disk(self._folder):
            make_private_folders(self._inbox)
            descriptor = os.open(self._inbox, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with _disk(self._folder):
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    for path in self._inbox.glob(".*.new"):
                        path.unlink(missing_ok=True)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def _one(self, name: str, told: Imported) -> None:
        with self._stick.reading(name, BUNDLE_BYTES_MAX) as file:
            if self._waiting_bytes() + os.fstat(file.fileno()).st_size > INBOX_BYTES_MAX:
                raise StickRefused(
                    f"{name}: not taken yet, since many wait to be taken in; bring the stick again later"
                )
            staged = self._inbox / f".{os.urandom(6).hex()}.new"
            try:
                header, tally, sha256 = self._copy(name, file, staged)
                if header.site == self._site and header.courier == self._courier:
                    told.own += 1
                    return
                if self._count(header, tally, told):
                    path = self._inbox / f"{sha256.hex()[:32]}{SUFFIX}"
                    with _disk(self._folder):
                        os.replace(staged, path)
                        sync_folder(path)
                    told.taken.append(path)
            finally:
                staged.unlink(missing_ok=True)

    def _copy(self, name: str, file: BinaryIO, staged: Path) -> tuple[BundleHeader, _Tally, bytes]:
        reader, tally, sha256 = BundleReader(), _Tally(), hashlib.sha256()
        with _disk(self._folder), create_private(staged) as copy:
            try:
                while data := read_stick(name, file):
                    sha256.update(data)
                    for item in reader.feed(data):
                        self._tally(item, tally)
                    copy.write(data)
                header = reader.finish()
            except ProtocolError as error:
                raise StickRefused(f"{name}: passed over: {error}") from None
            copy.flush()
            os.fsync(copy.fileno())
        return header, tally, sha256.digest()

    def _tally(self, item: BundleItem, tally: _Tally) -> None:
        device_id = item.device_id or b""
        if item.kind == bundles.USAGE:
            tally.usage[device_id] = tally.usage.get(device_id, 0) + 1
        elif item.kind in (bundles.TIME, bundles.TOOK):
            tally.asks = True
        elif item.kind == bundles.ANSWER or (item.kind == bundles.DOCUMENT and item.device_id is not None):
            if device_id in self._players:
                tally.here.add(device_id)
                if item.kind == bundles.ANSWER:
                    self._tally_answer(item.content or b"", tally)
            elif item.site is not None:
                tally.elsewhere.setdefault(item.site, set()).add(device_id)
        elif item.kind == bundles.DOCUMENT:
            tally.documents += 1

    def _tally_answer(self, content: bytes, tally: _Tally) -> None:
        with suppress(ProtocolError):  # the courier passes it over
            answer = decode_answer(content)
            if answer.verdict in RECEIPTED:
                tally.receipts = True
            else:
                tally.refused[answer.verdict] += 1

    def _count(self, header: BundleHeader, tally: _Tally, told: Imported) -> bool:
        """Add up a whole bundle; whether there is anything in it for this courier."""
        if tally.usage:
            count, device_ids = told.segments.get(header.site, (0, set()))
            told.segments[header.site] = (count + sum(tally.usage.values()), device_ids | set(tally.usage))
        told.answers |= tally.here
        told.receipts |= tally.receipts
        told.refused_here += tally.refused
        for site, device_ids in tally.elsewhere.items():
            told.elsewhere.setdefault(site, set()).update(device_ids)
        told.documents += tally.documents
        return bool(tally.usage or tally.here or tally.documents or tally.asks)

    def _waiting_bytes(self) -> int:
        size = 0
        with _disk(self._folder):
            for path in self._inbox.iterdir():
                with suppress(FileNotFoundError):  # taken in since
                    size += path.stat().st_size
        return size


def wait_taken(taken: list[Path], wait_s: float) -> bool:
    """Whether the courier has taken in all of these, which are waited for so long."""
    end_s = time.monotonic() + wait_s
    while any(path.exists() for path in taken):
        if time.monotonic() >= end_s:
            return False
        time.sleep(LOOK_S)
    return True


def untaken_of(folder: Path, taken: list[Path]) -> Counter[str]:
    """What the courier has not taken of these, by the cause."""
    with reading(folder) as database:
        row = database.execute("SELECT value FROM facts WHERE name = ?", (UNTAKEN_FACT,)).fetchone()
    kept = json.loads(bytes.fromhex(row[0])) if row else {}
    return sum((Counter(kept.get(path.stem, {})) for path in taken), Counter())


@dataclass(frozen=True)
class Unanswered:
    """`count` segments have no answer of the ledger yet; None where nobody waited. `connected`: has the courier a
    broker. `refused`: verdict -> segments that the ledger holds or refused."""

    count: int | None = None
    connected: bool | None = None
    refused: Counter[int] = field(default_factory=Counter)


def wait_answered(folder: Path, device_ids: set[bytes], wait_s: float, progress: Progress) -> Unanswered:
    """What is left of these devices' segments after waiting for so long at most, less where there is no broker."""
    started_s = time.monotonic()
    most = 0
    while True:
        with reading(folder) as database:
            left, connected = _unanswered(database, device_ids), _is_connected(database)
            refused = _refused(database, device_ids)
        most = max(most, left)
        progress(most - left, most)
        waited_s = time.monotonic() - started_s
        if not left or waited_s >= wait_s or (not connected and waited_s >= CONNECT_S):
            return Unanswered(left, connected or not left, refused)
        time.sleep(LOOK_S)


def _is_connected(database: sqlite3.Connection) -> bool:
    row = database.execute("SELECT value FROM facts WHERE name = 'connected'").fetchone()
    return row is not None and bytes.fromhex(row[0]) == b"1"


def _unanswered(database: sqlite3.Connection, device_ids: set[bytes]) -> int:
    rows = database.execute(
        "SELECT device, count(*) FROM entries WHERE carried_unix_s IS NOT NULL AND state IN (1, 2) GROUP BY device"
    )
    return sum(int(count) for device, count in rows if bytes(device) in device_ids)


def _refused(database: sqlite3.Connection, device_ids: set[bytes]) -> Counter[int]:
    refused: Counter[int] = Counter()
    for device, verdict, count in database.execute(
        "SELECT device, verdict, count(*) FROM entries WHERE carried_unix_s IS NOT NULL AND state IN (3, 4)"
        " GROUP BY device, verdict"
    ):
        refused[verdict] += int(count) if bytes(device) in device_ids else 0
    return +refused


def _players(database: sqlite3.Connection) -> set[bytes]:
    return {bytes(row[0]) for row in database.execute("SELECT device FROM devices")}


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Failures of this machine's own disk are `SpoolError`."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise SpoolDiskFull(f"spool {folder}: cannot be written: {DISK_FULL}") from error
        raise SpoolError(f"spool {folder}: cannot be written: {error.strerror or error}") from error
