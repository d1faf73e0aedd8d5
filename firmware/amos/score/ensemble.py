"""Who may begin beside whom: layers that wait for others, and roles that never sound at once (SCORE.md, "Ensemble").

Only a score that says so loads this.
"""

from amos.score.expression import ONE, ROLE_VALUES_FROM, evaluate
from amos.score.parts import ROLE_MAX, Layer, ScoreSection

WHEN = 1
EXCLUSIVE = 2
"""Why a layer was kept back."""


class Ensemble:
    """Watches what sounds on `stage`.

    reason   WHEN or EXCLUSIVE, of the layer kept back last
    """

    def __init__(self, score, stage):
        self.reason = 0
        self._stage = stage
        self._always = list(score.exclusive or ())
        self._exclusive = self._before = self._always
        # The role that sounds on each voice, and from which frame on its stem only goes out.
        self._roles = [0] * score.music_voices()
        self._until = [0] * score.music_voices()
        self._taken_over = 0

    def enter(self, section: ScoreSection) -> None:
        """A visit of `section` begins."""
        self._before = self._exclusive
        self._exclusive = self._always + list(section.exclusive or ())
        self._taken_over = 0

    def playing_on(self, layer: Layer, slots: list, frame: int) -> list:
        """The slots, unless they sound and a layer taken over before them is of a role that theirs excludes."""
        for slot in slots:
            if slot.end > frame:
                if _rivals(layer.role, self._exclusive) & self._taken_over:
                    return []
                self._taken_over |= 1 << layer.role
        return slots

    def sound(self, voice: int, role: int) -> None:
        """A stem of `role` begins on `voice`."""
        self._roles[voice] = role

    def begun(self, slot) -> None:
        """The slot has been decided upon, and says when it is due again."""
        self._until[slot.voice] = slot.due_frame

    def sounding(self, frame: int) -> int:
        """Bits of the roles of which a stem in the section's slots sounds, and does not only go out."""
        found = 0
        for run in self._stage.runs:
            for slot in run.slots:
                if slot.end > frame and self._until[slot.voice] > frame:
                    found |= 1 << run.layer.role
        return found

    def leaves_out(self, role: int, frame: int) -> bool:
        """Whether `role` of the section that is left may not sound once more."""
        return self._is_excluded(role, frame, self._before + self._exclusive)

    def _is_excluded(self, role: int, frame: int, exclusive: list) -> bool:
        """Whether anything is heard at `frame` beside which `role` may not begin: what fades out counts, too."""
        rivals = _rivals(role, exclusive)
        for voice, busy in enumerate(self._stage.voices.busy_until):
            if busy > frame and rivals >> self._roles[voice] & 1:
                return True
        return False

    def keeps_back(self, layer: Layer, frame: int, sliders) -> bool:
        """Whether the layer may begin nothing at `frame`."""
        if self._is_excluded(layer.role, frame, self._exclusive):
            self.reason = EXCLUSIVE
            return True
        self.reason = WHEN
        return layer.when is not None and not evaluate(layer.when, self._values(frame, sliders))

    def _values(self, frame: int, sliders) -> list:
        values = list(sliders.values(frame))
        values.extend([0] * (ROLE_VALUES_FROM - len(values)))
        sounding = self.sounding(frame)
        values.extend([ONE if sounding >> role & 1 else 0 for role in range(ROLE_MAX + 1)])
        return values


def _rivals(role: int, exclusive: list) -> int:
    """Bits of the roles that never sound beside `role`."""
    found = 0
    for roles in exclusive:
        if roles >> role & 1:
            found |= roles
    return found & ~(1 << role)
