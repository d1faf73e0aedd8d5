"""The stage of a score that knows how many beats its stems have: loops keep their beats, and ring out under the next.

Only a score of version 2 loads this.
"""

from amos.score.score import Layer
from amos.score.slots import Slot
from amos.score.stage import Stage


class LoopStage(Stage):
    """A `Stage` on which a loop gives way after its beats, however long its file is (SCORE.md, "Loops")."""

    def _begin(self, frame: int, slot: Slot, layer: Layer, stem: int) -> None:
        if self._score.beats[stem]:
            self._begin_loop(frame, slot, layer, stem)
        else:
            Stage._begin(self, frame, slot, layer, stem)
        self._end_beneath(frame, slot)

    def _begin_loop(self, frame: int, slot: Slot, layer: Layer, stem: int) -> None:
        clock = self.clock
        score = self._score
        end_beat = slot.due_beat + score.beats[stem]
        self._make_due(slot, layer, end_beat)
        frames = self._stem_frames[stem]
        if not layer.overlaps():
            frames = min(frames, clock.frame(slot.due_beat) - (layer.cue_frames or 0) - frame)
        fade_in, curves = self._entry_fade(frame, slot, score.edge_in_frames)
        self._sound(frame, slot, layer, stem, frames, fade_in, score.edge_out_frames, curves)

    def _end_beneath(self, frame: int, slot: Slot) -> None:
        """What rings out beneath is over when the slot is due again: it has two voices."""
        end = min(slot.fading_end, self.voices.busy_until[slot.fading_voice])
        if end > slot.due_frame:
            slot.fading_end = self._stop(slot.fading_voice, end, frame, slot.due_frame - frame, False)

    def swap(self, stem: int, beats: int, frame: int) -> None:
        """As any stage's; what rings out beneath ends as early as the slot is due."""
        Stage.swap(self, stem, beats, frame)
        for run in self.runs:
            for slot in run.slots:
                self._end_beneath(frame, slot)
