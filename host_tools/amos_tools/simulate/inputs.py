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
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from amos.score.inputs import INPUT_CLOCK
from amos.score.score import Score
from amos_cli.text import TextFault, decode_text
from amos_inputs.vocabulary import ScoreVocabulary
from amos_inputs.words import InputWordError, kind_value
from amos_tools.script.times import ClockError, clock_of
from amos_tools.simulate.durations import DurationError, frames_of

FILE_BYTES_MAX = 4 * 1024 * 1024
INPUTS_MAX = 20_000
"""One every four seconds of a day."""
FRAME_MAX = 2**53
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
    frame, kind, value = _frame(fields, score.rate_hz), fields["kind"], fields.get("value", 0)
    if kind == "clock" and isinstance(value, str):
        return TimedInput(frame, INPUT_CLOCK, _clock(value))
    try:
        return TimedInput(frame, *kind_value(kind, value, ScoreVocabulary(score)))
    except InputWordError as error:
        raise InputFileError(str(error)) from None


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


def _clock(text: str) -> int:
    try:
        value = clock_of(text)
    except ClockError as error:
        raise InputFileError(str(error)) from None
    if value is None:
        raise InputFileError("clock: expected a day and time, found none")
    return value


def in_order(inputs: Sequence[TimedInput]) -> list[TimedInput]:
    """By frame; those of one frame as they came."""
    return sorted(inputs, key=lambda item: item.frame)
