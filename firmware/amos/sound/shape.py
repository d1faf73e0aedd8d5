"""A stem made darker, narrower or wider, or moved to one side, before it is mixed. SPEC.md, "Shape", is the reference.

Only a score with such a layer loads this.
"""

from array import array

UNITY_Q15 = 32768
SHAPE_FACTS = 5
"""Gains of middle and sides, then of left and right, and the pole of the low-pass, Q15; of 0 there is none."""
MID_Q15_MIN = 8192
"""What the middle is turned down to by the widest: a stem of one channel still sounds."""
RUN_FRAMES = 8
STATE_WORDS = 2 + RUN_FRAMES
HEARD_FROM = 2
FRACTION_BITS = 8


def shape_fault(shape) -> "str | None":
    """What keeps these numbers from being a shape, or None."""
    if len(shape) != SHAPE_FACTS:
        return "expected %d numbers, found %d" % (SHAPE_FACTS, len(shape))
    mid, side, left, right, pole = shape
    if max(mid, side) != UNITY_Q15 or max(left, right) != UNITY_Q15 or mid < MID_Q15_MIN or pole >= UNITY_Q15:
        return (
            "expected the greater of middle and side, and of left and right, to be 32768, a middle from 8192,"
            " and a pole below 32768"
        )
    return None


def low_pass_table(pole_q15: int) -> array:
    """What is left of the state after 1 .. 8 frames, and the weight of a sample 0 .. 7 frames after it came."""
    left = [UNITY_Q15]
    for _ in range(RUN_FRAMES):
        left.append(left[-1] * pole_q15 + 16384 >> 15)
    return array("i", left[1:] + [left[i] - left[i + 1] for i in range(RUN_FRAMES)])


def side_gains(shape) -> array:
    """Gains of left and right in the new left, and of left and right in the new right."""
    mid, side, left, right, _pole = shape
    same, other = mid + side, mid - side
    gains = []
    for gain in (left, right):
        across = other * gain >> 16
        # What is taken from the other side could add to a sample beyond 16 bits.
        gains.append(min(same * gain >> 16, UNITY_Q15 - 1 + across) if across < 0 else same * gain >> 16)
        gains.append(across)
    return array("i", (gains[0], gains[1], gains[3], gains[2]))


class ShapedSource:
    """`source` in a shape, read from its first frame on, each frame once; `kernel` is a module such as `shape_plain`.

    frames, channels   of what it gives
    """

    def __init__(self, source, shape, kernel):
        mid, side, left, right, pole = shape
        self.frames = source.frames
        self._source = source
        self._kernel = kernel
        self._table = low_pass_table(pole) if pole else None
        self._state = array("i", bytes(4 * STATE_WORDS * source.channels))
        self._at = 0
        self._sides = None
        if source.channels == 2:
            self.channels = 2
            if min(mid, side, left, right) < UNITY_Q15:
                self._sides = side_gains(shape)
        else:
            left, right = mid * left >> 15, mid * right >> 15
            self.channels = 1 if left == right == UNITY_Q15 else 2
            if self.channels == 2:
                self._sides = array("i", (left, right))

    def read_into(self, buffer, start_frame: int, frame_count: int) -> None:
        """Fill the front of `buffer`; ValueError if these are not the next frames, and what the source raises."""
        if start_frame != self._at:
            raise ValueError("start_frame: expected %d, found %d" % (self._at, start_frame))
        source, kernel = self._source, self._kernel
        source.read_into(buffer, start_frame, frame_count)
        self._at += frame_count
        if self._table is not None:
            for channel in range(source.channels):
                kernel.low_pass(buffer, self._table, channel, self._state, source.channels, frame_count)
        if self._sides is None:
            return
        if source.channels == 2:
            kernel.turn_sides(buffer, self._sides, frame_count)
        else:
            kernel.spread(buffer, self._sides, frame_count)
