"""Which stems a pool holds, and the table of all stems a score can reach."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from amos.protocol.limits import STEMS_MAX
from amos.score.score import POOLS_MAX, RELAX_KEY, RELAX_TEMPO, Pool
from amos_cli.names import nearest
from amos_tools.script import tree
from amos_tools.script.changes import Phrase
from amos_tools.script.conditions import Conditions, Test, role_exists
from amos_tools.script.own_clocks import Row, RowIdentity, played_elsewhere
from amos_tools.script.problems import Problems, Span
from amos_tools.script.program import Program
from amos_tools.script.units import ClockFacts
from amos_tools.stems import ROLES, StemFacts


@dataclass(frozen=True, slots=True)
class _Held:
    """The stems of a declared pool, and those that fail nothing but a condition which may be relaxed."""

    stems: list[StemFacts]
    off_key: list[StemFacts]
    off_tempo: list[StemFacts]

    def of_role(self, role: str) -> "_Held":
        return _Held(*([stem for stem in stems if stem.role == role] for stems in self.lists()))

    def lists(self) -> tuple[list[StemFacts], list[StemFacts], list[StemFacts]]:
        return self.stems, self.off_key, self.off_tempo

    def all(self) -> list[StemFacts]:
        return [*self.stems, *self.off_key, *self.off_tempo]


@dataclass(frozen=True, slots=True)
class _Played:
    """A pool of the score: what a declared pool has for one role, at the clock of the first section that plays it."""

    pool: str
    role: str
    phrase: Phrase | None
    clock: ClockFacts
    held: _Held
    rows: tuple[tuple[RowIdentity, ...], ...]


class Pools:
    """The pools of a script over the stems of a vault. Only stems with opt-in exist here, less those blocked.

    relax    the rules the script relaxes, RELAX_*: those about key and tempo widen the pools
    phrase   that of the section whose lines are compiled: pools may ask for stems that fit its changes
    clock    that of the section, too, which they fit
    """

    def __init__(
        self,
        program: Program,
        stems: Sequence[StemFacts],
        clock: ClockFacts,
        relax: tuple[int, ...],
        everywhere: Phrase | None,
        problems: Problems,
    ):
        self.phrase = everywhere
        self.clock = self._clock = clock
        self._problems = problems
        self._relax = relax
        known = [stem for stem in {stem.stem_id: stem for stem in stems}.values() if stem.opt_in]
        known.sort(key=lambda stem: (ROLES.index(stem.role), stem.stem_id))
        known = self._without_blocked(known, program)
        # What is announced is not music.
        titles = set(program.announces)
        self._announced = {stem.title: stem for stem in reversed(known) if stem.title in titles}
        self._all = known
        self._stems = [stem for stem in known if stem.title not in titles]
        self._pools = program.pools
        self._asking = {name for name, pool in self._pools.items() if _asks_for_changes(pool)}
        self._held_by: dict[tuple[str, Phrase | None, ClockFacts], _Held | None] = {}
        later = self._asking | played_elsewhere(program)  # they depend on where they are played from
        for name in self._pools:
            if name not in later:
                self._declared(name)
        self._played: list[_Played] = []
        self._numbers: dict[tuple[str, str, Phrase | None, ClockFacts], int] = {}
        self._table: list[Row] | None = None

    def _without_blocked(self, stems: list[StemFacts], program: Program) -> list[StemFacts]:
        for option in program.blocked:
            assert option.word is not None
            wanted = option.word.value
            known = {stem.title if option.kind == "stem" else stem.artist for stem in stems}
            if wanted not in known:
                what = "is titled" if option.kind == "stem" else "is by"
                message = f"no stem with opt-in {what} “{wanted}”, or it is blocked already"
                self._problems.error(option.word.span, message, suggestion=nearest(wanted, known))
            stems = [stem for stem in stems if wanted != (stem.title if option.kind == "stem" else stem.artist)]
        return stems

    def _declared(self, name: str) -> _Held | None:
        """The stems of the pool where the phrase is as now; None with errors noted."""
        key = (name, self.phrase if name in self._asking else None, self.clock)
        if key not in self._held_by:
            conditions = Conditions(self._stems, self.clock, key[1], self._problems)
            self._held_by[key] = self._select(self._pools[name], conditions)
        return self._held_by[key]

    def _select(self, pool: tree.Pool, conditions: Conditions) -> _Held | None:
        """Stems that meet all conditions, or None with errors noted."""
        tests = conditions.tests(pool)
        if tests is None:
            return None
        found = self._stems
        story = [f"the vault has {len(found)} stems with opt-in"]
        for test in tests:
            found = [stem for stem in found if test.holds(stem, None)]
            story.append(f"{len(found)} of them {test.are}")
            if not found:
                self._problems.error(test.span, f"pool `{pool.name.value}` is empty", notes=[", ".join(story)])
                return None
        return _Held(found, self._but("key", RELAX_KEY, tests), self._but("tempo", RELAX_TEMPO, tests))

    def _but(self, kind: str, rule: int, tests: Sequence[Test]) -> list[StemFacts]:
        """Stems that meet all conditions but those of `kind`, if the script relaxes them."""
        if rule not in self._relax:
            return []
        return [
            stem
            for stem in self._stems
            if all(test.holds(stem, kind) for test in tests) and not all(test.holds(stem, None) for test in tests)
        ]

    def of(self, play: tree.Play) -> list[StemFacts] | None:
        """Stems of a layer: those of its pool that have its role. None with an error noted if there are none."""
        name = play.pool.value
        if not role_exists(play.role, self._problems) or name not in self._pools:
            return None
        if name in self._asking and not (self.phrase and self.phrase.changes):
            if not self._problems.errors:  # a phrase with an error has none
                expected = ['`phrase … bars changes "…"` of the section or the script']
                message = f"there are no changes that pool `{name}` could fit"
                self._problems.error(play.pool.span, message, expected=expected)
            return None
        pool = self._declared(name)
        if pool is None:
            return None
        found = pool.of_role(play.role.value).stems
        if not found:
            roles = ", ".join(role for role in ROLES if any(stem.role == role for stem in pool.stems))
            self._problems.error(
                play.pool.span, f"pool `{play.pool.value}` has no {play.role.value}", notes=[f"it holds {roles}"]
            )
            return None
        return found

    def all_of(self, play: tree.Play) -> list[StemFacts]:
        """The same with those that join when a rule gives way; none with errors noted."""
        pool = self._declared(play.pool.value) if play.pool.value in self._pools else None
        return [] if pool is None else pool.of_role(play.role.value).all()

    def number(self, play: tree.Play) -> int:
        """Index of the layer's pool in the score: one for each tempo and key of which anything is heard."""
        pool = play.pool.value
        key = (pool, play.role.value, self.phrase if pool in self._asking else None, self.clock)
        if key not in self._numbers:
            self._numbers[key] = self._numbered(*key, play.pool.span)
        return self._numbers[key]

    def _numbered(self, pool: str, role: str, phrase: Phrase | None, clock: ClockFacts, span: Span) -> int:
        declared = self._declared(pool)
        assert declared is not None, "a layer has stems"
        held = declared.of_role(role)
        rows = tuple(tuple(Row(stem, clock).identity() for stem in stems) for stems in held.lists())
        for index, played in enumerate(self._played):
            if (played.pool, played.role, played.phrase, played.rows) == (pool, role, phrase, rows):
                return index
        if len(self._played) >= POOLS_MAX:
            self._problems.error(span, f"a script plays from at most {POOLS_MAX} pools")
            return 0
        self._played.append(_Played(pool, role, phrase, clock, held, rows))
        return len(self._played) - 1

    def table(self) -> list[Row]:
        """All stems the score can reach: what is played from, and what is announced. Call it once all layers are."""
        if self._table is None:
            rows = [Row(stem, played.clock) for played in self._played for stem in played.held.all()]
            rows += [Row(stem, self._clock) for stem in self._announced.values()]
            reached: dict[RowIdentity, Row] = {}
            for row in rows:
                reached.setdefault(row.identity(), row)
            order = {stem.stem_id: number for number, stem in enumerate(self._all)}
            self._table = sorted(reached.values(), key=lambda row: order[row.stem.stem_id])
        return self._table

    def variants(self) -> "array[int] | None":
        """Of each row of the table the first that is the same stem; None where none is there twice."""
        found: list[int] = []
        for number, row in enumerate(self.table()):
            again = number > 0 and self.table()[number - 1].stem.stem_id == row.stem.stem_id
            found.append(found[-1] if again else number)
        return None if found == list(range(len(found))) else array("H", found)

    def rows(self) -> list[Pool]:
        """The pools played from, as indexes into the table."""
        index = {row.identity(): number for number, row in enumerate(self.table())}
        firsts: dict[tuple[str, str, Phrase | None], int] = {}
        found = []
        for number, played in enumerate(self._played):
            stems, off_key, off_tempo = (array("H", sorted(index[row] for row in rows)) for rows in played.rows)
            first = firsts.setdefault((played.pool, played.role, played.phrase), number)
            same_as = None if first == number else first
            found.append(Pool(stems=stems, off_key=off_key or None, off_tempo=off_tempo or None, same_as=same_as))
        return found

    def names(self) -> tuple[str, ...]:
        """The declared name of each pool, in the order of the rows."""
        return tuple(played.pool for played in self._played)

    def spoken(self, title: str) -> int | None:
        """Index of the stem that is announced under `title`, or None."""
        stem = self._announced.get(title)
        if stem is None:
            return None
        spoken = Row(stem, self._clock).identity()
        return next(number for number, row in enumerate(self.table()) if row.identity() == spoken)

    def stems(self) -> list[StemFacts]:
        """What pools may hold: all stems there are, without what is announced."""
        return self._stems

    def titles(self) -> set[str]:
        """Titles of all stems there are."""
        return {stem.title for stem in self._all}

    def check_size(self, program: Program) -> None:
        """Note an error when the pools reach more stems than a pack holds."""
        held = [stem for pool in self._held_by.values() if pool is not None for stem in pool.all()]
        reached = len({stem.stem_id for stem in held} | {stem.stem_id for stem in self._announced.values()})
        if reached > STEMS_MAX and program.pools:
            span = next(iter(program.pools.values())).span
            self._problems.error(span, f"the pools reach {reached} stems; a pack holds {STEMS_MAX}")

    def check_table(self, program: Program) -> None:
        """The same of what is played from, in all its tempi and keys."""
        if len(self.table()) > STEMS_MAX:
            span = next(iter(program.pools.values())).span
            message = f"in all tempi and keys of its sections the script plays {len(self.table())} stems"
            self._problems.error(span, f"{message}; a pack holds {STEMS_MAX}")


def _asks_for_changes(pool: tree.Pool) -> bool:
    return any(isinstance(step, tree.Condition) and step.kind == "changes" for step in pool.steps)
