"""Musical and physical units to the integers of a score. Exact: no float takes part."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from amos.score.score import FADE_FRAMES_MAX
from amos_tools.script import tree
from amos_tools.script.problems import Problems

Q15 = 1 << 15
GAIN_DB_MIN = -96
GAIN_DB_MAX = 12
"""Of a layer or an announcement. What is above 0 dB comes out of the headroom of stems when a pack is built."""
_SECONDS = {"S": Fraction(1), "MS": Fraction(1, 1000), "MIN": Fraction(60), "H": Fraction(3600)}


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The clock in integers. `key` is None when the script names none; a beat is a note of 1/`beat_unit`."""

    rate_hz: int
    tempo_mbpm: int
    beats_per_bar: int
    key: str | None
    beat_unit: int = 4

    def bars_frames(self, bars: int) -> int:
        """Frames of so many bars, rounded down."""
        return bars * self.beats_per_bar * self.rate_hz * 60_000 // self.tempo_mbpm

    def frames(self, length: tree.Number) -> int:
        """Frames of a length in bars, beats or time, rounded down."""
        if length.unit in _SECONDS:
            return int(length.value * _SECONDS[length.unit] * self.rate_hz)
        beats = length.value * (self.beats_per_bar if length.unit == "BARS" else 1)
        return int(beats * self.rate_hz * 60_000 / self.tempo_mbpm)


def whole(number: tree.Number, what: str, low: int, high: int, problems: Problems) -> int | None:
    """`number` as an integer of `low` .. `high`, or None with an error noted."""
    if number.value.denominator != 1 or not low <= number.value <= high:
        problems.error(number.span, f"{what} is a whole number from {low} to {high}", expected=[f"{low} to {high}"])
        return None
    return int(number.value)


def thousandths(number: tree.Number, what: str, low: int, high: int, problems: Problems) -> int | None:
    """`number` times 1000 as an integer, for `low` .. `high` in the number's own unit."""
    scaled = number.value * 1000
    if scaled.denominator != 1 or not low <= number.value <= high:
        problems.error(
            number.span, f"{what} is from {low} to {high}, in thousandths at most", expected=[f"{low} to {high}"]
        )
        return None
    return int(scaled)


def gain_q15(number: tree.Number, problems: Problems, db_max: int = 0) -> int | None:
    """Decibels, -96 .. `db_max`, as a linear gain; 32768 is 0 dB."""
    if not GAIN_DB_MIN <= number.value <= db_max:
        highest = f"+{db_max}" if db_max else "0"
        problems.error(
            number.span,
            f"a gain is from {GAIN_DB_MIN} to {highest} dB",
            expected=[f"{GAIN_DB_MIN} to {highest} dB"],
            notes=["stems are brought to one loudness; make the others softer instead"] if number.value > 0 else [],
        )
        return None
    exponent = Decimal(number.value.numerator) / Decimal(number.value.denominator) / 20
    return int((Q15 * Decimal(10) ** exponent).to_integral_value())


def length_frames(number: tree.Number, what: str, frames_max: int, clock: ClockFacts, problems: Problems) -> int | None:
    """A length in frames, or None with an error noted when it is over `frames_max`."""
    frames = clock.frames(number)
    if frames > frames_max:
        seconds = frames_max // clock.rate_hz
        problems.error(number.span, f"{what} lasts at most {seconds} s", expected=[f"0 to {seconds} s"])
        return None
    return frames


def fade_frames(number: tree.Number, clock: ClockFacts, problems: Problems) -> int | None:
    """Length of a fade in frames."""
    return length_frames(number, "a fade", FADE_FRAMES_MAX, clock, problems)
