"""Layers with strokes: one-shots at points finer than a beat. SCORE.md, "Patterns", is the reference.

Only a score that has such a layer loads this.
"""

from amos.compat import const
from amos.score.chooser import Choice, weighted
from amos.score.memory import NONE
from amos.score.parts import STROKE_FRAMES_MIN, STROKES_SECOND_MAX, Layer
from amos.score.slots import Run, Slot

_NEVER = const(1 << 62)


def gap_frames(layer: Layer, rate_hz: int, tempo_mbpm: int, strokes_between: int = 1) -> int:
    """Frames at least from a stroke of `layer` to the one so many later, rounded down."""
    strokes, ticks = layer.strokes or (), layer.ticks or 1
    rounds, rest = divmod(strokes_between, len(strokes))
    shortest = ticks if rest else 0
    for index, stroke in enumerate(strokes):
        more, later = divmod(index + rest, len(strokes))
        shortest = min(shortest, strokes[later] + more * ticks - stroke)
    return (rounds * ticks + shortest) * layer.grid_beats * rate_hz * 60_000 // (ticks * tempo_mbpm)


def strokes_fault(layers: list, rate_hz: int, tempo_mbpm: int) -> "str | None":
    """What is wrong with the strokes of a section's layers together, or None."""
    in_a_second = 0
    for layer in layers:
        if layer.strokes is not None:
            gap = gap_frames(layer, rate_hz, tempo_mbpm)
            if gap < STROKE_FRAMES_MIN:
                return "strokes: expected %d frames from one to the next, found %d" % (STROKE_FRAMES_MIN, gap)
            in_a_second += rate_hz // gap + 1
    if in_a_second > STROKES_SECOND_MAX:
        return "strokes: expected at most %d in a second, found %d" % (STROKES_SECOND_MAX, in_a_second)
    return None


def with_patterns(base):
    """A class of stages as `base`, on which layers with strokes are struck: their slots take the strokes in turn."""

    class PatternStage(base):
        """`due_beat` of a slot that strikes is the number of its next stroke, counted from its layer's entry."""

        def enter(self, section, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            base.enter(self, section, beat, frame, playing, fade_frames, linear)
            for run in self.runs:
                if run.layer.strokes is not None:
                    # The slot that would have been struck first still is.
                    run.slots.sort(key=_due)
                    stroke = self._first_stroke(run.layer, beat, frame)
                    for slot in run.slots:
                        self._strike_next(slot, run.layer, stroke)
                        stroke += 1

        def hold(self, frame: int) -> None:
            base.hold(self, frame)
            for run in self.runs:
                if run.layer.strokes is not None:
                    for slot in run.slots:
                        stroke = slot.due_beat
                        while self._stroke_frame(run.layer, self.start_beat, stroke) < frame:
                            stroke += len(run.slots)
                        self._strike_next(slot, run.layer, stroke)

        def swap(self, stem: int, beats: int, frame: int) -> None:
            """As any stage's; what a pattern strikes is over soon, and drawn anew each time."""
            runs = self.runs
            self.runs = [run for run in runs if run.layer.strokes is None]
            base.swap(self, stem, beats, frame)
            self.runs = runs

        def _make_due(self, slot: Slot, layer: Layer, beat: int) -> None:
            if layer.strokes is None:
                base._make_due(self, slot, layer, beat)

        def _decide(self, frame: int, run: Run, slot: Slot, sliders) -> None:
            layer = run.layer
            if layer.strokes is None:
                base._decide(self, frame, run, slot, sliders)
            elif frame + (layer.cue_frames or 0) >= self.clock.frame(self.end_beat):
                slot.due_frame = _NEVER  # what lies in the section to come does not begin in this one
            else:
                if self._has_voice(frame, run, slot) and self._chance(run, frame, sliders):
                    self._strike(frame, run, slot)
                self._strike_next(slot, layer, slot.due_beat + len(run.slots))

        def _has_voice(self, frame: int, run: Run, slot: Slot) -> bool:
            """Whether a voice of the layer is free: with rings, it has one more than slots."""
            if slot.end > frame and not run.layer.rings:
                return False
            return self.voices.is_free(frame) and max([other.fading_end for other in run.slots]) <= frame

        def _strike(self, frame: int, run: Run, slot: Slot) -> None:
            layer, edge = run.layer, self._score.edge_out_frames
            stem = self._drawn(frame, run)
            if stem == NONE:
                return
            if slot.end > frame:
                slot.end = self._stop(slot.voice, slot.end, frame, edge, False)
            frames = self._stem_frames[stem]
            if not layer.rings:
                frames = min(frames, self._over(layer, slot.due_beat + len(run.slots)) - frame)
            half = frames >> 1
            self._sound(frame, slot, layer, stem, frames, min(self._score.edge_in_frames, half), min(edge, half), 0)

        def _drawn(self, frame: int, run: Run) -> int:
            """A stem by weight alone: a stroke is no play of a piece, which rules would keep from coming again."""
            stems = self._chooser.unblocked(run.layer)
            if not stems:
                return NONE
            run.draws += 1
            value = self.draw(run.layer.lane, run.draws)
            weights = [self._chooser.weights_q8[stem] for stem in stems]
            stem = stems[weighted(weights, value)]
            if self._chooser.explain:
                self._tell(Choice(run.layer.pool, stems, weights, [], value, stem), frame, run)
            return stem

        def _strike_next(self, slot: Slot, layer: Layer, stroke: int) -> None:
            slot.due_beat = stroke
            slot.due_frame = self._stroke_frame(layer, self.start_beat, stroke)

        def _stroke_frame(self, layer, start_beat: int, stroke: int) -> int:
            """Where a stroke begins, in a section that begins at `start_beat`."""
            clock, ticks, strokes = self.clock, layer.ticks, layer.strokes
            rounds, index = divmod(stroke, len(strokes))
            at = (start_beat + layer.enter_beats + rounds * layer.grid_beats) * ticks
            at += layer.grid_beats * strokes[index]
            return clock.origin_frame + at * clock.numerator // (clock.denominator * ticks) - (layer.cue_frames or 0)

        def _first_stroke(self, layer, start_beat: int, frame: int) -> int:
            """The first stroke, in a section that begins at `start_beat`, that begins at `frame` or later."""
            ahead = frame - self._stroke_frame(layer, start_beat, 0)
            rounds = max(0, ahead // (self.clock.frames(layer.grid_beats) + 1) - 1)
            stroke = rounds * len(layer.strokes)
            while self._stroke_frame(layer, start_beat, stroke) < frame:
                stroke += 1
            return stroke

        def _over(self, layer: Layer, stroke: int) -> int:
            """Frame by which what sounds is over for the slot's next stroke: if that is not in the section, the one it
            has where the layer goes on in the next."""
            frame = self._stroke_frame(layer, self.start_beat, stroke)
            end = self.clock.frame(self.end_beat)
            cue = layer.cue_frames or 0
            if frame + cue < end:
                return frame
            stroke -= self._first_stroke(layer, self.start_beat, end - cue)
            return self._stroke_frame(layer, self.end_beat, self._first_stroke(layer, self.end_beat, end) + stroke)

    return PatternStage


def _due(slot: Slot) -> int:
    return slot.due_beat
