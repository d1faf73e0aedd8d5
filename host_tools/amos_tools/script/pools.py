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
from amos_tools.script.problems import Problems
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
        lists = ([stem for stem in stems if stem.role == role] for stems in (self.stems, self.off_key, self.off_tempo))
        return _Held(*lists)

    def all(self) -> list[StemFacts]:
        return [*self.stems, *self.off_key, *self.off_tempo]


class Pools:
    """The pools of a script over the stems of a vault. Only stems with opt-in exist here, less those blocked.

    relax    the rules the script relaxes, RELAX_*: those about key and tempo widen the pools
    phrase   that of the section whose lines are compiled: pools may ask for stems that fit its changes
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
        self._clock = clock
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
        self._held_by: dict[tuple[str, Phrase | None], _Held | None] = {}
        for name in self._pools:
            if name not in self._asking:  # which depends on where it is played from
                self._declared(name)
        self._names: dict[tuple[str, str, Phrase | None], int] = {}
        self._table: list[StemFacts] | None = None

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
        key = (name, self.phrase if name in self._asking else None)
        if key not in self._held_by:
            conditions = Conditions(self._stems, self._clock, key[1], self._problems)
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
        """Index of the layer's pool in the score."""
        key = (play.pool.value, play.role.value, self.phrase if play.pool.value in self._asking else None)
        if key not in self._names and len(self._names) >= POOLS_MAX:
            self._problems.error(play.pool.span, f"a script plays from at most {POOLS_MAX} pools")
            return 0
        return self._names.setdefault(key, len(self._names))

    def _held(self) -> list[_Held]:
        declared = ((self._held_by[pool, phrase], role) for pool, role, phrase in self._names)
        return [pool.of_role(role) for pool, role in declared if pool is not None]

    def table(self) -> list[StemFacts]:
        """All stems the score can reach: what is played from, and what is announced. Call it once all layers are."""
        if self._table is None:
            reached = {stem.stem_id for held in self._held() for stem in held.all()}
            reached.update(stem.stem_id for stem in self._announced.values())
            self._table = [stem for stem in self._all if stem.stem_id in reached]
        return self._table

    def rows(self) -> list[Pool]:
        """The pools played from, as indexes into the table."""
        index = {stem.stem_id: number for number, stem in enumerate(self.table())}

        def indexes(stems: list[StemFacts]) -> "array[int]":
            return array("H", [index[stem.stem_id] for stem in stems])

        return [
            Pool(
                stems=indexes(held.stems),
                off_key=indexes(held.off_key) if held.off_key else None,
                off_tempo=indexes(held.off_tempo) if held.off_tempo else None,
            )
            for held in self._held()
        ]

    def names(self) -> tuple[str, ...]:
        """The declared name of each pool, in the order of the rows."""
        return tuple(name for name, _role, _phrase in self._names)

    def spoken(self, title: str) -> int | None:
        """Index of the stem that is announced under `title`, or None."""
        stem = self._announced.get(title)
        return None if stem is None else self.table().index(stem)

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


def _asks_for_changes(pool: tree.Pool) -> bool:
    return any(isinstance(step, tree.Condition) and step.kind == "changes" for step in pool.steps)
