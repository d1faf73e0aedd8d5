"""A small score with a slider, two sections and eight stems by three artists."""

import pytest

from amos.score.score import Score, decode_score
from amos_tools.script import compile_script
from amos_tools.simulate import SimStem
from amos_tools.stems import PPM, Split, StemFacts

RATE_HZ = 22_050
SCRIPT = """experience "test day" seed device
clock 22050 tempo 120 meter 4/4 key D minor
pool warm = stems where role pads
pool kit = stems where role beats
mix target -20 LUFS peak -1 dBTP voices 8
slider intensity 0..1 start 0.25
section drift 2..4 bars
  play pads from warm count 1..2 fade 2 beats
  play beats from kit chance 0.2 + 0.6 * intensity
  next drift 1, rest 1
section rest 2 bars
  play beats from kit chance 0.1
  next drift 1
transition any -> any at bar fade 1 bars power
"""


def facts(number: int) -> StemFacts:
    """Stem `number`: pads for even numbers, beats for odd ones, of different lengths."""
    return StemFacts(
        stem_id=bytes([number]) * 16,
        sha256=bytes([number]) * 32,
        title=f"Stem <{number}>",
        artist=("Ilse & Co", "Tomas", "Noor")[number % 3],
        role="beats" if number % 2 else "pads",
        key=None,
        tempo_mbpm=120_000,
        beats=4 + 4 * (number % 3),
        rate_hz=RATE_HZ,
        frames=(4 + 4 * (number % 3)) * RATE_HZ // 2,
        channels=2,
        loudness_mlufs=-20_000,
        opt_in=True,
        splits=(Split("someone", PPM),),
    )


@pytest.fixture(scope="session")
def score() -> Score:
    """The script, compiled."""
    return decode_score(compile_script(SCRIPT, [facts(number) for number in range(8)]).score)


@pytest.fixture(scope="session")
def stems(score: Score) -> list[SimStem]:
    """The score's stem table."""
    table = compile_script(SCRIPT, [facts(number) for number in range(8)]).stems
    return [SimStem(stem.frames, 20_000, stem.role, stem.title, stem.artist) for stem in table]
