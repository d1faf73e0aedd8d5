"""A period worked out as meter readings: from what its segments say to its closing (since version 4) and the cores of
all statements. Pure, but for `Sums`, which the caller brings.

The same inputs give the same bytes, so a closing that is in the log can be worked out again from the log at any time:
that is how an interrupted settlement is finished, and why settling twice changes nothing. Segments are added up
and not kept; what is kept grows with stems, devices and payees.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from heapq import merge
from itertools import groupby

import numpy as np

from amos.protocol.closing import COMMUNAL, VERSION, VERSION_FURTHER, VERSION_METERED, Closing
from amos.protocol.manifest import Manifest
from amos.protocol.readings import ACCRUALS, sum_bytes
from amos.protocol.segment import Usage
from amos_ledger.collecting import give_back, not_collecting
from amos_ledger.settlement.accounts import Books, Earned
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.core_texts import CoreTexts, facts_of_time
from amos_ledger.settlement.division import Division
from amos_ledger.settlement.judging import DAY_S, ByDay, Judge, Settled, Taken, Whole
from amos_ledger.settlement.meter import Meter, Watched, meter
from amos_ledger.settlement.metered_statement import Counts, MeteredPool, core, facts
from amos_ledger.settlement.part_columns import added
from amos_ledger.settlement.plain_play import PlainPlay
from amos_ledger.settlement.played import Sums
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rollup import RollupKey, digest_of
from amos_ledger.settlement.standing import OptOutHistory, decode_opt_outs
from amos_ledger.settlement.statement import accrual, accrual_at
from amos_ledger.settlement.statements_tree import HashedStatements

SEGMENTS_AT_A_TIME = 1024
BYTES_AT_A_TIME = 2 << 20
"""Of their entries: caches hold as much, and calls of NumPy cost little beside it."""


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


def work_out_readings(
    terms: MeterTerms,
    rights: RightsHistory,
    segments: Iterable[Settled],
    devices: Iterable[tuple[bytes, int]],
    manifest_of: Callable[[bytes], Manifest | None],
    decode: Callable[[bytes], Usage],
    sums: Sums,
    watched: Watched | None = None,
    by_day: ByDay | None = None,
    beside: Mapping[RollupKey, int] | None = None,
) -> tuple[MeteredResult, bytes]:
    """Settle the period over its segments, by ascending index; the result, and `rollup.digest_of` all that sounded.

    `rights` are those of the terms' catalogues. `devices` are (device, sequence) of the same segments, by device and
    number, read behind them. What is `watched` is kept, and `by_day` is given what sounded; what did `beside` these
    segments, known when they were read, is in the roll-up as well.
    Raises `SettlementError` for a pack without a manifest or a stem without splits.
    """
    counts, rates_hz = _add_up(terms, rights, segments, manifest_of, decode, sums, by_day)
    readings = meter(sums, devices, rates_hz, rights, watched)
    return MeteredResult(terms, readings, rights, counts), _rollup(readings, beside or {})


def _add_up(
    terms: MeterTerms,
    rights: RightsHistory,
    segments: Iterable[Settled],
    manifest_of: Callable[[bytes], Manifest | None],
    decode: Callable[[bytes], Usage],
    sums: Sums,
    by_day: ByDay | None,
) -> tuple[Counts, set[int]]:
    """Give `sums` and `by_day` what the segments played. How many segments, and the rates of all that sounded."""
    opt_outs, closed = OptOutHistory(map(decode_opt_outs, terms.opt_outs)), _ClosedBefore(terms)
    judge, counts, rates_hz = Judge(rights, opt_outs), Counts(), set[int]()
    if by_day is not None:
        by_day.begin(rights.stem_ids)
    plain = PlainPlay(rights, opt_outs, manifest_of, closed.accruals_of_plain, sums, by_day)
    for batch in _batches(segments):
        for settled in plain.take(batch):
            taken = _taken(terms, settled, decode(settled.entry), manifest_of, closed)
            judged = judge.judged(taken)
            parts = judged.parts()
            rates_hz.update({taken.usage.rate_hz} if parts else ())
            sums.add(parts)
            counts.add(taken.accrual, taken.flags)
            if by_day is not None:
                by_day.add(settled.index, taken.usage, judged.daily())
    plain.give()
    for accrual_number, segments_of_it in plain.accruals.items():
        counts.add_plain(ACCRUALS[accrual_number], segments_of_it)
    return counts, rates_hz | plain.rates_hz


def _batches(segments: Iterable[Settled]) -> Iterator[list[Settled]]:
    """So many that as much memory is needed for long ones as for short ones."""
    batch: list[Settled] = []
    room = BYTES_AT_A_TIME
    for segment in segments:
        batch.append(segment)
        room -= len(segment.entry)
        if room <= 0 or len(batch) == SEGMENTS_AT_A_TIME:
            yield batch
            batch, room = [], BYTES_AT_A_TIME
    if batch:
        yield batch


class _ClosedBefore:
    """Why segments accrue to the period, by the closings in front of each."""

    def __init__(self, terms: MeterTerms) -> None:
        closings = sorted((index, period) for period, index in terms.closed.items())
        self._period = terms.period
        self._indexes = [index for index, _period in closings]
        self._before = [frozenset(period for _index, period in closings[:count]) for count in range(len(closings) + 1)]

    def at(self, index: int) -> frozenset[str]:
        """The periods that are closed in front of that leaf."""
        return self._before[bisect_left(self._indexes, index)]

    def accruals_of_plain(self, indexes: Whole, began_s: Whole) -> Whole:
        """The numbers of the reasons for which segments accrue that began in these seconds, and about which nothing is
        odd. A period is of whole days."""
        days, closings = began_s // DAY_S, np.searchsorted(self._indexes, indexes)
        kinds, which = np.unique(days * len(self._before) + closings, return_inverse=True)
        found = []
        for day, count in zip(*(part.tolist() for part in np.divmod(kinds, len(self._before))), strict=True):
            why = accrual_at(day * DAY_S, self._period, self._before[count], frozenset())
            found.append(ACCRUALS.index(why))
        return np.array(found, np.int64)[which]


def _taken(
    terms: MeterTerms,
    settled: Settled,
    usage: Usage,
    manifest_of: Callable[[bytes], Manifest | None],
    closed: _ClosedBefore,
) -> Taken:
    """What is to be judged of a segment."""
    manifest = manifest_of(usage.pack)
    if manifest is None:
        place = f"entry {settled.index}"
        raise SettlementError(f"{place}: expected the manifest of its pack {usage.pack.hex()}, found none")
    why = accrual(usage, terms.period, closed.at(settled.index), settled.flags)
    undated_s = terms.first_batch_s if settled.received_s is None else settled.received_s
    revoked = settled.index > terms.revoked.get(usage.device_id, settled.index)
    return Taken(usage, manifest, settled.flags, why, settled.received_s, undated_s, revoked)


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
