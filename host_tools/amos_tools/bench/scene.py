"""What is mixed: long noise stems under a script that keeps a mean number of stereo voices sounding, in cross-fades.

`count` slots play stems of eight bars and fade over two beats into the next, so `count * 32 / 30` voices sound on the
mean (15 slots make 16), an eighth of the time in a ramp. Gains are such that the limiter works now and then.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amos.edges.stem_memory import MemoryStem
from amos.score.score import Score, decode_score
from amos_tools.script import compile_script
from amos_tools.simulate import SimStem
from amos_tools.stems import PPM, Split, StemFacts

RATE_HZ = 44_100
BARS = 8
GAIN_Q15 = 20_000
_SCRIPT = """experience "bench" seed device
clock {rate} tempo {tempo:g} meter 4/4 key D minor
pool all = stems where role pads
mix target -20 LUFS peak -1 dBTP voices {voices}
section only 64 bars
  play pads from all count {count} fade 2 beats gain -9 dB
  next only 1
"""


class ArrayStem(MemoryStem):
    """A stem in memory that the NumPy mixer reads in place."""

    def __init__(self, samples: NDArray[np.int16]) -> None:
        super().__init__(samples.tobytes(), 2)
        self.samples = samples.reshape(-1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A score with its stems; `samples` of shape (frames, 2) each."""

    source: str
    score: Score
    score_bytes: bytes
    stems: list[SimStem]
    samples: list[NDArray[np.int16]]


def make_scene(count: int, stems: int, bar_s: float, rate_hz: int = RATE_HZ) -> Scene:
    """`count` slots over `stems` stems of noise, eight bars of `bar_s` seconds each."""
    source = _SCRIPT.format(rate=rate_hz, tempo=240 / bar_s, voices=2 * count, count=count)
    frames = round(BARS * bar_s * rate_hz)
    random = np.random.default_rng(1)
    samples = [random.integers(-9000, 9000, (frames, 2), np.int16) for _ in range(stems)]
    compiled = compile_script(source, [_facts(number, frames, 240 / bar_s, rate_hz) for number in range(stems)])
    table = [SimStem(frames, GAIN_Q15, "pads", stem.title, stem.artist) for stem in compiled.stems]
    return Scene(source, decode_score(compiled.score), compiled.score, table, samples)


def _facts(number: int, frames: int, tempo_bpm: float, rate_hz: int) -> StemFacts:
    return StemFacts(
        stem_id=number.to_bytes(16, "big"),
        sha256=number.to_bytes(32, "big"),
        title=f"Noise {number}",
        artist="Bench",
        role="pads",
        key=None,
        tempo_mbpm=round(tempo_bpm * 1000),
        beats=4 * BARS,
        rate_hz=rate_hz,
        frames=frames,
        channels=2,
        loudness_mlufs=-20_000,
        opt_in=True,
        splits=(Split("bench", PPM),),
    )
