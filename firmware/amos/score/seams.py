"""What follows on a loop that has rung out. SCORE.md, "Seams", is the reference.

Only a score with such layers loads this.
"""

from amos.score.score import Layer
from amos.score.slots import Slot


def with_seams(base):
    """A class of stages as `base`, with loops, on which nothing fades in where a loop has ended without a fade."""

    class SeamStage(base):
        _at_seam = False

        def _begin(self, frame: int, slot: Slot, layer: Layer, stem: int) -> None:
            self._at_seam = slot.seam_beat == slot.due_beat and not self._beats(stem)
            base._begin(self, frame, slot, layer, stem)
            self._at_seam = False

        def _sound(self, frame: int, slot: Slot, layer, stem: int, frames: int, fade_in: int, *rest):
            if self._at_seam:
                fade_in = min(fade_in, self._score.edge_in_frames)
            return base._sound(self, frame, slot, layer, stem, frames, fade_in, *rest)

    return SeamStage
