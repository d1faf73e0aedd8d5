"""Which stems a pool holds, and the table of all stems a score can reach."""

from array import array
from collections.abc import Callable, Sequence

from amos.player.score import POOLS_MAX, Pool
from amos.protocol.limits import STEMS_MAX
from amos_tools.script import tree
from amos_tools.script.fits import key_fits, tempo_fits
from amos_tools.script.problems import Problems, nearest
from amos_tools.script.program import Program
from amos_tools.script.units import ClockFacts
from amos_tools.stems import ROLES, StemFacts

_Test = tuple[str, Callable[[StemFacts], bool]]


class Pools:
    """The pools of a script over the stems of a vault. Only stems with opt-in exist here."""

    def __init__(self, program: Program, stems: Sequence[StemFacts], clock: ClockFacts, problems: Problems):
        self._problems = problems
        self._clock = clock
        self._stems = [stem for stem in {stem.stem_id: stem for stem in stems}.values() if stem.opt_in]
        self._stems.sort(key=lambda stem: (ROLES.index(stem.role), stem.stem_id))
        self._declared = {name: self._select(pool) for name, pool in program.pools.items()}
        self._names: dict[tuple[str, str], int] = {}

    def _select(self, pool: tree.Pool) -> list[StemFacts] | None:
        """Stems that meet all conditions, or None with errors noted."""
        tests = [self._test(condition) for condition in pool.conditions]
        found = self._stems
        story = [f"the vault has {len(found)} stems with opt-in"]
        for condition, test in zip(pool.conditions, tests, strict=True):
            if test is None:
                return None
            words, holds = test
            found = [stem for stem in found if holds(stem)]
            story.append(f"{len(found)} of them {words}")
            if not found:
                self._problems.error(condition.span, f"pool `{pool.name.value}` is empty", notes=[", ".join(story)])
                return None
        return found

    def _test(self, condition: tree.Condition) -> _Test | None:
        clock = self._clock
        if condition.kind == "key":
            key = clock.key
            if key is None:
                expected = ["`key` in the clock line"]
                self._problems.error(condition.span, "the clock names no key to fit", expected=expected)
                return None
            return f"fit {key}", lambda stem: key_fits(stem, key)
        if condition.kind == "tempo":
            return f"fit {clock.tempo_mbpm / 1000:g} bpm", lambda stem: tempo_fits(stem, clock.tempo_mbpm)
        assert condition.value is not None
        wanted = condition.value.value
        if condition.kind == "role":
            return (f"are {wanted}", lambda stem: stem.role == wanted) if self.role_exists(condition.value) else None
        artists = {stem.artist for stem in self._stems}
        if wanted not in artists:
            self._problems.error(
                condition.value.span,
                f"no stem with opt-in is by “{wanted}”",
                suggestion=nearest(wanted, artists),
            )
            return None
        return f"are by {wanted}", lambda stem: stem.artist == wanted

    def role_exists(self, role: tree.Text) -> bool:
        """Whether `role` is one of the seven; notes an error if not."""
        if role.value in ROLES:
            return True
        self._problems.error(
            role.span,
            f"`{role.value}` is not a role",
            expected=[f"`{name}`" for name in ROLES],
            suggestion=nearest(role.value, ROLES),
        )
        return False

    def of(self, play: tree.Play) -> list[StemFacts] | None:
        """Stems of a layer: those of its pool that have its role. None with an error noted if there are none."""
        pool = self._declared.get(play.pool.value)
        if not self.role_exists(play.role) or pool is None:
            return None
        found = [stem for stem in pool if stem.role == play.role.value]
        if not found:
            roles = ", ".join(role for role in ROLES if any(stem.role == role for stem in pool))
            self._problems.error(
                play.pool.span, f"pool `{play.pool.value}` has no {play.role.value}", notes=[f"it holds {roles}"]
            )
            return None
        return found

    def number(self, play: tree.Play) -> int:
        """Index of the layer's pool in the score."""
        key = (play.pool.value, play.role.value)
        if key not in self._names and len(self._names) >= POOLS_MAX:
            self._problems.error(play.pool.span, f"a script plays from at most {POOLS_MAX} pools")
            return 0
        return self._names.setdefault(key, len(self._names))

    def tables(self) -> tuple[list[StemFacts], list[Pool]]:
        """The stem table, and the pools played from as indexes into it."""
        held = [[stem for stem in self._declared[pool] or [] if stem.role == role] for pool, role in self._names]
        reached = {stem.stem_id for stems in held for stem in stems}
        table = [stem for stem in self._stems if stem.stem_id in reached]
        index = {stem.stem_id: number for number, stem in enumerate(table)}
        return table, [Pool(stems=array("H", [index[stem.stem_id] for stem in stems])) for stems in held]

    def check_size(self, program: Program) -> None:
        """Note an error when the pools reach more stems than a pack holds."""
        reached = len({stem.stem_id for stems in self._declared.values() for stem in stems or []})
        if reached > STEMS_MAX and program.pools:
            span = next(iter(program.pools.values())).span
            self._problems.error(span, f"the pools reach {reached} stems; a pack holds {STEMS_MAX}")
