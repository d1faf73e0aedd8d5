"""The level of a voice whose gain moves while it sounds. `SPEC.md`, "Level", is the reference.

Only a score with such a gain loads this.
"""

from amos.compat import const

GLIDE_BITS = const(12)  # of the way a glide has gone: with 18 bits of frames they fit a small int


class Glide:
    """A level that goes from one value to another in a line. Positions count frames from wherever its owner does.

    start, frames   where the last glide began, and how long it is, at most 2**18 - 1
    from_q15        level at its start
    to_q15          level from its end on
    """

    __slots__ = ("frames", "from_q15", "start", "to_q15")

    def __init__(self, level_q15: int) -> None:
        self.start = 0
        self.frames = 0
        self.from_q15 = self.to_q15 = level_q15

    def go(self, pos: int, level_q15: int, frames: int) -> None:
        """From `pos` on, go from the level there to `level_q15` within `frames`."""
        self.from_q15 = self.at(pos)
        self.to_q15 = level_q15
        self.start = pos
        self.frames = frames

    def at(self, pos: int) -> int:
        """Level at `pos`, 0 .. 32768."""
        gone = pos - self.start
        if gone >= self.frames:
            return self.to_q15
        return self.from_q15 + ((self.to_q15 - self.from_q15) * ((gone << GLIDE_BITS) // self.frames) >> GLIDE_BITS)

    def turned(self, gain_q15: int, pos: int) -> int:
        """`gain_q15` at `pos` under the level there; 0 only if it was 0."""
        return max(1, gain_q15 * self.at(pos) >> 15) if gain_q15 else 0

    def moves(self, pos: int) -> bool:
        """Whether the level changes after `pos`."""
        return pos < self.start + self.frames and self.from_q15 != self.to_q15
