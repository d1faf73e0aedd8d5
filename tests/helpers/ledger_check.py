"""Judges a ledger by what the world saw of it; shares nothing with the ledger or with the codecs of `amos`.

Given what couriers sent, the receipts that they got and the checkpoints that ever stood published, it asserts of the
ledger's database and published folder:

  every receipted segment is in the log, once, at its receipt's leaf, and its receipt verifies
  no segment and no number of a device is in the log twice, and each is one that was sent, signed by its device
  what is counted for each device, and for each stem, equals the raw sums over the segments in the log
  no two checkpoints are over as many entries, and each is a prefix of the log
  what is published contradicts nothing, and lacks nothing that the published checkpoint is over
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from plain_cbor import Signed, read_signed, read_whole
from plain_tree import TILE_WIDTH, Head, Tree, grouped, read_note, root_of_path, split_bundle

USAGE, ENROLMENT = "amos-usage+cose", "amos-enrolment+cose"
COSE = b"\xd2"
"""How a COSE_Sign1 begins; what begins otherwise in the log is a line of text."""


@dataclass
class Seen:
    """What the world saw: `receipts` are (segment, receipt) pairs, `checkpoints` signed notes; None is not known."""

    receipts: set[tuple[bytes, bytes]] = field(default_factory=set)
    checkpoints: set[bytes] = field(default_factory=set)
    sent: set[bytes] | None = None


def read_database(place: Path | str, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a ledger's database: a file of SQLite, or the address of a PostgreSQL database."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            return connection.execute(sql).fetchall()
    import psycopg  # only who tests with it has it

    with psycopg.connect(place, options="-c search_path=amos_ledger") as connection:
        return connection.execute(sql).fetchall()


@dataclass(frozen=True)
class Log:
    """The entries of a log; `segments` are leaf index → usage segment (and its payload)."""

    entries: tuple[bytes, ...]
    tree: Tree
    segments: dict[int, tuple[Signed, dict[int, Any]]]


@lru_cache(maxsize=512)  # a sweep finds the same few logs thousands of times
def _read_log(entries: tuple[bytes, ...]) -> Log:
    """All segments, each verified by the key that an enrolment before it names."""
    keys: dict[bytes, bytes] = {}
    segments = {}
    for index, entry in enumerate(entries):
        if not entry.startswith(COSE):
            continue
        signed = read_signed(entry)
        if signed.typ == ENROLMENT:
            for key in _keys(signed.content):
                keys[sha256(key).digest()[:16]] = key
        elif signed.typ == USAGE:
            assert signed.is_by(keys[signed.kid]), f"leaf {index}: a segment that its device did not sign"
            segments[index] = signed, signed.content
    return Log(entries, Tree(entries), segments)


@lru_cache(maxsize=4096)
def _read_receipt(segment: bytes, receipt: bytes, public_key: bytes) -> tuple[int, int, bytes, bool]:
    """(leaf index, size of the tree, its root, whether the key signed that) if it is for this segment."""
    signed = read_signed(receipt)
    size, index, path = read_whole(signed.unprotected[396][-1][0])
    root = root_of_path(segment, index, size, path)
    return index, size, root, signed.is_by(public_key, root)


def forget() -> None:
    """Empty what is remembered of logs, receipts and notes that were read."""
    for read in (_read_log, _read_receipt, read_note):
        read.cache_clear()


class Check:
    """One look at the ledger of `folder`, whose database is `database` (its own file when None)."""

    def __init__(self, folder: Path, origin: str, public_key: bytes, database: str | None = None) -> None:
        self.public = folder / "public"
        inside = self.public / "audit"
        self.audit = inside if inside.exists() else folder / "audit"
        self.origin, self.key = origin, public_key
        self._database: Path | str = database or folder / "ledger.sqlite"
        rows = self._rows("SELECT leaf_index, bytes FROM entry ORDER BY leaf_index")
        assert [index for index, _entry in rows] == list(range(len(rows))), "a hole in the log"
        log = _read_log(tuple(bytes(entry) for _index, entry in rows))
        self.entries, self.tree, self.segments = log.entries, log.tree, log.segments

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return read_database(self._database, sql)

    def all(self, seen: Seen) -> None:
        """Everything that this page's head names."""
        self.once(seen.sent)
        self.receipts(seen.receipts)
        self.totals()
        self.history(seen.checkpoints)
        self.published()

    def once(self, sent: set[bytes] | None) -> None:
        """Nothing counts twice, and nothing that nobody sent."""
        numbers = Counter((usage[2], usage[3]) for _signed, usage in self.segments.values())
        assert set(numbers.values()) <= {1}, "a number of a device is in the log twice"
        entries = Counter(self.entries[index] for index in self.segments)
        assert set(entries.values()) <= {1}, "a segment is in the log twice"
        assert sent is None or set(entries) <= sent, "a segment in the log that nobody sent"

    def receipts(self, receipts: Iterable[tuple[bytes, bytes]]) -> None:
        """What was receipted is where its receipt says."""
        for segment, receipt in receipts:
            index, size, root, is_signed = _read_receipt(segment, receipt, self.key)
            assert index < len(self.entries), f"a receipt for leaf {index} of {len(self.entries)}"
            assert self.entries[index] == segment, f"a receipt for leaf {index}, where something else stands"
            assert is_signed, "a receipt that the ledger did not sign"
            assert size <= self.tree.size and self.tree.root(size) == root, "a receipt of another history"

    def totals(self) -> None:
        """What is counted is what was played, by device and by stem."""
        sql = "SELECT leaf_index, device_id, sequence, sha256, played_frames FROM usage ORDER BY leaf_index"
        counted = [(row[0], bytes(row[1]), row[2], bytes(row[3]), row[4]) for row in self._rows(sql)]
        raw = [
            (index, usage[2], usage[3], sha256(self.entries[index]).digest(), sum(usage[21]))
            for index, (_signed, usage) in sorted(self.segments.items())
        ]
        assert counted == raw, "what is counted of the devices is not what is in the log"
        stems: Counter[tuple[bytes, int, int]] = Counter()
        packs = {bytes(pack): _stem_ids(bytes(data)) for pack, data in self._rows("SELECT pack, bytes FROM manifest")}
        for _signed, usage in self.segments.values():
            for stem, frames in zip(usage[19], usage[21], strict=True):
                stems[packs[usage[16]][stem], usage[18], usage[10]] += frames
        sql = "SELECT stem_id, tier, rate_hz, SUM(frames) FROM rollup GROUP BY stem_id, tier, rate_hz"
        rolled = {(bytes(stem), tier, rate): int(frames) for stem, tier, rate, frames in self._rows(sql)}
        assert rolled == stems, "what is counted of the stems is not what is in the log"

    def history(self, notes: Iterable[bytes]) -> None:
        """All checkpoints are of one history, which is the log's."""
        heads = {read_note(note, self.origin, self.key) for note in notes}
        assert len({head.size for head in heads}) == len(heads), "two checkpoints over as many entries"
        for head in heads:
            assert head.size <= self.tree.size, f"a checkpoint over {head.size} entries, and {self.tree.size} are there"
            assert self.tree.root(head.size) == head.root, f"the checkpoint over {head.size} entries is of another log"

    def published(self) -> None:
        """Every tile and bundle that stands published is right, and those of the published checkpoints are there."""
        self._published(self.public, ())
        self._published(self.audit, ("entries",))
        assert not list(self.public.glob("tile/entries/**/*")), "entries that anybody may see"

    def _published(self, place: Path, also: tuple[str, ...]) -> None:
        note = place / "checkpoint"
        head = read_note(note.read_bytes(), self.origin, self.key) if note.exists() else None
        if head is not None:
            self.history([note.read_bytes()])
            self._complete(place, head, also)
        for path in sorted((place / "tile").rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._right(place, path)
        for folder in ("manifests", "catalogues"):
            for path in (place / folder).glob("[!.]*"):
                assert sha256(path.read_bytes()).hexdigest() == path.stem, (
                    f"{path}: another document than its name says"
                )

    def _complete(self, place: Path, head: Head, also: tuple[str, ...]) -> None:
        """A reader of the published checkpoint finds each tile and bundle, in its partial or in its full form."""
        level, width = 0, head.size
        while width:
            for index in range(-(-width // TILE_WIDTH)):
                for kind in (str(level), *(also if level == 0 else ())):
                    self._found(place, kind, index, min(TILE_WIDTH, width - index * TILE_WIDTH))
            level, width = level + 1, width // TILE_WIDTH

    def _found(self, place: Path, level: str, index: int, width: int) -> None:
        whole = place / "tile" / level / grouped(index)
        partial = whole.with_name(f"{whole.name}.p") / str(width)
        assert whole.is_file() or (width < TILE_WIDTH and partial.is_file()), f"{whole}: a published tile is missing"

    def _right(self, place: Path, path: Path) -> None:
        """The file holds what its name says, as far as the log goes."""
        level, *groups = path.relative_to(place / "tile").parts
        partial = groups[-2].endswith(".p") if len(groups) > 1 else False
        width = int(groups.pop()) if partial else TILE_WIDTH
        index = int("".join(group.removesuffix(".p").removeprefix("x") for group in groups))
        data = path.read_bytes()
        if level == "entries":
            first = index * TILE_WIDTH
            assert tuple(split_bundle(data)) == self.entries[first : first + width], (
                f"{path}: other entries than the log's"
            )
        else:
            assert data == self.tree.tile(int(level), index, width), f"{path}: other hashes than the log's"
            assert len(data) == 32 * width, f"{path}: a tile of entries that are not there"


def _keys(enrolment: dict[int, Any]) -> list[bytes]:
    return [enrolment[3], *([enrolment[13]] if 13 in enrolment else []), *(one[2] for one in enrolment.get(14, []))]


def _stem_ids(manifest: bytes) -> list[bytes]:
    return [stem[1] for stem in read_signed(manifest).content[10]]
