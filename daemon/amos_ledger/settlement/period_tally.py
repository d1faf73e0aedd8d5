"""A period's segments added up one by one, as far as closing and statements tell of them. Pure.

What is kept grows with stems, devices and payees, and with the runs of leaves that closing and statements list.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from amos.protocol.closing import add_to_runs
from amos_ledger.settlement.apportionment import Splits
from amos_ledger.settlement.rollup import Key, Rollup, merge
from amos_ledger.settlement.standing import UnpaidRollup


@dataclass(frozen=True)
class LeafFacts:
    """One settled segment: where it stands in the log, who played it, why it accrues here, and what sounded in it, paid
    and not."""

    index: int
    device_id: bytes
    accrual: str
    flags: AbstractSet[str]
    rollup: Rollup
    unpaid: UnpaidRollup


@dataclass
class Tally:
    """Of some segments: how many, whose, how each accrues, what is odd, and the runs (first, count) of their leaves."""

    segments: int = 0
    devices: set[bytes] = field(default_factory=set)
    accruals: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    runs: list[tuple[int, int]] = field(default_factory=list)

    def add(self, leaf: LeafFacts) -> None:
        """One more, after all that are in. Raises `LocalError` for an earlier one."""
        add_to_runs(self.runs, leaf.index)
        self.segments += 1
        self.devices.add(leaf.device_id)
        self.accruals[leaf.accrual] += 1
        self.flags.update(leaf.flags)


class PeriodTally:
    """All of it: `paid` and `unpaid` play, the `whole` of the segments, and by payee those in which a stem sounded of
    which the payee has a share."""

    def __init__(self, splits: Splits) -> None:
        self.paid: Rollup = {}
        self.unpaid: UnpaidRollup = {}
        self.whole = Tally()
        self.payees: dict[str, Tally] = {}
        self._payees_of = {
            stem_id: frozenset(payee for payee, ppm in shares if ppm) for stem_id, shares in splits.items()
        }

    def add(self, leaf: LeafFacts) -> None:
        """One more segment, by ascending leaf index."""
        _add(self.paid, leaf.rollup)
        _add(self.unpaid, leaf.unpaid)
        self.whole.add(leaf)
        stems = {key[0] for key in leaf.rollup} | {key[1] for key in leaf.unpaid}
        for payee in self._payees(stems):
            self.payees.setdefault(payee, Tally()).add(leaf)

    def _payees(self, stems: Iterable[bytes]) -> set[str]:
        found: set[str] = set()
        for stem_id in stems:
            found |= self._payees_of.get(stem_id, frozenset())
        return found

    @property
    def rollup(self) -> Rollup:
        """All that sounded, as it was added up when the segments were taken in."""
        return merge([self.paid, *({key[1:]: frames} for key, frames in self.unpaid.items())])


def _add(total: dict[Key, int], more: Mapping[Key, int]) -> None:
    for key, frames in more.items():
        total[key] = total.get(key, 0) + frames
