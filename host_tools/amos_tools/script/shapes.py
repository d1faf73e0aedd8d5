"""`pan`, `width` and `lowpass` of a `play` line to the shape of a layer, and how a shape is said.

What holds the level is in the layer's gain, so that no number of a shape is above unity: a pan is of equal power, and a
width leaves the middle as loud as it was.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
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
    if not aside and wide == 100 and not cutoff_hz:
        return LayerShape()
    angle = math.radians(45 * (1 - aside / 100))
    near, far = Q15, round(Q15 * math.tan(angle))
    leftward = pan is not None and pan.word is not None and pan.word.value == "left"
    left, right = (near, far) if leftward else (far, near)
    mid, side = (Q15, round(Q15 * wide / 100)) if wide <= 100 else (round(Q15 * 100 / wide), Q15)
    pole = round(Q15 * _pole(cutoff_hz / rate_hz)) if cutoff_hz else 0
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


def _pole(cutoff: float) -> float:
    """Of a low-pass whose power is half at `cutoff`, a part of the sample rate."""
    less = 2 - math.cos(2 * math.pi * cutoff)
    return less - math.sqrt(less * less - 1)


def _cutoff(pole: float) -> float:
    return math.acos(max(-1.0, (1 + pole * pole - 2 * (1 - pole) ** 2) / (2 * pole))) / (2 * math.pi)


def shape_text(shape: Sequence[int], rate_hz: int) -> str:
    """As a script says it, rounded: `pan left 30 %, width 60 %, lowpass 800 Hz`."""
    mid, side, left, right, pole = shape
    told = []
    if left != right:
        aside = 100 - math.degrees(math.atan(min(left, right) / Q15)) / 45 * 100
        told.append(f"pan {'left' if left > right else 'right'} {aside:.0f} %")
    if mid != side:
        told.append(f"width {100 * side / mid:.0f} %")
    if pole:
        told.append(f"lowpass {float(f'{_cutoff(pole / Q15) * rate_hz:.3g}'):g} Hz")
    return ", ".join(told)
