"""How many inputs others may give: each is in the log, and a segment full of them is sealed before its time."""

from amos.compat import const

INPUTS_AT_ONCE = const(40)
"""From rest. Fewer than the 56 that one segment holds beside the player's own, so that no burst fills one."""

INPUT_EVERY_MS = const(5000)
"""And then one in so long: at most 160 within the ten minutes of a segment, which seal two more; a flood without a
bound seals one a second."""


class InputAllowance:
    """A bucket of `INPUTS_AT_ONCE` that fills again by one each `INPUT_EVERY_MS`, in the player's monotonic time."""

    def __init__(self):
        self._full_ms = 0  # when it is full again

    def wait_ms(self, now_ms: int) -> int:
        """How long until one more input may be taken; 0 if one may be taken at once."""
        return max(0, self._full_ms - now_ms - (INPUTS_AT_ONCE - 1) * INPUT_EVERY_MS)

    def take(self, now_ms: int) -> None:
        """An input was taken."""
        self._full_ms = max(self._full_ms, now_ms) + INPUT_EVERY_MS


class WaitingPositions:
    """Of each slider, and of the volume, the last position that waits for its turn.

    rows   (kind, value), that which waits longest first
    """

    def __init__(self):
        self.rows: list = []

    def has(self, kind: int) -> bool:
        """Whether one of this kind waits."""
        return any([row[0] == kind for row in self.rows])

    def put(self, kind: int, value: int) -> None:
        """It waits in place of an earlier one of its kind, or behind all others."""
        for n in range(len(self.rows)):
            if self.rows[n][0] == kind:
                self.rows[n] = kind, value
                return
        self.rows.append((kind, value))

    def forget(self, kind: int) -> None:
        """None of this kind waits any more."""
        self.rows = [row for row in self.rows if row[0] != kind]
