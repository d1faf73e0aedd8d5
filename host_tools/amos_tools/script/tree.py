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
    """One step of an expression in postfix order. `code` names the operation, a number, decibels or a reference."""

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
    length: Number | None = None
    range: Range | None = None
    expression: Expression | None = None
    word: Text | None = None
    words: tuple[Text, ...] = ()
    ratio: tuple[Number, Number] | None = None


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
    """What stems of a pool must be: kind is role, artist, title, tag, key, tempo or changes."""

    kind: str
    span: Span
    value: Text | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    span: Span
    name: Text
    steps: tuple[Condition | Op, ...]
    """In postfix order: conditions, and the operations `and`, `or` and `not`."""


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
    """An option of kind themes has tags as `words`, or a column of tags as `word`; of kind key, a key as `word`."""

    span: Span
    name: Text
    bars: Range
    options: tuple[Option, ...]
    exclusive: tuple["Exclusive", ...]
    phrases: tuple["Phrase", ...]


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
    after: Number | None = None


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
class Avoid:
    """Options of kind stem, artist or keep; `amounts` of the first two are plays and times."""

    span: Span
    items: tuple["Avoidance", ...]


@dataclass(frozen=True, slots=True)
class Avoidance:
    kind: str
    span: Span
    amounts: tuple[Number, ...] = ()
    word: Text | None = None


@dataclass(frozen=True, slots=True)
class Relax:
    """Rules as written, without spaces: artist, stem.hours, stem.plays, key, tempo."""

    span: Span
    rules: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class BlockList:
    """Options of kind stem or artist, whose word is the title or name."""

    span: Span
    items: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """One day, or the days from `first` to `last`."""

    first: Text
    last: Text
    span: Span


@dataclass(frozen=True, slots=True)
class Setting:
    slider: Text
    value: Number


@dataclass(frozen=True, slots=True)
class Mood:
    """Where sliders stand together."""

    span: Span
    name: Text
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Daypart:
    """Besides settings and moods: the sections that it leads to and its volumes in dB, of each one at most."""

    span: Span
    name: Text | None
    days: tuple[Days, ...]
    start: Text
    end: Text
    priority: Text | None
    settings: tuple[Setting, ...]
    moods: tuple[Text, ...] = ()
    sections: tuple[Text, ...] = ()
    volumes: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """A curve over the day: `points` of time and dB."""

    span: Span
    days: tuple[Days, ...]
    points: tuple[tuple[Text, Number], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Where a slider stands over the day: `points` of time and value."""

    span: Span
    slider: Text
    days: tuple[Days, ...]
    points: tuple[tuple[Text, Number], ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Options are exact, duck, gain and for; `times` as listed, or `every` so long, from one of two to the other."""

    span: Span
    name: Text
    days: tuple[Days, ...]
    times: tuple[Text, ...]
    every: Number | None
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class On:
    """Options are weight (a number), swap and block (a word)."""

    span: Span
    event: Text
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class HitPoint:
    span: Span
    at: Number
    section: Text


@dataclass(frozen=True, slots=True)
class Render:
    span: Span
    name: Text
    length: Number
    fades: tuple[Option, ...]
    hits: tuple[HitPoint, ...]


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Roles that never sound at once."""

    span: Span
    roles: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """How long the phrases of a script or a section are, and their chords."""

    span: Span
    bars: Number
    changes: Text | None


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that did not parse. What it would have declared counts as known, so that one error stays one error."""

    span: Span
    kind: str
    name: str


Once = Experience | Clock | Mix | Avoid | Relax | Phrase
Statement = (
    Once
    | Pool
    | Slider
    | BlockList
    | Section
    | Play
    | Next
    | Transition
    | Mood
    | Daypart
    | Volume
    | Curve
    | Announce
    | On
    | Render
    | Exclusive
    | Broken
)
