"""Stems whose first downbeat is not their first frame. SCORE.md, "Pickups", is the reference.

Only a score that has such a stem loads this.
"""

from amos.compat import const
from amos.score.memory import BLOCKED, NONE
from amos.score.score import ScoreError
from amos.score.slots import Run, Slot

_NEVER = const(1 << 62)


def with_pickups(base):
    """A class of stages as `base`, on which a stem begins its pickup before its point, so that its downbeat is there.

    A slot is decided upon as early as the longest pickup of its pool needs, and waits for that of its stem.
    """

    class PickupStage(base):
        def __init__(self, score, stem_frames, *rest):
            base.__init__(self, score, stem_frames, *rest)
            self._pickups = score.pickups
            for stem, pickup in enumerate(score.pickups):
                if pickup >= stem_frames[stem]:
                    raise ScoreError("pack: expected stem %d to be longer than its pickup" % stem)
            self._leads = [self._longest(pool) for pool in score.pools]
            self._now = 0  # before which nothing can be due

        def _longest(self, pool) -> int:
            stems = [stem for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()]
            return max([self._pickups[stem] for stem in stems])

        def enter(self, section, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            self._now = frame
            for run in playing:
                for slot in run.slots:
                    slot.chosen = NONE
            base.enter(self, section, beat, frame, playing, fade_frames, linear)

        def hold(self, frame: int) -> None:
            self._now = frame
            base.hold(self, frame)

        def decide(self, frame: int, sliders) -> None:
            self._now = frame + 1
            base.decide(self, frame, sliders)

        def _lead(self, layer) -> int:
            return self._leads[layer.pool] or base._lead(self, layer)

        def _cue(self, layer, stem: int) -> int:
            return self._pickups[stem] if self._leads[layer.pool] else base._cue(self, layer, stem)

        def _cue_of_next(self, layer, stem: int) -> int:
            if not self._leads[layer.pool]:
                return base._cue_of_next(self, layer, stem)
            if layer.rings:
                return 0
            # What has no voice to end under the next one is over when that is decided upon.
            return self._pickups[stem] if layer.overlaps() else self._leads[layer.pool]

        def _late(self, frame: int, slot: Slot, layer, stem: int) -> int:
            if not self._leads[layer.pool]:
                return 0
            cue = self._pickups[stem]
            return min(cue, max(0, frame + cue - self.clock.frame(slot.due_beat)))

        def _make_due(self, slot: Slot, layer, beat: int) -> None:
            lead = self._leads[layer.pool]
            if not lead or layer.strokes is not None:
                base._make_due(self, slot, layer, beat)
                return
            slot.chosen = NONE
            slot.due_beat = self._point_from(layer, beat)
            slot.due_frame = _NEVER
            if slot.due_beat < self.end_beat:
                slot.due_frame = max(self.clock.frame(slot.due_beat) - lead, self._now)

        def _decide(self, frame: int, run: Run, slot: Slot, sliders) -> None:
            if slot.chosen == NONE:
                base._decide(self, frame, run, slot, sliders)
            else:
                self._place(frame, run, slot)

        def _place(self, frame: int, run: Run, slot: Slot) -> None:
            """Choose a stem, and begin it as long before its point as its pickup lasts."""
            layer, stem = run.layer, slot.chosen
            if not self._leads[layer.pool]:
                base._place(self, frame, run, slot)
                return
            if stem == NONE or self._chooser.weights_q8[stem] == BLOCKED:
                stem = self._choose(frame, run) if self.voices.is_free(frame) else NONE
            begin = frame if stem == NONE else self.clock.frame(slot.due_beat) - self._pickups[stem]
            if begin > frame:
                slot.chosen, slot.due_frame = stem, begin
                self._chooser.last.frame = begin
            elif stem == NONE or not self.voices.is_free(frame):
                self._make_due(slot, layer, slot.due_beat + 1)
            else:
                slot.chosen = NONE
                self._begin(frame, slot, layer, stem)

    return PickupStage
