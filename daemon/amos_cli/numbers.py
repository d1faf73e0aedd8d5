"""Numbers that people type."""

import math
from typing import TypeVar

import typer

Number = TypeVar("Number", float, float | None)


def finite(value: Number) -> Number:
    """For an option: the number, unless it is `nan` or `inf`, which pass every bound or mean to wait for ever."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a finite number, found {value}")
    return value
