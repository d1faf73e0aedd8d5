"""Plain values of a file, JSON or TOML, held against a table of what is expected of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {int: "a whole number", str: "a text", bool: "true or false", list: "a list", dict: "a table"}


class PlainError(Exception):
    """A value that is missing, unknown or not as it should be."""


@dataclass(frozen=True)
class Field:
    """least, most   of a number, of the letters of a text, of the items of a list
    form, among      how a text is written, or which there are
    none             it may be null
    """

    kind: type[Any]
    least: int = 0
    most: int = 0
    form: re.Pattern[str] | None = None
    among: tuple[str, ...] = ()
    none: bool = False

    def fault(self, value: Any) -> str | None:
        """What was expected instead; None: it is right."""
        if value is None and self.none:
            return None
        if type(value) is not self.kind:  # a truth value is no number
            return _NAMES[self.kind]
        if self.form is not None:
            return None if self.form.fullmatch(value) else f"a text of the form {self.form.pattern}"
        if self.among:
            return None if value in self.among else f"one of {', '.join(self.among)}"
        if self.kind in (bool, dict):
            return None
        size = value if self.kind is int else len(value)
        what = {int: "a number", str: "letters", list: "items"}[self.kind]
        return None if self.least <= size <= self.most else f"{what} from {self.least} to {self.most}"


def values_of(what: str, fields: Mapping[str, Field], found: Any) -> dict[str, Any]:
    """A copy of `found`, with exactly these fields. Raises `PlainError`."""
    if not isinstance(found, dict):
        raise PlainError(f"{what}: expected a table, found {_shown(found)}")
    for name in [*fields, *found]:
        if name not in fields or name not in found:
            raise PlainError(f"{what}.{name[:40]}: expected {'it' if name in fields else 'no such field'}")
        fault = fields[name].fault(found[name])
        if fault:
            raise PlainError(f"{what}.{name}: expected {fault}, found {_shown(found[name])}")
    return dict(found)


def _shown(value: Any) -> str:
    return repr(value)[:60]
