"""The segments of a period, or of one pool of it, as a settlement reads them."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from amos.protocol.closing import COMMUNAL
from amos.protocol.segment import Usage
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.judging import Settled
from amos_ledger.settlement.membership import Membership, Placing, SequencesOfPool, Sited
from amos_ledger.settlement.periods import played_unix_s
from amos_ledger.settlement.rollup import RollupKey, roll_up
from amos_ledger.settlement.standing import FAR_DATED, FLAGS
from amos_ledger.store.entries import READ_AT_ONCE, usage_in
from amos_ledger.store.period_usage import Accrued
from amos_ledger.store.store import Store


class PeriodSegments:
    """Of a period; `pool` None: all of them. `beside` what was played in other pools, added up, when `whole` asks
    for it: it takes as long as to read these."""

    def __init__(self, store: Store, period: str, pool: str | None, whole: bool = False) -> None:
        self._store, self._period, self._whole = store, period, whole
        self._chosen = None if pool is None else SequencesOfPool(membership(store), pool)
        self.beside: Counter[RollupKey] = Counter()

    def __iter__(self) -> Iterator[Settled]:
        """By ascending leaf."""
        first = self._store.period_usage.first_batch()
        first_batch_s = 0 if first is None else first[1]
        found = (item for item in self._store.period_usage.segments(self._period, FLAGS) if self._is_read(item))
        while items := [*islice(found, READ_AT_ONCE)]:
            entries = self._store.log.chosen([item.leaf_index for item in items])
            for item, entry in zip(items, entries, strict=True):
                if self._is_chosen(item, entry, first_batch_s):
                    yield Settled(item.leaf_index, entry, item.flags, item.received_s)
                elif self._whole:
                    self._add_beside(item.leaf_index, usage_in(entry))

    def sequences(self) -> Iterator[tuple[bytes, int]]:
        """(device, sequence) of each, by device and number; to be read behind the segments."""
        found = self._store.period_usage.sequences(self._period)
        return found if self._chosen is None else self._chosen.chosen(found)

    def _is_read(self, item: Accrued) -> bool:
        return self._chosen is None or self._whole or not self._chosen.never(item.device_id)

    def _is_chosen(self, item: Accrued, entry: bytes, first_batch_s: int) -> bool:
        if self._chosen is None:
            return True
        if not self._chosen.placed(item.device_id):
            return not self._chosen.never(item.device_id)
        usage = usage_in(entry)
        began_s = _began_s(item, usage, first_batch_s)
        return self._chosen.take(usage.device_id, usage.sequence, item.leaf_index, began_s)

    def _add_beside(self, index: int, usage: Usage) -> None:
        manifest = self._store.manifest(usage.pack)
        if manifest is None:
            raise SettlementError(f"entry {index}: expected the manifest of its pack, found none")
        self.beside.update(roll_up(usage, manifest))


def played_pools(store: Store, period: str) -> set[str]:
    """The pools in which something was played in the period."""
    members, names = membership(store), {COMMUNAL, *store.placings.pools(store.size())}
    first = store.period_usage.first_batch()
    found: set[str] = set()
    for item in store.period_usage.segments(period, FLAGS):
        if not members.placed(item.device_id):
            found.add(COMMUNAL)
        elif found != names:
            began_s = _began_s(item, store.log.usage(item.leaf_index), 0 if first is None else first[1])
            found.add(members.pool_of(item.device_id, item.leaf_index, began_s))
        if found == names:
            break
    return found


def membership(store: Store) -> Membership:
    """Which sites are in which pool when, and which devices at which sites, by all of the log."""
    placings = [Placing(leaf, since_s, said.pool, said.names) for leaf, since_s, said in store.placings.said()]
    enrolments: dict[bytes, list[Sited]] = {}
    for leaf, since_s, enrolment in store.placings.enrolments():
        enrolments.setdefault(enrolment.device_id, []).append(Sited(leaf, since_s, enrolment.site))
    return Membership(placings, enrolments)


def pool_of_segment(store: Store, period: str, leaf: int) -> str:
    """In which pool the segment at that leaf is, which accrues to the period."""
    if not store.placings.last_number():
        return COMMUNAL
    first = store.period_usage.first_batch()
    item = next(item for item in store.period_usage.segments(period, FLAGS) if item.leaf_index == leaf)
    usage = store.log.usage(leaf)
    began_s = _began_s(item, usage, 0 if first is None else first[1])
    return membership(store).pool_of(usage.device_id, leaf, began_s)


def _began_s(item: Accrued, usage: Usage, first_batch_s: int) -> int:
    """The moment that decides: the beginning by the player's clock, where that is believed, else the reception."""
    began_s = None if FAR_DATED in item.flags else played_unix_s(usage)
    if began_s is not None:
        return began_s
    return first_batch_s if item.received_s is None else item.received_s
