"""What a render asks of the VM beyond a session: sections entered on given frames, and an end on the frame.

Everything that stands in for a plan argument of the VM is in this file.

- Before a hit, the section that plays is held until the hit when it would end so late that its fade would still sound.
- At the hit, play skips to the section named, by the transition between the two.
- At the end, what sounds fades out over `fade_frames` and is silent at `frames`; nothing starts in that fade.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amos.player.events import Section, Start, Stop
from amos.player.inputs import INPUT_SKIP
from amos.player.score import Score, ScoreError
from amos.player.vm import Vm
from amos_tools.render.errors import BadLength, HitRefused
from amos_tools.simulate.inputs import TimedInput

HITS_MAX = 64
HOURS_MAX = 3
"""At 48 kHz just under 2 GiB, which every reader of WAV takes."""


@dataclass(frozen=True, slots=True)
class Hit:
    """`section` (index into the score's table) is entered at `frame`."""

    frame: int
    section: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides a render beside the pack. `seed` is 32 bytes."""

    seed: bytes
    frames: int
    fade_frames: int
    inputs: tuple[TimedInput, ...] = ()
    hits: tuple[Hit, ...] = ()


class PlannedVm:
    """A VM that keeps to a plan; `advance` is what `Performance` wants of a VM.

    Raises `BadLength`, `HitRefused`, `ScoreError`, `InputRefused`, here or from `advance`.
    """

    def __init__(self, score: Score, stem_frames: Sequence[int], stem_gains_q15: Sequence[int], plan: Plan) -> None:
        if not 1 <= plan.frames <= HOURS_MAX * 3600 * score.rate_hz:
            raise BadLength(f"length: expected 1 frame to {HOURS_MAX} hours, found {plan.frames} frames")
        self._vm = _HitVm(score, stem_frames, stem_gains_q15, plan)
        self._inputs = sorted(plan.inputs, key=lambda item: item.frame)
        self._given = 0
        self._fade_frame = plan.frames - min(plan.fade_frames, plan.frames)
        self._end = plan.frames
        self._until: dict[int, int] = {}  # by voice, where what sounds on it ends
        self._ended = False

    def advance(self, until_frame: int) -> list[Any]:
        """Events with frame < `until_frame` that no earlier call gave, in order."""
        while self._given < len(self._inputs) and self._inputs[self._given].frame < until_frame:
            item = self._inputs[self._given]
            self._vm.input(item.kind, item.value, item.frame)
            self._given += 1
        events = []
        for event in self._vm.advance(until_frame):
            if event.frame >= (self._end if isinstance(event, Section) else self._fade_frame):
                continue
            if isinstance(event, Start):
                self._until[event.voice] = event.frame + event.frames
            events.append(event)
        if until_frame > self._fade_frame and not self._ended:
            self._ended = True
            events += self._ending()
            events.sort(key=lambda event: event.frame)
        return events

    def _ending(self) -> list[Stop]:
        fade = self._end - self._fade_frame
        return [Stop(self._fade_frame, voice, fade) for voice, end in self._until.items() if end > self._fade_frame]


class _HitVm(Vm):
    """The VM with hits in the place of skips."""

    def __init__(self, score: Score, stem_frames: Any, stem_gains_q15: Any, plan: Plan) -> None:
        super().__init__(score, stem_frames, stem_gains_q15, plan.seed)
        self._hits = {hit.frame: hit.section for hit in plan.hits}
        if len(self._hits) != len(plan.hits) or len(plan.hits) > HITS_MAX:
            raise HitRefused(f"hits: expected at most {HITS_MAX}, each at a frame of its own")
        for hit in plan.hits:
            if not 0 <= hit.frame < plan.frames:
                raise HitRefused(f"hit at frame {hit.frame}: expected within the {plan.frames} frames of the render")
            self.input(INPUT_SKIP, 0, hit.frame)

    def _take_input(self, frame: int, kind: int, value: int) -> None:
        if frame in self._hits and kind == INPUT_SKIP and self._leaving_end > frame:
            raise HitRefused(
                f"hit at frame {frame}: expected the section before to be over, but it fades until frame "
                f"{self._leaving_end}: move the hit, or another one away from it"
            )
        super()._take_input(frame, kind, value)

    def _skip(self, frame: int, events: list[Any]) -> None:
        section = self._hits.get(frame)
        if section is None:
            super()._skip(frame, events)
            return
        name = self.score.sections[section].name
        if section == self.section:
            if self._start_frame == frame:
                return
            raise HitRefused(
                f"hit at frame {frame}: expected another section than {name} before it, which plays already: "
                f"take another seed, or have a hit on another section before"
            )
        self._clock.origin_frame = frame
        self._leave(section, 0, frame, [], events)

    def _enter(self, index: int, beat: int, frame: int, playing: list[Any], events: list[Any]) -> None:
        super()._enter(index, beat, frame, playing, events)
        next_hit = min((hit for hit in self._hits if hit > frame), default=None)
        if next_hit is not None and self._end_frame <= next_hit < self._end_frame + self._fade_max(index):
            self._end_frame = next_hit + 1

    def _fade_max(self, section: int) -> int:
        """The longest a fade out of `section` may sound."""
        rules = [rule for rule in self.score.transitions if rule.before in (0, section + 1)]
        return max([self.score.edge_out_frames, *(rule.fade_out_frames for rule in rules)]) + 1

    def _decide(self, frame: int, run: Any, slot: Any, events: list[Any]) -> None:
        try:
            super()._decide(frame, run, slot, events)
        except ScoreError as error:
            if not self._hits:
                raise
            raise HitRefused(
                f"frame {frame}: a hit joins two sections that no `next` joins, and they need more voices than the "
                f"script has ({error})"
            ) from None
