"""How loud a run is from moment to moment, and where nothing is heard in it. Pure.

The power of what the VM places, as in the forecast: without ducks, and before the player's limiter. The curve follows
the volume, of the operator and of the day; what is a rest is one at any volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from amos.score.score import Score
from amos.sound.events import Volume
from amos.sound.limiter import UNITY_Q15
from amos_tools.pack.forecast import Placed
from amos_tools.pack.profile import HOPS_PER_S, Profile
from amos_tools.simulate.run import Event, SimStem, Step

HOURS_MAX = 7 * 24
"""Fifty megabytes of tenths of a second; a longer run has no curve."""
SHORT_TERM_S = 3
SILENCE_LUFS = -70.0
REST_LU = 30
"""So far below the target, nothing is heard in a room with people."""
REST_S_MIN = 0.5
"""Shorter ones are the space between two notes."""
_OFFSET = -0.691


@dataclass(frozen=True, slots=True)
class HeardRests:
    """Stretches in which nothing is heard, in frames. `start_frame` is that of the longest."""

    count: int
    frames: int
    longest_frames: int
    start_frame: int


class LoudnessCurve(NamedTuple):
    """LUFS of equal stretches: as it plays, and the script's target as the volume turns it down."""

    lufs: Profile
    target_lufs: Profile


class Loudness:
    """Give it every event of a run of `frames` frames over stems with profiles, then `finish()`."""

    def __init__(self, score: Score, stems: Sequence[SimStem], frames: int) -> None:
        self.hop = score.rate_hz // HOPS_PER_S
        self._target_lufs = score.target_mlufs / 1000
        self._floor = _power_of(self._target_lufs - REST_LU)
        self._placed = Placed([_profile(stem) for stem in stems], self.hop, frames // self.hop + 1, 2)
        self._power: Profile = np.zeros(0)
        self._turns: list[tuple[int, int]] = []  # hop and gain of each turn of the volume

    def event(self, event: Event) -> None:
        """Take one event of the VM."""
        if isinstance(event, Volume):
            self._turns.append((event.frame // self.hop, event.gain_q15))
        else:
            self._placed.event(event)

    def step(self, step: Step) -> None:
        """Events say it all."""

    def finish(self) -> None:
        """The run is over."""
        self._power = self._placed.finish()

    def curve(self, first: int, until: int, points: int) -> LoudnessCurve:
        """Of `points` equal stretches of the frames `first` .. `until`, each of at least `SHORT_TERM_S`."""
        turned = self._volume() ** 2

        def lufs(power: Profile) -> Profile:
            return self._lufs(power, first, until, points)

        return LoudnessCurve(lufs(self._power * turned), lufs(_power_of(self._target_lufs) * turned))

    def _lufs(self, power: Profile, first: int, until: int, points: int) -> Profile:
        sums = np.concatenate(([0.0], np.cumsum(power)))
        middles = (first + (until - first) * (np.arange(points) + 0.5) / points) / self.hop
        half = max((until - first) / points / self.hop, SHORT_TERM_S * HOPS_PER_S) / 2
        lows = np.clip(np.rint(middles - half), first // self.hop, len(sums) - 2).astype(int)
        highs = np.clip(np.rint(middles + half).astype(int), lows + 1, len(sums) - 1)
        means = (sums[highs] - sums[lows]) / (highs - lows)
        result: Profile = _OFFSET + 10 * np.log10(np.maximum(means, _power_of(SILENCE_LUFS)))
        return result

    def _volume(self) -> Profile:
        """Of each hop, 1 is unity."""
        volume: Profile = np.ones(len(self._power))
        for hop, gain_q15 in self._turns:
            volume[hop:] = gain_q15 / UNITY_Q15
        return volume

    def rests(self) -> HeardRests:
        """Where nothing is heard for `REST_S_MIN` or longer."""
        quiet = np.concatenate(([False], self._power[:-1] < self._floor, [False]))
        borders = np.flatnonzero(np.diff(quiet)).reshape(-1, 2)
        lengths = borders[:, 1] - borders[:, 0]
        kept = lengths >= REST_S_MIN * HOPS_PER_S
        if not kept.any():
            return HeardRests(0, 0, 0, 0)
        longest = int(np.argmax(lengths))
        frames = [int(count) * self.hop for count in (lengths[kept].sum(), lengths[longest], borders[longest, 0])]
        return HeardRests(int(kept.sum()), *frames)


def _profile(stem: SimStem) -> Profile:
    assert stem.profile is not None, "stems of script_table have profiles"
    return stem.profile


def _power_of(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
