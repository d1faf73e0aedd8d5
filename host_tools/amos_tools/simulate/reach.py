"""Which stems of a score can never play, whatever is drawn and whoever moves a slider. Pure."""

from collections.abc import Sequence

from amos.score.expression import CONST, SLIDER, evaluate
from amos.score.score import Score


def never_played(score: Score) -> list[int]:
    """Indexes of the stems that no layer of a section within reach draws from, and that nothing announces."""
    reached: set[int] = {item.stem for item in score.announcements or () if item.stem is not None}
    for number in _sections(score):
        section = score.sections[number]
        beats = section.bars_max * score.beats_per_bar
        for layer in section.layers:
            never = any(code is not None and _constant(code) == 0 for code in (layer.chance, layer.when))
            if layer.enter_beats < beats and not never:
                pool = score.pools[layer.pool]
                reached.update(pool.stems, pool.off_key or (), pool.off_tempo or ())
    return [stem for stem in range(score.stems) if stem not in reached]


def _sections(score: Score) -> set[int]:
    """Those that play may come to: by what follows, over a bridge, or by the hit of a render."""
    waiting = [0, *(hit.section for plan in score.renders or () for hit in plan.hits)]
    found: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number in found:
            continue
        found.add(number)
        nexts = score.sections[number].nexts
        # A next of weight 0 is taken where nothing else is left; a skip leaves out the section that plays.
        sure = any((_constant(item.weight) or 0) > 0 and not item.when and item.section != number for item in nexts)
        waiting += [item.section for item in nexts if not sure or _constant(item.weight) != 0]
        waiting += [rule.via - 1 for rule in score.transitions if rule.via and rule.before in (0, number + 1)]
    return found


def _constant(code: Sequence[int]) -> int | None:
    """The value of an expression in Q15, not below 0; None if it depends on a slider."""
    at = 0
    while at < len(code):
        if code[at] == SLIDER:
            return None
        at += 2 if code[at] == CONST else 1
    return max(0, evaluate(code, []))
