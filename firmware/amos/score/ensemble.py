"""Who may begin beside whom: layers that wait for others, and roles that never sound at once (SCORE.md, "Ensemble").

Only a score that says so loads this.
"""

from amos.compat import const
from amos.score.chooser import Choice
from amos.score.expression import ONE, ROLE_VALUES_FROM, evaluate
from amos.score.memory import NONE
from amos.score.parts import ROLE_MAX, Layer, ScoreSection
from amos.score.slots import Run, Slot

WHEN = 1
EXCLUSIVE = 2
"""Why a layer was kept back."""

_NEVER = const(1 << 62)


def with_ensembles(base):
    """A class of stages as `base`, on which layers begin only beside what they may."""

    class EnsembleStage(base):
        """Knows the role that sounds on each voice, and from which frame on its stem only goes out."""

        def __init__(self, score, stem_frames, stem_gains_q15, seed32: bytes, chooser):
            base.__init__(self, score, stem_frames, stem_gains_q15, seed32, chooser)
            self._roles = [0] * score.music_voices()
            self._until = [0] * score.music_voices()
            self._exclusive = self._before = list(score.exclusive or ())

        def enter(self, section: ScoreSection, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            self._before = self._exclusive
            self._exclusive = list(self._score.exclusive or ()) + list(section.exclusive or ())
            playing = self._side_by_side(section, frame, playing)
            base.enter(self, section, beat, frame, playing, fade_frames, linear)

        def _side_by_side(self, section: ScoreSection, frame: int, playing: list) -> list:
            """Of the runs in `playing` that sound and that the section could take over, those that it may together."""
            found = []
            taken = 0
            for layer in section.layers:
                for run in playing:
                    if run.layer.plays_as(layer) and not _rivals(layer.role, self._exclusive) & taken:
                        found.append(run)
                        if any([slot.end > frame and not slot.swapping for slot in run.slots]):
                            taken |= 1 << layer.role
            return found

        def decide(self, frame: int, sliders) -> None:
            self._sliders = sliders
            base.decide(self, frame, sliders)

        def _place(self, frame: int, run: Run, slot: Slot) -> None:
            if self._keeps_back(frame, run):
                self._make_due(slot, run.layer, slot.due_beat + 1)
                return
            base._place(self, frame, run, slot)
            if slot.begun == frame:
                self._until[slot.voice] = slot.due_frame

        def _strike(self, frame: int, run: Run, slot: Slot) -> None:
            if not self._keeps_back(frame, run):
                base._strike(self, frame, run, slot)

        def _go_round(self, frame: int, slot: Slot, layer: Layer, fade: int, linear) -> None:
            if not self._is_excluded(layer.role, frame, self._before + self._exclusive):
                base._go_round(self, frame, slot, layer, fade, linear)

        def _sound(self, frame: int, slot: Slot, layer: Layer, stem: int, *how):
            start = base._sound(self, frame, slot, layer, stem, *how)
            self._roles[slot.voice] = layer.role
            self._until[slot.voice] = _NEVER
            return start

        def _keeps_back(self, frame: int, run: Run) -> bool:
            """Whether the layer may begin nothing at `frame`."""
            layer = run.layer
            reason = 0
            if self._is_excluded(layer.role, frame, self._exclusive):
                reason = EXCLUSIVE
            elif layer.when is not None and not evaluate(layer.when, self._values(frame)):
                reason = WHEN
            if reason and self._chooser.explain:
                choice = Choice(layer.pool, [], [], [], 0, NONE)
                choice.kept_back = reason
                choice.sounding = self._sounding(frame)
                self._tell(choice, frame, run)
            return bool(reason)

        def _is_excluded(self, role: int, frame: int, exclusive: list) -> bool:
            """Whether anything is heard at `frame` beside which `role` may not begin: what fades out counts, too."""
            rivals = _rivals(role, exclusive)
            for voice, busy in enumerate(self.voices.busy_until):
                if busy > frame and rivals >> self._roles[voice] & 1:
                    return True
            return False

        def _sounding(self, frame: int) -> int:
            """Bits of the roles of which a stem in the section's slots sounds, and does not only go out."""
            found = 0
            for run in self.runs:
                for slot in run.slots:
                    if slot.end > frame and self._until[slot.voice] > frame:
                        found |= 1 << run.layer.role
            return found

        def _values(self, frame: int) -> list:
            values = list(self._sliders.values(frame))
            values.extend([0] * (ROLE_VALUES_FROM - len(values)))
            sounding = self._sounding(frame)
            values.extend([ONE if sounding >> role & 1 else 0 for role in range(ROLE_MAX + 1)])
            return values

    return EnsembleStage


def _rivals(role: int, exclusive: list) -> int:
    """Bits of the roles that never sound beside `role`."""
    found = 0
    for roles in exclusive:
        if roles >> role & 1:
            found |= roles
    return found & ~(1 << role)
