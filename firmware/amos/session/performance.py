"""One session of play: the VM decides, the mixer renders, the meter is told the same. Pure over sources.

    performance = Performance(vm, mixer, meter, source_of)
    pcm = performance.render(frames)     # int16 stereo, valid until the next call
    performance.delivered(until_frame)   # all before it has reached the output

`source_of(stem)` gives the mixer's source for a stem of the pack's table. What it raises of class `refusal` keeps that
placement silent and unmetered (it is noted in `refused`); the session goes on.
"""

from amos.compat import const
from amos.protocol.segment import FLAG_OPT_OUT
from amos.sound.events import Duck, Level, Section, Start, Volume
from amos.sound.mixer import LOOKAHEAD_FRAMES

_REFUSED_NOTES_MAX = const(16)


class Performance:
    """`frame`: rendered so far. `section`: index of the section last entered. `refused`: sentences, each once."""

    def __init__(self, vm, mixer, meter, source_of, refusal=ValueError):
        self._vm = vm
        self._mixer = mixer
        self._meter = meter
        self._source_of = source_of
        self._refusal = refusal
        self._mute_voices: set = set()
        self.section = 0
        self.placements = 0
        self.refused: list = []

    @property
    def frame(self) -> int:
        """Next frame to render."""
        return self._mixer.frame

    def render(self, frames: int):
        """The next `frames` frames (a multiple of 64): bytes of int16 stereo, valid until the next call."""
        for event in self._vm.advance(self._mixer.frame + frames + LOOKAHEAD_FRAMES):
            if isinstance(event, Start):
                self._start(event)
            elif isinstance(event, Section):
                self.section = event.section
            elif isinstance(event, Duck):
                self._mixer.duck(event)
            elif isinstance(event, Volume):
                self._mixer.set_volume(event.frame, event.gain_q15)
            elif event.voice in self._mute_voices:
                continue
            elif isinstance(event, Level):
                self._mixer.glide(event)
            else:
                self._mixer.stop(event)
                self._meter.stop(event, FLAG_OPT_OUT if event.withdrawn else 0)
        return self._mixer.render(frames)

    def _start(self, event: Start) -> None:
        try:
            source = source_for(event, self._source_of)
        except self._refusal as error:
            self._mute_voices.add(event.voice)
            sentence = str(error)
            if sentence not in self.refused and len(self.refused) < _REFUSED_NOTES_MAX:
                self.refused.append(sentence)
            return
        self._mute_voices.discard(event.voice)
        self.placements += 1
        self._mixer.start(event, source)
        self._meter.start(event)

    def delivered(self, until_frame: int) -> None:
        """All frames before `until_frame` (at most `frame`) have reached the output."""
        self._meter.delivered(min(until_frame, self._mixer.frame))


def source_for(event: Start, source_of):
    """The source that a placement begins to read at its first frame; None for a mixer that reads none."""
    source = source_of(event.stem)
    if source is None or not (event.offset or event.loop):
        return source
    # Only a score of version 2 asks for it.
    from amos.sound.loop_source import LoopSource

    return LoopSource(source, event.frames, event.offset, event.loop)
