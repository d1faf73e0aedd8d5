"""A pool divided over meter readings: what each payee's lines earn, and what of its stems earns nothing. Pure.

An *entry* is what one stem played under the same splits and in the same standing; the splits of an entry are those of
its rights. Entries that earn are divided by (`apportion_numpy`); the others are only told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.readings import EARNING, FROZEN_LATE, STANDINGS
from amos.protocol.record import U63
from amos_ledger.settlement.apportion_numpy import Integers, Shares, apportion_shares, group_sums, shares_of
from amos_ledger.settlement.apportionment import tie_key
from amos_ledger.settlement.byte_rows import Chosen, Sums
from amos_ledger.settlement.meter import Meter
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.stem_table import Small, StemTable

ENTRIES_AT_A_TIME = 1 << 16
"""Whose shares are looked up in one step."""


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

    starts  where the parts of each begin among those of the table
    stems   whose they are, as the table numbers stems
    ticks   stem-time, whether it earns or not
    """

    starts: Integers
    stems: Small
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
    ticks          stem-time of each payee's lines, and `weights` the sum of that of each line times its ppm
    """

    def __init__(
        self, period: str, pool_micro: int, meter: Meter, rights: RightsHistory, others: Iterable[str] = ()
    ) -> None:
        """`others` are payees to be told of something, whether they have a stem in play or not."""
        self._period, self._table = period, meter.table
        self.entries = entries = _entries(meter)
        self.unpaid_ms = _milliseconds(entries, meter.ticks_hz)
        self.payees, self.paid, self.told = _who_has_what(meter.table, entries, rights, others)
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
        self.weights, self.ticks = amounts.weights, _ticks_of_payees(entries.ticks, self.paid)

    def lines(self, payee: int) -> list[Share]:
        """What the payee earns by, in order of stem, rights and account; the amounts sum to the payee's."""
        return self._shares(self.paid, payee, self.of_lines)

    def unpaid(self, payee: int) -> list[Share]:
        """What of the payee's stems earns nothing, in order of stem, rights and standing."""
        return self._shares(self.told, payee, None)

    def frozen_late(self) -> list[int]:
        """What of each payee's amount is frozen late."""
        if not (self.entries.standings == FROZEN_LATE).any():
            return [0] * len(self.payees)
        late = np.where(self.entries.standings[self.paid.stems] == FROZEN_LATE, self.of_lines, 0)
        found: list[int] = group_sums(late, self.paid.starts).tolist()
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
    stems = table.of_parts()
    differ = (np.diff(stems, prepend=-1) != 0) | (np.diff(parts.rights, prepend=-1) != 0)
    differ |= np.diff(parts.standing, prepend=-1) != 0
    starts = np.flatnonzero(differ)
    ticks = parts.all_ticks(meter.ticks_hz)
    sums = np.add.reduceat(ticks, starts) if len(starts) else ticks
    return Entries(starts, stems[starts].astype(np.int32), parts.rights[starts], parts.standing[starts], sums)


class _Shared(NamedTuple):
    """(entry, payee, ppm) of each share, by column, in order of entries."""

    entries: npt.NDArray[np.int32]
    payees: npt.NDArray[np.int32]
    ppm: npt.NDArray[np.int32]


def _shared(table: StemTable, entries: Entries, rights: RightsHistory) -> _Shared:
    """Everybody's shares, payees as `RightsHistory.payees` has them."""
    found = [_Shared(*(np.empty(0, np.int32) for _column in _Shared._fields))]
    for first in range(0, len(entries.starts), ENTRIES_AT_A_TIME):
        which = slice(first, first + ENTRIES_AT_A_TIME)
        shared = rights.shared(table.parts.stems[entries.starts[which]], entries.rights[which])
        of_entries = np.arange(first, first + len(shared.counts), dtype=np.int32).repeat(shared.counts)
        some = shared.ppm > 0
        found.append(_Shared(of_entries[some], shared.payees[some], shared.ppm[some]))
    return _Shared(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _who_has_what(
    table: StemTable, entries: Entries, rights: RightsHistory, others: Iterable[str]
) -> tuple[Sequence[str], Shares, Shares]:
    """(payees in order, shares of the entries that earn, those of the others)."""
    shared = _shared(table, entries, rights)
    there = np.flatnonzero(np.bincount(shared.payees)).tolist()
    payees = sorted({rights.payees[payee] for payee in there} | set(others))
    shared = shared._replace(payees=_places(rights.payees, payees)[shared.payees])
    earning = np.isin(entries.standings, EARNING)
    paid, told = (_of_some(shared, some, len(payees)) for some in (earning, ~earning))
    return payees, paid, told


def _places(names: Sequence[str], told: Sequence[str]) -> npt.NDArray[np.int32]:
    """Where each of the names stands among those who are told something, 0 for none of them."""
    number = {payee: place for place, payee in enumerate(told)}
    return np.array([number.get(name, 0) for name in names], np.int32)


def _of_some(shared: _Shared, chosen: Chosen, payees: int) -> Shares:
    """The shares of these entries."""
    if chosen.all():
        return shares_of(*shared, payees)
    some = chosen[shared.entries]
    return shares_of(shared.entries[some], shared.payees[some], shared.ppm[some], payees)


def _ticks_of_payees(ticks: Sums, shares: Shares) -> list[int]:
    most = int(ticks.max(initial=0)) * len(shares.stems)
    if most <= U63:
        found: list[int] = group_sums(ticks[shares.stems], shares.starts).tolist()
        return found
    return [sum(ticks[shares.stems[first:end]].tolist()) for first, end in pairwise(shares.starts.tolist())]


def _milliseconds(entries: Entries, ticks_hz: int) -> dict[int, Fraction]:
    """Stem-time by standing, of what earns nothing."""
    found = {}
    for standing in range(len(STANDINGS)):
        of_standing = entries.ticks[entries.standings == standing]
        if len(of_standing) and standing not in EARNING:
            found[standing] = Fraction(1000 * sum(of_standing.tolist()), ticks_hz)
    return found
