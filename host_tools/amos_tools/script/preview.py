"""A compiled script on the player's own VM, without a pack and without sound."""

from collections.abc import Sequence

from amos.player.draw import numbered_seed
from amos.player.score import RenderPlan, decode_score
from amos.player.vm import Vm
from amos_tools.script.compile import Compiled

UNITY_Q15 = 32767


def stem_frames(compiled: Compiled) -> list[int]:
    """Length of each stem at the script's rate, as a pack would hold it, to a frame."""
    return [max(1, round(stem.frames * compiled.rate_hz / stem.rate_hz)) for stem in compiled.stems]


def make_vm(
    compiled: Compiled, seed: int, *, plan: RenderPlan | None = None, gains_q15: Sequence[int] | None = None
) -> Vm:
    """The VM at frame 0 with the seed of a number, as `seed 42` in a script has it."""
    frames = stem_frames(compiled)
    gains = list(gains_q15) if gains_q15 is not None else [UNITY_Q15] * len(frames)
    return Vm(decode_score(compiled.score), frames, gains, numbered_seed(seed), None, plan)
