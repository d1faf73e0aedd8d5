"""The cores of all statements of a period, spelled as `statement.core_bytes` spells them, without making an object of
each line. Pure.

What a line says of its stem is the same for all who share it, so it is spelled once for each entry, as a template of
`bytes` in which the payee's part of it is open; a core is a template as well. One such step for many fields is several
times as fast as one for each. `tests/ledger/settlement/test_core_texts.py` holds these bytes against the cores
themselves.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from json.encoder import encode_basestring as _quoted
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from amos.protocol.ledger_limits import PPM
from amos.protocol.readings import ACCRUALS, EARNING, FROZEN_LATE, STANDINGS
from amos.protocol.record import U63
from amos_ledger.settlement.accounts import Books
from amos_ledger.settlement.apportion_numpy import Integers, Shares
from amos_ledger.settlement.division import Division, Entries
from amos_ledger.settlement.meter import Meter
from amos_ledger.settlement.metered_statement import PAYABLE, MeteredPool, format_of, moves, on_accounts
from amos_ledger.settlement.money import MICRO, minor_units
from amos_ledger.settlement.part_columns import NEVER, Parts
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.statement import SPELLED
from amos_ledger.settlement.stem_table import StemTable

ENTRIES_AT_A_TIME, PAYEES_AT_A_TIME = 8192, 64
_DAY_S = 86_400

_CUT = b"\0"
"""Between texts that are spelled in JSON, which has no such octet."""

_CLOSES = b"}"
_BETWEEN = b"},{"
_EARNED, _EARNED_LATE = (
    b'"account":"%b","amount_micro":%%d,' % account.encode() for account in (PAYABLE, STANDINGS[FROZEN_LATE])
)
"""What a line begins with that earns."""

_ACCRUALS = [accrual.encode() for accrual in ACCRUALS]
_REASONS = [
    b"" if standing in EARNING else b'"reason":"%b",' % reason.encode() for standing, reason in enumerate(STANDINGS)
]


class CoreTexts:
    """The cores of all payees."""

    def __init__(
        self, pool: MeteredPool, books: Books, division: Division, readings: Meter, rights: RightsHistory
    ) -> None:
        self._books, self._division, self._ticks_hz = books, division, readings.ticks_hz
        self._late = division.frozen_late()
        self._front, self._middle, self._micro_per_minor = _around_lines(pool)
        entries = division.entries
        texts = np.empty(len(entries.starts), object)
        clocks = [b"T%02d:%02d:%02dZ" % (s // 3600, s // 60 % 60, s % 60) for s in range(_DAY_S)]
        for first in range(0, len(texts), ENTRIES_AT_A_TIME):
            which = slice(first, first + ENTRIES_AT_A_TIME)
            texts[which] = _templates(which, entries, readings.table, rights, clocks)
        late = entries.standings == FROZEN_LATE
        self._paid = _Lines(texts, division.paid, late, division.of_lines)
        self._told = _Lines(texts, division.told, np.zeros_like(late), None)

    def leaf(self, number: int) -> bytes:
        """The core of one payee behind the prefix of a leaf; of neighbours it is made sooner one after the other."""
        division, ticks_hz = self._division, self._ticks_hz
        payee, amount, late = division.payees[number], division.amounts[number], self._late[number]
        accounts = on_accounts(self._books, (payee, amount, late))
        moved = moves(self._books, payee)
        whole, rest = divmod(amount, self._micro_per_minor)
        (paid, of_paid), (told, of_told) = self._paid.of(number), self._told.of(number)
        return b"".join([self._front, *paid, self._middle, *told, b"]}"]) % (
            *divmod(amount, MICRO),
            amount,
            *chain.from_iterable((closing, opening) for _name, opening, closing in accounts),
            SPELLED(moved).encode() if moved else b"[]",
            *_ratio(1000 * division.weights[number], ticks_hz * PPM),
            late,
            *of_paid,
            rest,
            whole,
            _quoted(payee).encode(),
            *_ratio(1000 * division.ticks[number], ticks_hz),
            *of_told,
        )


def _around_lines(pool: MeteredPool) -> tuple[bytes, bytes, int]:
    """Templates of what `metered_statement.facts` says of any payee, in front of the lines that earn and between these
    and the others; and how many micro-units a minor unit has."""
    closing = pool.closing
    digits = minor_units(0, closing.currency).digits
    names = [name.encode() for name, _opening, _closing in on_accounts(Books(), ("", 0, 0))]
    accounts = b"".join(b'"%b":{"closing_micro":%%d,"opening_micro":%%d},' % name for name in names)
    currency, period = (_open(_quoted(text)) for text in (closing.currency, closing.period))
    front = (
        b'\0{"amount":"%%d.%%06d","amount_micro":%%d,"balance":{%b"transfers":%%b},"currency":%b'
        b',"earning_ms":"%%d/%%d","format":"%b","frozen_late_micro":%%d,"lines":['
    ) % (accounts, currency, format_of(closing).encode())
    middle = (
        b'],"minor_units":{"digits":%d,"rest_micro":%%d,"whole":%%d},"payee":%%b,"period":%b,"play_ms":"%%d/%%d"'
        b',"pool":%b,"unpaid":['
    ) % (digits, period, _open(SPELLED(pool.facts)))
    return front, middle, MICRO // 10**digits


def _open(text: str) -> bytes:
    """As it stands in a template."""
    return text.encode().replace(b"%", b"%%")


class _Lines:
    """The lines of each payee, made for some at a time; `amounts` of lines that earn, None: none of them does."""

    def __init__(
        self, texts: npt.NDArray[np.object_], shares: Shares, late: npt.NDArray[np.bool_], amounts: Integers | None
    ) -> None:
        self._texts, self._shares, self._late, self._amounts = texts, shares, late, amounts
        self._first, self._bounds = 0, [0]
        self._some, self._numbers, self._between = list[bytes](), list[int](), _BETWEEN

    def of(self, number: int) -> tuple[list[bytes], list[int]]:
        """Pieces of a template of that payee's, with commas between them, and the numbers that are open in it."""
        if not self._first <= number < self._first + len(self._bounds) - 1:
            self._read(number)
        first, end = self._bounds[number - self._first : number - self._first + 2]
        if first == end:
            return [], []
        opened, each = self._between.removeprefix(_CLOSES + b","), 1 if self._amounts is None else 2
        template = [opened, self._between.join(self._some[first:end]), _CLOSES]
        return template, self._numbers[each * first : each * end]

    def _read(self, number: int) -> None:
        """Those of that payee and of some behind."""
        bounds = self._shares.starts[number : number + PAYEES_AT_A_TIME + 1]
        which = slice(int(bounds[0]), int(bounds[-1]))
        entries, ppm = self._shares.stems[which], self._shares.ppm[which]
        self._first, self._bounds = number, (bounds - bounds[0]).tolist()
        self._some, self._numbers, self._between = self._texts[entries].tolist(), ppm.tolist(), _BETWEEN
        if self._amounts is None:
            return
        self._numbers = np.stack([self._amounts[which], ppm], 1).ravel().tolist()
        late = self._late[entries]
        if late.any():
            lates = zip(late.tolist(), self._some, strict=True)
            self._some = [(_EARNED_LATE if of else _EARNED) + text for of, text in lates]
        else:
            self._between = _BETWEEN + _EARNED


def _templates(
    which: slice, entries: Entries, table: StemTable, rights: RightsHistory, clocks: Sequence[bytes]
) -> list[bytes]:
    """What lines of these entries say behind their amounts; the share's ppm is open."""
    starts, behind = entries.starts[which], entries.starts[which.stop : which.stop + 1]
    parts = table.parts.chosen(np.arange(starts[0], behind[0] if len(behind) else table.parts.count))
    stems, standings = table.parts.stems[starts], entries.standings[which].tolist()
    texts = rights.texts(stems).replace(b"%", b"%%").split(_CUT)
    names = stems.tobytes().hex().encode()
    firsts, lasts, plays = _times(parts, starts - starts[0])
    frames, of_frames, ms, of_ms = _play(parts, starts - starts[0])
    columns: list[Sequence[Any]] = [
        texts[1::3],
        table.cells[entries.stems[which]].tolist(),
        *_utc(firsts, clocks),
        *of_frames,
        texts[2::3],
        *_utc(lasts, clocks),
        *of_ms,
        plays.tolist(),
        [_REASONS[standing] for standing in standings],
        entries.rights[which].tolist(),
        [names[at : at + 32] for at in range(0, len(names), 32)],
        texts[::3],
    ]
    each = (
        b'"artist":%%b,"devices":%%d,"first":"%%b%%b","frames":[%b],"isrc":%%b,"last":"%%b%%b","play_ms":"%b"'
        b',"plays":%%d,"ppm":%%%%d,%%b"rights":%%d,"stem":"%%b","title":%%b'
    ) % (frames, ms)
    values: list[Any] = [None] * (len(starts) * len(columns))
    for at, column in enumerate(columns):
        values[at :: len(columns)] = column
    return (_CUT.join([each] * len(starts)) % tuple(values)).split(_CUT)


def facts_of_time(ticks: int, weights: int, ticks_hz: int) -> dict[str, str]:
    """How long the payee's stems earned, and how much of that was the payee's; `weights` are ticks times ppm."""
    (play, of), (earning, of_earning) = _ratio(1000 * ticks, ticks_hz), _ratio(1000 * weights, ticks_hz * PPM)
    return {"play_ms": f"{play}/{of}", "earning_ms": f"{earning}/{of_earning}"}


def _ratio(numerator: int, denominator: int) -> tuple[int, int]:
    """In lowest terms."""
    common = gcd(numerator, denominator)
    return numerator // common, denominator // common


_FRAMES, _MS = b'{"accrual":"%b","frames":%d,"rate_hz":%d,"tier":%d}', b"%d/%d"


def _play(parts: Parts, starts: Integers) -> tuple[bytes, list[Sequence[Any]], bytes, list[Sequence[Any]]]:
    """Templates of the frames of an entry and of their milliseconds, each with the columns that fill it."""
    accruals, frames, rates_hz = (
        [_ACCRUALS[one] for one in parts.accrual],
        parts.frames.tolist(),
        parts.rate_hz.tolist(),
    )
    columns = accruals, frames, rates_hz, parts.tier.tolist()
    if len(starts) == parts.count:
        return _FRAMES, list(columns), _MS, list(_ms_of_parts(parts))
    each = [_FRAMES % part for part in zip(*columns, strict=True)]
    bounds = list(pairwise([*starts.tolist(), parts.count]))
    ms = [_MS % _ms(frames[first:end], rates_hz[first:end]) for first, end in bounds]
    return b"%b", [[b",".join(each[first:end]) for first, end in bounds]], b"%b", [ms]


def _times(parts: Parts, starts: Integers) -> tuple[Integers, Integers, Integers]:
    """(first second, last second, plays) of each entry."""
    never = np.iinfo(np.int64).max
    first_s = np.minimum.reduceat(np.where(parts.first_s == NEVER, never, parts.first_s), starts)
    lasts, plays = np.maximum.reduceat(parts.last_s, starts), np.add.reduceat(parts.plays, starts)
    return np.where(first_s == never, NEVER, first_s), lasts, plays


def _utc(unix_s: Integers, clocks: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Date and time as statements have them; empty texts for `NEVER`."""
    days, which = np.unique(unix_s // _DAY_S, return_inverse=True)
    each = [datetime.fromtimestamp(max(day, 0) * _DAY_S, UTC).strftime("%Y-%m-%d").encode() for day in days.tolist()]
    dates, times = [each[day] for day in which.tolist()], [clocks[second] for second in (unix_s % _DAY_S).tolist()]
    for at in np.flatnonzero(unix_s == NEVER).tolist():
        dates[at] = times[at] = b""
    return dates, times


def _ms_of_parts(parts: Parts) -> tuple[list[int], list[int]]:
    """Milliseconds of each part, as a ratio."""
    if int(parts.frames.max()) * 1000 > U63:
        ratios = [_ms([frames], [hz]) for frames, hz in zip(parts.frames.tolist(), parts.rate_hz.tolist(), strict=True)]
        return [one for one, _hz in ratios], [hz for _one, hz in ratios]
    common = np.gcd(parts.frames * 1000, parts.rate_hz)
    return (parts.frames * 1000 // common).tolist(), (parts.rate_hz // common).tolist()


def _ms(frames: Sequence[int], rates_hz: Sequence[int]) -> tuple[int, int]:
    """Of parts at several rates together."""
    numerator, denominator = 0, 1
    for count, rate_hz in zip(frames, rates_hz, strict=True):
        numerator, denominator = _ratio(numerator * rate_hz + 1000 * count * denominator, denominator * rate_hz)
    return numerator, denominator
