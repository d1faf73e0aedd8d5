"""`pan`, `width` and `lowpass` of a `play` line to the shape of a layer, and how a shape is said.

What holds the level is in the layer's gain, so that no number of a shape is above unity: a pan is of equal power, and a
width leaves the middle as loud as it was.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from amos_tools.script import tree
from amos_tools.script.problems import Problems
from amos_tools.script.units import Q15

PAN_MAX = 100
WIDTH_MAX = 200
LOWPASS_HZ_MIN, LOWPASS_HZ_MAX = 40, 10_000
"""Below, 16 bits hold too little of what is left; above, the lowest of the players' rates has no room for it."""


class LayerShape(NamedTuple):
    """As in `Layer`, and by how much the layer's gain is to be multiplied with it."""

    shape: "array[int] | None" = None
    louder: float = 1.0


def layer_shape(options: Mapping[str, tree.Option], rate_hz: int, problems: Problems) -> LayerShape | None:
    """The shape that these options of a line ask for, or None with an error noted."""
    pan, width, low_pass = options.get("pan"), options.get("width"), options.get("lowpass")
    aside = _number(pan, "a pan in %", 0, PAN_MAX, 0, problems)
    wide = _number(width, "a width in %", 0, WIDTH_MAX, 100, problems)
    cutoff_hz = _number(low_pass, "a low-pass in Hz", LOWPASS_HZ_MIN, LOWPASS_HZ_MAX, 0, problems)
    if aside is None or wide is None or cutoff_hz is None:
        return None
    angle = math.radians(45 * (1 - aside / 100))
    far = _far_q15(aside)
    leftward = pan is not None and pan.word is not None and pan.word.value == "left"
    left, right = (Q15, far) if leftward else (far, Q15)
    mid, side = _middle_and_sides(wide)
    pole = _pole_q15(cutoff_hz / rate_hz) if cutoff_hz else 0
    if mid == side and left == right and not pole:
        return LayerShape()
    return LayerShape(array("H", (mid, side, left, right, pole)), math.sqrt(2) * math.cos(angle) * Q15 / mid)


def _number(
    option: tree.Option | None, what: str, low: int, high: int, default: int, problems: Problems
) -> float | None:
    if option is None or option.number is None:
        return default
    value = option.number.value
    if not low <= value <= high:
        problems.error(option.number.span, f"{what} is from {low} to {high}", expected=[f"{low} to {high}"])
        return None
    return float(value)


def _far_q15(aside: float) -> int:
    """Gain of the side that a pan of so many per cent moves away from."""
    return round(Q15 * math.tan(math.radians(45 * (1 - aside / 100))))


def _middle_and_sides(wide: float) -> tuple[int, int]:
    """Gains of a width of so many per cent."""
    return (Q15, round(Q15 * wide / 100)) if wide <= 100 else (round(Q15 * 100 / wide), Q15)


def _pole_q15(cutoff: float) -> int:
    """Of a low-pass whose power is half at `cutoff`, a part of the sample rate."""
    less = 2 - math.cos(2 * math.pi * cutoff)
    return round(Q15 * (less - math.sqrt(less * less - 1)))


def _cutoff(pole: float) -> float:
    return math.acos(max(-1.0, (1 + pole * pole - 2 * (1 - pole) ** 2) / (2 * pole))) / (2 * math.pi)


def shape_text(shape: Sequence[int], rate_hz: int) -> str:
    """As a script says it, in the shortest numbers that make this shape: `pan left 30 %, lowpass 800 Hz`."""
    mid, side, left, right, pole = shape
    told = []
    if left != right:
        far = min(left, right)
        aside = 100 - math.degrees(math.atan(far / Q15)) / 45 * 100
        said = _shortest(aside, lambda found: _far_q15(found) == far)
        told.append(f"pan {'left' if left > right else 'right'} {said} %")
    if mid != side:
        said = _shortest(100 * side / mid, lambda found: _middle_and_sides(found) == (mid, side))
        told.append(f"width {said} %")
    if pole:
        said = _shortest(_cutoff(pole / Q15) * rate_hz, lambda found: _pole_q15(found / rate_hz) == pole)
        told.append(f"lowpass {said} Hz")
    return ", ".join(told)


def _shortest(value: float, same: Callable[[float], bool]) -> str:
    """`value` rounded as far as it is still the `same`, to a thousandth at least."""
    rounded = (round(value, digits) for digits in range(-3, 4))
    return f"{next(filter(same, rounded), round(value, 3)):g}"
