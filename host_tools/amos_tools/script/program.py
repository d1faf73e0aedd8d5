"""Statements put in their places: what is declared once, and which lines belong to which section."""

from dataclasses import dataclass, field
from typing import TypeVar

from amos.score.score import SECTIONS_MAX
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.hints import EVENT_ALIASES
from amos_tools.script.problems import Problems
from amos_tools.script.words import RESERVED

NAME_BYTES_MAX = 64
EVENTS = ("like", "dislike", "skip", "shuffle")


@dataclass(slots=True)
class Block:
    """A section with its lines."""

    section: tree.Section
    plays: list[tree.Play] = field(default_factory=list)
    next: tree.Next | None = None


@dataclass(slots=True)
class Program:
    """A whole script. `broken` holds the names that lines with errors would have declared."""

    experience: tree.Experience | None = None
    clock: tree.Clock | None = None
    mix: tree.Mix | None = None
    pools: dict[str, tree.Pool] = field(default_factory=dict)
    sliders: dict[str, tree.Slider] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    transitions: list[tree.Transition] = field(default_factory=list)
    avoid: tree.Avoid | None = None
    relax: tree.Relax | None = None
    blocked: list[tree.Option] = field(default_factory=list)
    moods: dict[str, tree.Mood] = field(default_factory=dict)
    dayparts: list[tree.Daypart] = field(default_factory=list)
    volumes: list[tree.Volume] = field(default_factory=list)
    curves: list[tree.Curve] = field(default_factory=list)
    announces: dict[str, tree.Announce] = field(default_factory=dict)
    reactions: dict[str, tree.On] = field(default_factory=dict)
    renders: dict[str, tree.Render] = field(default_factory=dict)
    exclusive: list[tree.Exclusive] = field(default_factory=list)
    phrase: tree.Phrase | None = None
    broken: set[tuple[str, str]] = field(default_factory=set)
    broken_lines: int = 0


_Once = TypeVar("_Once", tree.Experience, tree.Clock, tree.Mix, tree.Avoid, tree.Relax, tree.Next, tree.On, tree.Phrase)
_Named = TypeVar("_Named", tree.Pool, tree.Slider)
_Titled = TypeVar("_Titled", tree.Announce, tree.Render, tree.Mood)


def gather(statements: list[tree.Statement], problems: Problems) -> Program:
    """Put statements in their places; note what is declared twice or out of place."""
    return _Gatherer(problems).run(statements)


class _Gatherer:
    def __init__(self, problems: Problems):
        self.problems = problems
        self.program = Program()
        self.block: Block | None = None
        self.after_broken_section = False

    def run(self, statements: list[tree.Statement]) -> Program:
        for statement in statements:
            if isinstance(statement, (tree.Play, tree.Next)):
                self._in_section(statement)
            elif isinstance(statement, tree.Broken):
                self._broken(statement)
            else:
                self.block = None
                self.after_broken_section = False
                self._top_level(statement)
        return self.program

    def _top_level(self, statement: tree.Statement) -> None:
        program = self.program
        match statement:
            case tree.Experience():
                program.experience = self._once("experience", program.experience, statement)
            case tree.Clock():
                program.clock = self._once("clock", program.clock, statement)
            case tree.Mix():
                program.mix = self._once("mix", program.mix, statement)
            case tree.Pool():
                self._declare("pool", program.pools, statement)
            case tree.Slider():
                self._declare("slider", program.sliders, statement)
            case tree.Section():
                self._section(statement)
            case tree.Transition():
                program.transitions.append(statement)
            case tree.Avoid():
                program.avoid = self._once("avoid", program.avoid, statement)
            case tree.Relax():
                program.relax = self._once("relax", program.relax, statement)
            case tree.Phrase():
                program.phrase = self._once("phrase", program.phrase, statement)
            case tree.Exclusive():
                program.exclusive.append(statement)
            case tree.BlockList():
                program.blocked.extend(statement.items)
            case tree.Mood():
                self._titled("mood", program.moods, statement)
            case tree.Daypart():
                program.dayparts.append(statement)
            case tree.Volume():
                program.volumes.append(statement)
            case tree.Curve():
                program.curves.append(statement)
            case tree.Announce():
                self._titled("announcement", program.announces, statement)
            case tree.Render():
                self._titled("render", program.renders, statement)
            case tree.On():
                self._reaction(statement)

    def _broken(self, statement: tree.Broken) -> None:
        self.program.broken.add((statement.kind, statement.name))
        self.program.broken_lines += 1
        if statement.kind == "section":
            self.block = None
            self.after_broken_section = True

    def _in_section(self, statement: tree.Play | tree.Next) -> None:
        word = "play" if isinstance(statement, tree.Play) else "next"
        if self.block is None:
            if not self.after_broken_section:
                self.problems.error(
                    statement.span, f"`{word}` stands outside a section", expected=["`section` on a line above it"]
                )
        elif isinstance(statement, tree.Play):
            self.block.plays.append(statement)
        else:
            self.block.next = self._once("next", self.block.next, statement)

    def _once(self, word: str, first: _Once | None, statement: _Once) -> _Once:
        if first is None:
            return statement
        self.problems.error(statement.span, f"`{word}` stands here again; it was on line {first.span.line}")
        return first

    def _section(self, statement: tree.Section) -> None:
        blocks = self.program.blocks
        first = blocks[statement.name.value].section.name if statement.name.value in blocks else None
        # The lines of a section declared twice are still checked, as lines of their own.
        self.block = Block(statement)
        if self._name_is_free("section", first, statement.name):
            blocks[statement.name.value] = self.block
            if len(blocks) > SECTIONS_MAX:
                self.problems.error(statement.span, f"a script has at most {SECTIONS_MAX} sections")

    def _declare(self, kind: str, names: dict[str, _Named], statement: _Named) -> None:
        known = names.get(statement.name.value)
        if self._name_is_free(kind, known.name if known else None, statement.name):
            names[statement.name.value] = statement

    def _titled(self, kind: str, names: dict[str, _Titled], statement: _Titled) -> None:
        name = statement.name
        if not name.value.strip() or not name.value.isprintable() or len(name.value.encode()) > NAME_BYTES_MAX:
            self.problems.error(name.span, f"a name has 1 to {NAME_BYTES_MAX} bytes of printable text")
        elif name.value in names:
            line = names[name.value].span.line
            self.problems.error(name.span, f"{kind} “{name.value}” is declared again; it was on line {line}")
        else:
            names[name.value] = statement

    def _reaction(self, statement: tree.On) -> None:
        event = statement.event
        if event.value not in EVENTS:
            expected = [f"`{name}`" for name in EVENTS]
            message = f"`{event.value}` is not something that happens"
            suggestion = nearest(event.value, EVENTS) or EVENT_ALIASES.get(event.value.lower())
            self.problems.error(event.span, message, expected=expected, suggestion=suggestion)
        else:
            first = self.program.reactions.get(event.value)
            self.program.reactions[event.value] = self._once(f"on {event.value}", first, statement)

    def _name_is_free(self, kind: str, first: tree.Text | None, name: tree.Text) -> bool:
        if name.value in RESERVED:
            self.problems.error(name.span, f"`{name.value}` is a word of the language and cannot name a {kind}")
            self.program.broken.add((kind, name.value))
        elif len(name.value.encode()) > NAME_BYTES_MAX:
            self.problems.error(name.span, f"a name has at most {NAME_BYTES_MAX} letters")
            self.program.broken.add((kind, name.value))
        elif first is not None:
            self.problems.error(name.span, f"{kind} `{name.value}` is declared again; it was on line {first.span.line}")
        else:
            return True
        return False


def options_once(options: tuple[tree.Option, ...], problems: Problems) -> dict[str, tree.Option]:
    """Options by kind; one that stands twice is noted."""
    found: dict[str, tree.Option] = {}
    for option in options:
        if option.kind in found:
            problems.error(option.span, f"`{option.kind}` stands twice in this line")
        found.setdefault(option.kind, option)
    return found
