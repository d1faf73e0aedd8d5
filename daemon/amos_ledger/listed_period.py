"""A period that an earlier version closed, worked out again: its closing lists the leaves that it settled."""

from collections.abc import Mapping

from amos.protocol.closing import Closing
from amos_ledger.settlement.period_result import PeriodResult, Terms, work_out
from amos_ledger.store.store import Store


def work_out_listed(store: Store, closing: Closing, closed: Mapping[str, int], index: int) -> PeriodResult:
    """The result of that closing, the entry at leaf `index`; `closed` are the periods closed before it."""
    terms = Terms(
        closing.period,
        closing.currency,
        closing.income_micro,
        closing.carry_in_micro,
        closing.previous,
        closed,
        store.documents.bytes_of("catalogues", closing.catalogue_sha256),
        store.opt_outs.all(index),
        closing.version,
        store.revocations(),
    )
    flags = store.flags(closing.period)
    leaves = (leaf for first, count in closing.ranges() for leaf in range(first, first + count))
    segments = ((leaf, store.log.usage(leaf), flags.get(leaf, frozenset())) for leaf in leaves)
    return work_out(terms, segments, store.manifest)
