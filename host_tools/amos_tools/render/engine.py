"""Renders a plan: VM, mixer and meter as on a player, samples handed on block by block."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder
from amos.score.score import decode_score
from amos.session.performance import Performance
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import OUT_FRAME_BYTES, make_mixer
from amos_tools.render.errors import StemUnplayable
from amos_tools.render.plan import Plan, PlannedVm

BLOCK_FRAMES = 8192
Interval = tuple[int, int]
"""(first frame, frames) in which a stem sounds."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`intervals` by index of the pack's stem table; `pcm_sha256` is of all samples, int16 little-endian stereo."""

    pcm_sha256: bytes
    intervals: dict[int, list[Interval]]


def render(pack: PackFolder, plan: Plan, take: Callable[[memoryview], Any]) -> Rendered:
    """Render `plan.frames` frames; `take` gets them in order, as bytes valid during the call.

    Raises `StemUnplayable` for a bad blob, and what `PlannedVm` raises.
    """
    manifest = pack.manifest
    frames = [stem.frames for stem in manifest.stems]
    score = decode_score(pack.score())
    vm = PlannedVm(score, frames, [stem.gain_q15 for stem in manifest.stems], plan)
    meter = Meter(manifest.voices)
    mixer = make_mixer(manifest.rate_hz, manifest.voices, BLOCK_FRAMES, ceiling=ceiling_for(score.peak_mdb))
    performance = Performance(vm, mixer, meter, pack.stem, BlobError)
    digest = hashlib.sha256()
    intervals: dict[int, list[Interval]] = {}
    while performance.frame < plan.frames:
        left = plan.frames - performance.frame
        # The last block ends on a border of cells; what lies beyond the end is cut off.
        pcm = performance.render(min(BLOCK_FRAMES, -(-left // 64) * 64))[: left * OUT_FRAME_BYTES]
        if performance.refused:
            raise StemUnplayable(performance.refused[0])
        digest.update(pcm)
        take(pcm)
        if left <= BLOCK_FRAMES:
            meter.abort(plan.frames)
        else:
            performance.delivered(performance.frame)
        for stem, start, count, _flags in meter.take_ended():
            intervals.setdefault(stem, []).append((start, count))
    return Rendered(digest.digest(), {stem: sorted(found) for stem, found in sorted(intervals.items())})
