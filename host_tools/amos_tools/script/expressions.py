"""Expressions to the postfix code that the VM runs."""

from array import array
from collections.abc import Sequence

from amos.score import expression as code
from amos_tools.script import tree
from amos_tools.script.conditions import role_exists
from amos_tools.script.problems import Problems
from amos_tools.script.program import Program
from amos_tools.script.units import Q15
from amos_tools.stems import ROLES

LEAVES = ("const", "decibels", "slider", "sounds")
CONSTANT_MAX = 1000

_OPERATIONS = {
    "add": code.ADD,
    "subtract": code.SUBTRACT,
    "multiply": code.MULTIPLY,
    "negate": code.NEGATE,
    "less": code.LESS,
    "less_equal": code.LESS_EQUAL,
    "equal": code.EQUAL,
    "and": code.AND,
    "or": code.OR,
    "not": code.NOT,
}


class Expressions:
    """Compiles expressions over the sliders of one script."""

    def __init__(self, program: Program, problems: Problems):
        self._problems = problems
        self._program = program
        self._sliders = {name: index for index, name in enumerate(program.sliders)}

    def compile(self, expression: tree.Expression, *, of_roles: bool = False) -> "array[int] | None":
        """Postfix code, or None with an error noted. `of_roles`: it may ask which roles sound."""
        words: list[int] = []
        depth = deepest = 0
        for op in expression.ops:
            step = self._sounds(op, of_roles) if op.code == "sounds" else self._step(op)
            if step is None:
                return None
            words.extend(step)
            if op.code in LEAVES:
                depth += 1
                deepest = max(deepest, depth)
            elif op.code not in ("negate", "not"):
                depth -= 1
        if len(words) > code.CODE_WORDS_MAX or deepest > code.STACK_MAX:
            self._problems.error(expression.span, "the expression is too long for the player")
            return None
        return array("i", words)

    def _sounds(self, op: tree.Op, allowed: bool) -> list[int] | None:
        if not allowed:
            expected = ["`when … sounds` in a play line"]
            self._problems.error(op.span, "what sounds is asked for where a layer begins", expected=expected)
            return None
        if not role_exists(tree.Text(op.name, op.span), self._problems):
            return None
        return [code.SLIDER, code.ROLE_VALUES_FROM + ROLES.index(op.name)]

    def _step(self, op: tree.Op) -> list[int] | None:
        if op.code in ("const", "decibels"):
            if op.value > CONSTANT_MAX:
                self._problems.error(op.span, f"a number in an expression is at most {CONSTANT_MAX}")
                return None
            return [code.CONST, round(op.value * Q15)]
        if op.code == "slider":
            if op.name in self._sliders:
                return [code.SLIDER, self._sliders[op.name]]
            if ("slider", op.name) not in self._program.broken:
                self._problems.unknown(op.span, "slider", op.name, self._sliders)
            return None
        return [_OPERATIONS[op.code]]

    def constant_q15(self, words: "array[int]", expression: tree.Expression) -> int | None:
        """Value of an expression that depends on no slider, else None."""
        if any(op.code in ("slider", "sounds") for op in expression.ops):
            return None
        return code.evaluate(words, [])


def sliders_of(words: Sequence[int]) -> list[int]:
    """Indexes of the sliders in checked code, ascending."""
    found: set[int] = set()
    at = 0
    while at < len(words):
        if words[at] == code.SLIDER:
            found.add(words[at + 1])
        at += 2 if words[at] <= code.SLIDER else 1
    return sorted(found)
