"""What the VM tells the mixer and the meter, in frames of the session's sample clock.

Events come in order of `frame`; at one frame: `Volume`, `Duck`, `Stop`, `Section`, `Start`, `Level`. All numbers are
integers.
"""

from amos.compat import const
from amos.sound.limiter import UNITY_Q15

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

LINEAR_IN = const(1)
LINEAR_OUT = const(2)
"""Bits of `Start.curves`: this fade is linear, not of equal power."""


class Start:
    """A placement begins: `stem` sounds on `voice` from `frame` for at most `frames` frames.

    voice       int, 0 .. voices_max-1; free until this event (the compiler proved the voice budget)
    stem        int, index into the pack's stem table
    frames      int, frames to play (at most what the stem has from `offset` on, unless it loops)
    gain_q15    int, 0 .. 32767, linear gain, stem loudness gain already multiplied in
    fade_in     int, frames; 0 = none
    fade_out    int, frames before the natural end (frame + frames); 0 = none
    curves      int, LINEAR_IN and LINEAR_OUT; a fade without its bit has the equal-power curve
    offset      int, frame of the stem that sounds first
    loop        int, frames after which the stem begins again, at most its length; 0: it does not
    level_q15   int, 0 .. 32768, what turns the gain down at first; `Level` moves it
    shape       how the stem is darkened, narrowed and moved to a side (`Layer.shape`); None: not at all
    """

    __slots__ = (
        "curves",
        "fade_in",
        "fade_out",
        "frame",
        "frames",
        "gain_q15",
        "level_q15",
        "loop",
        "offset",
        "shape",
        "stem",
        "voice",
    )

    def __init__(
        self,
        frame: int,
        voice: int,
        stem: int,
        frames: int,
        gain_q15: int,
        fade_in: int,
        fade_out: int,
        curves: int = 0,
        offset: int = 0,
        loop: int = 0,
        level_q15: int = UNITY_Q15,
    ):
        self.frame = frame
        self.voice = voice
        self.stem = stem
        self.frames = frames
        self.gain_q15 = gain_q15
        self.fade_in = fade_in
        self.fade_out = fade_out
        self.curves = curves
        self.offset = offset
        self.loop = loop
        self.level_q15 = level_q15
        self.shape: array[int] | None = None


class Stop:
    """The placement on `voice` begins to fade at `frame` and is silent `fade` frames later (0 = cut now).

    linear      whether the fade is linear, not of equal power
    withdrawn   whether it fades because its stem was withdrawn (opt-out, end of lease)
    """

    __slots__ = ("fade", "frame", "linear", "voice", "withdrawn")

    def __init__(self, frame: int, voice: int, fade: int, linear: bool = False, withdrawn: bool = False):
        self.frame = frame
        self.voice = voice
        self.fade = fade
        self.linear = linear
        self.withdrawn = withdrawn


class Duck:
    """All voices but `voice` (-1: all) go down to `gain_q15` over `ramp_frames` from `frame` on.

    They stay there, and come back up over `ramp_frames` from `until_frame` on. gain_q15 is 0 .. 32768.
    """

    __slots__ = ("frame", "gain_q15", "ramp_frames", "until_frame", "voice")

    def __init__(self, frame: int, until_frame: int, gain_q15: int, ramp_frames: int, voice: int = -1):
        self.frame = frame
        self.until_frame = until_frame
        self.gain_q15 = gain_q15
        self.ramp_frames = ramp_frames
        self.voice = voice


class Level:
    """The level of the placement on `voice` goes to `level_q15`, 0 .. 32768, within `frames` from `frame` on.

    However low it is, it does not silence: the placement is metered as without it.
    """

    __slots__ = ("frame", "frames", "level_q15", "voice")

    def __init__(self, frame: int, voice: int, level_q15: int, frames: int):
        self.frame = frame
        self.voice = voice
        self.level_q15 = level_q15
        self.frames = frames


class Volume:
    """The operator's gain glides to `gain_q15`, 1 .. 32768, from `frame` on."""

    __slots__ = ("frame", "gain_q15")

    def __init__(self, frame: int, gain_q15: int):
        self.frame = frame
        self.gain_q15 = gain_q15


class Section:
    """The score enters `section` (index into the score's section table) at `frame`; for display and the log."""

    __slots__ = ("frame", "section")

    def __init__(self, frame: int, section: int):
        self.frame = frame
        self.section = section
