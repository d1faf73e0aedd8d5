"""`on` lines: what likes, dislikes, skips and shuffles do to the stems they are about."""

from amos.score.rules import BLOCK_ARTIST, BLOCK_STEM
from amos.score.score import Reaction
from amos_tools.script import tree
from amos_tools.script.problems import Problems
from amos_tools.script.program import EVENTS, Program, options_once
from amos_tools.script.sections import MOMENTS

FACTOR_MAX = 16


def reactions(program: Program, problems: Problems) -> list[Reaction]:
    """Rows of the score, in the order of the events' numbers."""
    return [_row(name, program.reactions[name], problems) for name in EVENTS if name in program.reactions]


def _row(name: str, statement: tree.On, problems: Problems) -> Reaction:
    options = options_once(statement.options, problems)
    factor: int | None = None
    if (option := options.get("weight")) and option.number:
        factor = round(option.number.value * 256)
        if not 1 <= factor <= FACTOR_MAX << 8:
            problems.error(
                option.number.span,
                f"a weight is multiplied by something over 0, at most {FACTOR_MAX}",
                expected=[f"0.01 to {FACTOR_MAX}"],
                notes=["`block stem` keeps a stem out for good"] if factor < 1 else [],
            )
            factor = 256
    swap, block = options.get("swap"), options.get("block")
    return Reaction(
        kind=EVENTS.index(name),
        factor_q8=factor,
        swap=MOMENTS[swap.word.value] if swap and swap.word else None,
        block=None if block is None or block.word is None else _block(block.word.value),
    )


def _block(word: str) -> int:
    return BLOCK_STEM if word == "stem" else BLOCK_ARTIST
