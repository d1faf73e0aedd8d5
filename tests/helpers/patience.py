"""Waiting for what other processes and threads do: for a condition, never for a time."""

import time
from collections.abc import Callable

STOP_S = 0.5
"""More between two looks means that this process, or the whole machine, stood still."""


class Patience:
    """Some seconds of waiting, of which a stop of the machine takes `STOP_S` at most: nobody could do anything then."""

    def __init__(self, seconds: float = 120):
        self._left_s = seconds
        self._seen_s = time.monotonic()

    def lasts(self) -> bool:
        """Whether to go on waiting; to be asked in every round."""
        now_s = time.monotonic()
        self._left_s -= min(now_s - self._seen_s, STOP_S)
        self._seen_s = now_s
        return self._left_s > 0


def wait_until(holds: Callable[[], object], what: Callable[[], object] | str, nap_s: float = 0.02) -> None:
    """Return once it holds; else fail with `what` was awaited, or what it gives when that is called."""
    patience = Patience()
    while not holds():
        assert patience.lasts(), what() if callable(what) else what
        time.sleep(nap_s)
