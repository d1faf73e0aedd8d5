"""Usage that no closing has settled, by the period to which it accrues."""

from amos.protocol.closing import VERSION_LISTED, Closing
from amos_tools.verify.errors import Difference, same
from amos_tools.verify.leaf_runs import LeafRuns


class Unsettled:
    """So far in the walk. A period is None before the first batch entry, where the ledger's own clock decided."""

    def __init__(self) -> None:
        self._by_period: dict[str | None, LeafRuns] = {}

    def add(self, leaf: int, period: str | None) -> None:
        """The usage at the latest leaf accrues to this period."""
        self._by_period.setdefault(period, LeafRuns()).add(leaf)

    def settle(self, label: str, index: int, closing: Closing) -> None:
        """The closing at leaf `index` settles usage before it that waited, and leaves out none of its period. One of
        version 4 lists no leaves: it settles all that accrues to its period, and says how much that is."""
        if closing.version > VERSION_LISTED:
            settled = self._by_period.pop(closing.period, LeafRuns())
            return same(f"{label}.segments", len(settled), closing.segments)
        for first, count in closing.ranges():
            leaf = first
            while leaf < min(first + count, index + 1):
                runs = next((runs for runs in self._by_period.values() if leaf in runs), None)
                if runs is None:
                    raise Difference(f"{label}.settled", "usage before it that no period has settled", f"leaf {leaf}")
                end = min(first + count, runs.end_of_run(leaf))
                runs.remove(leaf, end)
                leaf = end
        left = self._by_period.pop(closing.period, LeafRuns())
        if left:
            raise Difference(f"{label}.settled", f"leaf {left.first}, which accrues to {closing.period}", "it left out")
        self._by_period = {period: runs for period, runs in self._by_period.items() if runs}
