"""When something that failed is tried again."""

from amos.compat import const

_FIRST_MS = const(1_000)
_MOST_MS = const(60_000)
_CALM_MS = const(600_000)
"""After so long without a failure the next one is the first again: storage that fails with every flush lets a second of
music play each minute, not each second."""


class BackOff:
    """Tries after a second, and after twice as long each time, up to a minute."""

    def __init__(self):
        self._wait_ms = 0
        self._failed_ms = 0

    def failed(self, now_ms: int) -> None:
        """It has failed, at that moment of a monotonic clock."""
        calm = now_ms - self._failed_ms >= _CALM_MS
        self._wait_ms = _FIRST_MS if calm or not self._wait_ms else min(2 * self._wait_ms, _MOST_MS)
        self._failed_ms = now_ms

    def is_due(self, now_ms: int) -> bool:
        """Whether to try again."""
        return now_ms - self._failed_ms >= self._wait_ms
