"""Why this stem: the pool, what stood for choice, the draw, and the rules that gave way."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from amos.score.chooser import RELAX_THEME, RULE_NAMES, Choice
from amos.score.draw import DRAW_BITS
from amos.score.ensemble import EXCLUSIVE
from amos.score.expression import CONST, ROLE_VALUES_FROM, SLIDER
from amos.score.memory import NONE
from amos.score.score import Layer, Score, decode_score
from amos.sound.events import Level, Section, Start, Stop
from amos.sound.glide import Glide
from amos_tools.script.changes import changes_text
from amos_tools.script.compile import Compiled
from amos_tools.script.explain_rests import WatchedVm, rest_lines
from amos_tools.script.expressions import sliders_of
from amos_tools.script.shapes import shape_text
from amos_tools.script.times import moment
from amos_tools.simulate.inputs import TimedInput, in_order
from amos_tools.simulate.run import SimStem
from amos_tools.stems import ROLES

STEP_SECONDS = 30
CANDIDATES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Play:
    """A session: `stems` as a pack of the script has them, the seed's 32 bytes, and all that it is told."""

    compiled: Compiled
    stems: Sequence[SimStem]
    seed: bytes
    inputs: Sequence[TimedInput] = ()


@dataclass(slots=True)
class Placed:
    """A placement, counted from 1, with its choice (None for an announcement). `end` follows what stops it, `level`
    what moves its gain, in frames from its start."""

    number: int
    start: Start
    choice: Choice | None
    section: int
    end: int
    level: Glide = field(init=False)

    def __post_init__(self) -> None:
        self.level = Glide(self.start.level_q15)


def watched_vm(play: Play) -> WatchedVm:
    """The VM of a session, at its first frame."""
    return WatchedVm(decode_score(play.compiled.score), play.stems, play.seed)


def placements(
    play: Play, until_frame: int, on_choice: Callable[[Choice], None] = lambda choice: None, vm: WatchedVm | None = None
) -> Iterator[Placed]:
    """Every placement that begins before `until_frame`, once it has ended or time is up; `on_choice` gets all choices.

    `vm`: the session's at its first frame, for who wants to look at it afterwards. Raises `InputRefused`.
    """
    vm = vm or watched_vm(play)
    score = vm.score
    pending = in_order(play.inputs)
    given = 0
    choices: list[Choice] = []

    def chosen(choice: Choice) -> None:
        choices.append(choice)
        on_choice(choice)

    vm.explain(chosen)
    sounding: dict[int, Placed] = {}
    number = section = 0
    while vm.frame < until_frame:
        horizon = min(until_frame, vm.frame + STEP_SECONDS * score.rate_hz)
        while given < len(pending) and pending[given].frame < horizon:
            vm.input(pending[given].kind, pending[given].value, pending[given].frame)
            given += 1
        events = vm.advance(horizon)
        made = [choice for choice in choices if choice.stem != NONE]
        for event in events:
            if isinstance(event, Section):
                section = event.section
            elif isinstance(event, Stop) and event.voice in sounding:
                placed = sounding[event.voice]
                placed.end = min(placed.end, event.frame + event.fade)
            elif isinstance(event, Level) and event.voice in sounding:
                placed = sounding[event.voice]
                placed.level.go(event.frame - placed.start.frame, event.level_q15, event.frames)
            elif isinstance(event, Start):
                if event.voice in sounding:
                    yield sounding.pop(event.voice)
                number += 1
                choice = next((one for one in made if (one.frame, one.stem) == (event.frame, event.stem)), None)
                if choice is not None:
                    made.remove(choice)
                sounding[event.voice] = Placed(number, event, choice, section, event.frame + event.frames)
        # What begins later, by its pickup, has been chosen already.
        choices[:] = [choice for choice in made if choice.frame >= horizon]
    yield from sorted(sounding.values(), key=lambda placed: placed.number)


def explain_at(play: Play, frame: int) -> str:
    """What sounds at `frame`, and why."""
    compiled = play.compiled
    vm = watched_vm(play)
    score = vm.score
    latest: dict[int, Choice] = {}  # of each layer of the section that plays

    def note(choice: Choice) -> None:
        for one in list(latest):
            if latest[one].visit != choice.visit:
                del latest[one]
        latest[choice.layer] = choice

    told: list[Placed] = []
    played: dict[tuple[int, int], list[str]] = {}  # in each visit, of each layer
    for placed in placements(play, frame + 1, note, vm):
        if placed.start.frame <= frame < placed.end:
            told.append(placed)
        if placed.choice is not None and placed.choice.visit == vm.visit:
            played.setdefault((vm.visit, placed.choice.layer), []).append(_played(placed, compiled))
    told.sort(key=lambda placed: placed.number)
    stories = [_story(placed, compiled, score, frame, vm) for placed in told]
    if not told:
        stories.append(f"nothing sounds at {moment(frame, compiled.rate_hz)}")
    stories += [_kept_back(choice, compiled, score) for _, choice in sorted(latest.items()) if choice.kept_back]
    stories += vm.told(
        compiled, frame, {layer: titles for (visit, layer), titles in played.items() if visit == vm.visit}
    )
    return "\n\n".join(stories)


def explain_placement(play: Play, number: int, hours_max: int) -> str | None:
    """The story of placement `number`, or None if there is none within `hours_max`."""
    for placed in placements(play, hours_max * 3600 * play.compiled.rate_hz):
        if placed.number == number:
            return _story(placed, play.compiled, decode_score(play.compiled.score), placed.end, None)
    return None


def _played(placed: Placed, compiled: Compiled) -> str:
    rate = compiled.rate_hz
    title = compiled.stems[placed.start.stem].title
    return f"“{title}” from {moment(placed.start.frame, rate)} to {moment(placed.end, rate)}"


def _story(placed: Placed, compiled: Compiled, score: Score, frame: int, vm: WatchedVm | None) -> str:
    """Why it plays; its gain at `frame`, where that moves. `vm`: at that frame, if it is there."""
    start, rate = placed.start, compiled.rate_hz
    stem = compiled.stems[start.stem]
    gain_db = _decibels(start.gain_q15 * start.level_q15 >> 15)
    lines = [
        f"placement {placed.number}: “{stem.title}” by {stem.artist} ({stem.role})",
        f"  when        {moment(start.frame, rate)} to {moment(placed.end, rate)}, voice {start.voice}, "
        f"{gain_db:.1f} dB",
    ]
    choice = placed.choice
    if choice is None:
        announced = start.stem in [item.stem for item in score.announcements or ()]
        why = "announced" if announced else "goes round once more, under the fade of its section"
        return "\n".join([*lines, f"  why         {why}"])
    layer = score.sections[choice.section].layers[choice.layer]
    pool = score.pools[choice.pool]
    if score.pickups is not None and score.pickups[start.stem]:
        downbeat = start.frame - start.offset + score.pickups[start.stem]
        lines.append(f"  downbeat    {moment(downbeat, rate)}")
    struck = [] if layer.strokes is None else [_struck(layer)]
    until = vm.until_frame(choice.layer) if vm is not None and vm.visit == choice.visit else None
    lines += [
        f"  where       section {compiled.sections[choice.section]} (visit {choice.visit + 1}), "
        f"play {ROLES[layer.role]} from {compiled.pools[choice.pool]}",
        *_gain(placed, layer, score, frame),
        *([f"  shape       {shape_text(start.shape, rate)}"] if start.shape is not None else []),
        *struck,
        *rest_lines(layer, score, until),
        *_variant(start.stem, compiled),
        f"  pool        {len(pool.stems)} stems, of which {_standing(choice, pool.stems)} stood for choice",
        *([f"  changes     {changes_text(stem)}"] if changes_text(stem) else []),
        *([f"  theme       {_theme(choice, compiled)}"] if choice.theme >= 0 else []),
        f"  candidates  {_candidates(choice, compiled)}",
        f"  draw        number {choice.number} of lane {layer.lane}: {_draw(choice)}",
        f"  gave way    {', '.join(RULE_NAMES[rule] for rule in choice.relaxed) or 'no rule'}",
    ]
    return "\n".join(lines)


def _kept_back(choice: Choice, compiled: Compiled, score: Score) -> str:
    layer = score.sections[choice.section].layers[choice.layer]
    lines = [
        f"kept back: {ROLES[layer.role]} from {compiled.pools[choice.pool]} in section "
        f"{compiled.sections[choice.section]} (visit {choice.visit + 1})",
        f"  when        {moment(choice.frame, compiled.rate_hz)}",
        f"  why         {_reason(choice, layer, score)}",
    ]
    return "\n".join(lines)


def _reason(choice: Choice, layer: Layer, score: Score) -> str:
    if choice.kept_back == EXCLUSIVE:
        rules = [*(score.exclusive or ()), *(score.sections[choice.section].exclusive or ())]
        rivals = [
            role
            for at, role in enumerate(ROLES)
            if at != layer.role and any(_has(rule, at, layer.role) for rule in rules)
        ]
        return f"{' or '.join(rivals)} may still be heard, and they exclude one another"
    told = []
    code = list(layer.when or ())
    at = 0
    while at < len(code):
        if code[at] == SLIDER and code[at + 1] >= ROLE_VALUES_FROM:
            role = code[at + 1] - ROLE_VALUES_FROM
            told.append(f"{ROLES[role]} sounds" if choice.sounding >> role & 1 else f"no {ROLES[role]} sounds")
        at += 2 if code[at] in (CONST, SLIDER) else 1
    return ", ".join(dict.fromkeys(told)) or "its `when` does not hold"


def _has(rule: int, *roles: int) -> bool:
    return all(rule >> role & 1 for role in roles)


def _theme(choice: Choice, compiled: Compiled) -> str:
    name = compiled.themes[choice.theme]
    return f"{name}, which has none to choose" if RELAX_THEME in choice.relaxed else name


def _struck(layer: Layer) -> str:
    strokes, beats = len(layer.strokes or ()), layer.grid_beats
    many = f"{strokes} stroke{'s' * (strokes != 1)} in {beats} beat{'s' * (beats != 1)}"
    return f"  pattern     {many}, each drawn by weight alone"


def _gain(placed: Placed, layer: Layer, score: Score, frame: int) -> list[str]:
    """What moves the layer's gain, and where it is at `frame`; nothing where it stays."""
    if layer.level is None:
        return []
    if layer.rise_frames is not None:
        way = f"over {layer.rise_frames / score.rate_hz:.1f} s from the entry of its layer on"
    else:
        way = "with " + " and ".join(score.sliders[slider].name for slider in sliders_of(layer.level))
    gain_db = _decibels(placed.level.turned(placed.start.gain_q15, frame - placed.start.frame))
    return [f"  gain        moves {way}: {gain_db:.1f} dB at {moment(frame, score.rate_hz)}"]


def _decibels(gain_q15: int) -> float:
    return 20 * math.log10(max(1, gain_q15) / 32768)


def _standing(choice: Choice, stems: object) -> str:
    assert hasattr(stems, "__contains__")
    inside = sum(stem in stems for stem in choice.candidates)
    beyond = len(choice.candidates) - inside
    return f"{inside}" + (f" and {beyond} from beyond" if beyond else "")


def _variant(index: int, compiled: Compiled) -> list[str]:
    """The tempo and key of a stem that the script plays in several."""
    stem = compiled.stems[index]
    alone = sum(one.stem_id == stem.stem_id for one in compiled.stems) == 1
    return [] if alone else [f"  variant     {compiled.targets[index].of(stem)}"]


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
