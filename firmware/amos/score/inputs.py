"""Inputs from outside, each with the frame it is effective from; journalled, so that a session can be replayed."""

from amos.compat import const
from amos.score.day_clock import CLOCK_VALUE_MAX
from amos.score.score import Score
from amos.sound.limiter import UNITY_Q15

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
"""Stem `value` is withdrawn (an opt-out, the end of its lease): it fades out if it sounds, and is not drawn again."""
INPUT_PAUSE = const(7)
"""1: everything fades within a beat, and nothing is placed until 0 comes; then the section begins again."""
INPUT_VOLUME = const(8)
"""The operator's gain, Q15, 1 .. 32768 (unity)."""
INPUT_LEAVE = const(9)
"""The pack gives way to another: at the next section all fades out, and nothing more begins. The value is ignored."""
INPUT_BLOCK_MANY = const(10)
"""The same for up to 16 stems: `value` is g << 16 | mask; bit i of the mask is stem 16 g + i."""
OWN_INPUTS = (INPUT_BLOCK, INPUT_BLOCK_MANY, INPUT_CLOCK, INPUT_LEAVE)
"""What only the player tells the VM: a courier could silence an artist with the first, and is believed no time."""
INPUT_SLIDER = const(16)
"""INPUT_SLIDER + i sets slider i to a position of 0 .. 32768 between its bounds."""
POSITION_MAX = const(32768)
_INPUTS_PENDING_MAX = const(128)
"""Inputs ahead of play; as many as one usage segment holds."""


def block_inputs(stems) -> list:
    """The inputs (kind, value) that withdraw these stems; at most 64, so that a session can begin with any of them."""
    masks: dict = {}
    for stem in stems:
        masks[stem >> 4] = masks.get(stem >> 4, 0) | 1 << (stem & 15)
    inputs = []
    for group in sorted(masks):
        stems = blocked(group << 16 | masks[group])
        inputs.append((INPUT_BLOCK, stems[0]) if len(stems) == 1 else (INPUT_BLOCK_MANY, group << 16 | masks[group]))
    return inputs


def blocked(value: int) -> list:
    """The stems of an `INPUT_BLOCK_MANY`."""
    return [(value >> 16) * 16 + bit for bit in range(16) if value >> bit & 1]


def sets_a_position(kind: int) -> bool:
    """Whether an input of this kind replaces what an earlier one of it has said: a slider, or the volume."""
    return kind == INPUT_VOLUME or kind >= INPUT_SLIDER


class InputRefused(ValueError):
    """An input has an unknown kind, a value out of range, or a frame that is already over."""


class InputQueue:
    """Inputs not yet effective, by frame; those of one frame keep the order they came in."""

    __slots__ = ("items", "slider_count", "stem_count", "values_max")

    def __init__(self, score: Score):
        self.stem_count = score.stems
        self.slider_count = len(score.sliders)
        self.items = []
        self.values_max = {
            INPUT_LIKE: score.stems,
            INPUT_DISLIKE: score.stems,
            INPUT_SHUFFLE: score.stems,
            INPUT_CLOCK: CLOCK_VALUE_MAX,
            INPUT_ANNOUNCE: len(score.announcements or ()) - 1,
            INPUT_BLOCK: score.stems - 1,
            INPUT_BLOCK_MANY: (score.stems - 1 >> 4) << 16 | 0xFFFF,
            INPUT_PAUSE: 1,
            INPUT_VOLUME: UNITY_Q15,
        }

    def check(self, kind: int, value: int) -> None:
        """Raises `InputRefused` unless there is such a kind, and this value is one of its."""
        if kind in (INPUT_SKIP, INPUT_LEAVE):
            return
        limit = POSITION_MAX
        if kind in self.values_max:
            limit = self.values_max[kind]
        elif not 0 <= kind - INPUT_SLIDER < self.slider_count:
            raise InputRefused(
                "kind: expected 0 to 10 or one of %d sliders from 16, found %d" % (self.slider_count, kind)
            )
        least = 1 if kind == INPUT_VOLUME else 0
        if not least <= value <= limit:
            raise InputRefused("value: expected %d to %d, found %d" % (least, limit, value))
        if kind == INPUT_BLOCK_MANY and (blocked(value) or [self.stem_count])[-1] >= self.stem_count:
            raise InputRefused("value: expected stems below %d, found %d" % (self.stem_count, value))

    def put(self, kind: int, value: int, frame: int) -> None:
        """Raises `InputRefused`; the queue is unchanged then."""
        self.check(kind, value)
        if len(self.items) >= _INPUTS_PENDING_MAX:
            raise InputRefused("inputs: expected at most %d ahead of play" % _INPUTS_PENDING_MAX)
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
