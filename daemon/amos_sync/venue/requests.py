"""What people ask, checked: a body of the API or a form of the page becomes an input, or is refused by name."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from amos.protocol.printable_host import printable
from amos.score.inputs import INPUT_PAUSE, InputRefused
from amos_inputs.vocabulary import Bounded
from amos_inputs.words import GIVEN_KINDS, InputWordError, kind_value
from amos_sync.sealed_code import is_code
from amos_sync.venue.pauses import MINUTES_MAX
from amos_sync.venue.seen import SeenPlayer
from amos_web.errors import WebRefusal

KIND_LETTERS_MAX = 64
VALUE_MAX = (1 << 31) - 1
_KINDS_ALONE = ("skip", "pause", "resume")


class Wish(NamedTuple):
    """An input for a player, and after how many minutes a pause ends by itself."""

    kind: int
    value: int
    minutes: int | None = None


class _Words:
    """The names that a player told."""

    def __init__(self, player: SeenPlayer):
        self._player = player

    def sliders(self) -> Sequence[Bounded]:
        return self._player.sliders

    def announcements(self) -> Sequence[str]:
        return self._player.announcements

    def check(self, kind: int, value: int) -> None:
        if not 0 <= value <= VALUE_MAX:
            raise InputRefused(f"value: expected 0 to {VALUE_MAX}, found {value}")


def body_of(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `WebRefusal`."""
    try:
        found = json.loads(data, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise WebRefusal(400, "BodyWrong", "body: expected a JSON object", 'such as {"kind": "skip"}')
    return found


def input_wish(body: Mapping[str, Any], player: SeenPlayer) -> Wish:
    """Of `{"kind": KIND}` or `{"kind": KIND, "value": VALUE}`, as on the command line. Raises `WebRefusal`."""
    _only(body, ("kind", "value"))
    kind, value = body.get("kind"), body.get("value")
    if not isinstance(kind, str) or not 1 <= len(kind) <= KIND_LETTERS_MAX:
        raise WebRefusal(400, "InputWrong", f"kind: expected a text of 1 to {KIND_LETTERS_MAX} letters")
    if kind in _KINDS_ALONE and value is not None:
        raise WebRefusal(400, "InputWrong", f"{kind}: expected no value, found {printable(value, 40)}")
    if kind in ("like", "dislike", "shuffle") and value is None:
        value = 0
    try:
        return Wish(*kind_value(kind, value, _Words(player), GIVEN_KINDS))
    except InputWordError as error:
        raise WebRefusal(400, "InputWrong", str(error)) from None


def pause_wish(body: Mapping[str, Any]) -> Wish:
    """Of `{"minutes": 1 .. 240}`. Raises `WebRefusal`."""
    _only(body, ("minutes",))
    minutes = body.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= MINUTES_MAX:
        found = printable(minutes, 40)
        raise WebRefusal(400, "InputWrong", f"minutes: expected a whole number from 1 to {MINUTES_MAX}, found {found}")
    return Wish(INPUT_PAUSE, 1, minutes)


def code_of(body: Mapping[str, Any]) -> str:
    """Of `{"code": "004821"}`. Raises `WebRefusal`."""
    _only(body, ("code",))
    code = body.get("code")
    if not isinstance(code, str) or not is_code(code):
        raise WebRefusal(400, "InputWrong", f"code: expected six digits, found {printable(code, 40)}")
    return code


def number_of(text: str) -> Decimal | int | str:
    """What a field of a form means: a number where it is one, else the text."""
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    if plain.lstrip("-").isascii() and plain.lstrip("-").isdigit() and len(plain) <= 12:
        return int(plain)
    whole, dot, part = plain.lstrip("-").partition(".")
    if dot and len(plain) <= 24 and whole.isascii() and part.isascii() and (whole + part).isdigit():
        return Decimal(plain)
    return text


def _only(body: Mapping[str, Any], names: tuple[str, ...]) -> None:
    strange = [name for name in body if name not in names]
    if strange:
        expected = ", ".join(names)
        raise WebRefusal(400, "BodyWrong", f"body: expected {expected} alone, found {printable(strange[0], 40)!r}")
