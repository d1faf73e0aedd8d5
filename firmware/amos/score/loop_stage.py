"""The stage of a score that knows how many beats its stems have: loops keep them, and the phrases of their section.

Only a score of version 2 loads this.
"""

from amos.score.memory import NONE
from amos.score.score import Layer
from amos.score.slots import Slot
from amos.score.stage import Stage
from amos.sound.events import LINEAR_IN, LINEAR_OUT, Stop

_FOREGROUND = (5, 6)
"""Roles that stand in front: melody and fx."""


class LoopStage(Stage):
    """A `Stage` on which a loop gives way after its beats, however long its file is (SCORE.md, "Loops")."""

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

    def _begin_loop(self, frame: int, slot: Slot, layer: Layer, stem: int, beats: int) -> None:
        """Start a loop where its phrase is by now, until its beats are over, and what sounds on under the next."""
        clock = self.clock
        natural = self._stem_frames[stem]
        cue = layer.cue_frames or 0
        seam = slot.seam_beat == slot.due_beat
        first_beat = slot.due_beat - (slot.due_beat - self._first_point(layer)) % beats
        end_beat = first_beat + beats
        self._make_due(slot, layer, end_beat)
        offset = frame + cue - clock.frame(first_beat)
        if offset >= natural:
            slot.swapping = False
            return  # shorter than its beats, and over by now
        body = clock.frame(end_beat) - cue - frame
        period = clock.frames(beats)
        fade = min(layer.fade_frames, period >> 1)
        if fade and abs(natural - period) <= natural >> 9:
            start = self._begin_round(frame, slot, layer, stem, body, fade, seam)
            start.loop = natural
        else:
            start = self._begin_once(frame, slot, layer, stem, natural - offset, body, 0 if seam else fade)
            slot.seam_beat = end_beat
        start.offset = offset

    def _begin_round(self, frame: int, slot: Slot, layer: Layer, stem: int, body: int, fade: int, seam: bool):
        """A loop that goes round under the fade into the next: so both are there while they cross."""
        curves = LINEAR_IN | LINEAR_OUT if layer.linear else 0
        left = min(slot.end, self.voices.busy_until[slot.voice]) - frame
        if left > 0 and self.voices.stem[slot.voice] == stem and not slot.swapping:
            # The same sound twice adds up in gain, not in power: so it goes on as if nothing were.
            self.stops.append(Stop(frame, slot.voice, left, True))
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

    def _end_beneath(self, frame: int, slot: Slot) -> None:
        """What sounds on beneath is over when the slot is due again: it has two voices."""
        if slot.fading_end > slot.due_frame:
            fade = slot.due_frame - frame
            slot.fading_end = self._stop(slot.fading_voice, slot.fading_end, frame, fade, False)

    def offender(self, frame: int) -> int:
        """The stem that somebody most likely dislikes who names none: the newest melody or effect, else the newest."""
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
