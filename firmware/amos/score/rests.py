"""Layers that rest before their section ends: after one stem, or from a bar on. SCORE.md, "Rests", is the reference.

Only a score that has such a layer loads this.
"""

from amos.compat import const
from amos.score.slots import Run, Slot

_NEVER = const(1 << 62)


def with_rests(base):
    """A class of stages as `base`, on which layers with `once` and `until_beats` rest."""

    class RestStage(base):
        def enter(self, section, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            for run in playing:
                for slot in run.slots:
                    slot.rests = False
            base.enter(self, section, beat, frame, playing, fade_frames, linear)

        def hold(self, frame: int) -> None:
            base.hold(self, frame)
            for run in self.runs:
                for slot in run.slots:
                    if slot.rests:
                        slot.due_frame = _NEVER

        def swap(self, stem: int, beats: int, frame: int) -> None:
            """As any stage's; a layer that is over begins nothing more."""
            runs = self.runs
            self.runs = [run for run in runs if not run.over]
            base.swap(self, stem, beats, frame)
            self.runs = runs

        def next_frame(self, none: int) -> int:
            for run in self.runs:
                if run.layer.until_beats is not None and not run.over:
                    none = min(none, self._until_frame(run))
            return base.next_frame(self, none)

        def decide(self, frame: int, sliders) -> None:
            for run in self.runs:
                if run.layer.until_beats is not None and not run.over and self._until_frame(run) <= frame:
                    self._end_run(frame, run)
            base.decide(self, frame, sliders)

        def _until_frame(self, run: Run) -> int:
            return self.clock.frame(self.start_beat + run.layer.until_beats)

        def _end_run(self, frame: int, run: Run) -> None:
            """What sounds fades as the layer does; nothing more begins in this visit."""
            layer = run.layer
            run.over = True
            fade = max(layer.fade_frames or layer.tail_frames or 0, self._score.edge_out_frames)
            for slot in run.slots:
                slot.end = self._stop(slot.voice, slot.end, frame, fade, layer.linear)
                slot.fading_end = self._stop(slot.fading_voice, slot.fading_end, frame, fade, layer.linear)
                slot.rests = True
                slot.swapping = False
                slot.due_frame = _NEVER

        def _make_due(self, slot: Slot, layer, beat: int) -> None:
            base._make_due(self, slot, layer, beat)
            until = None if layer.strokes is not None else layer.until_beats
            if slot.rests or (until is not None and slot.due_beat >= self.start_beat + until):
                slot.due_frame = _NEVER

        def _sound(self, frame: int, slot: Slot, layer, *rest):
            start = base._sound(self, frame, slot, layer, *rest)
            if layer.once:
                slot.rests = True
                slot.due_frame = _NEVER
            return start

    return RestStage
