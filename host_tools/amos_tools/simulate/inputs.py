"""Inputs from a file of JSON lines: what a visitor, an operator or a clock would have told the player, and when.

{"time": "90s", "kind": "intensity", "value": 0.7}     a slider of the script, in its own units
{"frame": 5292000, "kind": "skip"}
{"time": "2m", "kind": "announce", "value": "closing"} an announcement of the script, by its name or its number
{"time": "2m", "kind": "dislike", "value": 3}          also like, shuffle, announce, block, leave: values as in SCORE.md
{"time": "0s", "kind": "clock", "value": "mon 07:30"}  the time of day it is then
{"time": "3m", "kind": "volume", "value": -6}          in dB, down to -60; also pause and resume, without a value
{"frame": 5292000, "kind": 16, "value": 32768}         as the journal has it: kind and value are integers
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

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
from amos.score.score import Score
from amos.sound.limiter import UNITY_Q15
from amos_cli.names import hint, nfc, same_name
from amos_cli.text import TextFault, decode_text
from amos_tools.script.times import clock_of
from amos_tools.simulate.durations import DurationError, frames_of
from amos_tools.simulate.vocabulary import Bounded, ScoreVocabulary, Vocabulary

FILE_BYTES_MAX = 4 * 1024 * 1024
INPUTS_MAX = 20_000
"""One every four seconds of a day."""
FRAME_MAX = 2**53
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
_FIELDS = {"frame", "time", "kind", "value"}


class InputFileError(ValueError):
    """A file of inputs that cannot be read, or a line in it that is none."""


class TimedInput(NamedTuple):
    """An input as the VM takes it: effective from `frame` on; `kind` and `value` as in SCORE.md section 4."""

    frame: int
    kind: int
    value: int


def read_inputs(path: Path, score: Score) -> list[TimedInput]:
    """The inputs in `path`, by frame; those of one frame keep the file's order. Raises `InputFileError`."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InputFileError(f"{path}: expected a readable file, found {error.strerror or error}") from None
    if len(data) > FILE_BYTES_MAX:
        raise InputFileError(f"{path}: expected at most {FILE_BYTES_MAX} bytes, found more")
    try:
        lines = decode_text(data).splitlines()
    except TextFault as error:
        raise InputFileError(f"{path}: {error}") from None
    inputs = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                inputs.append(parse_input(line, score))
            except InputFileError as error:
                raise InputFileError(f"{path}:{number}: {error}") from None
    if len(inputs) > INPUTS_MAX:
        raise InputFileError(f"{path}: expected at most {INPUTS_MAX} inputs, found {len(inputs)}")
    return sorted(inputs, key=lambda item: item.frame)


def parse_input(line: str, score: Score) -> TimedInput:
    """One line of JSON as an input. Raises `InputFileError`."""
    try:
        fields: Any = json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise InputFileError(f"column {error.colno}: expected a line of JSON, found {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"expected a line of JSON, found {error}") from None
    if not isinstance(fields, dict) or not fields.keys() <= _FIELDS or "kind" not in fields:
        raise InputFileError(f"expected fields frame or time, kind, value; found {line.strip()[:80]!r}")
    return TimedInput(
        _frame(fields, score.rate_hz), *_kind_value(fields["kind"], fields.get("value", 0), ScoreVocabulary(score))
    )


def _frame(fields: dict[str, Any], rate_hz: int) -> int:
    if ("frame" in fields) == ("time" in fields):
        raise InputFileError("expected either frame or time")
    if "time" in fields:
        try:
            frame: Any = frames_of(str(fields["time"]), rate_hz)
        except DurationError as error:
            raise InputFileError(str(error)) from None
    else:
        frame = fields["frame"]
    if type(frame) is not int or not 0 <= frame <= FRAME_MAX:
        raise InputFileError(f"frame: expected 0 to {FRAME_MAX}, found {str(frame)[:40]}")
    return frame


def word_input(kind: str, value: str | None, words: Vocabulary) -> tuple[int, int]:
    """Kind and value as the VM takes them, of words for a running player on a command line. Raises `InputFileError`."""
    kind = nfc(kind)
    if kind in PLAIN_KINDS and value is not None:
        why = "; the script draws the section that follows" if kind == "skip" else ""
        raise InputFileError(f"{kind}: expected no value, found {printable(value, 40)!r}{why}")
    if kind == "announce" and value is not None and not re.fullmatch("[0-9]+", value):
        return INPUT_ANNOUNCE, _announcement(value, words)
    number: int | Decimal | None = 0 if kind in ABOUT_ALL else None
    if value is not None:
        if not PLAIN_NUMBER.fullmatch(value):
            raise InputFileError(f"value: expected a number, found {printable(value, 40)!r}")
        number = Decimal(value) if "." in value else int(value)
    return _kind_value(kind, number, words, GIVEN_KINDS)


def _kind_value(kind: Any, value: Any, words: Vocabulary, named: Mapping[str, int] = NAMED_KINDS) -> tuple[int, int]:
    if type(kind) is int and kind == INPUT_SKIP:
        return INPUT_SKIP, 0
    if isinstance(kind, str):
        kind = nfc(kind)
        if kind in PLAIN_KINDS:
            return PLAIN_KINDS[kind]
        if kind == "clock" and kind in named and isinstance(value, str):
            return INPUT_CLOCK, _clock(value)
        if kind == "volume":
            return INPUT_VOLUME, _volume_q15(value)
        if kind == "announce" and isinstance(value, str):
            return INPUT_ANNOUNCE, _announcement(value, words)
        kind = named.get(kind, kind)
    if type(kind) is not int:
        return _slider(kind, value, words.sliders(), named)
    if type(value) is not int:
        raise InputFileError(f"value: expected a whole number, found {_shown(value)}")
    try:
        words.check(kind, value)
    except InputRefused as error:
        raise InputFileError(str(error)) from None
    return kind, value


def _slider(kind: Any, value: Any, sliders: Sequence[Bounded], named: Mapping[str, int]) -> tuple[int, int]:
    """Kind and position of the slider of that name."""
    names = [slider.name for slider in sliders]
    known = [*PLAIN_KINDS, "volume", *named, *names]
    place = next((place for place, name in enumerate(names) if same_name(name, str(kind))), None)
    if place is None:
        listed = ", ".join(printable(name, NAME_LETTERS_SHOWN) for name in known)
        close = printable(hint(str(kind), known))
        raise InputFileError(f"kind: expected {listed}; found {printable(kind, 40)!r}{close}")
    low, high = Fraction(sliders[place].lo_q15, 32768), Fraction(sliders[place].hi_q15, 32768)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not low <= _fraction(value) <= high:
        raise InputFileError(
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
    raise InputFileError(f"announce: expected one of {listed}, found {printable(name, 40)!r}{close}")


def _clock(text: str) -> int:
    try:
        value = clock_of(text)
    except ValueError as error:
        raise InputFileError(str(error)) from None
    if value is None:
        raise InputFileError("clock: expected a day and time, found none")
    return value


def _volume_q15(value: Any) -> int:
    good = type(value) is int or (isinstance(value, Decimal) and value.is_finite())
    if not good or not VOLUME_DB_MIN <= value <= 0:
        raise InputFileError(f"volume: expected {VOLUME_DB_MIN} to 0 dB, found {_shown(value)}")
    return round(UNITY_Q15 * 10 ** (float(value) / 20))


def _fraction(value: int | Decimal) -> Fraction:
    try:
        # An exponent of a billion would be a number of a billion digits.
        if isinstance(value, Decimal) and value.adjusted() > 12:
            raise InputFileError(f"value: expected a number within reach of a slider, found {str(value)[:40]}")
        return Fraction(round(value, 12) if isinstance(value, Decimal) else value)
    except (ValueError, OverflowError, InvalidOperation):
        raise InputFileError(f"value: expected a number, found {str(value)[:40]}") from None


def in_order(inputs: Sequence[TimedInput]) -> list[TimedInput]:
    """By frame; those of one frame as they came."""
    return sorted(inputs, key=lambda item: item.frame)
