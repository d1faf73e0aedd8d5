"""The `gain` of a layer: one value, an expression of sliders in decibels, or a way from one value to another."""

from array import array
from fractions import Fraction
from typing import NamedTuple

from amos.score import expression as code
from amos.score.parts import SLEW_FRAMES_MAX
from amos_tools.script import tree
from amos_tools.script.expressions import Expressions
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.units import GAIN_DB_MAX, GAIN_DB_MIN, Q15, ClockFacts, gain_q15, length_frames

EXAMPLE = "such as `gain -12 dB + 10 dB * intensity`"


class LayerGain(NamedTuple):
    """As in `Layer`: the greatest gain, and where it moves below that."""

    gain_q15: int
    level: "array[int] | None" = None
    rise_frames: int | None = None


class _Value(NamedTuple):
    """What a part of an expression may be, and whether that is decibels."""

    lo: Fraction
    hi: Fraction
    loud: bool


class Gains:
    """Compiles the gains of one script's layers."""

    def __init__(self, program: Program, clock: ClockFacts, expressions: Expressions, problems: Problems):
        self._sliders = program.sliders
        self._clock = clock
        self._expressions = expressions
        self._problems = problems

    def of(self, option: tree.Option | None) -> LayerGain | None:
        """The gain of a layer with this `gain`, or None with an error noted."""
        if option is None:
            return LayerGain(Q15)
        if option.range is not None and option.length is not None:
            return self._rise(option.range, option.length)
        assert option.expression is not None
        return self._moving(option.expression)

    def _moving(self, expression: tree.Expression) -> LayerGain | None:
        words = self._expressions.compile(expression)
        found = self._value(expression) if words is not None else None
        if words is None or found is None:
            return None
        if not found.loud:
            self._problems.error(expression.span, "a gain is in dB", expected=[EXAMPLE])
            return None
        gain = self._greatest(found.lo, found.hi, expression.span)
        if gain is None or found.lo == found.hi:
            return gain
        level = array("i", [*words, *_below(found.hi)])
        if len(level) > code.CODE_WORDS_MAX:
            self._problems.error(expression.span, "the expression is too long for the player")
            return None
        return gain._replace(level=level)

    def _rise(self, ends: tree.Range, length: tree.Number) -> LayerGain | None:
        first, last = ends.lo.value, ends.hi.value
        gain = self._greatest(min(first, last), max(first, last), ends.span)
        frames = length_frames(length, "a gain over time", SLEW_FRAMES_MAX, self._clock, self._problems)
        if frames == 0:
            self._problems.error(length.span, "a gain over time lasts a while", expected=["such as 8 bars"])
        if gain is None or not frames:
            return None
        if first == last:
            return gain
        way = [code.CONST, round((last - first) * Q15), code.SLIDER, len(self._sliders), code.MULTIPLY]
        begin = [code.CONST, round((first - max(first, last)) * Q15), code.ADD]
        return gain._replace(level=array("i", way + begin), rise_frames=frames)

    def _greatest(self, lo: Fraction, hi: Fraction, span: Span) -> LayerGain | None:
        """Of a gain that is from `lo` to `hi` dB."""
        if lo < hi:
            for reached, low, high in ((lo, GAIN_DB_MIN, hi), (hi, lo, GAIN_DB_MAX)):
                if not low <= reached <= high:
                    limits = f"{GAIN_DB_MIN} to +{GAIN_DB_MAX} dB"
                    message = f"this gain may be {float(reached):+g} dB, and one is from {limits}"
                    self._problems.error(span, message, expected=[limits])
                    return None
        gain = gain_q15(tree.Number(hi, span, "DB"), self._problems, GAIN_DB_MAX)
        return None if gain is None else LayerGain(gain)

    def _value(self, expression: tree.Expression) -> _Value | None:
        """What the expression may be, or None with an error noted."""
        stack: list[_Value] = []
        for op in expression.ops:
            value = self._leaf(op)
            if value is None:
                right = stack.pop()
                left = right if op.code in ("negate", "not") else stack.pop()
                value = self._combined(op, left, right)
                if value is None:
                    return None
            stack.append(value)
        return stack[0]

    def _leaf(self, op: tree.Op) -> _Value | None:
        if op.code == "slider":
            slider = self._sliders[op.name]
            return _Value(slider.lo.value, slider.hi.value, False)
        return _Value(op.value, op.value, op.code == "decibels") if op.code in ("const", "decibels") else None

    def _combined(self, op: tree.Op, left: _Value, right: _Value) -> _Value | None:
        if op.code == "negate":
            return _Value(-right.hi, -right.lo, right.loud)
        if op.code == "multiply":
            if left.loud and right.loud:
                self._problems.error(op.span, "decibels times decibels are none", expected=[EXAMPLE])
                return None
            products = [a * b for a in left[:2] for b in right[:2]]
            return _Value(min(products), max(products), left.loud or right.loud)
        if left.loud != right.loud:
            message = "one of these is in dB and the other is a number"
            self._problems.error(op.span, message, expected=[EXAMPLE])
            return None
        if op.code == "add":
            return _Value(left.lo + right.lo, left.hi + right.hi, left.loud)
        if op.code == "subtract":
            return _Value(left.lo - right.hi, left.hi - right.lo, left.loud)
        return _Value(Fraction(0), Fraction(1), False)


def _below(hi: Fraction) -> list[int]:
    """Code that takes the greatest gain away."""
    return [code.CONST, round(hi * Q15), code.SUBTRACT]
