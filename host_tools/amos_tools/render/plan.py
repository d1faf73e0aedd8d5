"""What a render asks of the VM beyond a session: sections entered on given frames, and an end on the frame.

The VM carries plans out itself (`amos.score.plan`); this gives it the plan, and each input when its frame comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amos.score.inputs import INPUT_SKIP
from amos.score.rules import HIT_FRAMES_MIN, RenderPlan
from amos.score.rules import Hit as PlannedHit
from amos.score.score import Score, ScoreError
from amos.score.vm import Vm
from amos.sound.events import Start
from amos_tools.render.errors import BadLength, HitRefused
from amos_tools.simulate.inputs import TimedInput

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
        # A skip on the very frame of a hit means nothing: the hit is what happens there.
        hit_frames = {hit.frame for hit in plan.hits}
        inputs = [item for item in plan.inputs if item.kind != INPUT_SKIP or item.frame not in hit_frames]
        self._inputs = sorted(inputs, key=lambda item: item.frame)
        self._given = 0
        hits = [
            PlannedHit(frame=hit.frame, section=hit.section) for hit in sorted(plan.hits, key=lambda hit: hit.frame)
        ]
        for hit in plan.hits:
            if not 0 <= hit.frame < plan.frames:
                raise HitRefused(f"hit at frame {hit.frame}: expected within the {plan.frames} frames of the render")
        # The shortest plan of a VM is longer than the shortest render, which is then cut off.
        length = max(plan.frames, HIT_FRAMES_MIN)
        fade = max(0, min(plan.fade_frames, length - HIT_FRAMES_MIN))
        self._fade_frame = length - fade
        wanted = RenderPlan(name="render", length_frames=length, fade_frames=fade, hits=hits)
        fault = wanted.fault()
        if fault:
            raise HitRefused(fault)
        try:
            self._vm = Vm(score, stem_frames, stem_gains_q15, plan.seed, plan=wanted)
        except ScoreError as error:
            raise HitRefused(str(error)) from None

    def advance(self, until_frame: int) -> list[Any]:
        """Events with frame < `until_frame` that no earlier call gave, in order."""
        while self._given < len(self._inputs) and self._inputs[self._given].frame < until_frame:
            item = self._inputs[self._given]
            self._vm.input(item.kind, item.value, item.frame)
            self._given += 1
        try:
            events = self._vm.advance(until_frame)
        except ScoreError as error:
            raise HitRefused(str(error)) from None
        # What would come in while everything goes out stays away.
        return [event for event in events if not isinstance(event, Start) or event.frame < self._fade_frame]
