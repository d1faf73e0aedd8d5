"""What a store says of the usage of a period."""

from amos_ledger.settlement.standing import FLAGS
from amos_ledger.store.store import Store


def leaves(store: Store, period: str) -> list[int]:
    """Leaf indexes of the usage that accrues to the period, ascending."""
    return [item.leaf_index for item in store.period_usage.segments(period, FLAGS)]


def rolled_frames(store: Store, *periods: str) -> int:
    """Frames in play that the table `rollup` has of the periods, of all that there are if none is named."""
    rows = store._database.rows("SELECT period, frames FROM rollup")
    return sum(frames for period, frames in rows if not periods or period in periods)
