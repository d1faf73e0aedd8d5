"""Layers whose gain moves, with sliders or from their entry on. SCORE.md, "Levels", is the reference.

Only a score that has such a layer loads this.
"""

from amos.score.decibels import gain_of
from amos.score.expression import evaluate
from amos.sound.events import Level
from amos.sound.glide import Glide
from amos.sound.limiter import UNITY_Q15


class LayerLevel(Glide):
    """Where the level of a layer is, in frames of the session; `entered` at that frame."""

    __slots__ = ("entered",)

    def __init__(self, entered: int):
        Glide.__init__(self, UNITY_Q15)
        self.entered = entered


class Levels:
    """Settles the levels of the section that plays at every beat, and lets them glide from one to the next."""

    def __init__(self, clock, voices):
        self._clock = clock
        self._voices = voices
        # Of what sounds on each voice; None: its gain stays.
        self._of_voices: list = [None] * len(voices.busy_until)
        self.events: list = []

    def next_frame(self, runs: list, none: int) -> int:
        """The next beat at which a level is settled, or `none` if that comes first."""
        for run in runs:
            if run.level is not None:
                none = min(none, run.level.start + run.level.frames)
        return none

    def settle(self, frame: int, start_beat: int, runs: list, sliders) -> None:
        """Say where the levels of `runs` go from `frame` on, if one has got where it was to go."""
        for run in runs:
            if run.layer.level is None:
                continue
            level = run.level or _taken_over(run)
            fresh = level is None
            if level is None:
                level = LayerLevel(self._clock.frame(start_beat + run.layer.enter_beats))
            run.level = level
            for slot in run.slots:
                slot.level = level
            if fresh or level.start + level.frames <= frame:
                self._go(frame, run.layer, level, sliders, fresh)

    def begin(self, start, level) -> None:
        """A placement begins in a layer of this level; None for one whose gain stays."""
        self._of_voices[start.voice] = level
        if level is not None:
            start.level_q15 = level.at(start.frame)
            left = level.start + level.frames - start.frame
            if left > 0 and level.to_q15 != start.level_q15:
                self.events.append(Level(start.frame, start.voice, level.to_q15, left))

    def _go(self, frame: int, layer, level: LayerLevel, sliders, fresh: bool) -> None:
        values = sliders.values(frame)
        until = self._clock.frame(self._clock.first_beat_from(frame + 1))
        if fresh:
            level.go(frame, _target(layer, level, values, frame), 0)
        level.go(frame, _target(layer, level, values, until), until - frame)
        if level.to_q15 != level.from_q15:
            for voice, other in enumerate(self._of_voices):
                if other is level and self._voices.busy_until[voice] > frame:
                    self.events.append(Level(frame, voice, level.to_q15, level.frames))


def _taken_over(run):
    """The level of a layer that plays on from the section before, else None."""
    for slot in run.slots:
        if slot.level is not None:
            return slot.level
    return None


def _target(layer, level: LayerLevel, values, frame: int) -> int:
    """Where the level is to be at `frame`."""
    if layer.rise_frames is not None:
        way = max(0, min(frame - level.entered, layer.rise_frames))
        values = list(values)
        values.append((way << 15) // layer.rise_frames)
    return gain_of(evaluate(layer.level, values))


def with_levels(base):
    """A class of stages as `base`, with the levels of layers whose gain moves."""

    class LevelStage(base):
        def __init__(self, score, stem_frames, stem_gains_q15, seed32: bytes, chooser):
            base.__init__(self, score, stem_frames, stem_gains_q15, seed32, chooser)
            self.levels = Levels(self.clock, self.voices)

    return LevelStage
