"""For how long some processes have done nothing: a slow one works all the time, a stuck one takes no processor time."""

import time
from collections.abc import Callable, Iterable

from amos_tools.processor_time import processor_s

LOOK_S = 1.0
BUSY_SHARE = 0.02
"""Of one core. A player that only waits for its courier takes a tenth of it; one that renders, more on any machine."""


class Idleness:
    """How long all of some processes together have not worked. Where nobody can tell, they count as working."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[int], float | None] = processor_s
    ) -> None:
        self._clock = clock
        self._used = used
        self._busy_at = self._looked_at = clock()
        self._taken_s: float | None = 0.0

    def seconds(self, pids: Iterable[int]) -> float:
        """Since when they are idle; to be asked again and again."""
        now = self._clock()
        if now - self._looked_at >= LOOK_S:
            taken = [self._used(pid) for pid in pids]
            total = None if None in taken else sum(seconds for seconds in taken if seconds is not None)
            if total is None or self._taken_s is None or total - self._taken_s >= BUSY_SHARE * (now - self._looked_at):
                self._busy_at = now
            self._taken_s, self._looked_at = total, now
        return now - self._busy_at
