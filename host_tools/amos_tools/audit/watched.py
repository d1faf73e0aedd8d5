"""What is kept of one device while the log is read, and what is not plausible in it.

It does not grow with the number of segments: a few numbers, a month's days, and the stems of its packs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from amos.protocol.segment import CLOCK_RELATIVE, CLOCK_UNKNOWN, TIER_RENDERER
from amos_tools.audit.readings import Reading, Seen

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SLACK_MS = 2_000
"""An output swallows so much at once when it begins."""
FASTER_PER_MILLE = 10
"""A sound card's clock may be off by a thousandth."""
JUMP_MS = 60_000
ALWAYS_MS = DAY_MS - HOUR_MS // 2
ALWAYS_DAYS = 3
NO_CLOCK_MS = 6 * HOUR_MS
SILENT_DAYS = 7
BURST_TIMES = 3
BURST_MS = 20 * HOUR_MS


class Odd(StrEnum):
    """What is not plausible."""

    FASTER = "faster than real time"
    OVERLAP = "plays twice at once"
    ALWAYS_ON = "never silent"
    NO_CLOCK = "no clock"
    JUMP = "clock jumps"
    BURST = "silent, then much"
    STEM = "one stem far above its weight"


@dataclass(frozen=True)
class Suspicion:
    """`concerned_ms`: the stem-time that would be false if it were a lie."""

    odd: Odd
    concerned_ms: int
    detail: str


@dataclass
class Watched:
    """`take` the device's segments of the period in the order of the log; then `suspicions`."""

    played_ms: int = 0
    lasted_ms: int = 0
    elapsed_ms: int = 0
    stem_ms: dict[bytes, dict[int, int]] = field(default_factory=dict)
    _days: dict[str, list[int]] = field(default_factory=dict)
    _sums: dict[Odd, list[int]] = field(default_factory=dict)
    _boot: int = -1
    _reached_ms: int = 0
    _offset_ms: int | None = None
    _reached_unix_ms: int | None = None

    def take(self, reading: Reading) -> None:
        """The next segment."""
        seen = reading.seen
        self.played_ms += seen.played_ms
        stems = self.stem_ms.setdefault(seen.pack, {})
        for stem, frames in seen.stems:
            stems[stem] = stems.get(stem, 0) + frames * 1000 // seen.rate_hz
        if seen.clock in (CLOCK_UNKNOWN, CLOCK_RELATIVE) or not reading.dated:
            self._add(Odd.NO_CLOCK, seen.played_ms, seen.lasted_ms)
        if seen.tier != TIER_RENDERER:  # a renderer may be as fast as it can, and says so
            self._take_real_time(reading, seen)

    def suspicions(self) -> list[Suspicion]:
        """All but those that other devices are needed for."""
        found = [*self._summed(), *self._of_days()]
        return [item for item in found if item.concerned_ms]

    def _take_real_time(self, reading: Reading, seen: Seen) -> None:
        elapsed = seen.end_ms - seen.start_ms
        self.lasted_ms += seen.lasted_ms
        self.elapsed_ms += elapsed
        too_much = seen.lasted_ms - elapsed - elapsed * FASTER_PER_MILLE // 1000 - SLACK_MS
        if too_much > 0:
            self._add(Odd.FASTER, seen.played_ms * (seen.lasted_ms - elapsed) // seen.lasted_ms, too_much)
        self._take_order(seen, elapsed)
        day = self._days.setdefault(reading.day, [0, 0])
        day[0] += seen.lasted_ms
        day[1] += seen.played_ms

    def _take_order(self, seen: Seen, elapsed_ms: int) -> None:
        """Whether it overlaps what came before; in one boot by the monotonic clock, over boots by the date."""
        offset = None if seen.unix_ms is None else seen.unix_ms - seen.start_ms
        overlap = 0
        if seen.boot == self._boot:
            overlap = self._reached_ms - seen.start_ms
            if offset is not None and self._offset_ms is not None and abs(offset - self._offset_ms) > JUMP_MS:
                self._add(Odd.JUMP, seen.played_ms, abs(offset - self._offset_ms))
        elif seen.unix_ms is not None and self._reached_unix_ms is not None:
            overlap = self._reached_unix_ms - seen.unix_ms
        if overlap > SLACK_MS and elapsed_ms:
            self._add(Odd.OVERLAP, seen.played_ms * min(overlap, elapsed_ms) // elapsed_ms, min(overlap, elapsed_ms))
        self._reached_ms = seen.end_ms if seen.boot != self._boot else max(self._reached_ms, seen.end_ms)
        self._boot, self._offset_ms = seen.boot, self._offset_ms if offset is None else offset
        if seen.unix_ms is not None:
            self._reached_unix_ms = max(self._reached_unix_ms or 0, seen.unix_ms + elapsed_ms)

    def _add(self, odd: Odd, concerned_ms: int, by_ms: int) -> None:
        sums = self._sums.setdefault(odd, [0, 0, 0])
        for place, value in enumerate((concerned_ms, by_ms, 1)):
            sums[place] += value

    def _summed(self) -> Iterator[Suspicion]:
        for odd, (concerned_ms, by_ms, count) in self._sums.items():
            told = f"{count} segments, {in_hours(by_ms)} in all"
            if odd is Odd.FASTER:
                told = f"{self.lasted_ms / max(1, self.elapsed_ms):.3g} times real time; {told} too much"
            elif odd is Odd.NO_CLOCK:
                if by_ms < NO_CLOCK_MS:
                    continue
            elif odd is Odd.OVERLAP:
                told = f"{told} over what came before"
            yield Suspicion(odd, concerned_ms, told)

    def _of_days(self) -> Iterator[Suspicion]:
        days = sorted(self._days.items())
        always = [played for _day, (lasted, played) in days if lasted >= ALWAYS_MS]
        if len(always) >= ALWAYS_DAYS:
            yield Suspicion(Odd.ALWAYS_ON, sum(always), f"{len(always)} days of 23.5 h or more")
        for place in range(1, len(days)):
            silent = _days_between(days[place - 1][0], days[place][0])
            lasted, played = days[place][1]
            usual = median(item[0] for _day, item in days[:place])
            if silent >= SILENT_DAYS and lasted >= min(BURST_MS, BURST_TIMES * usual):
                yield Suspicion(Odd.BURST, played, f"{in_hours(lasted)} on {days[place][0]} after {silent} silent days")


def in_hours(milliseconds: int) -> str:
    """As people read it."""
    return f"{milliseconds / HOUR_MS:.3g} h"


def _days_between(one: str, other: str) -> int:
    """Days without play between two of one month, as 2026-11-03."""
    return int(other[8:]) - int(one[8:]) - 1
