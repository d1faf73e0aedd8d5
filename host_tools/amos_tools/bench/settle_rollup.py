"""Frames in play of raw segments, against DuckDB's sum over the same rows in Parquet, both by CPU time of one thread.

This is how fast a roll-up by columns can be (`rollup_columns`). Settlement decodes each segment, since it judges rows.

The first figure is the sum over files that are there: it favours DuckDB, whose rows somebody else took out of
segments. A log holds segments, so the second figure is the whole way: the same segments, their rows taken out by the
same columns, written as Parquet and summed. NumPy does not come to twice DuckDB's speed on files, as the first figure
says. No log has such files, and over the whole way NumPy is the faster, so settlement does without DuckDB.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amos.protocol.cose import TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import SPAN, Player
from amos_tools.bench.rollup_columns import RowColumns, play_of_entries, rows_of_entries

SEGMENTS, ROWS = 1_000_000, 100
PACKS, STEMS = 40, 250
"""Ten thousand stems."""

LENGTHS = tuple(range(ROWS - 48, ROWS + 49, 16))
"""Rows of a segment, of as many kinds; `ROWS` on average."""

CHUNK = 16_384
"""Segments that are made, counted, and written as rows before the next are made."""

PLAIN_SEGMENTS = 2048
"""Decoded one by one, to say what that takes."""

WANTED = 2.0
TIERS, RATES_HZ = 3, (44_100, 48_000)

Sums = dict[tuple[int, int, int], int]
"""(stem among those of all packs, tier, rate in Hz) → frames."""

Columns = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class _Kind:
    """A signed segment whose rows are exchanged for others: it was verified, so nobody looks at its signature."""

    pack: int
    tier: int
    rate_hz: int
    octets: npt.NDArray[np.uint8]
    stems_at: int
    frames_at: int
    rows: int


@dataclass
class _Taken:
    """CPU seconds, and what they brought."""

    seconds: float = 0.0
    segments: int = 0
    rows: int = 0


def figures(scale: float) -> list[Figure]:
    """How many times faster than DuckDB, where it is installed, and than decoding each segment."""
    count = max(len(LENGTHS) * PACKS, round(SEGMENTS * scale))
    note_progress(f"a roll-up of {count * ROWS:,} placements")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        files = _Rows.open(Path(name))
        taken, sums, plain_us = _count(count, files)
        ours_us = taken.seconds / taken.segments * 1e6
        note = (
            f"{ours_us:.2f} us a segment of {ROWS} rows in memory; {plain_us:.0f} us to decode it, as settlement does"
        )
        title = f"roll-up of {taken.rows:,} placements"
        found = [Figure("settle", f"{title}, CPU", taken.seconds, "s", None, note)]
        return found + _against(title, taken, sums, files)


def _against(title: str, taken: _Taken, sums: Sums, files: "_Rows | None") -> list[Figure]:
    """DuckDB's CPU time over ours. Raises `RuntimeError` when its sums are others."""
    bounds = {
        f"{title}, DuckDB over Parquet that is there / from raw entries, CPU": ("at least", WANTED),
        f"{title}, DuckDB from raw entries / from raw entries, CPU": None,
    }
    if files is None:
        return [Figure("settle", name, None, "x", bound, "needs the extra `bench`") for name, bound in bounds.items()]
    duck_s, duck_sums = files.sums()
    if duck_sums != sums:
        raise RuntimeError("roll-up: expected the sums of DuckDB, found others")
    return [
        Figure("settle", name, seconds / taken.seconds, "x", bound, f"DuckDB {seconds:.2f} s, one thread")
        for (name, bound), seconds in zip(bounds.items(), (duck_s, duck_s + files.written_s), strict=True)
    ]


def _count(count: int, files: "_Rows | None") -> tuple[_Taken, Sums, float]:
    """(CPU time of the roll-up, its sums, microseconds of a segment that is decoded)."""
    kinds, taken, plain_us = _kinds(), _Taken(), 0.0
    numbers = {_pack(pack): pack for pack in range(PACKS)}
    sums: Sums = {}
    for entries, parts in _chunks(kinds, count):
        began = time.process_time()
        play = play_of_entries(entries)
        taken.seconds += time.process_time() - began
        taken.segments += len(entries)
        taken.rows += sum(len(columns["frames"]) for columns in parts)
        if play.left:
            raise RuntimeError(f"roll-up: expected every segment counted, found {len(play.left)} left")
        for (pack, tier, rate_hz), frames in play.frames.items():
            for stem in np.flatnonzero(frames).tolist():
                at = numbers[pack] * STEMS + stem, tier, rate_hz
                sums[at] = sums.get(at, 0) + int(frames[stem])
        plain_us = plain_us or _plain_us(entries[:PLAIN_SEGMENTS])
        if files is not None:
            files.take(entries, numbers)
    return taken, sums, plain_us


def _plain_us(entries: list[bytes]) -> float:
    began = time.process_time()
    for entry in entries:
        decode_usage(parse_segment(entry).payload)
    return (time.process_time() - began) / len(entries) * 1e6


def _pack(number: int) -> bytes:
    return sha256(b"pack %d" % number).digest()


def _kinds() -> list[_Kind]:
    found = []
    for number in range(PACKS * len(LENGTHS)):
        pack, rows = divmod(number, len(LENGTHS))
        usage = decode_usage(parse_segment(Player(pack, _pack(pack), LENGTHS[rows]).seal()).payload)
        usage.tier, usage.rate_hz = number % TIERS, RATES_HZ[number % len(RATES_HZ)]
        segment = sign_cose(usage.encode(), TYP_USAGE, usage.device_id, lambda _message: bytes(64))
        stems_at, frames_at = (segment.index(column.tobytes()) for column in (usage.stems, usage.frames))
        octets = np.frombuffer(segment, np.uint8)
        found.append(_Kind(pack, usage.tier, usage.rate_hz, octets, stems_at, frames_at, LENGTHS[rows]))
    return found


def _chunks(kinds: list[_Kind], count: int) -> Iterator[tuple[list[bytes], list[Columns]]]:
    """(segments in no order, their rows)."""
    chance = np.random.default_rng(1)
    for first in range(0, count, CHUNK):
        each = -(-min(CHUNK, count - first) // len(kinds))
        made = [_made(kind, each, chance) for kind in kinds]
        entries = [entry for of_kind, _columns in made for entry in of_kind]
        yield [entries[at] for at in chance.permutation(len(entries))], [columns for _entries, columns in made]


def _made(kind: _Kind, count: int, chance: np.random.Generator) -> tuple[list[bytes], Columns]:
    """So many segments of a kind, and their rows."""
    stems = chance.integers(0, STEMS, (count, kind.rows), np.uint16)
    frames = chance.integers(1, SPAN // kind.rows + 1, (count, kind.rows), np.uint32)
    octets = np.tile(kind.octets, (count, 1))
    octets[:, kind.stems_at : kind.stems_at + 2 * kind.rows] = stems.view(np.uint8)
    octets[:, kind.frames_at : kind.frames_at + 4 * kind.rows] = frames.view(np.uint8)
    data, size = octets.tobytes(), octets.shape[1]
    columns: Columns = {
        "stem": stems.ravel() + np.uint16(kind.pack * STEMS),
        "tier": np.full(stems.size, kind.tier, np.uint8),
        "rate_hz": np.full(stems.size, kind.rate_hz, np.uint32),
        "frames": frames.ravel(),
    }
    return [data[at : at + size] for at in range(0, len(data), size)], columns


def _columns(rows: RowColumns, packs: dict[bytes, int]) -> Columns:
    """As DuckDB takes them, without the rows that are none."""
    some = rows.frames > 0
    kinds = rows.kinds[some]
    first_stem = np.array([packs[pack] * STEMS for pack, _tier, _rate_hz in rows.keys], np.uint16)[kinds]
    tier = np.array([tier for _pack, tier, _rate_hz in rows.keys], np.uint8)[kinds]
    rate_hz = np.array([rate_hz for _pack, _tier, rate_hz in rows.keys], np.uint32)[kinds]
    stem: npt.NDArray[Any] = rows.stems[some].astype(np.uint16) + first_stem
    return {"stem": stem, "tier": tier, "rate_hz": rate_hz, "frames": rows.frames[some]}


class _Rows:
    """The rows as files of Parquet; `written_s` is what it took to get them out of segments and there."""

    def __init__(self, folder: Path, connection: Any) -> None:
        self._folder, self._connection, self._files = folder, connection, 0
        self.written_s = 0.0
        connection.execute("SET threads = 1")

    @classmethod
    def open(cls, folder: Path) -> "_Rows | None":
        """None without DuckDB."""
        try:
            import duckdb
        except ImportError:
            return None
        return cls(folder, duckdb.connect())

    def take(self, entries: list[bytes], packs: dict[bytes, int]) -> None:
        """One more file, of the rows of these segments."""
        began = time.process_time()
        parts = list(rows_of_entries(entries))
        columns = [_columns(rows, packs) for rows in parts]
        self._write({name: np.concatenate([part[name] for part in columns]) for name in columns[0]})
        self.written_s += time.process_time() - began

    def _write(self, columns: Columns) -> None:
        self._connection.register("placements", columns)
        self._connection.execute(f"COPY (SELECT * FROM placements) TO '{self._folder}/{self._files}.parquet'")
        self._connection.unregister("placements")
        self._files += 1

    def sums(self) -> tuple[float, Sums]:
        """CPU seconds of the sum, from files that are in memory since they were written; and the sum."""
        began = time.process_time()
        query = f"SELECT stem, tier, rate_hz, sum(frames) FROM '{self._folder}/*.parquet' GROUP BY ALL"
        found = self._connection.execute(query).fetchnumpy()
        took_s = time.process_time() - began
        names = "stem", "tier", "rate_hz", "sum(frames)"
        rows = zip(*(found[name].astype(np.int64).tolist() for name in names), strict=True)
        return took_s, {(stem, tier, rate_hz): frames for stem, tier, rate_hz, frames in rows}
