"""How many wrong tokens came from an address, so that nobody tries them by the thousand."""

import time
from collections.abc import Callable

from amos_web.errors import WebRefusal
from amos_web.limits import ADDRESSES_MAX, WRONG_TOKENS_MAX, WRONG_TOKENS_S


class Attempts:
    """Counts by address, each from its first wrong token on for `WRONG_TOKENS_S`. `hint` says how one comes by a right
    one."""

    def __init__(self, hint: str, clock_s: Callable[[], float] = time.monotonic):
        self._hint, self._clock_s = hint, clock_s
        self._counts: dict[str, tuple[float, int]] = {}

    def wrong(self, address: str) -> WebRefusal:
        """One more came from there: what to answer."""
        now_s = self._clock_s()
        since_s, count = self._counts.pop(address, (now_s, 0))
        if now_s - since_s >= WRONG_TOKENS_S:
            since_s, count = now_s, 0
        while len(self._counts) >= ADDRESSES_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[address] = since_s, count + 1
        if count < WRONG_TOKENS_MAX:
            return WebRefusal(401, "TokenWrong", "this token lets nobody in", self._hint)
        left_s = max(1, round(WRONG_TOKENS_S - (now_s - since_s)))
        return WebRefusal(429, "TooManyTokens", f"too many wrong tokens; wait {left_s} s", "then try the right one")
