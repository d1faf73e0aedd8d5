"""Whether a stem fits the clock of a script: as it is, or as the pack builder can conform it."""

from amos_tools.pack.conform import can_conform
from amos_tools.stems import StemFacts


def key_fits(stem: StemFacts, key: str) -> bool:
    """Unpitched, in the same key or its relative major or minor, or near enough to be transposed to it."""
    return can_conform(stem, None, key) is not None


def tempo_fits(stem: StemFacts, tempo_mbpm: int) -> bool:
    """Without a tempo, at the same, half or double tempo, or near enough to be stretched to it."""
    return can_conform(stem, tempo_mbpm, None) is not None
