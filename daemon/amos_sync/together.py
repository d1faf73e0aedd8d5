"""How many segments go in one message. Pure: time is passed in.

A ledger of an earlier version takes one alone and refuses several, so the first message with several is a small one
that asks: until a segment of it has an answer, all others go alone. Then as many go together as a quick answer allows:
a slow line that is given too much has everything sent twice. Where no answer comes to several, all go alone for a
while, which is what every ledger and every broker has taken before; where the line breaks under them, half as many are
tried on the next.
"""

from amos.protocol.ledger_limits import SEVERAL_MAX
from amos_sync.limits import TOGETHER_AGAIN_MS, TOGETHER_FIRST, TOGETHER_QUICK_MS, TOGETHER_SLOW_MS


class Together:
    """`sent`, `answered`, `overdue` and `connected` as it happens.

    proved   whether this ledger takes several, as far as this connection has shown
    """

    def __init__(self) -> None:
        self.proved = False
        self._each_max = TOGETHER_FIRST
        self._ceiling, self._lost_ms = SEVERAL_MAX, 0
        self._asked = False
        self._alone_until_ms = 0
        self._under_way = 0

    def each_max(self, now_ms: int) -> int:
        """How many may go in one message; as long as nothing is proved, in one message only."""
        if now_ms < self._alone_until_ms or (self._asked and not self.proved):
            return 1
        if now_ms - self._lost_ms >= TOGETHER_AGAIN_MS:
            self._ceiling, self._lost_ms = min(2 * self._ceiling, SEVERAL_MAX), now_ms
        return min(self._each_max, self._ceiling)

    def sent(self, count: int) -> None:
        """So many went together."""
        self._asked = True
        self._under_way += count

    def answered(self, waited_ms: int) -> None:
        """The ledger answered one that went with others."""
        self.proved = True
        self._under_way = max(self._under_way - 1, 0)
        if waited_ms <= TOGETHER_QUICK_MS:
            self._each_max = min(self._each_max + 1, SEVERAL_MAX)  # twice as many after each message
        elif waited_ms > TOGETHER_SLOW_MS:
            self._each_max = max(self._each_max - 1, TOGETHER_FIRST)

    def overdue(self, now_ms: int) -> None:
        """One that went with others had no answer, and is sent again."""
        self._alone_until_ms = now_ms + TOGETHER_AGAIN_MS
        self._start_anew()

    def connected(self, is_up: bool, now_ms: int) -> None:
        """The connection began or ended: on a new one another ledger may answer, and what was under way when the last
        one broke may have broken it: half as many are tried on the next."""
        if not is_up and self._under_way:
            self._ceiling, self._lost_ms = max(min(self._each_max, self._ceiling) // 2, 1), now_ms
        self._start_anew()

    def _start_anew(self) -> None:
        self._each_max, self._asked, self.proved, self._under_way = TOGETHER_FIRST, False, False, 0
