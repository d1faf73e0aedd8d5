"""A pool divided over meter readings: what each payee's lines earn, and what of its stems earns nothing. Pure.

An *entry* is what one stem played under the same splits and in the same standing; the splits of an entry are those of
its rights. Entries that earn are divided by (`apportion_numpy`); the others are only told.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
import numpy.typing as npt

from amos.protocol.readings import EARNING, FROZEN_LATE
from amos_ledger.settlement.apportion_numpy import Shares, apportion_shares, shares_of
from amos_ledger.settlement.apportionment import tie_key
from amos_ledger.settlement.meter import Meter
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.row_bytes import StemFacts


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


class Entries:
    """Entries of one kind, earning or not, by column, and who has a share of each."""

    def __init__(self) -> None:
        self.rows, self.rights, self.standings = array("L"), array("Q"), array("B")
        self.stem_ids = bytearray()
        self.ticks: list[int] = []
        self._of, self._payees, self._ppm = array("L"), array("L"), array("L")

    def add(self, row: int, stem_id: bytes, rights: int, standing: int, ticks: int) -> int:
        """One more entry; its number."""
        self.rows.append(row)
        self.rights.append(rights)
        self.standings.append(standing)
        self.stem_ids += stem_id
        self.ticks.append(ticks)
        return len(self.rows) - 1

    def give(self, entry: int, payee: int, ppm: int) -> None:
        """The payee has this share of the entry."""
        self._of.append(entry)
        self._payees.append(payee)
        self._ppm.append(ppm)

    def stem_id(self, entry: int) -> bytes:
        """Of which stem the entry is."""
        return bytes(self.stem_ids[16 * entry : 16 * entry + 16])

    def milliseconds(self, ticks_hz: int) -> dict[int, Fraction]:
        """Stem-time by standing."""
        found: Counter[int] = Counter()
        for standing, ticks in zip(self.standings, self.ticks, strict=True):
            found[standing] += ticks
        return {standing: Fraction(1000 * ticks, ticks_hz) for standing, ticks in found.items()}

    def shares(self, place: npt.NDArray[np.int64]) -> Shares:
        """Everybody's, with payees by their `place`."""
        payees = place[np.asarray(self._payees, np.int64)]
        return shares_of(self._of, payees, self._ppm, len(place))


class Division:
    """The pool of a period over its payees.

    payees         in order; of each of them a statement is made
    amounts        micro-units of each
    carried_micro  the whole pool when nothing earned, else 0
    unpaid_ms      milliseconds by standing, of what earns nothing
    """

    def __init__(
        self, period: str, pool_micro: int, meter: Meter, rights: RightsHistory, others: Iterable[str] = ()
    ) -> None:
        """`others` are payees to be told of something, whether they have a stem in play or not."""
        self._earning, self._unpaid = Entries(), Entries()
        numbers: dict[str, int] = {payee: number for number, payee in enumerate(others)}
        for row, stem in enumerate(meter.rows()):
            self._add(row, stem, meter.ticks_hz, rights, numbers)
        self.payees: Sequence[str] = sorted(numbers)
        place = np.zeros(len(numbers), np.int64)
        place[[numbers[payee] for payee in self.payees]] = np.arange(len(numbers))
        self.unpaid_ms = self._unpaid.milliseconds(meter.ticks_hz)
        self._paid, self._told = self._earning.shares(place), self._unpaid.shares(place)
        self._period = period
        amounts = apportion_shares(
            pool_micro,
            np.array(self._earning.ticks, object),
            self._paid,
            lambda payee: tie_key(period, self.payees[payee]),
            self._line_key,
        )
        self.amounts: Sequence[int] = amounts.payees.tolist()
        self.carried_micro = amounts.carried_micro
        self._of_lines = amounts.shares

    def lines(self, payee: int) -> list[Share]:
        """What the payee earns by, in order of stem, rights and account; the amounts sum to the payee's."""
        return self._shares(self._earning, self._paid, payee, self._of_lines)

    def unpaid(self, payee: int) -> list[Share]:
        """What of the payee's stems earns nothing, in order of stem, rights and standing."""
        return self._shares(self._unpaid, self._told, payee, None)

    def _add(self, row: int, stem: StemFacts, ticks_hz: int, rights: RightsHistory, numbers: dict[str, int]) -> None:
        for (serial, standing), parts in groupby(stem.parts, lambda part: (part.rights, part.standing)):
            entries = self._earning if standing in EARNING else self._unpaid
            ticks = sum(part.frames * (ticks_hz // part.rate_hz) for part in parts)
            entry = entries.add(row, stem.stem_id, serial, standing, ticks)
            for payee, ppm in rights.splits(stem.stem_id, serial):
                if ppm:
                    entries.give(entry, numbers.setdefault(payee, len(numbers)), ppm)

    def _line_key(self, payee: int, entry: int) -> bytes:
        earning = self._earning
        account = 1 if earning.standings[entry] == FROZEN_LATE else 0
        name = earning.stem_id(entry) + earning.rights[entry].to_bytes(8, "big") + bytes([account])
        return tie_key(self._period, self.payees[payee], name)

    def _shares(
        self, entries: Entries, shares: Shares, payee: int, amounts: npt.NDArray[np.int64] | None
    ) -> list[Share]:
        first, end = shares.starts[payee : payee + 2].tolist()
        result = []
        for at in range(first, end):
            entry = int(shares.stems[at])
            amount = 0 if amounts is None else int(amounts[at])
            result.append(
                Share(
                    entries.rows[entry],
                    entries.stem_id(entry),
                    entries.rights[entry],
                    entries.standings[entry],
                    int(shares.ppm[at]),
                    amount,
                )
            )
        return sorted(result, key=lambda share: (share.stem_id, share.rights, share.standing))
