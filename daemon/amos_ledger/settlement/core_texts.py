"""The cores of all statements of a period, spelled as `statement.core_bytes` spells them, without making an object of
each line. Pure.

What a line says of its stem is the same for all who share it, so it is spelled once for each entry, and cut where the
payee's share stands. `tests/ledger/settlement/test_core_texts.py` holds these bytes against the cores themselves.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from json.encoder import encode_basestring as _quoted
from math import gcd
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.closing import Closing
from amos.protocol.ledger_limits import PPM
from amos.protocol.readings import ACCRUALS, EARNING, FROZEN_LATE, STANDINGS
from amos.protocol.record import U63
from amos_ledger.settlement.accounts import Books, Earned
from amos_ledger.settlement.apportion_numpy import Integers, Shares
from amos_ledger.settlement.division import Division, Entries
from amos_ledger.settlement.metered_statement import PAYABLE, format_of, moves, on_accounts
from amos_ledger.settlement.money import decimal, minor_units
from amos_ledger.settlement.part_columns import NEVER, Parts
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.statement import SPELLED
from amos_ledger.settlement.stem_table import StemTable

ENTRIES_AT_A_TIME, PAYEES_AT_A_TIME = 8192, 64
_DAY_S = 86_400

_CUT = "\0"
"""Between texts that are spelled in JSON, which has no such octet."""

_OCTETS = "latin-1"

_OPENED, _OPENED_LATE = (f'{{"account":"{account}","amount_micro":' for account in (PAYABLE, STANDINGS[FROZEN_LATE]))
"""What a line begins with that earns, up to the payee's amount."""
_REASONS = tuple("" if standing in EARNING else f'"reason":"{reason}",' for standing, reason in enumerate(STANDINGS))


class _Texts(NamedTuple):
    """Texts of entries, `ENTRIES_AT_A_TIME` of them side by side, a character for each octet of UTF-8; and where each
    begins there, where the share's ppm stands in it, and where it ends."""

    octets: list[str]
    bounds: npt.NDArray[np.int32]


class _Lines:
    """The lines of each payee, made for some hundred payees at a time."""

    def __init__(self, texts: _Texts, shares: Shares, standings: npt.NDArray[Any], amounts: Integers | None) -> None:
        self._texts, self._shares, self._standings, self._amounts = texts, shares, standings, amounts
        self._first, self._made = 0, list[bytes]()

    def of(self, number: int) -> bytes:
        """That payee's, with commas between them."""
        if not self._first <= number < self._first + len(self._made):
            bounds = self._shares.starts[number : number + PAYEES_AT_A_TIME + 1]
            lines = self._of_shares(slice(int(bounds[0]), int(bounds[-1])))
            self._made = [
                ",".join(lines[first:end]).encode(_OCTETS) for first, end in pairwise((bounds - bounds[0]).tolist())
            ]
            self._first = number
        return self._made[number - self._first]

    def _of_shares(self, which: slice) -> list[str]:
        entries = self._shares.stems[which]
        octets = map(self._texts.octets.__getitem__, (entries // ENTRIES_AT_A_TIME).tolist())
        columns = octets, self._shares.ppm[which].tolist(), *self._texts.bounds[:, entries].tolist()
        if self._amounts is None:
            told = zip(*columns, strict=True)
            return [f"{{{text[begin:cut]}{ppm}{text[cut:end]}" for text, ppm, begin, cut, end in told]
        earned = zip(self._amounts[which].tolist(), *columns, strict=True)
        found = [
            f"{_OPENED}{amount},{text[begin:cut]}{ppm}{text[cut:end]}" for amount, text, ppm, begin, cut, end in earned
        ]
        for at in np.flatnonzero(self._standings[entries] == FROZEN_LATE).tolist():
            found[at] = _OPENED_LATE + found[at].removeprefix(_OPENED)
        return found


class CoreTexts:
    """The cores of all payees."""

    def __init__(self, division: Division, table: StemTable, rights: RightsHistory) -> None:
        entries = division.entries
        texts = _Texts([], np.empty((3, len(entries.starts)), np.int32))
        clocks = [f"T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(_DAY_S)]
        for first in range(0, len(entries.starts), ENTRIES_AT_A_TIME):
            _spell(texts, slice(first, first + ENTRIES_AT_A_TIME), entries, table, rights, clocks)
        self._paid = _Lines(texts, division.paid, entries.standings, division.of_lines)
        self._told = _Lines(texts, division.told, entries.standings, None)

    def core(self, number: int, pool: bytes, around: "Around") -> list[bytes]:
        """Pieces of the core of that payee; `pool`: what is said of all of it."""
        front, middle = around.front.encode(), around.middle.encode()
        return [front, self._paid.of(number), middle, pool, b',"unpaid":[', self._told.of(number), b"]}"]


class Around(NamedTuple):
    """What a core says in front of its lines, and between these and what it says of the pool."""

    front: str
    middle: str


def around(closing: Closing, books: Books, earned: Earned, times: Mapping[str, str]) -> Around:
    """As `metered_statement.facts` has it, which makes an object of each fact."""
    payee, amount_micro, frozen_late_micro = earned
    minor = minor_units(amount_micro, closing.currency)
    accounts = "".join(
        f'"{name}":{{"closing_micro":{closing_micro},"opening_micro":{opening_micro}}},'
        for name, opening_micro, closing_micro in on_accounts(books, earned)
    )
    moved = moves(books, payee)
    transfers, currency = SPELLED(moved) if moved else "[]", _quoted(closing.currency)
    front = (
        f'{{"amount":"{decimal(amount_micro)}","amount_micro":{amount_micro},'
        f'"balance":{{{accounts}"transfers":{transfers}}},"currency":{currency},'
        f'"earning_ms":"{times["earning_ms"]}","format":"{format_of(closing)}","frozen_late_micro":{frozen_late_micro},"lines":['
    )
    middle = (
        f'],"minor_units":{{"digits":{minor.digits},"rest_micro":{minor.rest_micro},"whole":{minor.whole}}},'
        f'"payee":{_quoted(payee)},"period":{_quoted(closing.period)},"play_ms":"{times["play_ms"]}","pool":'
    )
    return Around(front, middle)


def _spell(
    found: _Texts,
    which: slice,
    entries: Entries,
    table: StemTable,
    rights: RightsHistory,
    clocks: Sequence[str],
) -> None:
    """Those entries: what stands in front of the share's ppm, and what stands behind it."""
    starts, behind = entries.starts[which], entries.starts[which.stop : which.stop + 1]
    parts = table.parts.chosen(np.arange(starts[0], behind[0] if len(behind) else table.parts.count))
    frames, plays, first_s, last_s, play_ms = _of_parts(parts, starts - starts[0], clocks)
    stems = table.parts.stems[starts]
    (titles, artists, isrcs), devices = rights.texts(stems), table.cells[entries.stems[which]].tolist()
    names = stems.tobytes().hex()
    hexes = [names[at : at + 32] for at in range(0, len(names), 32)]
    kinds = entries.rights[which].tolist(), entries.standings[which].tolist()
    told = zip(titles, artists, isrcs, devices, first_s, frames, last_s, play_ms, plays, hexes, *kinds, strict=True)
    texts = [
        f'"artist":{artist},"devices":{of},"first":"{first}","frames":[{played}],"isrc":{isrc}'
        f',"last":"{last}","play_ms":"{ms}","plays":{begun},"ppm":{_CUT},{_REASONS[standing]}"rights":{serial}'
        f',"stem":"{stem}","title":{title}}}{_CUT}'
        for title, artist, isrc, of, first, played, last, ms, begun, stem, serial, standing in told
    ]
    octets = "".join(texts).encode()
    stops = np.flatnonzero(np.frombuffer(octets, np.uint8) == ord(_CUT)).astype(np.int32) - np.arange(len(texts) * 2)
    found.bounds[:, which] = np.concatenate(([0], stops[1:-1:2])), stops[::2], stops[1::2]
    found.octets.append(octets.decode(_OCTETS).replace(_CUT, ""))


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


def _of_parts(
    parts: Parts, starts: Integers, clocks: Sequence[str]
) -> tuple[list[str], list[int], list[str], list[str], list[str]]:
    """(frames as texts, plays, first, last, milliseconds as texts) of each entry."""
    each = [
        f'{{"accrual":"{ACCRUALS[accrual]}","frames":{frames},"rate_hz":{rate_hz},"tier":{tier}}}'
        for accrual, frames, rate_hz, tier in zip(
            parts.accrual.tolist(), parts.frames.tolist(), parts.rate_hz.tolist(), parts.tier.tolist(), strict=True
        )
    ]
    bounds = [*starts.tolist(), parts.count]
    if len(starts) == parts.count:
        joined, ms = each, _ms_texts(parts)
    else:
        frames, rates_hz = parts.frames.tolist(), parts.rate_hz.tolist()
        joined = [",".join(each[first:end]) for first, end in pairwise(bounds)]
        ms = [_ms_text(frames[first:end], rates_hz[first:end]) for first, end in pairwise(bounds)]
    never = np.iinfo(np.int64).max
    first_s = np.minimum.reduceat(np.where(parts.first_s == NEVER, never, parts.first_s), starts)
    firsts, lasts = np.where(first_s == never, NEVER, first_s), np.maximum.reduceat(parts.last_s, starts)
    plays = np.add.reduceat(parts.plays, starts).tolist()
    return joined, plays, _utc(firsts, clocks), _utc(lasts, clocks), ms


def _utc(unix_s: Integers, clocks: Sequence[str]) -> list[str]:
    """As statements have them; an empty text for `NEVER`."""
    days, which = np.unique(unix_s // _DAY_S, return_inverse=True)
    dates = [datetime.fromtimestamp(max(day, 0) * _DAY_S, UTC).strftime("%Y-%m-%d") for day in days.tolist()]
    texts = [
        dates[day] + clocks[second] for day, second in zip(which.tolist(), (unix_s % _DAY_S).tolist(), strict=True)
    ]
    for at in np.flatnonzero(unix_s == NEVER).tolist():
        texts[at] = ""
    return texts


def _ms_texts(parts: Parts) -> list[str]:
    """Milliseconds of each part."""
    if int(parts.frames.max()) * 1000 > U63:
        return [
            _ms_text([frames], [hz]) for frames, hz in zip(parts.frames.tolist(), parts.rate_hz.tolist(), strict=True)
        ]
    common = np.gcd(parts.frames * 1000, parts.rate_hz)
    halves = (parts.frames * 1000 // common).tolist(), (parts.rate_hz // common).tolist()
    return [f"{numerator}/{denominator}" for numerator, denominator in zip(*halves, strict=True)]


def _ms_text(frames: Sequence[int], rates_hz: Sequence[int]) -> str:
    """Of parts at several rates."""
    numerator, denominator = 0, 1
    for count, rate_hz in zip(frames, rates_hz, strict=True):
        numerator, denominator = numerator * rate_hz + 1000 * count * denominator, denominator * rate_hz
        common = gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
    return ratio_text(numerator, denominator)
