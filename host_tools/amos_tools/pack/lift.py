"""Brings a stem's samples to the working loudness, as far as its peaks allow."""

import math
from dataclasses import dataclass

from amos_tools.pack.level import baked_mdb, decibels, gain_q15, linear, stem_gain_mdb
from amos_tools.pack.limiter import limited
from amos_tools.pack.profile import integrated_mlufs, momentary_mlufs, profile_of
from amos_tools.vault.audio import FloatFrames

_ROUNDS_MAX = 3
"""Each leaves a tenth of what the limiter took from the loudness before."""
_NEAR_MLU = 50
_NO_MLUFS = -1_000_000
"""So quiet that only its peak and the bounds decide what a stem may be amplified by."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides besides the samples. `one_shot` is levelled by its loudest moment."""

    rate_hz: int
    peak_mdb: int
    one_shot: bool
    loop: bool


@dataclass(frozen=True, slots=True)
class Lifted:
    """What was done to a stem, in thousandths of a decibel.

    gain_mdb     what its samples and its gain in play make of it together
    limited_mdb  taken from its highest peak
    short_mdb    what it still lacks to the working loudness
    crest_mdb    how far its highest peak stands above its loudness
    """

    gain_mdb: int
    limited_mdb: int
    short_mdb: int
    crest_mdb: int


@dataclass(frozen=True, slots=True)
class Level:
    """The samples of the blob, and the gain they are played with."""

    samples: FloatFrames
    gain_q15: int
    report: Lifted


def lifted(samples: FloatFrames, own_mlufs: int, peak: float, working: int, terms: Terms) -> Level:
    """`samples` of that loudness and peak, brought to the working loudness together with a gain of at most unity."""
    wanted_mdb = stem_gain_mdb(own_mlufs, peak, working, terms.peak_mdb)
    step_mdb = baked_mdb(wanted_mdb, peak, terms.peak_mdb)
    if step_mdb is None:
        short = working - own_mlufs - wanted_mdb
        report = Lifted(wanted_mdb, 0, max(0, short), decibels(peak) - own_mlufs)
        return Level(samples, gain_q15(wanted_mdb, peak, terms.peak_mdb), report)
    most_mdb = max(step_mdb, stem_gain_mdb(_NO_MLUFS, peak, 0, terms.peak_mdb))
    result, least, found = samples, 1.0, own_mlufs
    for _ in range(_ROUNDS_MAX):
        gained = samples * samples.dtype.type(linear(step_mdb))
        result, least = limited(gained, linear(terms.peak_mdb), terms.rate_hz, terms.loop)
        found = own_mlufs + step_mdb if least == 1.0 else _loudness(result, terms)
        if least == 1.0 or working - found <= _NEAR_MLU or step_mdb >= most_mdb:
            break
        step_mdb = min(step_mdb + working - found, most_mdb)
    rest_mdb = min(0, working - found)
    loudest = float(abs(result).max())
    report = Lifted(step_mdb + rest_mdb, _taken(least), max(0, working - found), decibels(loudest) - found)
    return Level(result, gain_q15(rest_mdb, loudest, terms.peak_mdb), report)


def _loudness(samples: FloatFrames, terms: Terms) -> int:
    profile = profile_of(samples, terms.rate_hz)
    return momentary_mlufs(profile) if terms.one_shot else integrated_mlufs(profile)


def _taken(least: float) -> int:
    return round(-20_000 * math.log10(least))
