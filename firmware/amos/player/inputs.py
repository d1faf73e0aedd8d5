"""Inputs from outside, each with the frame it is effective from; journalled, so that a session can be replayed."""

from amos.compat import const
from amos.player.day_clock import CLOCK_VALUE_MAX
from amos.player.score import Score

INPUT_SKIP = const(0)
"""Leave the section: at once, or when its transition says. The value is ignored."""
INPUT_LIKE = const(1)
INPUT_DISLIKE = const(2)
INPUT_SHUFFLE = const(3)
"""About stem `value` - 1 if it sounds, or with 0 about all that sound. What they do is the script's `on`."""
INPUT_CLOCK = const(4)
"""It is this time at the input's frame: (weekday * 2 + holiday) * 86400 + second of the day; Monday is 0."""
INPUT_ANNOUNCE = const(5)
"""Make announcement `value` as soon as its rule allows."""
INPUT_BLOCK = const(6)
"""Stem `value` fades out if it sounds, and is not drawn again (opt-out)."""
INPUT_LEAVE = const(7)
"""The pack gives way to another: at the next section all fades out, and nothing more begins. The value is ignored."""
INPUT_SLIDER = const(16)
"""INPUT_SLIDER + i sets slider i to a position of 0 .. 32768 between its bounds."""
POSITION_MAX = const(32768)
INPUTS_PENDING_MAX = const(128)
"""Inputs ahead of play; as many as one usage segment holds."""


class InputRefused(ValueError):
    """An input has an unknown kind, a value out of range, or a frame that is already over."""


class InputQueue:
    """Inputs not yet effective, by frame; those of one frame keep the order they came in."""

    __slots__ = ("items", "slider_count", "values_max")

    def __init__(self, score: Score):
        self.slider_count = len(score.sliders)
        self.items = []
        self.values_max = {
            INPUT_LIKE: score.stems,
            INPUT_DISLIKE: score.stems,
            INPUT_SHUFFLE: score.stems,
            INPUT_CLOCK: CLOCK_VALUE_MAX,
            INPUT_ANNOUNCE: len(score.announcements or ()) - 1,
            INPUT_BLOCK: score.stems - 1,
        }

    def put(self, kind: int, value: int, frame: int) -> None:
        """Raises `InputRefused`; the queue is unchanged then."""
        if kind not in (INPUT_SKIP, INPUT_LEAVE):
            limit = POSITION_MAX
            if kind in self.values_max:
                limit = self.values_max[kind]
            elif not 0 <= kind - INPUT_SLIDER < self.slider_count:
                raise InputRefused(
                    "kind: expected 0 to 7 or one of %d sliders from 16, found %d" % (self.slider_count, kind)
                )
            if not 0 <= value <= limit:
                raise InputRefused("value: expected 0 to %d, found %d" % (limit, value))
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
        if count:
            self.items = self.items[count:]
        return taken
