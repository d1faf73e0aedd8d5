"""A pool divided over meter readings: what each payee's lines earn, and what of its stems earns nothing. Pure.

An *entry* is what one stem played under the same splits and in the same standing; the splits of an entry are those of
its rights. Entries that earn are divided by (`apportion_numpy`); the others are only told.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import NamedTuple

import numpy as np

from amos.protocol.readings import EARNING, FROZEN_LATE, STANDINGS
from amos_ledger.settlement.apportion_numpy import Integers, Shares, apportion_shares, shares_of
from amos_ledger.settlement.apportionment import tie_key
from amos_ledger.settlement.byte_rows import Chosen, Sums
from amos_ledger.settlement.meter import Meter
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.stem_table import StemTable


@dataclass(frozen=True)
class Share:
    """A payee's share of an entry: which stem row, under which rights, in which standing; `amount_micro` is 0 where the
    standing earns nothing."""

    row: int
    stem_id: bytes
    rights: int
    standing: int
    ppm: int
    amount_micro: int


class Entries(NamedTuple):
    """Entries by column, in order of stem, rights and standing.

    starts  where the parts of each begin among those of the table, and `ends` where they end
    stems   whose they are, as the table numbers stems
    ticks   stem-time, whether it earns or not
    """

    starts: Integers
    ends: Integers
    stems: Integers
    rights: Integers
    standings: Integers
    ticks: Sums


class Division:
    """The pool of a period over its payees.

    payees         in order; of each of them a statement is made
    amounts        micro-units of each
    carried_micro  the whole pool when nothing earned, else 0
    unpaid_ms      milliseconds by standing, of what earns nothing
    paid, told     who has what of the entries that earn and of the others, and `of_lines` the amounts of `paid`
    """

    def __init__(
        self, period: str, pool_micro: int, meter: Meter, rights: RightsHistory, others: Iterable[str] = ()
    ) -> None:
        """`others` are payees to be told of something, whether they have a stem in play or not."""
        self._period, self._table = period, meter.table
        self.entries = entries = _entries(meter)
        numbers: dict[str, int] = {payee: number for number, payee in enumerate(others)}
        shared = _shared(meter.table, entries, rights, numbers)
        self.payees: Sequence[str] = sorted(numbers)
        place = np.zeros(len(numbers), np.int64)
        place[[numbers[payee] for payee in self.payees]] = np.arange(len(numbers))
        earning = np.isin(entries.standings, EARNING)
        self.unpaid_ms = _milliseconds(entries, meter.ticks_hz)
        self.paid, self.told = (_of_some(shared, place, some) for some in (earning, ~earning))
        amounts = apportion_shares(
            pool_micro,
            entries.ticks,
            self.paid,
            lambda payee: tie_key(period, self.payees[payee]),
            self._line_key,
        )
        self.amounts: Sequence[int] = amounts.payees.tolist()
        self.carried_micro = amounts.carried_micro
        self.of_lines = amounts.shares

    def lines(self, payee: int) -> list[Share]:
        """What the payee earns by, in order of stem, rights and account; the amounts sum to the payee's."""
        return self._shares(self.paid, payee, self.of_lines)

    def unpaid(self, payee: int) -> list[Share]:
        """What of the payee's stems earns nothing, in order of stem, rights and standing."""
        return self._shares(self.told, payee, None)

    def times(self, payee: int) -> tuple[int, int]:
        """Stem-time of the payee's lines in ticks, and the sum of it times the ppm of each."""
        first, end = self.paid.starts[payee : payee + 2].tolist()
        ticks = self.entries.ticks[self.paid.stems[first:end]].tolist()
        return sum(ticks), sum(map(mul, ticks, self.paid.ppm[first:end].tolist()))

    def frozen_late(self) -> list[int]:
        """What of each payee's amount is frozen late."""
        late = np.where(self.entries.standings[self.paid.stems] == FROZEN_LATE, self.of_lines, 0)
        sums = np.concatenate(([0], late.cumsum()))
        found: list[int] = (sums[self.paid.starts[1:]] - sums[self.paid.starts[:-1]]).tolist()
        return found

    def stem_rows(self, payee: int) -> list[int]:
        """Indexes of the stem rows of the payee's shares, in order."""
        stems = [
            self.entries.stems[shares.stems[shares.starts[payee] : shares.starts[payee + 1]]]
            for shares in (self.paid, self.told)
        ]
        found: list[int] = np.unique(self._table.places[np.concatenate(stems)]).tolist()
        return found

    def _line_key(self, payee: int, entry: int) -> bytes:
        entries = self.entries
        account = 1 if entries.standings[entry] == FROZEN_LATE else 0
        name = self._stem_id(entry) + int(entries.rights[entry]).to_bytes(8, "big") + bytes([account])
        return tie_key(self._period, self.payees[payee], name)

    def _stem_id(self, entry: int) -> bytes:
        stem_id: bytes = self._table.parts.stems[self.entries.starts[entry]].tobytes()
        return stem_id

    def _shares(self, shares: Shares, payee: int, amounts: Integers | None) -> list[Share]:
        first, end = shares.starts[payee : payee + 2].tolist()
        result = []
        for at in range(first, end):
            entry = int(shares.stems[at])
            row = int(self._table.places[self.entries.stems[entry]])
            kind = int(self.entries.rights[entry]), int(self.entries.standings[entry])
            amount = 0 if amounts is None else int(amounts[at])
            result.append(Share(row, self._stem_id(entry), *kind, int(shares.ppm[at]), amount))
        return result


def _entries(meter: Meter) -> Entries:
    table = meter.table
    parts = table.parts
    stems = np.repeat(np.arange(len(table.starts)), np.diff(table.starts, append=parts.count))
    differ = (np.diff(stems, prepend=-1) != 0) | (np.diff(parts.rights, prepend=-1) != 0)
    differ |= np.diff(parts.standing, prepend=-1) != 0
    starts = np.flatnonzero(differ)
    ticks = parts.all_ticks(meter.ticks_hz)
    sums = np.add.reduceat(ticks, starts) if len(starts) else ticks
    ends = np.append(starts[1:], parts.count) if len(starts) else starts
    return Entries(starts, ends, stems[starts], parts.rights[starts], parts.standing[starts], sums)


class _Shared(NamedTuple):
    """(entry, payee, ppm) of each share, by column, in order of entries. Payees as they were first met."""

    entries: Integers
    payees: Integers
    ppm: Integers


def _shared(table: StemTable, entries: Entries, rights: RightsHistory, numbers: dict[str, int]) -> _Shared:
    """Everybody's shares; payees are numbered on."""
    payees, ppms, counts = array("q"), array("q"), array("q")
    ids = table.parts.stems[entries.starts].tobytes()
    for entry, serial in enumerate(entries.rights.tolist()):
        splits = rights.splits(ids[16 * entry : 16 * entry + 16], serial)
        counts.append(len(splits))
        for payee, ppm in splits:
            payees.append(numbers.setdefault(payee, len(numbers)) if ppm else 0)
            ppms.append(ppm)
    of_entries = np.arange(len(counts)).repeat(np.frombuffer(counts, np.int64) if counts else 0)
    columns = (np.array(column, np.int64) for column in (payees, ppms))
    shared = _Shared(of_entries, *columns)
    some = shared.ppm > 0
    return _Shared(*(column[some] for column in shared))


def _of_some(shared: _Shared, place: Integers, chosen: Chosen) -> Shares:
    """The shares of these entries, with payees by their `place`."""
    some = chosen[shared.entries]
    return shares_of(shared.entries[some], place[shared.payees[some]], shared.ppm[some], len(place))


def _milliseconds(entries: Entries, ticks_hz: int) -> dict[int, Fraction]:
    """Stem-time by standing, of what earns nothing."""
    found = {}
    for standing in range(len(STANDINGS)):
        of_standing = entries.ticks[entries.standings == standing]
        if len(of_standing) and standing not in EARNING:
            found[standing] = Fraction(1000 * sum(of_standing.tolist()), ticks_hz)
    return found
