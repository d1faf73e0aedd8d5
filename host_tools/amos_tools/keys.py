"""Keys as people and programs spell them: `D minor`, `D dorian`, `Dm`, `D`, and the Camelot codes of DJs. Pure."""

import re

MODES = {"major": 0, "minor": 9, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7, "locrian": 11}
"""How many semitones the tonic of a mode is above that of the major scale with the same notes."""
MODE_NAMES = (*MODES, "ionian", "aeolian")
KEY_EXPECTED = "a key such as 'D minor', 'F# dorian', 'Bbm' or '8A'"

_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_PITCHES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_WRITTEN = re.compile(r"([A-G][#b]?) ?([A-Za-z]*)")
_SIGNS = {"": "major", "m": "minor", "M": "major"}
_NAMED = {mode: mode for mode in MODES} | {"ionian": "major", "aeolian": "minor", "min": "minor", "maj": "major"}
_CAMELOT = re.compile(r"(1[0-2]|[1-9])([ABab])")
_WHEEL = {
    "A": ("G#", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"),
    "B": ("B", "F#", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E"),
}
"""Minor and major keys of the Camelot wheel, from 1 to 12: each a fifth above the one before."""


def parse_key(text: str) -> str | None:
    """The key as it is kept: tonic and mode, such as `D minor`; None for what is none."""
    if code := _CAMELOT.fullmatch(text):
        letter = code[2].upper()
        return f"{_WHEEL[letter][int(code[1]) - 1]} {'minor' if letter == 'A' else 'major'}"
    written = _WRITTEN.fullmatch(text)
    if written is None:
        return None
    mode = _SIGNS.get(written[2]) or _NAMED.get(written[2].lower())
    return f"{written[1]} {mode}" if mode else None


def scale_of(key: str) -> int | None:
    """Pitch class of the major scale whose notes a key has; None if `key` is not one as it is kept."""
    tonic, _, mode = key.partition(" ")
    if tonic[:1] not in _NATURALS or tonic[1:] not in _ACCIDENTALS or mode not in MODES:
        return None
    return (_pitch(tonic) - MODES[mode]) % 12


def transposed(key: str, semitones: int, wanted: str) -> str:
    """The key so many semitones higher, spelt as `wanted` where it is that one."""
    tonic, _, mode = key.partition(" ")
    pitch = (_pitch(tonic) + semitones) % 12
    wanted_tonic, _, wanted_mode = wanted.partition(" ")
    return wanted if (pitch, mode) == (_pitch(wanted_tonic), wanted_mode) else f"{_PITCHES[pitch]} {mode}"


def _pitch(tonic: str) -> int:
    return (_NATURALS[tonic[0]] + _ACCIDENTALS[tonic[1:]]) % 12
