"""Usage that no closing has settled, by the period to which it accrues and the pool in which it is."""

from amos.protocol.closing import VERSION, VERSION_LISTED, Closing
from amos_tools.verify.errors import Difference, same
from amos_tools.verify.leaf_runs import LeafRuns


class Unsettled:
    """So far in the walk. A period is None before the first batch entry, where the ledger's own clock decided."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str | None, str], LeafRuns] = {}
        self._settled: dict[str, dict[str, int]] = {}

    def add(self, leaf: int, period: str | None, pool: str) -> None:
        """The usage at the latest leaf accrues to this period, and is in this pool."""
        self._waiting.setdefault((period, pool), LeafRuns()).add(leaf)

    def settle(self, label: str, index: int, closing: Closing) -> None:
        """The closing at leaf `index` settles usage before it that waited, and leaves out none of its period. Since
        version 4 it lists no leaves: the first of a period settles all that accrues to it, and each says how much of
        that is its own."""
        if closing.version > VERSION_LISTED:
            if closing.readings_of is None:
                self._settled[closing.period] = {pool: len(runs) for pool, runs in self._pop(closing.period).items()}
            of_pools = self._settled.get(closing.period)
            if of_pools is None:
                return None  # its first closing listed leaves, and `Closings` tells what is wrong with it
            mine = of_pools.get(closing.pool or "", 0) if closing.version == VERSION else sum(of_pools.values())
            return same(f"{label}.segments", mine, closing.segments)
        for first, count in closing.ranges():
            leaf = first
            while leaf < min(first + count, index + 1):
                runs = next((runs for runs in self._waiting.values() if leaf in runs), None)
                if runs is None:
                    raise Difference(f"{label}.settled", "usage before it that no period has settled", f"leaf {leaf}")
                end = min(first + count, runs.end_of_run(leaf))
                runs.remove(leaf, end)
                leaf = end
        for left in self._pop(closing.period).values():
            if left:
                accrues = f"leaf {left.first}, which accrues to {closing.period}"
                raise Difference(f"{label}.settled", accrues, "it left out")
        self._waiting = {key: runs for key, runs in self._waiting.items() if runs}

    def _pop(self, period: str) -> dict[str, LeafRuns]:
        """What waits for the period, by pool, which waits no more."""
        names = [pool for of, pool in self._waiting if of == period]
        return {pool: self._waiting.pop((period, pool)) for pool in names}
