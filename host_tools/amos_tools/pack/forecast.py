"""How much power a score will play with: what the VM places, times the power of its stems, without rendering.

Stems are taken for uncorrelated, so their powers add; ducks and the player's limiter are left out. What these two make
of it, `sample_render` measures.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amos.score.day_clock import clock_value
from amos.score.inputs import INPUT_CLOCK
from amos.score.score import DAY_SECTION_FIELDS, Score
from amos.score.vm import Vm
from amos.sound.envelope import Envelope
from amos.sound.events import Level, Start, Stop
from amos.sound.fade_numpy import levelled_gains, node_gains
from amos.sound.glide import Glide
from amos_tools.pack.profile import HOPS_PER_S, Profile

FORECAST_S = 1800
"""Half an hour of music: from one seed to another ten minutes differ by 0.2 LU."""

UNTIMED_S = 300
DAYS, HOLIDAY = 8, 7
"""Bits of the days of a row."""

FORECAST_SEED = hashlib.sha256(b"amos/1/forecast").digest()


def forecast_power(
    score: Score, stem_frames: Sequence[int], gains_q15: Sequence[int], profiles: Sequence[Profile]
) -> Profile:
    """The profile of half an hour of the score, as `profile_of` would find it in the samples."""
    return _placed(score, stem_frames, gains_q15, profiles, 2)


def forecast_peak(score: Score, stem_frames: Sequence[int], gains_q15: Sequence[int], peaks: Sequence[float]) -> float:
    """The highest peak of that half hour, if those of all that sounds in a hop came together; full scale is 1."""
    hop = score.rate_hz // HOPS_PER_S
    held = [np.full(-(-frames // hop), peak) for frames, peak in zip(stem_frames, peaks, strict=True)]
    return float(_placed(score, stem_frames, gains_q15, held, 1).max())


def _placed(
    score: Score, stem_frames: Sequence[int], gains_q15: Sequence[int], profiles: Sequence[Profile], exponent: int
) -> Profile:
    """The sum of what sounds in each hop, each times its gain to the power of `exponent`."""
    hop = score.rate_hz // HOPS_PER_S
    placed = Placed(profiles, hop, FORECAST_S * HOPS_PER_S, exponent)
    vm = Vm(score, list(stem_frames), list(gains_q15), FORECAST_SEED)
    for frame, value in _times(score):
        vm.input(INPUT_CLOCK, value, frame)
    for event in vm.advance(FORECAST_S * HOPS_PER_S * hop):
        placed.event(event)
    return placed.finish()


def _times(score: Score) -> list[tuple[int, int]]:
    """Frames at which it becomes another time of day, with the clock's value: one for each section but the first that
    the day leads to. The first five minutes, which are rendered as a sample, have no time."""
    rows = score.day_sections or ()
    clocks: dict[int, int] = {}
    for at in range(0, len(rows), DAY_SECTION_FIELDS):
        days, minute, _until, section = rows[at : at + DAY_SECTION_FIELDS]
        day = next((day for day in range(DAYS) if days >> day & 1), None)
        if section and day is not None:
            clocks.setdefault(section, clock_value(day % HOLIDAY, day == HOLIDAY, minute * 60))
    rest_s = FORECAST_S - UNTIMED_S
    return [
        ((UNTIMED_S + number * rest_s // len(clocks)) * score.rate_hz, clock)
        for number, clock in enumerate(clocks.values())
    ]


class Placed:
    """Sums what sounds in each of `count` hops, each placement times its gain to the power of `exponent`."""

    def __init__(self, profiles: Sequence[Profile], hop: int, count: int, exponent: int) -> None:
        self._profiles = profiles
        self._hop = hop
        self._exponent = exponent
        self._result: Profile = np.zeros(count)
        self._voices: dict[int, Sounding] = {}

    def event(self, event: object) -> None:
        """Take one event of the VM."""
        if isinstance(event, Start):
            if event.voice in self._voices:
                self._voices[event.voice].add_to(self._result)
            self._voices[event.voice] = Sounding(event, self._profiles[event.stem], self._hop, self._exponent)
        elif isinstance(event, Stop) and event.voice in self._voices:
            self._voices[event.voice].stop(event, self._result)
        elif isinstance(event, Level) and event.voice in self._voices:
            self._voices[event.voice].glide(event, self._result)

    def finish(self) -> Profile:
        """All that was placed; a value for each hop."""
        for sounding in self._voices.values():
            sounding.add_to(self._result)
        self._voices.clear()
        return self._result


def sides_power(shape: Sequence[int]) -> float:
    """What a shape leaves of the power of a stem that is alike on both sides. What a low-pass takes, it does not say:
    the sample that is rendered does."""
    mid, _side, left, right, _pole = shape
    return (mid / 32768) ** 2 * (left * left + right * right) / 2 / 32768**2


class Sounding:
    """One placement: a value for each hop of its stem, times its gain to the power of `exponent`."""

    def __init__(self, start: Start, profile: Profile, hop: int, exponent: int) -> None:
        self._start = start
        self._profile = profile
        self._hop = hop
        self._exponent = exponent
        self._sides = 1.0 if start.shape is None or exponent == 1 else sides_power(start.shape)
        self._done = 0  # hops of the placement that are added
        # Hops after which the stem begins again, and those that there are of it.
        self._round = max(1, start.loop // hop) if start.loop else len(profile)
        self._hops = start.frames // hop + 1 if start.loop else len(profile) - start.offset // hop
        self._envelope = Envelope()
        self._envelope.begin(start)
        self._glide = Glide(start.level_q15)

    def glide(self, event: Level, power: NDArray[np.float64]) -> None:
        pos = event.frame - self._start.frame
        if pos < self._envelope.end:
            self._add_until(pos, power)
            self._glide.go(pos, event.level_q15, event.frames)

    def stop(self, event: Stop, power: NDArray[np.float64]) -> None:
        pos = event.frame - self._start.frame
        if self._envelope.takes_stop(pos, event.fade):
            self._add_until(pos, power)
            self._envelope.stop(pos, event.fade, event.linear)

    def add_to(self, power: NDArray[np.float64]) -> None:
        self._add_until(self._envelope.end, power)

    def _add_until(self, pos: int, power: NDArray[np.float64]) -> None:
        first = (self._start.frame + self._hop // 2) // self._hop
        until = min(self._hops, (pos + self._hop // 2) // self._hop, len(power) - first)
        hops = np.arange(self._done, until)
        if len(hops):
            middles = np.minimum(hops * self._hop + self._hop // 2, pos)
            gains = levelled_gains(self._glide, node_gains(self._envelope, middles), middles) / 32768
            places = (self._start.offset // self._hop + hops) % self._round
            power[first + hops] += self._profile[places] * gains**self._exponent * self._sides
        self._done = max(self._done, until)
