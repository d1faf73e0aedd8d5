"""Inputs from outside, each with the frame it is effective from; journalled, so that a session can be replayed."""

from amos.compat import const

INPUT_SKIP = const(0)
"""Leave the section at the input's frame. The value is ignored."""
INPUT_SLIDER = const(16)
"""INPUT_SLIDER + i sets slider i to a position of 0 .. 32768 between its bounds."""
POSITION_MAX = const(32768)
INPUTS_PENDING_MAX = const(128)
"""Inputs ahead of play; as many as one usage segment holds."""


class InputRefused(ValueError):
    """An input has an unknown kind, a value out of range, or a frame that is already over."""


class InputQueue:
    """Inputs not yet effective, by frame; those of one frame keep the order they came in."""

    __slots__ = ("items", "slider_count")

    def __init__(self, slider_count: int):
        self.slider_count = slider_count
        self.items = []

    def put(self, kind: int, value: int, frame: int) -> None:
        """Raises `InputRefused`; the queue is unchanged then."""
        if kind != INPUT_SKIP:
            if not 0 <= kind - INPUT_SLIDER < self.slider_count:
                raise InputRefused("kind: expected skip or one of %d sliders, found %d" % (self.slider_count, kind))
            if not 0 <= value <= POSITION_MAX:
                raise InputRefused("value: expected 0 to %d, found %d" % (POSITION_MAX, value))
        if len(self.items) >= INPUTS_PENDING_MAX:
            raise InputRefused("inputs: expected at most %d ahead of play" % INPUTS_PENDING_MAX)
        at = len(self.items)
        while at and self.items[at - 1][0] > frame:
            at -= 1
        self.items.insert(at, (frame, kind, value))

    def due(self, frame: int) -> list:
        """Take out the inputs effective at `frame` or before, as (frame, kind, value)."""
        count = 0
        while count < len(self.items) and self.items[count][0] <= frame:
            count += 1
        taken = self.items[:count]
        self.items = self.items[count:]
        return taken
