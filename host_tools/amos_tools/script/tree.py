"""What a script says, statement by statement: the nodes that `parse` builds and the compiler reads."""

from dataclasses import dataclass
from fractions import Fraction

from amos_tools.script.problems import Span


@dataclass(frozen=True, slots=True)
class Text:
    """A name, word or quoted text (without its quotes)."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A number exactly as written; `unit` is a terminal name such as BARS, or empty."""

    value: Fraction
    span: Span
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """`lo..hi`, or one number for both."""

    lo: Number
    hi: Number
    span: Span


@dataclass(frozen=True, slots=True)
class Op:
    """One step of an expression in postfix order. `code` names the operation, a number or a reference."""

    code: str
    span: Span
    value: Fraction = Fraction(0)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """Steps in postfix order: no tree, so no depth of nesting can exhaust the stack of who reads it."""

    ops: tuple[Op, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Option:
    """A part of a statement that may stand in any order, once: its `kind`, and what it carries."""

    kind: str
    span: Span
    number: Number | None = None
    range: Range | None = None
    expression: Expression | None = None
    word: Text | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    span: Span
    name: Text
    seed: Text | None


@dataclass(frozen=True, slots=True)
class Clock:
    span: Span
    rate: Number
    tempo: Number
    meter: tuple[Number, Number] | None
    key: Text | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What stems of a pool must be: kind is role, artist, key or tempo."""

    kind: str
    span: Span
    value: Text | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    span: Span
    name: Text
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Slider:
    span: Span
    name: Text
    lo: Number
    hi: Number
    start: Number
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    span: Span
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Section:
    span: Span
    name: Text
    bars: Range


@dataclass(frozen=True, slots=True)
class Play:
    span: Span
    role: Text
    pool: Text
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Follower:
    """One section of a `next`, with its weight and condition."""

    section: Text
    weight: Expression | None
    when: Expression | None


@dataclass(frozen=True, slots=True)
class Next:
    span: Span
    followers: tuple[Follower, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """`any` stands as None."""

    span: Span
    before: Text | None
    after: Text | None
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A statement of the language that the compiler does not carry out yet."""

    span: Span
    what: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that did not parse. What it would have declared counts as known, so that one error stays one error."""

    span: Span
    kind: str
    name: str


Statement = Experience | Clock | Pool | Slider | Mix | Section | Play | Next | Transition | Unsupported | Broken
