"""Where the sliders stand: what inputs and dayparts set, how long that holds, and how fast a value may move."""

from amos.compat import const

_POSITION_ONE = const(32768)


class Sliders:
    """Positions 0 .. 32768 of a score's sliders. A position moves to its target no faster than the slider's slew.

    by_hand   of each, whether an input holds
    """

    __slots__ = ("_base", "_from", "_since", "_still_from", "_table", "_target", "_values", "by_hand")

    def __init__(self, table):
        self._table = table
        self._base = [slider.start_q15 for slider in table]
        self._target = list(self._base)
        self._from = list(self._base)
        self._since = [0] * len(table)
        self.by_hand = [False] * len(table)
        self._values = None
        # From this frame on nothing moves until somebody sets a slider again.
        self._still_from = 0

    def set(self, index: int, position_q15: int, frame: int) -> None:
        """An input: holds until the section ends if the slider's scope is the section, else until it is set again."""
        self.by_hand[index] = True
        self._move(index, position_q15, frame)

    def set_base(self, index: int, position_q15: int, frame: int, anew: bool) -> None:
        """What the script says from `frame` on: the latest word, which replaces an input, if it is `anew`."""
        self._base[index] = position_q15
        if anew:
            self.by_hand[index] = False
        if not self.by_hand[index]:
            self._move(index, position_q15, frame)

    def leave_section(self, frame: int) -> None:
        """A section ends: sliders of its scope return to what the script says."""
        for index, by_hand in enumerate(self.by_hand):
            if by_hand and self._table[index].section_scope:
                self.by_hand[index] = False
                self._move(index, self._base[index], frame)

    def _move(self, index: int, position_q15: int, frame: int) -> None:
        here = self._position(index, frame)
        self._from[index] = here
        self._since[index] = frame
        self._target[index] = position_q15
        slew = self._table[index].slew_frames or 0
        self._still_from = max(self._still_from, frame + (abs(position_q15 - here) * slew >> 15) + 1)
        self._values = None

    def _position(self, index: int, frame: int) -> int:
        start = self._from[index]
        target = self._target[index]
        slew = self._table[index].slew_frames
        if not slew or start == target:
            return target
        moved = (frame - self._since[index]) * _POSITION_ONE // slew
        return min(target, start + moved) if target > start else max(target, start - moved)

    def values(self, frame: int) -> "list[int]":
        """Values in Q15 at `frame`, which never goes back. Do not change the list."""
        if self._values is not None:
            return self._values
        values = [slider.value(self._position(index, frame)) for index, slider in enumerate(self._table)]
        if frame >= self._still_from:
            self._values = values
        return values
