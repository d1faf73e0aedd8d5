"""A period worked out as meter readings: from what its segments say to its closing (since version 4) and the cores of
all statements. Pure, but for `Sums`, which the caller brings.

The same inputs give the same bytes, so a closing that is in the log can be worked out again from the log at any time:
that is how an interrupted settlement is finished, and why settling twice changes nothing. Segments are added up one by
one and not kept; what is kept grows with stems, devices and payees.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from heapq import merge
from itertools import groupby
from typing import Protocol

import numpy as np

from amos.protocol.closing import COMMUNAL, VERSION, VERSION_FURTHER, VERSION_METERED, Closing
from amos.protocol.manifest import Manifest
from amos.protocol.readings import sum_bytes
from amos.protocol.segment import Usage
from amos_ledger.collecting import give_back, not_collecting
from amos_ledger.settlement.accounts import Books, Earned
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.core_texts import CoreTexts, facts_of_time
from amos_ledger.settlement.division import Division
from amos_ledger.settlement.judging import DayPlay, Judge, Taken
from amos_ledger.settlement.meter import Meter, Watched, meter
from amos_ledger.settlement.metered_statement import Counts, MeteredPool, core, facts
from amos_ledger.settlement.part_columns import added
from amos_ledger.settlement.played import Sums
from amos_ledger.settlement.rights import RightsHistory, said_in
from amos_ledger.settlement.rollup import RollupKey, digest_of
from amos_ledger.settlement.standing import OptOutHistory, decode_opt_outs
from amos_ledger.settlement.statement import accrual
from amos_ledger.settlement.statements_tree import HashedStatements


@dataclass(frozen=True)
class MeterTerms:
    """What is settled, and with what; all of it is in the log before the closing.

    previous      leaf index of the closing before, None for the first
    closed        periods closed so far and the leaf index of each closing
    catalogues    signed catalogues in the log's order, each with the second since when it is known, None: ever
    opt_outs      the opt-out lists, bytes
    revoked       device id → leaf index of the first revocation of its key
    first_batch_s Unix seconds of the log's first batch entry; it dates what no reception does
    books         the accounts as the closing finds them
    readings_of   leaf index of the period's first closing, where this is a further one; `closed`, `catalogues` and
                  `opt_outs` are those in front of that
    pool          of which pool of several the segments are, None: the log of then has the communal one alone
    """

    period: str
    currency: str
    income_micro: int
    carry_in_micro: int
    previous: int | None
    closed: Mapping[str, int]
    catalogues: Sequence[tuple[int | None, bytes]]
    opt_outs: Sequence[bytes] = ()
    revoked: Mapping[bytes, int] = field(default_factory=dict)
    first_batch_s: int = 0
    books: Books = field(default_factory=Books, compare=False)
    readings_of: int | None = None
    pool: str | None = None

    @property
    def version(self) -> int:
        """Of the closing."""
        if self.pool is not None:
            return VERSION
        return VERSION_METERED if self.readings_of is None else VERSION_FURTHER


@dataclass(frozen=True, slots=True)
class Settled:
    """A segment that accrues to the period: where it stands in the log, what it says, what is odd about it, and when it
    was received; None in front of the log's first batch entry."""

    index: int
    usage: Usage
    flags: AbstractSet[str]
    received_s: int | None


class MeteredResult:
    """A period worked out; statements are made when they are asked for.

    closing  of version 4, or 5 in a further currency, or 6 of one pool of several
    meter    the readings to which it commits
    counts   of its segments
    payees   in order; `amounts` are theirs, in micro-units
    """

    @not_collecting()
    def __init__(self, terms: MeterTerms, readings: Meter, rights: RightsHistory, counts: Counts) -> None:
        self.meter, self.counts = readings, counts
        self._rights = rights
        pool_micro = terms.income_micro + terms.carry_in_micro
        self.books = terms.books
        self._division = Division(terms.period, pool_micro, readings, rights, terms.books.payees())
        self.payees, self.amounts = self._division.payees, self._division.amounts
        (devices_root, ticks), (stems_root, also_ticks) = readings.devices.root, readings.stems.root
        assert ticks == also_ticks
        self.closing = Closing(
            version=terms.version,
            period=terms.period,
            currency=terms.currency,
            income_micro=terms.income_micro,
            carry_in_micro=terms.carry_in_micro,
            pool_micro=pool_micro,
            carry_out_micro=self._division.carried_micro,
            catalogue_sha256=sha256(rights.newest).digest(),
            previous=terms.previous,
            statements_root=bytes(32),
            statements=len(self.payees),
            pool=terms.pool or COMMUNAL,
            segments=counts.segments,
            ticks_hz=readings.ticks_hz,
            ticks=sum_bytes(ticks),
            devices=readings.devices.count,
            devices_root=devices_root,
            stems=readings.stems.count,
            stems_root=stems_root,
            readings_of=terms.readings_of,
        )
        self.play_ms = Fraction(ticks * 1000, readings.ticks_hz)
        self.rate = pool_micro / self.play_ms if ticks else Fraction(0)
        self._pool = MeteredPool(self.closing, counts, self._division.unpaid_ms, len(self.payees))
        self._late = self._division.frozen_late()
        give_back()
        self._texts = CoreTexts(self._pool, self.books, self._division, readings, rights)
        self.statements = HashedStatements(
            sha256(self._texts.leaf(number)).digest() for number in range(len(self.payees))
        )
        self.closing.statements_root = self.statements.root

    @property
    def segments(self) -> int:
        """How many were settled."""
        return self.counts.segments

    @property
    def devices(self) -> int:
        """Of how many devices."""
        return self.meter.devices.count

    def core(self, number: int) -> dict[str, object]:
        """What the statement of that payee says."""
        lines, unpaid = self._division.lines(number), self._division.unpaid(number)
        said = facts(self._pool, self.books, self._earned(number), self._times(number))
        return core(said, lines, unpaid, self.meter, self._rights)

    def core_bytes(self, number: int) -> bytes:
        """Its bytes, as `statement.core_bytes` makes them."""
        return self._texts.leaf(number)[1:]

    def _earned(self, number: int) -> Earned:
        return self.payees[number], self.amounts[number], self._late[number]

    def _times(self, number: int) -> dict[str, str]:
        return facts_of_time(self._division.ticks[number], self._division.weights[number], self.meter.ticks_hz)

    def earned(self) -> list[Earned]:
        """What each payee is credited."""
        return list(zip(self.payees, self.amounts, self._late, strict=True))

    def lines_of(self, number: int) -> dict[str, list[tuple[bytes, int, int]]]:
        """(stem, rights, standing) of each line and unpaid line of that payee's statement, in their order."""
        shares = {"lines": self._division.lines(number), "unpaid": self._division.unpaid(number)}
        return {name: [(one.stem_id, one.rights, one.standing) for one in found] for name, found in shares.items()}

    def stem_rows(self, number: int) -> list[int]:
        """Indexes of the stem rows on which the statement of that payee rests."""
        return self._division.stem_rows(number)


class ByDay(Protocol):
    """Takes what sounded by day, while a period is worked out."""

    def begin(self) -> None:
        """Of a period of which nothing was taken, or whose segments are taken from the first one again."""
        ...

    def add(self, index: int, usage: Usage, play: Iterable[DayPlay]) -> None:
        """What sounded in the segment at that leaf."""
        ...


def work_out_readings(
    terms: MeterTerms,
    segments: Iterable[Settled],
    devices: Iterable[tuple[bytes, int]],
    manifest_of: Callable[[bytes], Manifest | None],
    sums: Sums,
    watched: Watched | None = None,
    by_day: ByDay | None = None,
    beside: Mapping[RollupKey, int] | None = None,
) -> tuple[MeteredResult, bytes]:
    """Settle the period over its segments, by ascending index; the result, and `rollup.digest_of` all that sounded.

    `devices` are (device, sequence) of the same segments, by device and number, read behind them. What is `watched` is
    kept, and `by_day` is given what sounded; what did `beside` these segments, known when they were read, is in the
    roll-up as well.
    Raises `SettlementError` for a pack without a manifest or a stem without splits.
    """
    rights = RightsHistory((since_s, said_in(data), data) for since_s, data in terms.catalogues)
    judge = Judge(rights, OptOutHistory(map(decode_opt_outs, terms.opt_outs)))
    counts = Counts()
    rates_hz: set[int] = set()
    if by_day is not None:
        by_day.begin()
    for index, taken in _each_taken(terms, segments, manifest_of):
        judged = judge.judged(taken)
        parts = judged.parts()
        rates_hz.update({taken.usage.rate_hz} if parts else ())
        sums.add(parts)
        counts.add(taken.accrual, taken.flags)
        if by_day is not None:
            by_day.add(index, taken.usage, judged.daily())
    readings = meter(sums, devices, rates_hz, rights, watched)
    return MeteredResult(terms, readings, rights, counts), _rollup(readings, beside or {})


def _each_taken(
    terms: MeterTerms, segments: Iterable[Settled], manifest_of: Callable[[bytes], Manifest | None]
) -> Iterator[tuple[int, Taken]]:
    """(leaf index, what is to be judged) of each segment."""
    closings = sorted((index, period) for period, index in terms.closed.items())
    indexes = [index for index, _period in closings]
    before = [frozenset(period for _index, period in closings[:count]) for count in range(len(closings) + 1)]
    for settled in segments:
        usage = settled.usage
        manifest = manifest_of(usage.pack)
        if manifest is None:
            place = f"entry {settled.index}"
            raise SettlementError(f"{place}: expected the manifest of its pack {usage.pack.hex()}, found none")
        closed_before = before[bisect_left(indexes, settled.index)]
        why = accrual(usage, terms.period, closed_before, settled.flags)
        undated_s = terms.first_batch_s if settled.received_s is None else settled.received_s
        revoked = settled.index > terms.revoked.get(usage.device_id, settled.index)
        yield settled.index, Taken(usage, manifest, settled.flags, why, settled.received_s, undated_s, revoked)


def _rollup(readings: Meter, beside: Mapping[RollupKey, int]) -> bytes:
    """Digest of all that sounded, with what did `beside`, as it was added up when the segments were taken in."""
    table = readings.table
    parts, of_parts = added(table.parts.alike(), table.of_parts())
    order = np.lexsort((parts.rate_hz, parts.tier, of_parts))
    ids, columns = parts.stems[order].tobytes(), (parts.tier[order], parts.rate_hz[order], parts.frames[order])
    stems = (ids[at : at + 16] for at in range(0, len(ids), 16))
    rows = zip(stems, *(column.tolist() for column in columns), strict=True)
    return digest_of(rows if not beside else _with(rows, beside))


def _with(
    rows: Iterable[tuple[bytes, int, int, int]], beside: Mapping[RollupKey, int]
) -> Iterator[tuple[bytes, int, int, int]]:
    """The ascending rows, with frames added by key."""
    others = ((*key, frames) for key, frames in sorted(beside.items()))
    for key, found in groupby(merge(rows, others), lambda row: row[:3]):
        yield (*key, sum(row[3] for row in found))
