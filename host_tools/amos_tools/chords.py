"""Chord changes as musicians write them, `Am F C G` or `Dm | Gm C | F`, and whether two of them agree. Pure."""

import re
from dataclasses import dataclass
from fractions import Fraction

CHORDS_MAX = 64
_CHORD = re.compile(r"([A-G])([#b]?)(maj|min|dim|aug|sus|add|m|M|°|\+)?([0-9#b+\-]|maj|sus|add)*(/[A-G][#b]?)?")
_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "b": -1}
_THIRDS = {"m": "minor", "min": "minor", "dim": "minor", "°": "minor", "sus": ""}
"""By what follows the root; what else may follow it has a major third."""


@dataclass(frozen=True, slots=True)
class Chord:
    """A root, 0 .. 11 semitones over C, and whether its third is major or minor; empty: it has none."""

    root: int
    third: str

    def agrees(self, other: "Chord", semitones: int) -> bool:
        """Whether `other`, so many semitones higher, is as good as this one: sevenths and basses make no difference."""
        thirds = {self.third, other.third} - {""}
        return self.root == (other.root + semitones) % 12 and len(thirds) < 2


@dataclass(frozen=True, slots=True)
class Changes:
    """Chords with the places where they begin, from 0 up to 1, the whole."""

    begins: tuple[Fraction, ...]
    chords: tuple[Chord, ...]

    def at(self, place: Fraction) -> Chord:
        """The chord that sounds at a place from 0 up to 1."""
        return next(chord for begin, chord in zip(self.begins[::-1], self.chords[::-1], strict=True) if begin <= place)


def parse_changes(text: str) -> Changes:
    """Chords of equal length, or in bars of equal length between `|`. Raises ValueError: what was expected."""
    bars = (
        [bar.split() for bar in text.strip().strip("|").split("|")] if "|" in text else [[one] for one in text.split()]
    )
    count = sum(map(len, bars))
    if not 1 <= count <= CHORDS_MAX or not all(bars):
        raise ValueError(f"expected 1 to {CHORDS_MAX} chords, and one or more in each bar, found {count}")
    begins, chords = [], []
    for number, bar in enumerate(bars):
        for index, word in enumerate(bar):
            begins.append(Fraction(number * len(bar) + index, len(bars) * len(bar)))
            chords.append(_chord(word))
    return Changes(tuple(begins), tuple(chords))


def _chord(word: str) -> Chord:
    match = _CHORD.fullmatch(word)
    if match is None:
        raise ValueError(f"expected a chord such as Am, F#m7 or Bb/D, found {word}")
    letter, accidental, quality, *_ = match.groups()
    return Chord((_NATURALS[letter] + _ACCIDENTALS[accidental]) % 12, _THIRDS.get(quality or "", "major"))


def joins_at(
    loop: Changes, loop_beats: int, phrase: Changes, phrase_beats: int, semitones: int, bar_beats: int
) -> int | None:
    """The beat of a phrase, the first of a bar, at which a loop so transposed may begin and agree with it ever after.

    None where it nowhere does, or neither lasts a multiple of the other.
    """
    longer = max(loop_beats, phrase_beats)
    if not loop_beats or longer % min(loop_beats, phrase_beats):
        return None
    for shift in range(0, min(loop_beats, phrase_beats), bar_beats):
        ours = {(begin + turn) * loop_beats for begin in loop.begins for turn in range(longer // loop_beats)}
        theirs = {
            ((begin + turn) * phrase_beats - shift) % longer
            for begin in phrase.begins
            for turn in range(longer // phrase_beats)
        }
        if all(
            phrase.at((beat + shift) / phrase_beats % 1).agrees(loop.at(beat / loop_beats % 1), semitones)
            for beat in ours | theirs
        ):
            return shift
    return None
