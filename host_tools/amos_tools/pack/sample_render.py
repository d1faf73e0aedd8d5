"""How loud a player renders the first minutes of a forecast: mixed and limited as it does, and measured.

What power alone does not tell is in it: stems that add up in phase, and above all the player's limiter, which takes
more the louder a script asks for.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amos.score.score import Score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.sound.events import Start
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos_tools.pack.forecast import FORECAST_SEED, UNTIMED_S
from amos_tools.pack.profile import HOPS_PER_S, Profile, integrated_mlufs, profile_of
from amos_tools.vault.audio import Int16Frames

SAMPLE_S = UNTIMED_S
"""Five minutes hold several sections of most scripts, and are rendered in a second or two."""
NEAR_MLU = 200

_BLOCK_FRAMES = 8192
_PART_S = 30
_SETTLE_S = 1  # of the part before, until the filters of the meter have forgotten that it was cut
_FULL_Q15 = 32767
_SOFT_Q15 = 4096  # 18 dB softer: the limiter has nothing to do, and 16 bits still hold the music


class PcmSource(NamedTuple):
    """A stem as the mixer reads it (`amos.sound.mixer`)."""

    frames: int
    channels: int
    samples: NDArray[np.int16]

    def read_into(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        """As the mixer asks where a layer has a shape."""
        part = self.samples[self.channels * start_frame : self.channels * (start_frame + frame_count)].tobytes()
        buffer[: len(part)] = part


class Sample(NamedTuple):
    """Integrated loudness in thousandths of a LUFS: of what comes out, and of what goes into the player's limiter."""

    rendered_mlufs: int
    mixed_mlufs: int


def sampled_stems(score: Score, stem_frames: Sequence[int]) -> list[int]:
    """Indexes of the stems that begin in the sample."""
    events = _vm(score, stem_frames, _FULL_Q15).advance(SAMPLE_S * score.rate_hz)
    return sorted({event.stem for event in events if isinstance(event, Start)})


def sampled(score: Score, stem_frames: Sequence[int], pcm: Mapping[int, Int16Frames], expected_mlufs: int) -> Sample:
    """`SAMPLE_S` of the score; `pcm` has the `sampled_stems` with their own gains in them already.

    Where it is about as loud as expected, nothing is asked of the limiter, and it is not rendered again without.
    """
    rendered = integrated_mlufs(_rendered(score, stem_frames, pcm, _FULL_Q15))
    if abs(rendered - expected_mlufs) <= NEAR_MLU:
        return Sample(rendered, rendered)
    soft = _rendered(score, stem_frames, pcm, _SOFT_Q15) * (_FULL_Q15 / _SOFT_Q15) ** 2
    return Sample(rendered, max(rendered, integrated_mlufs(soft)))


def _rendered(score: Score, stem_frames: Sequence[int], pcm: Mapping[int, Int16Frames], gain_q15: int) -> Profile:
    def source(stem: int) -> PcmSource:
        frames, channels = pcm[stem].shape
        return PcmSource(frames, channels, pcm[stem].reshape(-1))

    meter = Meter(score.voices)
    mixer = make_mixer(score.rate_hz, score.voices, _BLOCK_FRAMES, ceiling=ceiling_for(score.peak_mdb))
    performance = Performance(_vm(score, stem_frames, gain_q15), mixer, meter, source)
    result = np.empty((-(-SAMPLE_S * score.rate_hz // _BLOCK_FRAMES), 2 * _BLOCK_FRAMES), np.int16)
    for block in result:
        block[:] = np.frombuffer(performance.render(_BLOCK_FRAMES), "<i2")
        performance.delivered(performance.frame)
        meter.take_ended()
    return _profile(result.reshape(-1, 2)[: SAMPLE_S * score.rate_hz], score.rate_hz)


def _profile(samples: Int16Frames, rate_hz: int) -> Profile:
    """Part by part: the whole would be a gigabyte in floating point."""
    parts = []
    for start in range(0, len(samples), _PART_S * rate_hz):
        settle_s = min(_SETTLE_S, start // rate_hz)
        part = samples[start - settle_s * rate_hz : start + _PART_S * rate_hz].astype(np.float32) / np.float32(32768)
        parts.append(profile_of(part, rate_hz)[settle_s * HOPS_PER_S :])
    return np.concatenate(parts)


def _vm(score: Score, stem_frames: Sequence[int], gain_q15: int) -> Vm:
    return Vm(score, list(stem_frames), [gain_q15] * len(stem_frames), FORECAST_SEED)
