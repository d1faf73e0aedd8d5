"""Located errors and warnings of a script, and how they are printed."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from amos_cli.names import nearest

PROBLEMS_MAX = 20
"""A run stops here: the rest would only follow from these."""
SHOWN_COLUMNS_MAX = 120


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands: 1-based line and column, length in characters (0 = just after the last one)."""

    line: int
    column: int
    length: int


FIRST = Span(1, 1, 0)
"""Where something that is nowhere in the script is pointed out."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning. `source_line` is the line as written; `expected` what would fit there, in words."""

    severity: str  # "error" or "warning"
    name: str
    span: Span
    message: str
    source_line: str
    expected: tuple[str, ...] = ()
    suggestion: str | None = None
    notes: tuple[str, ...] = ()

    def render(self) -> str:
        """Several lines: what is wrong, where, the source with a caret beneath, what would fit."""
        gutter = " " * len(str(self.span.line))
        shown, before, under = _window(self.source_line, self.span.column, self.span.length)
        lines = [
            f"{self.severity}: {self.message}",
            f"{gutter}--> {self.name}:{self.span.line}:{self.span.column}",
            f"{gutter} |",
            f"{self.span.line} | {shown}".rstrip(),
            f"{gutter} | {' ' * before}{'^' * max(1, under)}",
        ]
        lines.extend(f"{gutter} = {hint}" for hint in self._hints())
        return "\n".join(lines)

    @property
    def hint(self) -> str | None:
        """What would fit there, and what else is known, on one line."""
        return "; ".join(self._hints()) or None

    def _hints(self) -> list[str]:
        expected = [f"expected {_one_of(self.expected)}"] if self.expected else []
        meant = [f"did you mean `{self.suggestion}`?"] if self.suggestion is not None else []
        return [*expected, *meant, *self.notes]


class ScriptError(Exception):
    """A script was refused. `problems` are its errors in order of position; the attributes are of the first."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        first = self.problems[0]
        self.line = first.span.line
        self.column = first.span.column
        self.message = first.message
        self.source_line = first.source_line
        self.expected = first.expected
        self.suggestion = first.suggestion
        super().__init__(f"{first.name}:{self.line}:{self.column}: {self.message}")

    @property
    def hint(self) -> str | None:
        """What would fit in the place of the first problem, and what is known about it."""
        return self.problems[0].hint

    def render(self) -> str:
        """All problems, the way a compiler prints them."""
        count = len(self.problems)
        return "\n\n".join([*(problem.render() for problem in self.problems), f"{count} error{'s' * (count != 1)}"])


class TooManyProblems(Exception):
    """Raised by `Problems` at its limit; `compile_script` ends the run."""


class Problems:
    """Collects what is wrong with one source text."""

    def __init__(self, source_lines: list[str], name: str):
        self._lines = source_lines
        self._name = name
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(
        self,
        span: Span,
        message: str,
        *,
        expected: Iterable[str] = (),
        suggestion: str | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        """Note an error. Raises `TooManyProblems` after the last one that is reported."""
        problem = self._problem("error", span, message, tuple(expected), suggestion, tuple(notes))
        if problem not in self.errors:
            self.errors.append(problem)
        if len(self.errors) >= PROBLEMS_MAX:
            raise TooManyProblems

    def unknown(self, span: Span, what: str, found: str, known: Iterable[str]) -> None:
        """Note that `found` is not one of the `known` names of kind `what`, with the nearest as suggestion."""
        names = sorted(known)
        article = "an" if what[0] in "aeiou" else "a"
        self.error(
            span,
            f"`{found}` is not {article} {what} of this script",
            expected=[f"`{name}`" for name in names] or [f"{article} {what}, of which there is none"],
            suggestion=nearest(found, names),
        )

    def warn(self, span: Span, message: str, *, suggestion: str | None = None, notes: Iterable[str] = ()) -> None:
        """Note something that is legal but probably not meant."""
        problem = self._problem("warning", span, message, (), suggestion, tuple(notes))
        if len(self.warnings) < PROBLEMS_MAX and problem not in self.warnings:
            self.warnings.append(problem)

    def _problem(
        self,
        severity: str,
        span: Span,
        message: str,
        expected: tuple[str, ...],
        suggestion: str | None,
        notes: tuple[str, ...],
    ) -> Problem:
        text = self._lines[span.line - 1] if 0 < span.line <= len(self._lines) else ""
        return Problem(severity, self._name, span, message, text, expected, suggestion, notes)

    def raise_if_any(self) -> None:
        """Raise `ScriptError` with the errors in order of position, if there are any."""
        if self.errors:
            raise ScriptError(sorted(self.errors, key=lambda problem: (problem.span.line, problem.span.column)))


def _one_of(words: tuple[str, ...]) -> str:
    shown = list(words[:12])
    if len(words) > len(shown):
        shown.append("…")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _window(line: str, column: int, length: int) -> tuple[str, int, int]:
    """The part of `line` to show, and how many terminal cells stand before the first of its carets and over them."""
    start = max(0, column - SHOWN_COLUMNS_MAX // 2) if len(line) > SHOWN_COLUMNS_MAX else 0
    shown = "".join(mark if mark.isprintable() else " " for mark in line[start : start + SHOWN_COLUMNS_MAX])
    first = column - 1 - start
    return shown, _cells(shown[:first]), _cells(shown[first : first + length])


def _cells(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(mark) in "WF") for mark in text if not unicodedata.combining(mark))
