"""Stems of another tempo or key, brought to a script's: stretched by up to 12 %, transposed by up to 3 semitones.

    plan = can_conform(stem, tempo_mbpm, key)    None: it cannot be brought there
    samples = conform(samples, plan, rate_hz)    float32 of shape (plan.frames(...), channels)

A stem may also run at half or double tempo, and be in another mode with the key's notes, as its relative is. What has
no tempo or no key needs none. The work is Signalsmith Stretch's (MIT), seeded: the same samples and plan give the same
bytes on one machine.
"""

import importlib.util
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from amos_tools.keys import scale_of, transposed
from amos_tools.pack.errors import ConformingUnavailable
from amos_tools.stems import BEATS_TOLERANCE_INVERSE, StemFacts
from amos_tools.vault.audio import FloatFrames

STRETCH_PERCENT_MAX = 12
"""Beyond it the smear of drums and the gurgle of voices are heard (as AMOS's authors and DJ tools have it: 8 to 15)."""
SEMITONES_MAX = 3
"""Beyond it instruments no longer sound like themselves."""
TEMPO_RATIOS = (Fraction(1), Fraction(2), Fraction(1, 2))
CONFORM_VERSION = 2
"""Raised with every change that alters samples: cached work of another version is not used."""

_SEED = 1
_MARGIN_S = 1
_PEAK = 0.999


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a stem. `tempo_mbpm` and `key` are its own afterwards."""

    length: Fraction  # of the result, as a multiple of the stem's
    semitones: int
    tempo_mbpm: int | None
    key: str | None
    beats: int | None  # None: no loop

    @property
    def changes(self) -> bool:
        """False: the stem fits as it is."""
        return self.length != 1 or self.semitones != 0

    def frames(self, frames: int, rate_hz: int) -> int:
        """Length of the result, given the stem's at the pack's rate. A loop's is exactly its beats, rounded."""
        if self.beats is not None and self.tempo_mbpm is not None:
            return loop_frames(self.beats, self.tempo_mbpm, rate_hz)
        return _rounded(frames * self.length)


def can_conform(stem: StemFacts, tempo_mbpm: int | None, key: str | None) -> Plan | None:
    """The plan that brings `stem` to a script's tempo and key (None: any), or None if it is too far from them."""
    tempo = _tempo_for(stem, tempo_mbpm)
    semitones = _semitones_for(stem, key)
    if semitones is None or (tempo is None and stem.tempo_mbpm is not None):
        return None
    length = Fraction(1) if tempo is None or stem.tempo_mbpm is None else stem.tempo_mbpm / tempo
    return Plan(
        length=length,
        semitones=semitones,
        tempo_mbpm=None if tempo is None else _rounded(tempo),
        key=transposed(stem.key, semitones, key) if semitones and stem.key and key else stem.key,
        beats=stem.beats if is_loop(stem) else None,
    )


@dataclass(frozen=True, slots=True)
class Target:
    """The tempo and key that a script wants of a stem."""

    tempo_mbpm: int
    key: str | None

    def of(self, stem: StemFacts) -> str:
        """In words, as far as it concerns the stem: `92.5 bpm, D dorian`."""
        tempo = [f"{self.tempo_mbpm / 1000:g} bpm"] if stem.tempo_mbpm is not None else []
        return ", ".join([*tempo, *([self.key] if stem.key and self.key else [])])


def plan_for(stem: StemFacts, target: Target) -> Plan | None:
    """To the tempo and key; to one of them where the other is too far; None where both are."""
    tempo_mbpm, key = target.tempo_mbpm, target.key
    return can_conform(stem, tempo_mbpm, key) or can_conform(stem, tempo_mbpm, None) or can_conform(stem, None, key)


def has_stretcher() -> bool:
    """Whether this machine has what stretches and transposes."""
    return importlib.util.find_spec("python_stretch") is not None


def conform(samples: FloatFrames, plan: Plan, rate_hz: int) -> FloatFrames:
    """`samples` of shape (frames, channels) after `plan`, of exactly `plan.frames(...)` frames.

    A loop is stretched between its own end and its own beginning, so that it still meets itself.
    Raises `ConformingUnavailable` where the library is not installed.
    """
    if not plan.changes:
        return samples
    frames = plan.frames(len(samples), rate_hz)
    margin = _MARGIN_S * rate_hz
    if plan.beats is not None:
        around = np.take(samples, np.arange(-margin, len(samples) + margin), axis=0, mode="wrap")
    else:
        around = np.pad(samples, ((margin, margin), (0, 0)))
    ratio = Fraction(frames, len(samples))
    stretched = _stretched(around, ratio, plan.semitones, rate_hz)
    begin = _rounded(margin * ratio)
    result = stretched[begin : begin + frames]
    peak = float(np.max(np.abs(result)))
    return result * np.float32(_PEAK / peak) if peak > _PEAK else result


def is_loop(stem: StemFacts) -> bool:
    """Whether a stem is as long as its beats, but for half a percent."""
    if stem.beats is None or stem.tempo_mbpm is None:
        return False
    frames = Fraction(stem.beats * 60_000 * stem.rate_hz, stem.tempo_mbpm)
    return abs(stem.frames - frames) * BEATS_TOLERANCE_INVERSE <= frames


def loop_frames(beats: int, tempo_mbpm: int, rate_hz: int) -> int:
    """Length of so many beats, rounded."""
    return _rounded(Fraction(beats * 60_000 * rate_hz, tempo_mbpm))


def _stretched(samples: FloatFrames, ratio: Fraction, semitones: int, rate_hz: int) -> FloatFrames:
    """float32 of shape (about frames * ratio, channels)."""
    try:
        from python_stretch import Signalsmith  # 0.1 s that only a pack with such stems pays
    except ImportError:
        raise ConformingUnavailable(
            "python-stretch: expected it installed, to stretch or transpose stems, found none"
        ) from None
    stretch = Signalsmith.Stretch(_SEED)
    stretch.preset(samples.shape[1], rate_hz)
    stretch.setTransposeSemitones(semitones)
    stretch.timeFactor = float(1 / ratio)
    channels = np.ascontiguousarray(samples.T)
    return np.asarray(stretch.process(channels), np.float32).T


def _tempo_for(stem: StemFacts, tempo_mbpm: int | None) -> Fraction | None:
    """The tempo nearest to the stem's among the script's, its half and its double; None if none is near or needed."""
    own = stem.tempo_mbpm
    if own is None:
        return None
    if tempo_mbpm is None:
        return Fraction(own)
    nearest = min((tempo_mbpm * ratio for ratio in TEMPO_RATIOS), key=lambda tempo: abs(own / tempo - 1))
    length = own / nearest
    return nearest if abs(length - 1) * 100 <= STRETCH_PERCENT_MAX else None


def _semitones_for(stem: StemFacts, key: str | None) -> int | None:
    """How far up (down if negative) the stem's scale is from the key's, at most 3; None if it is further."""
    if key is None or stem.key is None:
        return 0
    wanted, found = scale_of(key), scale_of(stem.key)
    if wanted is None or found is None:
        return None
    semitones = (wanted - found + 6) % 12 - 6
    return semitones if abs(semitones) <= SEMITONES_MAX else None


def _rounded(value: Fraction) -> int:
    """Nearest, ties up."""
    return int((2 * value + 1) // 2)
