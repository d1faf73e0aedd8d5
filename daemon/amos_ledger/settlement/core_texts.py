"""The cores of all statements of a period, spelled as `statement.core_bytes` spells them, without making an object of
each line. Pure.

What a line says of its stem is the same for all who share it, so it is spelled once for each entry, and cut where the
payee's share stands. `tests/ledger/settlement/test_core_texts.py` holds these bytes against the cores themselves.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from math import gcd

import numpy as np

from amos.protocol.ledger_limits import PPM
from amos.protocol.readings import ACCRUALS, EARNING, FROZEN_LATE, STANDINGS
from amos_ledger.settlement.apportion_numpy import Integers, Shares
from amos_ledger.settlement.division import Division, Entries
from amos_ledger.settlement.metered_statement import PAYABLE
from amos_ledger.settlement.part_columns import NEVER, Parts
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.stem_table import StemTable

ENTRIES_AT_A_TIME = 8192
_DAY_S = 86_400
_CUT = '"lines":0,', '"unpaid":0'

_OPENED = tuple(
    b'{"account":"%b","amount_micro":' % (STANDINGS[FROZEN_LATE] if standing == FROZEN_LATE else PAYABLE).encode()
    for standing in EARNING
)


@dataclass(frozen=True)
class _Times:
    """Seconds of a day as texts are made of them."""

    clocks: Sequence[str]

    def utc(self, unix_s: int) -> str:
        """As statements have it; an empty text for `NEVER`."""
        return "" if unix_s == NEVER else _day(unix_s // _DAY_S) + self.clocks[unix_s % _DAY_S]


class CoreTexts:
    """Lines of all payees; `core` puts them into what else a payee is told."""

    def __init__(self, division: Division, table: StemTable, rights: RightsHistory) -> None:
        self._division = division
        entries = division.entries
        self._begins, self._cuts = (np.empty(len(entries.starts), np.int64) for _ in range(2))
        self._ends = np.empty(len(entries.starts), np.int64)
        octets = bytearray()
        times = _Times([f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(_DAY_S)])
        for first in range(0, len(entries.starts), ENTRIES_AT_A_TIME):
            self._spell(octets, slice(first, first + ENTRIES_AT_A_TIME), entries, table, rights, times)
        self._octets = bytes(octets)

    def core(self, number: int, facts: str) -> bytes:
        """The core of that payee, whose other facts are spelled with 0 in the place of lines and of what is unpaid."""
        front, _cut, rest = facts.partition(_CUT[0])
        middle, _cut, end = rest.partition(_CUT[1])
        lines, unpaid = self._lines(number), self._unpaid(number)
        return b"".join(
            [front.encode(), b'"lines":[', lines, b"],", middle.encode(), b'"unpaid":[', unpaid, b"]", end.encode()]
        )

    def _lines(self, number: int) -> bytes:
        octets, opened, found = self._octets, _OPENED, []
        for begin, cut, end, standing, ppm, amount in self._places(self._division.paid, number):
            found.append(b"%b%d,%b%d%b" % (opened[standing], amount, octets[begin:cut], ppm, octets[cut:end]))
        return b",".join(found)

    def _unpaid(self, number: int) -> bytes:
        octets, found = self._octets, []
        for begin, cut, end, _standing, ppm, _amount in self._places(self._division.told, number):
            found.append(b"{%b%d%b" % (octets[begin:cut], ppm, octets[cut:end]))
        return b",".join(found)

    def _places(self, shares: Shares, number: int) -> Iterator[tuple[int, int, int, int, int, int]]:
        which = slice(int(shares.starts[number]), int(shares.starts[number + 1]))
        entries = shares.stems[which]
        amounts = self._division.of_lines[which] if shares is self._division.paid else entries
        columns = (self._begins, self._cuts, self._ends, self._division.entries.standings)
        return zip(
            *(column[entries].tolist() for column in columns), shares.ppm[which].tolist(), amounts.tolist(), strict=True
        )

    def _spell(
        self, octets: bytearray, which: slice, entries: Entries, table: StemTable, rights: RightsHistory, times: _Times
    ) -> None:
        """Those entries: what stands in front of the share's ppm, and what stands behind it."""
        starts, ends = entries.starts[which], entries.ends[which]
        parts = table.parts.chosen(np.arange(starts[0], ends[-1]))
        frames, plays, first_s, last_s, play_ms = _of_parts(parts, starts - starts[0], times)
        ids = table.parts.stems[starts].tobytes()
        names, quote = ids.hex(), encode_basestring
        columns = entries.rights[which].tolist(), entries.standings[which].tolist()
        devices = table.cells[entries.stems[which]].tolist()
        texts: list[bytes] = []
        for at, (serial, standing) in enumerate(zip(*columns, strict=True)):
            work = rights.work(ids[16 * at : 16 * at + 16])
            texts.append(
                f'"artist":{quote(work.artist)},"devices":{devices[at]},"first":"{first_s[at]}","frames":[{frames[at]}]'
                f',"isrc":{quote(work.isrc or "")},"last":"{last_s[at]}","play_ms":"{play_ms[at]}","plays":{plays[at]}'
                ',"ppm":'.encode()
            )
            reason = "" if standing in EARNING else f'"reason":"{STANDINGS[standing]}",'
            stem = names[32 * at : 32 * at + 32]
            texts.append(f',{reason}"rights":{serial},"stem":"{stem}","title":{quote(work.title)}}}'.encode())
        stops = len(octets) + np.fromiter(map(len, texts), np.int64, len(texts)).cumsum()
        self._begins[which] = np.concatenate(([len(octets)], stops[1:-1:2]))
        self._cuts[which], self._ends[which] = stops[::2], stops[1::2]
        octets += b"".join(texts)


def facts_of_time(ticks: int, weights: int, ticks_hz: int) -> dict[str, str]:
    """How long the payee's stems earned, and how much of that was the payee's; `weights` are ticks times ppm."""
    return {
        "play_ms": ratio_text(1000 * ticks, ticks_hz),
        "earning_ms": ratio_text(1000 * weights, ticks_hz * PPM),
    }


def ratio_text(numerator: int, denominator: int) -> str:
    """As `statement.fraction_text` has it."""
    common = gcd(numerator, denominator)
    return f"{numerator // common}/{denominator // common}"


def with_places(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts with 0 where `CoreTexts.core` puts lines."""
    return {**facts, "lines": 0, "unpaid": 0}


def _of_parts(
    parts: Parts, starts: Integers, times: _Times
) -> tuple[list[str], list[int], list[str], list[str], list[str]]:
    """(frames as texts, plays, first, last, milliseconds as texts) of each entry."""
    each = [
        f'{{"accrual":"{ACCRUALS[accrual]}","frames":{frames},"rate_hz":{rate_hz},"tier":{tier}}}'
        for accrual, frames, rate_hz, tier in zip(
            parts.accrual.tolist(), parts.frames.tolist(), parts.rate_hz.tolist(), parts.tier.tolist(), strict=True
        )
    ]
    frames, rates_hz = parts.frames.tolist(), parts.rate_hz.tolist()
    bounds = [*starts.tolist(), parts.count]
    if len(starts) == parts.count:
        joined, ms = each, [ratio_text(1000 * count, hz) for count, hz in zip(frames, rates_hz, strict=True)]
    else:
        spans = list(itertools.pairwise(bounds))
        joined = [",".join(each[first:end]) for first, end in spans]
        ms = [_ms_text(frames[first:end], rates_hz[first:end]) for first, end in spans]
    never = np.iinfo(np.int64).max
    first_s = np.minimum.reduceat(np.where(parts.first_s == NEVER, never, parts.first_s), starts)
    firsts = np.where(first_s == never, NEVER, first_s).tolist()
    lasts = np.maximum.reduceat(parts.last_s, starts).tolist()
    plays = np.add.reduceat(parts.plays, starts).tolist()
    utc = times.utc
    return joined, plays, [utc(second) for second in firsts], [utc(second) for second in lasts], ms


def _ms_text(frames: Sequence[int], rates_hz: Sequence[int]) -> str:
    """Of parts at several rates."""
    numerator, denominator = 0, 1
    for count, rate_hz in zip(frames, rates_hz, strict=True):
        numerator, denominator = numerator * rate_hz + 1000 * count * denominator, denominator * rate_hz
        common = gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
    return ratio_text(numerator, denominator)


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY_S, UTC).strftime("%Y-%m-%d")
