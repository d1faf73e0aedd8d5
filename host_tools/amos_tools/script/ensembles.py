"""Who plays beside whom: layers that wait for others (`when beats sounds`), and roles that exclude one another."""

from array import array
from collections.abc import Sequence

from amos.score.score import EXCLUSIVE_MAX
from amos_tools.script import tree
from amos_tools.script.conditions import role_exists
from amos_tools.script.expressions import Expressions
from amos_tools.script.problems import Problems
from amos_tools.script.program import Block, Program
from amos_tools.stems import ROLES


class Ensembles:
    """Compiles and checks what one script says of layers beside one another."""

    def __init__(self, program: Program, expressions: Expressions, problems: Problems):
        self._program = program
        self._expressions = expressions
        self._problems = problems

    def when(self, option: tree.Option | None) -> "array[int] | None":
        """What must hold where a layer begins; None for anything, or with an error noted."""
        if option is None or option.expression is None:
            return None
        return self._expressions.compile(option.expression, of_roles=True)

    def masks(self, rules: Sequence[tree.Exclusive]) -> list[int] | None:
        """Bits of the roles that never sound at once, for each rule; None without any."""
        found = []
        for rule in rules:
            roles: list[str] = []
            for role in rule.roles:
                if role.value in roles:
                    self._problems.error(role.span, f"`{role.value}` stands twice in this line")
                elif role_exists(role, self._problems):
                    roles.append(role.value)
            mask = sum(1 << ROLES.index(role) for role in roles)
            if len(roles) > 1 and mask not in found:
                found.append(mask)
        if len(found) > EXCLUSIVE_MAX:
            self._problems.error(rules[-1].span, f"`exclusive` is said at most {EXCLUSIVE_MAX} times")
        return found or None

    def check_all(self) -> None:
        """Warn of rules for the whole script about roles that no section plays."""
        played = {play.role.value for block in self._program.blocks.values() for play in block.plays}
        self._warn_unplayed(self._program.exclusive, played, "the script")

    def check(self, block: Block) -> None:
        """Warn of what a section's line and layers say that can never come true there, or comes a point too late."""
        name = f"section `{block.section.name.value}`"
        above: set[str] = set()
        played = {play.role.value for play in block.plays}
        self._warn_unplayed(block.section.exclusive, played, name)
        for play in block.plays:
            for op in _asked(play):
                if op.name not in ROLES:
                    continue
                if op.name not in played:
                    self._problems.warn(op.span, f"{name} plays no {op.name}")
                elif op.name not in above and op.name != play.role.value:
                    message = f"`play {op.name}` stands below: what begins there is heard of one point later"
                    self._problems.warn(op.span, message)
            above.add(play.role.value)

    def _warn_unplayed(self, rules: Sequence[tree.Exclusive], played: set[str], where: str) -> None:
        for rule in rules:
            for role in rule.roles:
                if role.value in ROLES and role.value not in played:
                    self._problems.warn(role.span, f"{where} plays no {role.value}")


def _asked(play: tree.Play) -> list[tree.Op]:
    """Where a layer asks which roles sound."""
    expressions = [option.expression for option in play.options if option.kind == "when"]
    return [op for one in expressions if one is not None for op in one.ops if op.code == "sounds"]
