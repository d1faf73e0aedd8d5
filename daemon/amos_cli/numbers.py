"""Numbers that people type."""

import math

import typer


def finite(value: float) -> float:
    """For an option: the number, unless it is `nan` or `inf`, which pass every bound or mean to wait for ever."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"expected a number of seconds, found {value}")
    return value
