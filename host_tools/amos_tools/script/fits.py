"""Whether a stem fits the clock of a script: by key and by tempo."""

from amos_tools.stems import StemFacts

_PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_RELATIVE_MAJOR = {"major": 0, "minor": 3}
TEMPO_RATIOS = ((1, 1), (2, 1), (1, 2))
TEMPO_TOLERANCE_INVERSE = 200
"""Half a percent: over 16 bars in 4/4 a loop is then at most a third of a beat off."""


def scale_of(key: str) -> int | None:
    """Pitch class 0 to 11 of the major scale a key shares its notes with, or None if `key` is not a key."""
    tonic, _, mode = key.partition(" ")
    if tonic[:1] not in _PITCHES or tonic[1:] not in _ACCIDENTALS or mode not in _RELATIVE_MAJOR:
        return None
    return (_PITCHES[tonic[0]] + _ACCIDENTALS[tonic[1:]] + _RELATIVE_MAJOR[mode]) % 12


def key_fits(stem: StemFacts, key: str) -> bool:
    """Unpitched, or in the same key or its relative major or minor."""
    return stem.key is None or (scale_of(stem.key) is not None and scale_of(stem.key) == scale_of(key))


def tempo_fits(stem: StemFacts, tempo_mbpm: int) -> bool:
    """Without a tempo, or within half a percent of the same, half or double tempo."""
    tempo = stem.tempo_mbpm
    if tempo is None:
        return True
    return any(
        abs(tempo * denominator - tempo_mbpm * numerator) * TEMPO_TOLERANCE_INVERSE <= tempo_mbpm * numerator
        for numerator, denominator in TEMPO_RATIOS
    )
