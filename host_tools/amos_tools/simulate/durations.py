"""Lengths of time as people write them (30s, 1m30s, 500ms, 1.5h), in exact frames."""

import re
from fractions import Fraction

_UNIT_S = {"h": Fraction(3600), "m": Fraction(60), "min": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(min|ms|h|m|s|f)")
TEXT_CHARACTERS_MAX = 64


class DurationError(ValueError):
    """A text that is no length of time, or one that falls between two frames."""


def frames_of(text: str, rate_hz: int) -> int:
    """`text` in frames of `rate_hz`: parts with units h, m, min, s, ms, or f for frames. Raises `DurationError`.

    A length that is no whole number of frames is refused, as nothing that is exact could be made of it.
    """
    compact = text.strip().replace(" ", "")
    parts = _PART.findall(compact) if len(compact) <= TEXT_CHARACTERS_MAX else []
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise DurationError(f"length: expected a time such as 30s, 1m30s, 500ms or 48000f, found {text[:80]!r}")
    frames = Fraction(0)
    for number, unit in parts:
        frames += Fraction(number) if unit == "f" else Fraction(number) * _UNIT_S[unit] * rate_hz
    if frames.denominator != 1:
        raise DurationError(
            f"length: expected whole frames of {rate_hz} Hz, found {float(frames):.3f} for {text!r};"
            f" {int(frames)}f is the nearest before"
        )
    return int(frames)
