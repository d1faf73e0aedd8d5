"""The stage of a score that knows how many beats its stems have: loops keep them, and the phrases of their section.

Only a score of version 2 loads this.
"""

from amos.score.memory import BLOCKED, NONE
from amos.score.score import Layer, ScoreSection
from amos.score.slots import Slot
from amos.score.stage import Stage
from amos.sound.events import LINEAR_IN, LINEAR_OUT, Stop

_FOREGROUND = (5, 6, 7)
"""Roles that stand in front: melody, fx and vocals."""


class LoopStage(Stage):
    """A `Stage` on which a loop gives way after its beats, however long its file is (SCORE.md, "Loops")."""

    def enter(self, section: ScoreSection, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
        """As any stage's; a loop taken over out of phase fades at once into one that keeps the section's phrases."""
        Stage.enter(self, section, beat, frame, playing, fade_frames, linear)
        for run in self.runs:
            for slot in run.slots:
                if run.layer.fade_frames and slot.end > frame and self._out_of_phase(slot, run.layer):
                    slot.swapping = True
                    self._make_due(slot, run.layer, beat)

    def _out_of_phase(self, slot: Slot, layer: Layer) -> bool:
        stem = self.voices.stem[slot.voice]
        beats = self._beats(stem)
        return (
            slot.phrase_end >= 0
            and (slot.phrase_end - self._first_point(layer) - self._behind(layer, stem)) % beats != 0
        )

    def _begin(self, frame: int, slot: Slot, layer: Layer, stem: int) -> None:
        beats = self._beats(stem)
        if beats:
            self._begin_loop(frame, slot, layer, stem, beats)
        else:
            Stage._begin(self, frame, slot, layer, stem)
        self._end_beneath(frame, slot)

    def _beats(self, stem: int) -> int:
        """Beats that `stem` lasts; 0 if it is no loop."""
        beats = self._score.beats
        return beats[stem] if beats is not None else 0

    def _shift(self, layer: Layer, stem: int) -> int:
        """Beat of the layer's phrase at which the first one of the loop lies, for their chords to agree."""
        shifts = self._score.shifts
        if layer.shifts is not None and shifts is not None:
            row = shifts[layer.shifts]
            for index, shifted in enumerate(row.stems):
                if shifted == stem:
                    return (row.beats or row.stems)[index] % self._beats(stem)
        return 0

    def _behind(self, layer: Layer, stem: int) -> int:
        """Beats by which the phrases of a loop that does not meet itself are behind the layer's."""
        return 0 if self._is_round(stem) else self._shift(layer, stem)

    def _turn(self, layer: Layer, stem: int) -> int:
        """Frame of a loop that meets itself at which it begins with the layer's phrase."""
        shift = self._shift(layer, stem)
        return self.clock.frames(self._beats(stem) - shift) if shift and self._is_round(stem) else 0

    def _begin_loop(self, frame: int, slot: Slot, layer: Layer, stem: int, beats: int) -> None:
        """Start a loop where its phrase is by now, until its beats are over, and what sounds on under the next."""
        clock = self.clock
        natural = self._stem_frames[stem]
        cue = self._cue(layer, stem)
        seam = slot.seam_beat == slot.due_beat
        first_beat = slot.due_beat - (slot.due_beat - self._first_point(layer) - self._behind(layer, stem)) % beats
        end_beat = first_beat + beats
        self._make_due(slot, layer, end_beat)
        offset = frame + cue - clock.frame(first_beat)
        turn = self._turn(layer, stem)
        body = clock.frame(end_beat) - cue - frame
        if offset >= natural or body <= 0:
            slot.swapping = False
            return  # shorter than its beats, and over by now
        period = clock.frames(beats)
        fade = min(layer.fade_frames, period >> 1)
        if fade and self._is_round(stem):
            start = self._begin_round(frame, slot, layer, stem, body, fade, seam)
            start.loop = natural
        elif turn:
            start = self._begin_once(frame, slot, layer, stem, body, body, 0)
            start.loop = natural
        else:
            start = self._begin_once(frame, slot, layer, stem, natural - offset, body, 0 if seam else fade)
            slot.seam_beat = end_beat
        slot.phrase_end = end_beat
        start.offset = (offset + turn) % natural

    def _begin_round(self, frame: int, slot: Slot, layer: Layer, stem: int, body: int, fade: int, seam: bool):
        """A loop that goes round under the fade into the next: so both are there while they cross."""
        curves = LINEAR_IN | LINEAR_OUT if layer.linear else 0
        left = min(slot.end, self.voices.busy_until[slot.voice]) - frame
        if left > 0 and self.voices.stem[slot.voice] == stem and not slot.swapping:
            self._stop_linear(frame, slot, left)
            curves |= LINEAR_IN
        fade_in = self._score.edge_in_frames if seam else fade
        return self._sound(frame, slot, layer, stem, body + fade, min(fade_in, body), fade, curves)

    def _begin_once(self, frame: int, slot: Slot, layer: Layer, stem: int, left: int, body: int, fade_in: int):
        """A loop that plays once, of which `left` frames are left, `body` until its beats are over."""
        frames = left
        fade_out = self._score.edge_out_frames
        if not layer.overlaps():
            frames = min(frames, body)
        elif layer.fade_frames and left > body:
            fade_out = min(layer.fade_frames, left - body)
            frames = body + fade_out
        curves = LINEAR_IN | LINEAR_OUT if layer.fade_frames and layer.linear else 0
        if not fade_in:
            fade_in, curves_in = self._entry_fade(frame, slot, self._score.edge_in_frames)
            curves |= curves_in
        return self._sound(
            frame, slot, layer, stem, frames, min(fade_in, frames >> 1), min(fade_out, frames >> 1), curves
        )

    def fade_out(self, runs: list, frame: int, fade: int, linear) -> None:
        """As any stage's; a loop whose phrase ends with its section goes round once more under the fade."""
        kept = [slot for run in self.runs for slot in run.slots]
        for run in runs:
            for slot in run.slots:
                if slot not in kept and not slot.swapping and slot.phrase_end >= 0:
                    self._go_round(frame, slot, run.layer, fade, linear)
        Stage.fade_out(self, runs, frame, fade, linear)

    def _go_round(self, frame: int, slot: Slot, layer: Layer, fade: int, linear) -> None:
        stem = self.voices.stem[slot.voice]
        ends_here = self.clock.frame(slot.phrase_end) - self._cue(layer, stem) == frame
        if not ends_here or self.voices.busy_until[slot.voice] != slot.end or self._chooser.weights_q8[stem] == BLOCKED:
            return
        curves = LINEAR_OUT if linear else 0
        fade_in = self._score.edge_in_frames
        natural = self._stem_frames[stem]
        loop = natural if self._is_round(stem) else 0
        if loop and slot.end > frame:
            # What is left of it fades in its own time: the same sound takes over from it.
            fade_in = slot.end - frame
            curves |= LINEAR_IN
        frames = fade if loop else min(fade, natural)
        if frames <= fade_in + self._score.edge_out_frames:
            return
        if curves & LINEAR_IN:
            self._stop_linear(frame, slot, fade_in)
        again = Slot()
        again.level = slot.level
        start = self._sound(frame, again, layer, stem, frames, fade_in, frames - fade_in, curves)
        start.loop = loop
        start.offset = self._turn(layer, stem) % natural
        self.leaving_end = max(self.leaving_end, again.end)

    def _is_round(self, stem: int) -> bool:
        """Whether a loop is as long as its beats, and so meets itself."""
        natural = self._stem_frames[stem]
        return abs(natural - self.clock.frames(self._beats(stem))) <= natural >> 9

    def _stop_linear(self, frame: int, slot: Slot, fade: int) -> None:
        """The same sound twice adds up in gain, not in power: so the one that goes gives way in a line."""
        self.stops.append(Stop(frame, slot.voice, fade, True))

    def _end_beneath(self, frame: int, slot: Slot) -> None:
        """What sounds on beneath is over when the slot is due again: it has two voices."""
        if slot.fading_end > slot.due_frame:
            fade = slot.due_frame - frame
            slot.fading_end = self._stop(slot.fading_voice, slot.fading_end, frame, fade, False)

    def offender(self, frame: int) -> int:
        """The stem that somebody most likely dislikes who names none: the newest in front, else the newest."""
        found, most = NONE, (-1, -1)
        for run in self.runs:
            for slot in run.slots:
                rank = (int(run.layer.role in _FOREGROUND), slot.begun)
                if slot.end > frame and rank > most:
                    found, most = self.voices.stem[slot.voice], rank
        return found

    def swap(self, stem: int, beats: int, frame: int) -> None:
        """As any stage's; what sounds on beneath ends as early as the slot is due."""
        Stage.swap(self, stem, beats, frame)
        for run in self.runs:
            for slot in run.slots:
                self._end_beneath(frame, slot)
