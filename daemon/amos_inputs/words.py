"""Inputs in words: what people at a command line, in a file, over HTTP or in a program of theirs mean by them.

A kind is `skip`, `pause`, `resume`, `volume` (dB, down to -60), `like`, `dislike`, `shuffle`, `announce` (a name or a
number), or a slider by its name with a value in its own units; kinds and values become those of SCORE.md section 4.
"""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from amos.protocol.printable_host import printable
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LEAVE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    OWN_INPUTS,
    POSITION_MAX,
    InputRefused,
)
from amos.sound.limiter import UNITY_Q15
from amos_cli.names import hint, nfc, same_name
from amos_inputs.vocabulary import Bounded, Vocabulary

NAME_LETTERS_SHOWN = 64
NAMED_KINDS = {
    "like": INPUT_LIKE,
    "dislike": INPUT_DISLIKE,
    "shuffle": INPUT_SHUFFLE,
    "clock": INPUT_CLOCK,
    "announce": INPUT_ANNOUNCE,
    "block": INPUT_BLOCK,
    "leave": INPUT_LEAVE,
}
GIVEN_KINDS = {name: kind for name, kind in NAMED_KINDS.items() if kind not in OWN_INPUTS}
"""Those that a running player takes from others."""
PLAIN_KINDS = {"skip": (INPUT_SKIP, 0), "pause": (INPUT_PAUSE, 1), "resume": (INPUT_PAUSE, 0)}
"""Kinds that take no value."""
ABOUT_ALL = ("like", "dislike", "shuffle")
"""Kinds that are about all that sounds, when no value says which stem."""
VOLUME_DB_MIN = -60
PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
"""What a command line takes for a number: neither letters nor exponents, and no more digits than mean something."""


class InputWordError(ValueError):
    """Words that mean no input, or none that what plays has."""


def word_input(kind: str, value: str | None, words: Vocabulary) -> tuple[int, int]:
    """Kind and value as the VM takes them, of words for a running player on a command line. Raises `InputWordError`."""
    kind = nfc(kind)
    if kind in PLAIN_KINDS and value is not None:
        why = "; the script draws the section that follows" if kind == "skip" else ""
        raise InputWordError(f"{kind}: expected no value, found {printable(value, 40)!r}{why}")
    if kind == "announce" and value is not None and not re.fullmatch("[0-9]+", value):
        return INPUT_ANNOUNCE, _announcement(value, words)
    number: int | Decimal | None = 0 if kind in ABOUT_ALL else None
    if value is not None:
        if not PLAIN_NUMBER.fullmatch(value):
            raise InputWordError(f"value: expected a number, found {printable(value, 40)!r}")
        number = Decimal(value) if "." in value else int(value)
    return kind_value(kind, number, words, GIVEN_KINDS)


def kind_value(kind: Any, value: Any, words: Vocabulary, named: Mapping[str, int] = NAMED_KINDS) -> tuple[int, int]:
    """Kind and value as the VM takes them, of a kind by name or number and a value that is an int, a `Decimal` or a
    text. `named` are the kinds that may be meant. Raises `InputWordError`."""
    if type(kind) is int and kind == INPUT_SKIP:
        return INPUT_SKIP, 0
    if isinstance(kind, str):
        kind = nfc(kind)
        if kind in PLAIN_KINDS:
            return PLAIN_KINDS[kind]
        if kind == "volume":
            return INPUT_VOLUME, volume_q15(value)
        if kind == "announce" and isinstance(value, str):
            return INPUT_ANNOUNCE, _announcement(value, words)
        kind = named.get(kind, kind)
    if type(kind) is not int:
        return _slider(kind, value, words.sliders(), named)
    if type(value) is not int:
        raise InputWordError(f"value: expected a whole number, found {_shown(value)}")
    try:
        words.check(kind, value)
    except InputRefused as error:
        raise InputWordError(str(error)) from None
    return kind, value


def _slider(kind: Any, value: Any, sliders: Sequence[Bounded], named: Mapping[str, int]) -> tuple[int, int]:
    """Kind and position of the slider of that name."""
    names = [slider.name for slider in sliders]
    known = [*PLAIN_KINDS, "volume", *named, *names]
    place = next((place for place, name in enumerate(names) if same_name(name, str(kind))), None)
    if place is None:
        listed = ", ".join(printable(name, NAME_LETTERS_SHOWN) for name in known)
        close = printable(hint(str(kind), known))
        raise InputWordError(f"kind: expected {listed}; found {printable(kind, 40)!r}{close}")
    low, high = Fraction(sliders[place].lo_q15, 32768), Fraction(sliders[place].hi_q15, 32768)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not low <= _fraction(value) <= high:
        raise InputWordError(
            f"value: expected {float(low):g} to {float(high):g} for {printable(kind, 40)}, found {_shown(value)}"
        )
    return INPUT_SLIDER + place, round((_fraction(value) - low) * POSITION_MAX / (high - low))


def _shown(value: Any) -> str:
    return "none" if value is None else printable(value, 40)


def _announcement(name: str, words: Vocabulary) -> int:
    """The number of the announcement of that name."""
    names = words.announcements()
    for number, known in enumerate(names):
        if same_name(known, name):
            return number
    listed = ", ".join(printable(known, NAME_LETTERS_SHOWN) for known in names) or "none"
    close = printable(hint(name, names))
    raise InputWordError(f"announce: expected one of {listed}, found {printable(name, 40)!r}{close}")


def volume_q15(value: Any) -> int:
    """The gain of a volume in dB, an int or a `Decimal`. Raises `InputWordError`."""
    good = type(value) is int or (isinstance(value, Decimal) and value.is_finite())
    if not good or not VOLUME_DB_MIN <= value <= 0:
        raise InputWordError(f"volume: expected {VOLUME_DB_MIN} to 0 dB, found {_shown(value)}")
    return round(UNITY_Q15 * 10 ** (float(value) / 20))


def _fraction(value: int | Decimal) -> Fraction:
    try:
        # An exponent of a billion would be a number of a billion digits.
        if isinstance(value, Decimal) and value.adjusted() > 12:
            raise InputWordError(f"value: expected a number within reach of a slider, found {str(value)[:40]}")
        return Fraction(round(value, 12) if isinstance(value, Decimal) else value)
    except (ValueError, OverflowError, InvalidOperation):
        raise InputWordError(f"value: expected a number, found {str(value)[:40]}") from None


def volume_db(gain_q15: int) -> int:
    """The number of dB of a gain, whole as people set it."""
    return round(20 * math.log10(gain_q15 / UNITY_Q15))
