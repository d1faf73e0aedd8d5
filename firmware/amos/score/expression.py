"""Expressions of a score: postfix code over Q15 numbers (32768 = 1.0) and slider values.

Code is a flat sequence of integers; CONST and SLIDER take the integer after them as argument. Every result is clamped
to ± VALUE_MAX, so that an expression cannot grow numbers. Truth is ONE, falsehood 0; anything but 0 counts as true.
Where roles may be asked for, SLIDER ROLE_VALUES_FROM + r is whether role r sounds.
"""

from amos.compat import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CONST = const(0)
SLIDER = const(1)
ADD = const(2)
SUBTRACT = const(3)
MULTIPLY = const(4)
NEGATE = const(5)
LESS = const(6)
LESS_EQUAL = const(7)
EQUAL = const(8)
AND = const(9)
OR = const(10)
NOT = const(11)

ONE = const(32768)
VALUE_MAX = const(0x3FFFFFFF)  # a small int on 32-bit MicroPython
CODE_WORDS_MAX = const(64)
STACK_MAX = const(16)
ROLE_VALUES_FROM = 32
"""After the most sliders there are."""


def fault(code: "Sequence[int]", slider_count: int, role_count: int = 0) -> str:
    """Why `code` (integers) cannot be evaluated, or an empty string. `role_count`: roles that it may ask for."""
    if not 0 < len(code) <= CODE_WORDS_MAX:
        return "1 to 64 words expected"
    depth = 0
    index = 0
    while index < len(code):
        op = code[index]
        index += 1
        if not CONST <= op <= NOT:
            return "unknown operation"
        if op <= SLIDER:
            if index == len(code):
                return "argument missing"
            argument = code[index]
            index += 1
            asks = ROLE_VALUES_FROM <= argument < ROLE_VALUES_FROM + role_count
            if op == SLIDER and not asks and not 0 <= argument < slider_count:
                return "unknown slider"
            if op == CONST and not -VALUE_MAX <= argument <= VALUE_MAX:
                return "constant out of range"
            depth += 1
            if depth > STACK_MAX:
                return "more than 16 values deep"
        elif op in (NEGATE, NOT):
            if depth < 1:
                return "value missing"
        else:
            if depth < 2:
                return "value missing"
            depth -= 1
    return "" if depth == 1 else "one result expected"


def evaluate(code: "Sequence[int]", values_q15: "list[int]") -> int:
    """Value of checked `code` (see `fault`) in Q15; `values_q15[i]` is the value of slider i."""
    stack = []
    index = 0
    while index < len(code):
        op = code[index]
        index += 1
        if op <= SLIDER:
            stack.append(code[index] if op == CONST else values_q15[code[index]])
            index += 1
            continue
        right = stack.pop()
        if op == NEGATE:
            stack.append(-right)
        elif op == NOT:
            stack.append(0 if right else ONE)
        else:
            stack.append(_combine(op, stack.pop(), right))
    return stack[0]


def _combine(op: int, left: int, right: int) -> int:
    if op == ADD:
        return _clamp(left + right)
    if op == SUBTRACT:
        return _clamp(left - right)
    if op == MULTIPLY:
        return _clamp(left * right >> 15)
    if op == LESS:
        return ONE if left < right else 0
    if op == LESS_EQUAL:
        return ONE if left <= right else 0
    if op == EQUAL:
        return ONE if left == right else 0
    if op == AND:
        return ONE if left and right else 0
    return ONE if left or right else 0


def _clamp(value: int) -> int:
    return VALUE_MAX if value > VALUE_MAX else -VALUE_MAX if value < -VALUE_MAX else value
