"""Play of raw segments added up as settlement does it, against DuckDB over the same rows in Parquet, both by CPU time
of one thread.

Ours is the way of `settlement.metered_result` from the bytes of verified segments to the sums of a period by stem,
device, rights, standing, accrual, tier and rate, in order: frames, placements begun, first and last second. DuckDB has
files that are there, of rows that somebody else took out of segments, dated and judged, with devices and stems as small
integers, in the order of the log, and need put nothing in order. All its sums are compared with ours.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amos.protocol.cose import TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.readings import BY_CLOCK, PAID
from amos.protocol.segment import FLAG_BEGIN
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement.judging import Judge, Settled, Taken
from amos_ledger.settlement.metered_result import SEGMENTS_AT_A_TIME
from amos_ledger.settlement.part_columns import Parts
from amos_ledger.settlement.plain_play import PlainPlay
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rights_columns import Said, WorkSaid
from amos_ledger.settlement.standing import OptOutHistory
from amos_tools.bench.figure import Figure, note_progress
from amos_tools.bench.ledger_fleet import NOON, SEGMENT_S, SPAN, Player

SEGMENTS, ROWS = 1_000_000, 100
PACKS, STEMS = 40, 250
"""Ten thousand stems."""

PLAYERS = 1000
"""A week of each."""

LENGTHS = tuple(range(ROWS - 48, ROWS + 49, 16))
"""Rows of a segment, of as many kinds; `ROWS` on average."""

CHUNK = 16 * PLAYERS
"""Segments that are made, counted, and written as rows before the next are made."""

PLAIN_SEGMENTS = 2048
"""Judged one by one, to say what that takes."""

WANTED = 2.0
TIERS, RATES_HZ = 3, (44_100, 48_000)
OWN_MS = 1 << 40
"""The player's clock at its anchor: an integer of eight bytes, which can be exchanged for another."""

Columns = dict[str, npt.NDArray[Any]]

_KEY = ("stem", "device", "rights", "standing", "accrual", "tier", "rate_hz")
_ALL = f"""SELECT {", ".join(_KEY)}, sum(frames) AS frames, sum(begins) AS plays, min(first_s) AS first_s,
    max(last_s) AS last_s FROM {{}} GROUP BY ALL"""
_ALONE = "SELECT stem, tier, rate_hz, sum(frames) FROM {} GROUP BY ALL"


@dataclass(frozen=True)
class _Player:
    """A segment of a player whose rows and beginning are exchanged: it was verified, so nobody looks at its
    signature."""

    number: int
    device_id: bytes
    pack: int
    tier: int
    rate_hz: int
    octets: npt.NDArray[np.uint8]
    places: Mapping[str, int]
    offsets: npt.NDArray[np.int64]
    begins: npt.NDArray[np.uint8]


@dataclass
class _Taken:
    """CPU seconds, and what they brought."""

    seconds: float = 0.0
    segments: int = 0
    rows: int = 0


def figures(scale: float) -> list[Figure]:
    """How many times faster than DuckDB, where it is installed, and than judging each segment."""
    count = max(PLAYERS, round(SEGMENTS * scale))
    note_progress(f"a roll-up of {count * ROWS:,} placements")
    with tempfile.TemporaryDirectory(prefix="amos-bench-") as name:
        files = _Rows.open(Path(name))
        taken, sums, plain_us = _count(count, files)
        ours_us = taken.seconds / taken.segments * 1e6
        note = f"{ours_us:.2f} us a segment of {ROWS} rows in memory; {plain_us:.0f} us where each is judged alone"
        title = f"roll-up of {taken.rows:,} placements by stem and device"
        found = [Figure("settle", f"{title}, CPU", taken.seconds, "s", None, note)]
        return [*found, _against(title, taken, sums, files)]


def _against(title: str, taken: _Taken, sums: Columns, files: "_Rows | None") -> Figure:
    """DuckDB's CPU time over ours. Raises `RuntimeError` when its sums are others."""
    name, bound = f"{title}, DuckDB over Parquet that is there / from raw entries, CPU", ("at least", WANTED)
    if files is None:
        return Figure("settle", name, None, "x", bound, "needs the extra `bench`")
    duck_s, found = files.sums(_ALL)
    order = np.lexsort([found[column] for column in _KEY[::-1]])
    if not all(np.array_equal(sums[column], found[column][order]) for column in sums):
        raise RuntimeError("roll-up: expected the sums of DuckDB, found others")
    alone_s, _found = files.sums(_ALONE)
    note = f"DuckDB {duck_s:.2f} s, one thread, {len(order):,} sums; {alone_s:.2f} s by stem, tier and rate alone"
    return Figure("settle", name, duck_s / taken.seconds, "x", bound, note)


def _count(count: int, files: "_Rows | None") -> tuple[_Taken, Columns, float]:
    """(CPU time of the roll-up, its sums, microseconds of a segment that is judged alone)."""
    players, taken, plain_us = _players(), _Taken(), 0.0
    manifests = {_pack(number): _manifest(number) for number in range(PACKS)}
    works = (WorkSaid(stem, "t", "a", None, [("ada", 10**6)]) for number in range(PACKS) for stem in _stems(number))
    rights = RightsHistory([(None, Said(1, works), b"")])
    with PlayedSums(rights.stem_ids) as sums:
        plain = PlainPlay(rights, OptOutHistory(), manifests.get, _by_clock, sums, None)
        for segments, parts in _chunks(players, count):
            began = time.process_time()
            for first in range(0, len(segments), SEGMENTS_AT_A_TIME):
                if plain.take(segments[first : first + SEGMENTS_AT_A_TIME]):
                    raise RuntimeError("roll-up: expected every segment counted, found some left")
            taken.seconds += time.process_time() - began
            taken.segments += len(segments)
            taken.rows += sum(len(columns["frames"]) for columns in parts)
            plain_us = plain_us or _plain_us(segments[:PLAIN_SEGMENTS], rights, manifests)
            if files is not None:
                files.take(parts)
        began = time.process_time()
        plain.give()
        found = [*sums.parts()]
        taken.seconds += time.process_time() - began
    return taken, _as_duck(found, players), plain_us


def _as_duck(found: list[Parts], players: list[_Player]) -> Columns:
    """Our sums in DuckDB's words: numbers of stems and devices."""
    stems = {stem: number for number, stem in enumerate(stem for pack in range(PACKS) for stem in _stems(pack))}
    devices = {player.device_id: player.number for player in players}
    columns: Columns = {
        "stem": np.array([stems[stem.tobytes()] for parts in found for stem in parts.stems]),
        "device": np.array([devices[device.tobytes()] for parts in found for device in parts.devices]),
    }
    for name in (*_KEY[2:], "frames", "plays", "first_s", "last_s"):
        columns[name] = np.concatenate([getattr(parts, name) for parts in found])
    order = np.lexsort([columns[column] for column in _KEY[::-1]])
    return {name: column[order] for name, column in columns.items()}


def _plain_us(segments: list[Settled], rights: RightsHistory, manifests: Mapping[bytes, Manifest]) -> float:
    """Judged one by one, as what is odd is."""
    judge = Judge(rights, OptOutHistory())
    began = time.process_time()
    for segment in segments:
        usage = decode_usage(parse_segment(segment.entry).payload)
        judge.judged(Taken(usage, manifests[usage.pack], segment.flags, "by_clock", None, 0, False)).parts()
    return (time.process_time() - began) / len(segments) * 1e6


def _by_clock(indexes: npt.NDArray[np.int64], _began_s: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.full(len(indexes), BY_CLOCK)


def _pack(number: int) -> bytes:
    return sha256(b"pack %d" % number).digest()


def _stems(pack: int) -> list[bytes]:
    return [sha256(b"stem %d of %d" % (number, pack)).digest()[:16] for number in range(STEMS)]


def _rate_hz(pack: int) -> int:
    return RATES_HZ[pack % len(RATES_HZ)]


def _manifest(number: int) -> Manifest:
    facts: dict[str, Any] = {"sha256": bytes(32), "size_bytes": 4, "codec": 0, "frames": SPAN, "channels": 2, "role": 0}
    facts |= {"gain_q15": 32767, "artist_id": bytes(16), "lease_end_unix_s": NOON * 2}
    return Manifest(
        version=1, serial=1, name="bench", rate_hz=_rate_hz(number), board_class="any", voices=8,
        score_sha256=bytes(32), score_bytes=1, lease_end_unix_s=NOON * 2,
        stems=[PackStem(stem_id=stem, **facts) for stem in _stems(number)],
    )  # fmt: skip


def _players() -> list[_Player]:
    found = []
    for number in range(PLAYERS):
        pack, rows = number % PACKS, LENGTHS[number // PACKS % len(LENGTHS)]
        usage = decode_usage(parse_segment(Player(number, _pack(pack), rows).seal()).payload)
        usage.tier, usage.rate_hz = number % TIERS, _rate_hz(pack)
        usage.start_ms, usage.end_ms, usage.anchor_ms = OWN_MS, 2 * OWN_MS, OWN_MS
        segment = sign_cose(usage.encode(), TYP_USAGE, usage.device_id, lambda _message: bytes(64))
        columns = {
            "stems": usage.stems.tobytes(),
            "frames": usage.frames.tobytes(),
            "start_ms": OWN_MS.to_bytes(8, "big"),
        }
        found.append(
            _Player(
                *(number, usage.device_id, pack, usage.tier, usage.rate_hz, np.frombuffer(segment, np.uint8)),
                {name: segment.index(octets) for name, octets in columns.items()},
                np.cumsum(usage.starts),
                np.array(usage.flags, np.uint8) & np.uint8(FLAG_BEGIN),
            )
        )
    return found


def _chunks(players: list[_Player], count: int) -> Iterator[tuple[list[Settled], list[Columns]]]:
    """(segments in the order in which they begin, the rows of each)."""
    chance = np.random.default_rng(1)
    for first in range(0, count, CHUNK):
        each, before = -(-min(CHUNK, count - first) // len(players)), first // len(players)
        made = [_made(player, before, each, chance) for player in players]
        entries = [entries[turn] for turn in range(each) for entries, _columns in made]
        yield (
            [Settled(first + at, entry, frozenset(), None) for at, entry in enumerate(entries)],
            [
                {name: column[turn] for name, column in columns.items()}
                for turn in range(each)
                for _entries, columns in made
            ],
        )


def _made(player: _Player, before: int, count: int, chance: np.random.Generator) -> tuple[list[bytes], Columns]:
    """So many segments of a player, and their rows, a line for each."""
    rows, places = len(player.offsets), player.places
    stems = chance.integers(0, STEMS, (count, rows), np.uint16)
    frames = chance.integers(1, SPAN // rows + 1, (count, rows), np.uint32)
    began_s = np.arange(before, before + count) * SEGMENT_S
    octets = np.tile(player.octets, (count, 1))
    starts_ms = (OWN_MS + began_s * 1000).astype(">u8")
    for name, values in (("stems", stems), ("frames", frames), ("start_ms", starts_ms[:, None])):
        spelled = np.ascontiguousarray(values).view(np.uint8)
        octets[:, places[name] : places[name] + spelled.shape[1]] = spelled
    data, size = octets.tobytes(), octets.shape[1]
    first_s = NOON + began_s[:, None] + player.offsets // player.rate_hz
    last_s = NOON + began_s[:, None] + (player.offsets + frames) // player.rate_hz
    columns: Columns = {
        "stem": stems + np.uint16(player.pack * STEMS),
        "device": np.full(stems.shape, player.number, np.uint16),
        "rights": np.full(stems.shape, 1, np.uint32),
        "standing": np.full(stems.shape, PAID, np.uint8),
        "accrual": np.full(stems.shape, BY_CLOCK, np.uint8),
        "tier": np.full(stems.shape, player.tier, np.uint8),
        "rate_hz": np.full(stems.shape, player.rate_hz, np.uint32),
        "frames": frames,
        "begins": np.tile(player.begins, (count, 1)),
        "first_s": first_s.astype(np.uint32),
        "last_s": last_s.astype(np.uint32),
    }
    return [data[at : at + size] for at in range(0, len(data), size)], columns


class _Rows:
    """The rows as files of Parquet."""

    def __init__(self, folder: Path, connection: Any) -> None:
        self._folder, self._connection, self._files = folder, connection, 0
        connection.execute("SET threads = 1")

    @classmethod
    def open(cls, folder: Path) -> "_Rows | None":
        """None without DuckDB."""
        try:
            import duckdb
        except ImportError:
            return None
        return cls(folder, duckdb.connect())

    def take(self, parts: list[Columns]) -> None:
        """One more file, of these rows."""
        self._connection.register("rows", {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        self._connection.execute(f"COPY (SELECT * FROM rows) TO '{self._folder}/{self._files}.parquet'")
        self._connection.unregister("rows")
        self._files += 1

    def sums(self, query: str) -> tuple[float, Columns]:
        """CPU seconds of the query over all files, which are in memory since they were written; and what it finds."""
        began = time.process_time()
        found = self._connection.execute(query.format(f"'{self._folder}/*.parquet'")).fetchnumpy()
        took_s = time.process_time() - began
        return took_s, {name: column.astype(np.int64) for name, column in found.items()}
