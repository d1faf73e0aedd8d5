"""How far the voices under an announcement are turned down. `SPEC.md`, "Ducking", is the reference.

Gains are asked for at nodes, by frames from the start of the block under way, so that numbers stay small.
"""

from amos.compat import const
from amos.sound.envelope import CELL_MASK, fade_gain
from amos.sound.events import Duck

UNITY_Q15 = 32768
_DUCKS_MAX = const(64)  # announcements whose ramps overlap; a caller that gives more has made a mistake
_DUCK_FRAMES_MAX = const((1 << 30) - 1 - 65536)  # from its start to its ramp's end: offsets in a block stay small ints


class Ducking:
    """The ducks given so far that are not over.

    active    those that touch the block, as (offset of the start, offset of the end, gain, ramp in frames, voice)
    """

    __slots__ = ("_ducks", "active")

    def __init__(self) -> None:
        self.active: list = []
        self._ducks: list = []

    def add(self, duck: Duck) -> None:
        """Take a `Duck`. ValueError for a number out of its range."""
        if not 0 <= duck.gain_q15 <= UNITY_Q15:
            raise ValueError("duck.gain_q15: expected 0 to %d, got %r" % (UNITY_Q15, duck.gain_q15))
        frames = duck.until_frame - duck.frame
        if frames < 0 or duck.ramp_frames < 0 or frames + duck.ramp_frames > _DUCK_FRAMES_MAX:
            raise ValueError("duck: expected 0 to %d frames with its ramp, got %d and %d" % (
                _DUCK_FRAMES_MAX, frames, duck.ramp_frames))  # fmt: skip
        if len(self._ducks) >= _DUCKS_MAX:
            raise ValueError("ducks: expected at most %d at once" % _DUCKS_MAX)
        self._ducks.append(duck)

    def begin_block(self, first_frame: int, frames: int) -> None:
        """The block under way is `frames` frames from `first_frame`, a border of cells, on."""
        if self._ducks or self.active:
            self._choose_active(first_frame, frames)

    def _choose_active(self, first_frame: int, frames: int) -> None:
        """Forget the ducks that are over, and say which of the others touch the block."""
        self.active = []
        going_on = []
        for duck in self._ducks:
            ramp = max(1, duck.ramp_frames)
            end_frame = duck.until_frame + ramp
            if end_frame > first_frame:
                going_on.append(duck)
                if duck.frame < first_frame + frames:
                    self.active.append(
                        (duck.frame - first_frame, end_frame - first_frame, duck.gain_q15, ramp, duck.voice)
                    )
        self._ducks = going_on

    def ducked(self, gain_q15: int, offset: int, voice: int) -> int:
        """`gain_q15` of `voice` at the node `offset` frames into the block; 0 only if it was 0."""
        lowest = UNITY_Q15
        for start, end, gain, ramp, exempt in self.active:
            part = min(offset - start, end - offset)
            if part > 0 and voice != exempt:
                lowest = min(lowest, UNITY_Q15 - fade_gain(UNITY_Q15 - gain, part, ramp, True))
        if lowest == UNITY_Q15 or not gain_q15:
            return gain_q15
        return max(1, gain_q15 * lowest >> 15)

    def flat_until(self, offset: int, until: int, voice: int) -> int:
        """The end of the constant ducking that holds from `offset` on: `until`, a border of cells before it, or
        `offset` itself on a ramp."""
        flat = until
        for start, end, _gain, ramp, exempt in self.active:
            if voice != exempt:
                if offset < start:
                    flat = min(flat, start)
                elif start + ramp <= offset <= end - ramp:
                    flat = min(flat, end - ramp)
                elif offset < end:
                    return offset
        return flat if flat == until else max(offset, flat & ~CELL_MASK)
