"""The loudness that a pack's stems are brought to, so that what a player renders meets the script's target.

The power of what the VM places says how loud half an hour is; a sample of it, rendered as a player renders it, says
what the player's limiter and low-passes leave of that. What they take is made up for, up to a bound. Where the peaks of
all that sounds stay below the limiter's ceiling even together, and no layer has a shape, nothing is rendered.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from amos.score.score import Score
from amos.score.version_3 import has_shapes
from amos.sound.limiter import ceiling_for
from amos_tools.pack.forecast import forecast_peak, forecast_power
from amos_tools.pack.level import GAIN_Q15_MAX, gain_q15, linear, stem_gain_mdb, working_mlufs
from amos_tools.pack.prepare import Measured, Workshop
from amos_tools.pack.profile import HOPS_PER_S, Profile, integrated_mlufs
from amos_tools.pack.sample_render import NEAR_MLU, SAMPLE_S, sampled, sampled_stems
from amos_tools.vault.audio import Int16Frames

WORKING_VERSION = 4
"""Raised with every change that alters what is found: what is kept of another version is not used."""
PLAYER_LIMITS_MLU_MAX = 2_000
"""The player's limiter acts within a cell and recovers in 0.2 s: where it takes more than this, music pumps."""

_NEAR_SHAPED_MLU = 50
"""What low-passes take is known only from the sample, and is the same at any loudness: one more is all it needs."""
_RENDERS_MAX = 5


@dataclass(frozen=True, slots=True)
class Working:
    """How loud each stem is brought to be, and what comes of it.

    forecast_mlufs  of half an hour as a player renders it
    limited_mlu     what the player's limiter takes of that
    sampled         indexes of the stems that were heard
    """

    mlufs: int
    forecast_mlufs: int
    limited_mlu: int
    sampled: tuple[int, ...]


def find_working(score: Score, stems: Sequence[Measured], workshop: Workshop) -> Working:
    """Raises a `PackBuildError`, or a `VaultError` for a damaged blob. What was found once is kept."""
    known = [(stem.stem.sha256.hex(), stem.plan, stem.frames, stem.peak, stem.mlufs, stem.hold.mdb) for stem in stems]
    facts = ("working", WORKING_VERSION, score.encode().hex(), known)
    kept = workshop.cached(repr(facts), lambda: json.dumps(asdict(_found(score, stems, workshop))).encode())
    found = json.loads(kept)
    return Working(found["mlufs"], found["forecast_mlufs"], found["limited_mlu"], tuple(found["sampled"]))


def _found(score: Score, stems: Sequence[Measured], workshop: Workshop) -> Working:
    frames = [stem.frames for stem in stems]
    heard = sampled_stems(score, frames)

    def gains_mdb(working: int) -> list[int]:
        return [stem_gain_mdb(stem.mlufs, stem.peak, working, score.peak_mdb) for stem in stems]

    def power(working: int) -> Profile:
        # The score's machine knows gains up to unity; what is above is in the samples.
        gains = gains_mdb(working)
        profiles = [stem.profile * linear(max(0, gain)) ** 2 for stem, gain in zip(stems, gains, strict=True)]
        return forecast_power(score, frames, [gain_q15(min(0, gain), 0, 0) for gain in gains], profiles)

    more = 0
    near_mlu = _NEAR_SHAPED_MLU if has_shapes(score) else NEAR_MLU
    for _ in range(_RENDERS_MAX):
        working = working_mlufs(score.target_mlufs + more, lambda tried: integrated_mlufs(power(tried)))
        whole = power(working)
        expected = integrated_mlufs(whole[: SAMPLE_S * HOPS_PER_S])
        peaks = [stem.peak * linear(gain) for stem, gain in zip(stems, gains_mdb(working), strict=True)]
        peak = forecast_peak(score, frames, [GAIN_Q15_MAX] * len(stems), peaks)
        if peak * 32768 <= ceiling_for(score.peak_mdb) and not has_shapes(score):
            return Working(working, integrated_mlufs(whole), 0, tuple(heard))
        sample = sampled(score, frames, _levelled(stems, heard, working, workshop), expected)
        forecast = integrated_mlufs(whole) + sample.rendered_mlufs - expected
        limited = sample.mixed_mlufs - sample.rendered_mlufs
        before, more = more, expected - sample.mixed_mlufs + min(limited, PLAYER_LIMITS_MLU_MAX)
        if abs(more - before) <= near_mlu:
            break
    return Working(working, forecast, limited, tuple(heard))


def _levelled(
    stems: Sequence[Measured], heard: Sequence[int], working: int, workshop: Workshop
) -> dict[int, Int16Frames]:
    """The stems that are heard in the sample, each at the working loudness."""

    def levelled(index: int) -> Int16Frames:
        level = workshop.level(stems[index], working)
        samples: Int16Frames = np.rint(level.samples * np.float32(level.gain_q15)).clip(-32768, 32767).astype(np.int16)
        return samples

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
        return dict(zip(heard, workers.map(levelled, heard), strict=True))
