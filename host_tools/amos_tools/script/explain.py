"""Why this stem: the pool, what stood for choice, the draw, and the rules that gave way."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from amos.player.chooser import RULE_NAMES, Choice
from amos.player.draw import DRAW_BITS
from amos.player.events import Section, Start, Stop
from amos.player.inputs import INPUT_CLOCK
from amos.player.memory import NONE
from amos.player.score import Score, decode_score
from amos_tools.script.compile import Compiled
from amos_tools.script.preview import make_vm
from amos_tools.stems import ROLES

STEP_SECONDS = 60
CANDIDATES_SHOWN = 12


@dataclass(slots=True)
class Placed:
    """A placement, counted from 1, with its choice (None for an announcement). `end` follows what stops it."""

    number: int
    start: Start
    choice: Choice | None
    section: int
    end: int


def placements(compiled: Compiled, seed: int, until_frame: int, clock: int | None = None) -> Iterator[Placed]:
    """Every placement that begins before `until_frame`, in order, once it has ended or time is up.

    clock   value of an `INPUT_CLOCK` at frame 0, or None
    """
    vm = make_vm(compiled, seed)
    if clock is not None:
        vm.input(INPUT_CLOCK, clock, 0)
    choices: list[Choice] = []
    vm.explain(choices.append)
    sounding: dict[int, Placed] = {}
    number = section = 0
    while vm.frame < until_frame:
        events = vm.advance(min(until_frame, vm.frame + STEP_SECONDS * compiled.rate_hz))
        made = iter([choice for choice in choices if choice.stem != NONE])
        ahead = next(made, None)
        for event in events:
            if isinstance(event, Section):
                section = event.section
            elif isinstance(event, Stop) and event.voice in sounding:
                placed = sounding[event.voice]
                placed.end = min(placed.end, event.frame + event.fade)
            elif isinstance(event, Start):
                if event.voice in sounding:
                    yield sounding.pop(event.voice)
                number += 1
                choice = None
                if ahead is not None and (ahead.frame, ahead.stem) == (event.frame, event.stem):
                    choice, ahead = ahead, next(made, None)
                sounding[event.voice] = Placed(number, event, choice, section, event.frame + event.frames)
        choices.clear()
    yield from sorted(sounding.values(), key=lambda placed: placed.number)


def explain_at(compiled: Compiled, seed: int, frame: int, clock: int | None = None) -> str:
    """What sounds at `frame`, and why."""
    score = decode_score(compiled.score)
    found = [
        placed for placed in placements(compiled, seed, frame + 1, clock) if placed.start.frame <= frame < placed.end
    ]
    found.sort(key=lambda placed: placed.number)
    if not found:
        return f"nothing sounds at {moment(frame, compiled.rate_hz)}"
    return "\n\n".join(_story(placed, compiled, score) for placed in found)


def explain_placement(
    compiled: Compiled, seed: int, number: int, hours_max: int, clock: int | None = None
) -> str | None:
    """The story of placement `number`, or None if there is none within `hours_max`."""
    until = hours_max * 3600 * compiled.rate_hz
    for placed in placements(compiled, seed, until, clock):
        if placed.number == number:
            return _story(placed, compiled, decode_score(compiled.score))
    return None


def moment(frame: int, rate_hz: int) -> str:
    """A frame as hours, minutes and seconds."""
    ms = frame * 1000 // rate_hz
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _story(placed: Placed, compiled: Compiled, score: Score) -> str:
    start, rate = placed.start, compiled.rate_hz
    stem = compiled.stems[start.stem]
    gain_db = 20 * math.log10(max(1, start.gain_q15) / 32768)
    lines = [
        f"placement {placed.number}: “{stem.title}” by {stem.artist} ({stem.role})",
        f"  when        {moment(start.frame, rate)} to {moment(placed.end, rate)}, voice {start.voice}, "
        f"{gain_db:.1f} dB",
    ]
    choice = placed.choice
    if choice is None:
        return "\n".join([*lines, "  why         announced"])
    layer = score.sections[choice.section].layers[choice.layer]
    pool = score.pools[choice.pool]
    lines += [
        f"  where       section {compiled.sections[choice.section]} (visit {choice.visit + 1}), "
        f"play {ROLES[layer.role]} from {compiled.pools[choice.pool]}",
        f"  pool        {len(pool.stems)} stems, of which {_standing(choice, pool.stems)} stood for choice",
        f"  candidates  {_candidates(choice, compiled)}",
        f"  draw        number {choice.number} of lane {layer.lane}: {_draw(choice)}",
        f"  gave way    {', '.join(RULE_NAMES[rule] for rule in choice.relaxed) or 'no rule'}",
    ]
    return "\n".join(lines)


def _standing(choice: Choice, stems: object) -> str:
    assert hasattr(stems, "__contains__")
    inside = sum(stem in stems for stem in choice.candidates)
    beyond = len(choice.candidates) - inside
    return f"{inside}" + (f" and {beyond} from beyond" if beyond else "")


def _candidates(choice: Choice, compiled: Compiled) -> str:
    shown = [
        f"“{compiled.stems[stem].title}” {weight / 256:g}"
        for stem, weight in zip(choice.candidates, choice.weights, strict=True)
    ]
    rest = len(shown) - CANDIDATES_SHOWN
    return ", ".join(shown[:CANDIDATES_SHOWN] + ([f"and {rest} more"] if rest > 0 else []))


def _draw(choice: Choice) -> str:
    total = sum(choice.weights)
    return f"{choice.value * total / (256 << DRAW_BITS):.4f} of {total / 256:g}"
