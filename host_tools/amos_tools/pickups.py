"""Where the first downbeat of a stem is, as the column `pickup` or `downbeat` of its sidecar says."""

import re
from fractions import Fraction

from amos_tools.stems import StemFacts

COLUMNS = ("pickup", "downbeat")
PICKUP_EXPECTED = (
    'how long before its first downbeat the stem begins: such as "1 beat" (with a tempo), "0.48 s" or "480 ms"'
)
PICKUP_SECONDS_MAX = 60
_LENGTH = re.compile(r"(\d{1,6}(?:[.,]\d{1,6})?) ?(beats?|s|ms)")


def pickup_seconds(text: str, tempo_mbpm: int | None) -> Fraction | None:
    """Seconds of such a text, for a stem of that tempo; None for what is none, and for more than a minute."""
    match = _LENGTH.fullmatch(text.strip())
    if not match or (match[2].startswith("beat") and tempo_mbpm is None):
        return None
    number = Fraction(match[1].replace(",", "."))
    if match[2].startswith("beat"):
        number *= Fraction(60_000, tempo_mbpm or 1)
    elif match[2] == "ms":
        number /= 1000
    return number if number <= PICKUP_SECONDS_MAX else None


def pickup_of(stem: StemFacts) -> Fraction:
    """Seconds from the beginning of the stem as it is in the vault to its first downbeat; 0 where nothing is said."""
    for name, text in stem.tags:
        if name.casefold() in COLUMNS:
            return pickup_seconds(text, stem.tempo_mbpm) or Fraction(0)
    return Fraction(0)
