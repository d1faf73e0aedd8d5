"""Gains above 0 dB in a score that knows none."""

import math

import pytest

from amos.score.score import decode_score
from amos_tools.script import compile_script
from amos_tools.stems import Split, StemFacts

HEAD = 'experience "x" seed device\nclock 44100 tempo 84 meter 4/4 key D minor\npool p = stems where role pads\n'


def stem(number: int, title: str, role: str = "pads") -> StemFacts:
    splits = (Split("ilse", 1_000_000),)
    name = bytes([number]) * 16
    return StemFacts(
        name, name * 2, title, "Ilse", role, "D minor", 84_000, 8, 44_100, 252_000, 2, -20_000, True, splits
    )


STEMS = [stem(1, "One"), stem(2, "Two"), stem(4, "Four"), stem(3, "Bell", "fx")]


def gains_db(plays: str, announce: str = "") -> list[float]:
    compiled = compile_script(f"{HEAD}section a 4 bars\n{plays}  next a\n{announce}", STEMS)
    score = decode_score(compiled.score)
    rows = [*score.sections[0].layers, *(score.announcements or [])]
    return [20 * math.log10(row.gain_q15 / 32768) for row in rows]


@pytest.mark.parametrize(
    ("plays", "announce", "expected"),
    [
        ("  play pads from p gain +3 dB\n  play pads from p gain -3 dB\n  play pads from p\n", "", [0, -6, -3]),
        ("  play pads from p gain +12 dB\n  play pads from p\n", "", [0, -12]),
        ("  play pads from p gain -1 dB\n", 'announce "Bell" duck gain +2 dB\n', [-3, 0]),
        ("  play pads from p gain -6 dB\n  play pads from p gain -3 dB\n", "", [-6, -3]),
    ],
)
def test_the_loudest_is_at_unity_and_the_differences_stay(plays: str, announce: str, expected: list[float]) -> None:
    assert gains_db(plays, announce) == pytest.approx(expected, abs=0.002)
