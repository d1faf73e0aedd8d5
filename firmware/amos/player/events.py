"""What the VM tells the mixer and the meter, in frames of the session's sample clock.

Events come in order of `frame`; at one frame, `Stop` before `Start`. All numbers are integers.
"""


class Start:
    """A placement begins: `stem` sounds on `voice` from `frame` for at most `frames` frames.

    voice       int, 0 .. voices_max-1; free until this event (the compiler proved the voice budget)
    stem        int, index into the pack's stem table
    frames      int, frames to play (from the start of the stem; at most the stem's length)
    gain_q15    int, 0 .. 32767, linear gain, stem loudness gain already multiplied in
    fade_in     int, frames; 0 = none. Equal-power curve
    fade_out    int, frames before the natural end (frame + frames); 0 = none
    """

    __slots__ = ("fade_in", "fade_out", "frame", "frames", "gain_q15", "stem", "voice")

    def __init__(self, frame: int, voice: int, stem: int, frames: int, gain_q15: int, fade_in: int, fade_out: int):
        self.frame = frame
        self.voice = voice
        self.stem = stem
        self.frames = frames
        self.gain_q15 = gain_q15
        self.fade_in = fade_in
        self.fade_out = fade_out


class Stop:
    """The placement on `voice` begins to fade at `frame` and is silent `fade` frames later (0 = cut now)."""

    __slots__ = ("fade", "frame", "voice")

    def __init__(self, frame: int, voice: int, fade: int):
        self.frame = frame
        self.voice = voice
        self.fade = fade


class Section:
    """The score enters `section` (index into the score's section table) at `frame`; for display and the log."""

    __slots__ = ("frame", "section")

    def __init__(self, frame: int, section: int):
        self.frame = frame
        self.section = section
