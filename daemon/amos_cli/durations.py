"""Lengths of time that people type: 90s, 30m, 12h, 3d."""

from amos_cli.output import UsageError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DIGITS_MAX = 9


def seconds_of(text: str, option: str) -> int:
    """Seconds, at least one. Raises `UsageError`, which names the option."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_S or not (number.isascii() and number.isdigit()) or not 0 < len(number) <= _DIGITS_MAX:
        raise UsageError(f"{option}: expected a number and s, m, h, d or w, as in 3d, found {text[:40]!r}")
    if int(number) == 0:
        raise UsageError(f"{option}: expected more than no time, found {text[:40]!r}")
    return int(number) * _UNITS_S[unit]


def largest_unit(seconds: int) -> tuple[int, str]:
    """(how many, of which), rounded down: the largest of "day", "hour" and "minute" of which there are two or more,
    else "second"."""
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return seconds // size, name
    return max(seconds, 0), "second"


def in_words(seconds: int) -> str:
    """The same in English: "3 days"."""
    count, unit = largest_unit(seconds)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
