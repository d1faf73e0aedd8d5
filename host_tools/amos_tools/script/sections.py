"""Sections, what may follow them, and how they give way to one another."""

from copy import copy
from fractions import Fraction

from amos.protocol.record import U16
from amos.score.score import ANY, AT_BAR, AT_BEAT, AT_END, BARS_MAX, TRANSITIONS_MAX, Next, ScoreSection, Transition
from amos_tools.script import tree
from amos_tools.script.expressions import Expressions
from amos_tools.script.layers import Layers
from amos_tools.script.own_clocks import clock_of
from amos_tools.script.problems import FIRST, Problems
from amos_tools.script.program import Block, Program, options_once
from amos_tools.script.themes import Themes
from amos_tools.script.units import ClockFacts, fade_frames, whole

MOMENTS = {"beat": AT_BEAT, "bar": AT_BAR, "end": AT_END}


class Sections:
    """Compiles the sections of one script. Indexes are those of the score's section table."""

    def __init__(self, program: Program, expressions: Expressions, layers: Layers, themes: Themes, problems: Problems):
        self._program = program
        self._expressions = expressions
        self._layers = layers
        self._themes = themes
        self._problems = problems
        self._index = {name: number for number, name in enumerate(program.blocks)}

    def all(self) -> list[ScoreSection]:
        """The section table; sections with errors in their bars take part with one bar."""
        return [self._section(block) for block in self._program.blocks.values()]

    def _section(self, block: Block) -> ScoreSection:
        bars = block.section.bars
        lo = whole(bars.lo, "a section's length", 1, BARS_MAX, self._problems)
        hi = whole(bars.hi, "a section's length", 1, BARS_MAX, self._problems)
        if lo is not None and hi is not None and lo > hi:
            self._problems.error(bars.span, "the bars run backwards", expected=[f"{hi}..{lo}"])
        lo, hi = lo or 1, hi or lo or 1
        options_once(block.section.options, self._problems)
        themes = self._themes.of(block.section)
        section = ScoreSection(
            name=block.section.name.value,
            bars_min=min(lo, hi),
            bars_max=max(lo, hi),
            layers=self._layers.of(block, (lo, hi), themes or ()),
            nexts=self._nexts(block),
            step_bars=self._layers.step_bars(block, (min(lo, hi), max(lo, hi))),
            themes=themes,
            exclusive=self._layers.exclusive(block),
            tempo_mbpm=self._layers.own_tempo(block),
        )
        self._layers.check_section(block, section)
        return section

    def _nexts(self, block: Block) -> list[Next]:
        if block.next is None:
            led = any(part.sections for part in self._program.dayparts)
            name = block.section.name
            settled = led or name.value in _only_bridges(self._program)
            if len(self._program.blocks) > 1 and not self._program.broken_lines and not settled:
                self._problems.warn(name.span, f"section `{name.value}` has no `next`, so it never ends")
            return []
        nexts: list[Next] = []
        seen: set[str] = set()
        only_zero = True
        for follower in block.next.followers:
            section = follower.section
            if section.value in seen:
                self._problems.error(section.span, f"`{section.value}` stands twice in this line")
            seen.add(section.value)
            if section.value not in self._index:
                if ("section", section.value) not in self._program.broken:
                    self._problems.unknown(section.span, "section", section.value, self._index)
                only_zero = False
                continue
            item, zero = self._next(follower)
            only_zero = only_zero and zero
            if item is not None:
                nexts.append(item)
        if nexts and all(item.after_visits for item in nexts):
            message = "each waits for visits, so until then any of them follows"
            self._problems.warn(block.next.span, message, notes=["such as `next drift 3, rest 1 after 3 visits`"])
        if only_zero:
            self._problems.error(block.next.span, "all weights are 0, so nothing can follow")
        return nexts

    def _next(self, follower: tree.Follower) -> tuple[Next | None, bool]:
        """The follower, and whether its weight is 0 whatever the sliders say."""
        one = tree.Expression((tree.Op("const", follower.section.span, value=Fraction(1)),), follower.section.span)
        expression = follower.weight or one
        weight = self._expressions.compile(expression)
        when = self._expressions.compile(follower.when) if follower.when else None
        if weight is None or (follower.when and when is None):
            return None, False
        constant = self._expressions.constant_q15(weight, expression)
        if constant is not None and constant < 0:
            self._problems.error(expression.span, "a weight is not negative", expected=["0 or more"])
        visits = None
        if follower.after is not None:
            visits = whole(follower.after, "a number of visits", 1, U16, self._problems)
        index = self._index[follower.section.value]
        return Next(section=index, weight=weight, when=when, after_visits=visits), constant == 0

    def index(self, name: tree.Text) -> int | None:
        """The section's index, or None with an error noted."""
        place = self.place(name)
        return None if place is None else place - 1

    def place(self, name: tree.Text | None) -> int | None:
        """A place of a transition: 1-based section, ANY, or None with an error noted."""
        if name is None:
            return ANY
        if name.value in self._index:
            return self._index[name.value] + 1
        if ("section", name.value) not in self._program.broken:
            self._problems.unknown(name.span, "section", name.value, self._index)
        return None


def _only_bridges(program: Program) -> set[str]:
    """Sections entered by a `via` alone: what follows them is settled when they are."""
    bridges = {
        option.word.value
        for rule in program.transitions
        for option in rule.options
        if option.kind == "via" and option.word is not None
    }
    entered = {next(iter(program.blocks))}
    for block in program.blocks.values():
        entered.update(follower.section.value for follower in (block.next.followers if block.next else ()))
    entered.update(hit.section.value for render in program.renders.values() for hit in render.hits)
    return bridges - entered


class Transitions:
    """The rules of one script, most specific first, each with the place to point at when it does not work out."""

    def __init__(self, program: Program, sections: Sections, clock: ClockFacts, problems: Problems):
        self._problems = problems
        # By place: of the script, and of each section.
        self._clocks = [clock, *(clock_of(block.section, clock, problems) for block in program.blocks.values())]
        self.bar_frames = clock.bars_frames(1)
        found: dict[tuple[int, int], tuple[Transition, tree.Transition]] = {}
        for statement in program.transitions:
            rule = self._rule(statement, sections)
            if rule is None:
                continue
            place = (rule.before, rule.after)
            if place in found:
                first = found[place][1].span.line
                problems.error(statement.span, f"the same transition is declared again; it was on line {first}")
            found.setdefault(place, (rule, statement))
        ordered = sorted(found.values(), key=lambda item: (item[0].before == ANY, item[0].after == ANY))
        if len(ordered) >= TRANSITIONS_MAX:
            problems.error(ordered[0][1].span, f"a script has at most {TRANSITIONS_MAX - 1} transitions")
        rows: list[tuple[Transition, tree.Transition | None]] = [*ordered]
        if (ANY, ANY) not in found:
            rows.append((Transition(before=ANY, after=ANY, fade_out_frames=self.bar_frames, fade_in_frames=0), None))
        rows = [row for rule, statement in rows for row in self._in_tempi(rule, statement)]
        if len(rows) > TRANSITIONS_MAX and not problems.errors:
            message = f"in the tempi of its sections the script has {len(rows)} transitions"
            problems.error(FIRST, f"{message}; a player holds {TRANSITIONS_MAX}")
        self.rules = [rule for rule, _ in rows]
        self._statements = [statement for _, statement in rows]

    def _in_tempi(
        self, rule: Transition, statement: tree.Transition | None
    ) -> list[tuple[Transition, tree.Transition | None]]:
        """The rule, after those for each section that it leads into at a tempo of which its fade lasts another time."""
        found = []
        if rule.after == ANY and rule.via is None:
            for after in range(1, len(self._clocks)):
                frames = self._fade_frames(statement, after)
                if frames is not None and frames != rule.fade_out_frames:
                    own = copy(rule)
                    own.after, own.fade_out_frames = after, frames
                    own.fade_in_frames = frames if rule.fade_in_frames else 0
                    found.append((own, statement))
        return [*found, (rule, statement)]

    def _fade_frames(self, statement: tree.Transition | None, place: int) -> int | None:
        """The fade of a statement that leads into a place; None with an error noted."""
        fade = (
            next((option.number for option in statement.options if option.kind == "fade"), None) if statement else None
        )
        clock = self._clocks[place]
        return clock.bars_frames(1) if fade is None else fade_frames(fade, clock, self._problems)

    def _rule(self, statement: tree.Transition, sections: Sections) -> Transition | None:
        problems = self._problems
        before, after = sections.place(statement.before), sections.place(statement.after)
        options = options_once(statement.options, problems)
        moment, fade = options.get("at"), options.get("fade")
        via: int | None = ANY
        if "via" in options:
            via = sections.place(options["via"].word)
        if before is None or after is None or via is None:
            return None
        # A fade lies in the section that it leads into, and counts its beats.
        frames = self._fade_frames(statement, via or after)
        if frames is None:
            return None
        linear = fade is not None and fade.word is not None and fade.word.value == "linear"
        return Transition(
            before=before,
            after=after,
            fade_out_frames=frames,
            fade_in_frames=frames if fade is not None else 0,
            at=MOMENTS[moment.word.value] if moment and moment.word else None,
            via=via or None,
            linear=linear or None,
        )

    def between(self, before: int, after: int) -> tuple[Transition, tree.Transition | None]:
        """The rule for a step between two sections (0-based), and the statement it comes from, if any."""
        for number, rule in enumerate(self.rules):
            if rule.applies(before, after):
                return rule, self._statements[number]
        raise AssertionError("the last rule covers any step")
