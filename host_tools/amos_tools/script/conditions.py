"""Which stems a pool takes: its conditions, joined by `and`, `or` and `not`, as tests and as words."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.changes import Phrase, changes_fit
from amos_tools.script.fits import key_fits, tempo_fits
from amos_tools.script.hints import ROLE_ALIASES
from amos_tools.script.problems import Problems, Span
from amos_tools.script.units import ClockFacts
from amos_tools.stems import ROLES, StemFacts
from amos_tools.tags import has_tag, tags_of

Holds = Callable[[StemFacts, str | None], bool]
"""Whether it holds for a stem, when conditions of that kind are taken to hold."""


@dataclass(frozen=True, slots=True)
class Test:
    """A condition, or several joined, in words of stems for which it holds (`are`) and does not (`are_not`)."""

    span: Span
    are: str
    are_not: str
    holds: Holds
    joint: tuple["Test", ...] = ()
    """The tests that must all hold, where there is more than one."""


class Conditions:
    """Makes the tests of a script's pools over the stems there are. What is wrong with a condition is noted.

    phrase   with the changes that stems fit, where the pools are played
    """

    def __init__(self, stems: Sequence[StemFacts], clock: ClockFacts, phrase: Phrase | None, problems: Problems):
        self._stems = stems
        self._phrase = phrase
        self._clock = clock
        self._problems = problems

    def tests(self, pool: tree.Pool) -> tuple[Test, ...] | None:
        """The tests that a stem of the pool must all pass, in the order in which they stand; None with errors noted."""
        stack: list[Test | None] = []
        for step in pool.steps:
            if isinstance(step, tree.Condition):
                stack.append(self._condition(step))
            elif step.code == "not":
                stack.append(_but(stack.pop()))
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(left and right and (_both(left, right) if step.code == "and" else _either(left, right)))
        (test,) = stack
        return None if test is None else test.joint or (test,)

    def _condition(self, condition: tree.Condition) -> Test | None:
        span = condition.span
        if condition.value is None:
            return self._fits(condition)
        wanted = condition.value.value
        if condition.kind == "role":
            if not role_exists(condition.value, self._problems):
                return None
            return _simple(span, wanted, lambda stem: stem.role == wanted)
        if condition.kind == "artist":
            known = self._known(condition.value, "is by", (stem.artist for stem in self._stems))
            return _simple(span, f"by {wanted}", lambda stem: stem.artist == wanted) if known else None
        if condition.kind == "title":
            known = self._known(condition.value, "is titled", (stem.title for stem in self._stems))
            return _simple(span, f"titled “{wanted}”", lambda stem: stem.title == wanted) if known else None
        tags = {tag for stem in self._stems for tag in tags_of(stem)}
        if wanted.strip().casefold() not in tags:  # no error: who wants no stem of that tag may have none
            message = f"no stem with opt-in is tagged “{wanted}”"
            self._problems.warn(condition.value.span, message, suggestion=nearest(wanted, tags))
        return _simple(span, f"tagged “{wanted}”", lambda stem: has_tag(stem, wanted))

    def _fits(self, condition: tree.Condition) -> Test | None:
        span, key, tempo = condition.span, self._clock.key, self._clock.tempo_mbpm
        if condition.kind == "changes":
            phrase = self._phrase
            if phrase is None or phrase.changes is None:
                return None
            what = f"agree with {phrase.text}"
            fits = phrase
            return Test(span, what, f"do not {what}", lambda stem, _kind: changes_fit(stem, fits, self._clock))
        if condition.kind == "tempo":
            what = f"fit {tempo / 1000:g} bpm"
            return Test(span, what, f"do not {what}", lambda stem, kind: kind == "tempo" or tempo_fits(stem, tempo))
        if key is None:
            expected = ["`key` in the clock line"]
            self._problems.error(span, "the clock names no key to fit", expected=expected)
            return None
        what = f"fit {key}"
        return Test(span, what, f"do not {what}", lambda stem, kind: kind == "key" or key_fits(stem, key))

    def _known(self, text: tree.Text, what: str, names: Iterable[str]) -> bool:
        known = set(names)
        if text.value in known:
            return True
        message = f"no stem with opt-in {what} “{text.value}”"
        self._problems.error(text.span, message, suggestion=nearest(text.value, known))
        return False


def role_exists(role: tree.Text, problems: Problems) -> bool:
    """Whether `role` is one of `ROLES`; notes an error if not."""
    if role.value in ROLES:
        return True
    problems.error(
        role.span,
        f"`{role.value}` is not a role",
        expected=[f"`{name}`" for name in ROLES],
        suggestion=nearest(role.value, ROLES) or ROLE_ALIASES.get(role.value.lower()),
    )
    return False


def _simple(span: Span, what: str, holds: Callable[[StemFacts], bool]) -> Test:
    return Test(span, f"are {what}", f"are not {what}", lambda stem, _kind: holds(stem))


def _but(test: Test | None) -> Test | None:
    return test and Test(test.span, test.are_not, test.are, lambda stem, kind: not test.holds(stem, kind))


def _both(left: Test, right: Test) -> Test:
    return Test(
        _over(left, right),
        f"{_grouped(left.are)} and {_grouped(right.are)}",
        f"{left.are_not} or {right.are_not}",
        lambda stem, kind: left.holds(stem, kind) and right.holds(stem, kind),
        (left.joint or (left,)) + (right.joint or (right,)),
    )


def _either(left: Test, right: Test) -> Test:
    return Test(
        _over(left, right),
        f"{left.are} or {right.are}",
        f"{_grouped(left.are_not)} and {_grouped(right.are_not)}",
        lambda stem, kind: left.holds(stem, kind) or right.holds(stem, kind),
    )


def _grouped(words: str) -> str:
    return f"({words})" if " or " in words else words


def _over(left: Test, right: Test) -> Span:
    end = right.span.column + right.span.length
    return Span(left.span.line, left.span.column, end - left.span.column)
