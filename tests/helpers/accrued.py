"""What a store says of the usage of a period."""

from amos_ledger.settlement.standing import FLAGS
from amos_ledger.store.store import Store


def leaves(store: Store, period: str) -> list[int]:
    """Leaf indexes of the usage that accrues to the period, ascending."""
    return [item.leaf_index for item in store.period_usage.segments(period, FLAGS)]
