"""The integer gain of one placement at every frame. `SPEC.md`, "Envelope", is the reference.

Positions (`pos`) count frames from the placement's start, so they stay small however long the session has run.
The gain is exact at *nodes* and linear between them. Mixer and meter both take it from here, so the
meter counts as audible exactly the frames that the mixer multiplied by a gain above 0.
"""

from amos.compat import const
from amos.sound.events import LINEAR_IN, LINEAR_OUT, Start
from amos.sound.fade_table import FADE_Q15, FADE_STEPS

CELL_FRAMES = 64  # frames of a cell, the grid of all envelopes and of the limiter; a power of two
CELL_MASK = CELL_FRAMES - 1
RAMP_BITS = 14  # fraction bits of a gain on its way between two nodes: 15 + 14 bits fit a 31-bit small int
RAMP_ONE = 1 << RAMP_BITS
FADE_FACTS = 5
_FADE_RUN_FRAMES_MAX = const(1 << 21)  # of a fade in a run: its length times steps of the curve fit 31 bits
LINEAR_BITS = 8  # a linear fade goes up by 2**8 a step: FADE_STEPS of them are unity


def fade_gain(gain_q15: int, frame: int, fade_frames: int, linear: bool = False) -> int:
    """`gain_q15` after `frame` frames of a fade in of `fade_frames`, of equal power or linear; all of it from the
    fade's end on."""
    if frame >= fade_frames:
        return gain_q15
    scaled = frame * FADE_STEPS
    step = scaled // fade_frames
    low = step << LINEAR_BITS
    rise = 1 << LINEAR_BITS
    if not linear:
        low = FADE_Q15[step]
        rise = FADE_Q15[step + 1] - low
    curve = low + rise * (scaled - step * fade_frames) // fade_frames
    return gain_q15 * curve >> 15


def first_audible(gain_q15: int, fade_frames: int, linear: bool = False) -> int:
    """The first frame at which `fade_gain` is not 0; `gain_q15` must not be 0.

    The product is not 0 from a height of the curve on; the step in which the curve gets there is the first for all but
    the softest gains, and within a step it is a line.
    """
    height = (32767 + gain_q15) // gain_q15
    if linear:
        step = (height - 1) >> LINEAR_BITS
        low = step << LINEAR_BITS
        rise = 1 << LINEAR_BITS
    else:
        step = 0
        while FADE_Q15[step + 1] < height:
            step += 1
        low = FADE_Q15[step]
        rise = FADE_Q15[step + 1] - low
    scaled = step * fade_frames + ((height - low) * fade_frames + rise - 1) // rise
    return (scaled + FADE_STEPS - 1) // FADE_STEPS


def ramp_slope(gain: int, next_gain: int, frames: int) -> int:
    """Change of gain per frame, in units of 1 / RAMP_ONE, between two nodes `frames` apart."""
    return ((next_gain - gain) << RAMP_BITS) // frames


class Envelope:
    """Fade in, sustain, fade out, and a fade from wherever it was when a Stop came. One object is reused per voice."""

    __slots__ = (
        "end",
        "fade_in",
        "fade_out_pos",
        "frames",
        "gain",
        "linear_in",
        "linear_out",
        "linear_stop",
        "phase",
        "stop_end",
        "stop_fade",
        "stop_gain",
    )

    def __init__(self) -> None:
        self.end = 0  # position at which the placement is over
        self.frames = 0
        self.gain = 0
        self.phase = 0  # of position 0 in its cell
        self.fade_in = 0
        self.fade_out_pos = 0  # position at which the fade out begins; below 0 if it is longer than the placement
        self.stop_end = -1  # position at which a Stop's fade is over; -1: no Stop
        self.stop_fade = 0
        self.stop_gain = 0
        self.linear_in = False
        self.linear_out = False
        self.linear_stop = False

    def begin(self, start: Start) -> None:
        """Take over a `Start` event."""
        self.end = self.frames = start.frames
        self.gain = start.gain_q15
        self.phase = start.frame & CELL_MASK
        self.fade_in = start.fade_in
        self.fade_out_pos = start.frames - start.fade_out
        self.stop_end = -1
        self.linear_in = bool(start.curves & LINEAR_IN)
        self.linear_out = bool(start.curves & LINEAR_OUT)

    def takes_stop(self, pos: int, fade: int) -> bool:
        """False if the placement, or an earlier Stop's fade, ends before this fade would."""
        return pos < self.end and not 0 <= self.stop_end <= pos + fade

    def stop(self, pos: int, fade: int, linear: bool) -> None:
        """Fade from the gain at `pos`, which becomes a node, to nothing `fade` frames on. Only if `takes_stop`."""
        self.stop_gain = self.at(pos)
        self.linear_stop = linear
        self.stop_fade = fade
        self.stop_end = pos + fade
        self.end = min(self.end, self.stop_end)

    def at(self, pos: int) -> int:
        """Gain at node `pos`, 0 .. 32767."""
        gain = fade_gain(self.gain, pos, self.fade_in, self.linear_in)
        if pos > self.fade_out_pos:
            fade_out = self.frames - self.fade_out_pos
            gain = min(gain, fade_gain(self.gain, self.frames - pos, fade_out, self.linear_out))
        if self.stop_end >= 0:
            gain = min(gain, fade_gain(self.stop_gain, self.stop_end - pos, self.stop_fade, self.linear_stop))
        return gain

    def flat_until(self, pos: int, until: int) -> int:
        """The end of the constant gain that holds from `pos` on, at most `until`; `pos` itself in a fade."""
        if self.stop_end >= 0 or pos < self.fade_in or pos >= self.fade_out_pos:
            return pos
        return min(until, self.fade_out_pos)

    def fade_run(self, pos: int, until: int, facts) -> int:
        """How many whole cells from `pos` on follow one fade alone; 0 if it takes `at` to say.

        Fills `facts` (FADE_FACTS) with its gain, frame at `pos`, change of frame a cell, length and whether it is
        linear: `fade_gain` of these is what `at` gives at the borders of these cells.
        """
        if self.phase + pos & CELL_MASK:
            return 0
        facts[2] = -CELL_FRAMES
        if pos < self.fade_in:
            if self.stop_end >= 0:
                return 0
            until = min(until, self.fade_in, self.fade_out_pos)
            facts[0] = self.gain
            facts[1] = pos
            facts[2] = CELL_FRAMES
            facts[3] = self.fade_in
            facts[4] = self.linear_in
        elif self.stop_end >= 0:
            until = min(until, self.fade_out_pos)
            facts[0] = self.stop_gain
            facts[1] = self.stop_end - pos
            facts[3] = self.stop_fade
            facts[4] = self.linear_stop
        elif pos < self.fade_out_pos:
            return 0
        else:
            facts[0] = self.gain
            facts[1] = self.frames - pos
            facts[3] = self.frames - self.fade_out_pos
            facts[4] = self.linear_out
        if facts[3] > _FADE_RUN_FRAMES_MAX or until < pos:
            return 0
        return (until - pos) // CELL_FRAMES

    def node_after(self, pos: int, until: int) -> int:
        """The first node after `pos`; at most `until`, which is one."""
        node = pos + CELL_FRAMES - (self.phase + pos & CELL_MASK)
        if pos < self.fade_in < node:
            node = self.fade_in
        if pos < self.fade_out_pos < node:
            node = self.fade_out_pos
        return min(node, until)

    def node_before(self, pos: int, begin: int) -> int:
        """The last node before `pos`; at least `begin`, which is one."""
        node = pos - 1 - (self.phase + pos - 1 & CELL_MASK)
        if node < self.fade_in < pos:
            node = self.fade_in
        if node < self.fade_out_pos < pos:
            node = self.fade_out_pos
        return max(node, begin)

    def audible(self, pos: int, until: int) -> tuple:
        """(first, end): the positions in pos..until whose gain is not 0, both arguments being nodes.

        The gain rises, holds and falls, so they are one run; first == end if there are none. The work does not grow
        with the length: a few divisions.
        """
        low, high = self._audible_bounds()
        if low > high or pos >= until:
            return pos, pos
        first_node = pos if low <= pos else self.node_after(low - 1, until)
        last_node = until if high >= until else self.node_before(high + 1, pos)
        if first_node > last_node or first_node > high or last_node < low:
            return pos, pos
        first = pos
        if first_node > pos:
            zero_node = self.node_before(first_node, pos)
            slope = ramp_slope(0, self.at(first_node), first_node - zero_node)
            first = min(first_node, zero_node + (RAMP_ONE + slope - 1) // slope)
        end = until
        if last_node < until:
            zero_node = self.node_after(last_node, until)
            gain = self.at(last_node)
            slope = ramp_slope(gain, 0, zero_node - last_node)
            end = min(zero_node, last_node + ((gain << RAMP_BITS) - RAMP_ONE) // -slope + 1)
        return first, end

    def _audible_bounds(self) -> tuple:
        """(low, high): `at(pos)` is not 0 exactly for low <= pos <= high; low > high if it is 0 everywhere."""
        if self.gain == 0 or (self.stop_end >= 0 and self.stop_gain == 0):
            return 1, 0
        low = first_audible(self.gain, self.fade_in, self.linear_in)
        high = self.frames - first_audible(self.gain, self.frames - self.fade_out_pos, self.linear_out)
        if self.stop_end >= 0:
            high = min(high, self.stop_end - first_audible(self.stop_gain, self.stop_fade, self.linear_stop))
        return low, high
