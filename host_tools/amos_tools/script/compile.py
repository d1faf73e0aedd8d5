"""Script text and stems to a score: the order of the steps, and what a finished script is."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from amos.protocol.record import U16
from amos.score.checks import version_needed
from amos.score.score import (
    DAY_SECTION_FIELDS,
    HISTORY_MAX,
    VERSION_1,
    Announcement,
    Daypart,
    Pool,
    Reaction,
    RenderPlan,
    Score,
    ScoreSection,
    Slider,
    StemSet,
    decode_score,
)
from amos_tools.pack.conform import Target
from amos_tools.script.announcements import announcements
from amos_tools.script.avoidance import AvoidFacts, avoidance, warn_idle_rules, warn_small_pools
from amos_tools.script.budget import Budget
from amos_tools.script.changes import Phrasing
from amos_tools.script.day_curves import day_sliders
from amos_tools.script.day_plan import day_sections, day_volumes
from amos_tools.script.dayparts import DaypartFacts, daypart_facts, dayparts
from amos_tools.script.ensembles import Ensembles
from amos_tools.script.expressions import Expressions
from amos_tools.script.gains import bring_below_unity
from amos_tools.script.layers import Layers
from amos_tools.script.loops import rings_out, script_beats
from amos_tools.script.memory import heap_bytes, warn_boards
from amos_tools.script.own_clocks import Row
from amos_tools.script.parse import parse_lines, source_lines
from amos_tools.script.pickups import pickups_of
from amos_tools.script.pools import Pools
from amos_tools.script.problems import FIRST, Problem, Problems, TooManyProblems
from amos_tools.script.program import Program, gather
from amos_tools.script.reactions import reactions
from amos_tools.script.renders import renders
from amos_tools.script.sections import Sections, Transitions
from amos_tools.script.settings import MixFacts, clock, experience, mix, sliders
from amos_tools.script.themes import Themes
from amos_tools.script.units import ClockFacts
from amos_tools.stems import StemFacts

EDGE_IN_FRAMES = 64
"""Without a fade, a stem comes in over 1.5 ms: too short to soften a stroke, long enough not to click."""
EDGE_OUT_FRAMES = 1024
"""Cut short, or ending before its sound does, a stem goes over 23 ms. Measured as the largest second difference in the
fade over the stem's own largest, at full gain: a pure sub-bass 8.8 at 256 frames, 4.7 at 512, 2.0 here (20 of 32,768
steps); everything else of the starter vault and the café is at or below 1 here."""


@dataclass(frozen=True, slots=True)
class RenderFacts:
    """A render of the script; its plan is in the score."""

    name: str
    length_frames: int
    hits: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A script that may be played.

    stems        the stem table that the score's indexes mean: a stem once for each of its variants
    targets      the tempo and key that the pack builder brings each of them to
    key          of the clock line; None if it names none
    pools        name of each pool of the score
    themes       tag of each theme of the score
    heap_bytes   what score and VM take of a board's heap, as estimated by `memory.heap_bytes`
    """

    name: str
    score: bytes
    stems: list[StemFacts]
    targets: tuple[Target, ...]
    rate_hz: int
    key: str | None
    voices: int
    target_mlufs: int
    peak_mdb: int
    voices_worst: int
    decisions_per_hour_max: int
    sections: tuple[str, ...]
    pools: tuple[str, ...]
    themes: tuple[str, ...]
    renders: tuple[RenderFacts, ...]
    dayparts: tuple[DaypartFacts, ...]
    heap_bytes: int
    warnings: tuple[Problem, ...]


def compile_script(
    source: str | bytes, stems: Sequence[StemFacts], *, name: str = "<script>", rate_hz_max: int | None = None
) -> Compiled:
    """Compile Aimi Script for the stems of a vault, at the script's sample rate or at `rate_hz_max` if that is lower.

    Raises `ScriptError` with every error found; nothing else.
    """
    lines = source_lines(source, name)
    problems = Problems(lines, name)
    try:
        program = gather(parse_lines(lines, problems), problems)
        compiled = _compile(program, stems, rate_hz_max, problems)
    except TooManyProblems:
        compiled = None
    problems.raise_if_any()
    assert compiled is not None
    return compiled


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the script's statements say, each of them without an error of its own."""

    name: str
    seed: int | None
    clock: ClockFacts
    avoid: AvoidFacts
    mix: MixFacts
    sliders: list[Slider]
    pools: Pools
    themes: list[StemSet] | None
    theme_names: tuple[str, ...]
    exclusive: list[int] | None
    shifts: list[StemSet] | None
    sections: list[ScoreSection]
    transitions: Transitions
    dayparts: list[Daypart]
    day_sections: "array[int] | None"
    day_volumes: "array[int] | None"
    day_sliders: "array[int] | None"
    daypart_facts: tuple[DaypartFacts, ...]
    reactions: list[Reaction]
    renders: list[RenderPlan]


def _compile(
    program: Program, stems: Sequence[StemFacts], rate_hz_max: int | None, problems: Problems
) -> Compiled | None:
    """The script compiled, or None with errors noted."""
    checked = _check(program, stems, rate_hz_max, problems)
    if checked is None:
        return None
    spoken = announcements(program, checked.pools, checked.clock, problems)
    speaks = any(row.stem is not None for row in spoken)
    led = set() if checked.day_sections is None else {0, *checked.day_sections[3::DAY_SECTION_FIELDS]}
    budget = Budget(
        program, checked.sections, checked.transitions, checked.clock, checked.exclusive or (), led, speaks, problems
    )
    forced = {hit.section for plan in checked.renders for hit in plan.hits}
    budget.check_all(checked.mix.voices, checked.mix.voices_span, forced)
    if problems.errors:
        return None
    bring_below_unity([layer for section in checked.sections for layer in section.layers], spoken)
    score = _score(checked, spoken)
    _check_history(program, score, checked.avoid, problems)
    return None if problems.errors else _finish(score, checked, budget, problems)


def _check(
    program: Program, stems: Sequence[StemFacts], rate_hz_max: int | None, problems: Problems
) -> _Checked | None:
    """Every statement by itself, in an order in which each finds what it refers to; None with errors noted."""
    name, seed = experience(program, problems)
    clock_facts = clock(program, problems)
    avoid = avoidance(program, problems)
    if clock_facts is None or not _has_sections(program, problems):
        return None
    if rate_hz_max is not None and clock_facts.rate_hz > rate_hz_max:
        clock_facts = replace(clock_facts, rate_hz=rate_hz_max)
    mix_facts = mix(program, clock_facts.rate_hz, problems)
    slider_table = sliders(program, clock_facts, problems)
    phrasing = Phrasing(program, problems)
    pools = Pools(program, stems, clock_facts, avoid.relax, phrasing.everywhere, problems)
    pools.check_size(program)
    expressions = Expressions(program, problems)
    themes = Themes(pools.stems(), problems)
    ensembles = Ensembles(program, expressions, problems)
    exclusive = ensembles.masks(program.exclusive)
    ensembles.check_all()
    layers = Layers(program, clock_facts, pools, themes, expressions, ensembles, phrasing, problems)
    sections = Sections(program, expressions, layers, themes, problems)
    table = sections.all()
    transitions = Transitions(program, sections, clock_facts, problems)
    parts = dayparts(program, slider_table, problems)
    leads, volumes = day_sections(program, sections, problems), day_volumes(program, problems)
    curves = day_sliders(program, slider_table, problems)
    part_facts = () if problems.errors else daypart_facts(program, problems)
    answers = reactions(program, problems)
    plans = renders(program, sections, clock_facts, problems)
    warn_idle_rules(program, avoid, problems)
    warn_small_pools(layers.uses, avoid, problems)
    _check_plays(program, table, problems)
    if problems.errors:
        return None
    pools.check_table(program)
    stems_of_rows = [row.stem for row in pools.table()]
    theme_rows = None if problems.errors else themes.rows(stems_of_rows)
    shifts = None if problems.errors else phrasing.rows(stems_of_rows, pools.rows())
    if problems.errors:
        return None
    return _Checked(
        name,
        seed,
        clock_facts,
        avoid,
        mix_facts,
        slider_table,
        pools,
        theme_rows,
        themes.names(),
        exclusive,
        shifts,
        table,
        transitions,
        parts,
        leads,
        volumes,
        curves,
        part_facts,
        answers,
        plans,
    )


def _check_plays(program: Program, sections: list[ScoreSection], problems: Problems) -> None:
    if not problems.errors and not any(section.layers for section in sections):
        first = next(iter(program.blocks.values())).section.name
        problems.error(first.span, "the script plays nothing", expected=["a `play` line in a section"])


def _score(checked: _Checked, spoken: list[Announcement]) -> Score:
    clock_facts, mix_facts, avoid, table = checked.clock, checked.mix, checked.avoid, checked.pools.table()
    pools = checked.pools.rows()
    played = {stem for pool in pools for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()}
    beats = _beats(table, played)
    by_artist = avoid.artist_plays or any(answer.block for answer in checked.reactions)
    score = Score(
        version=VERSION_1,
        name=checked.name,
        rate_hz=clock_facts.rate_hz,
        tempo_mbpm=clock_facts.tempo_mbpm,
        beats_per_bar=clock_facts.beats_per_bar,
        voices=mix_facts.voices,
        stems=len(table),
        target_mlufs=mix_facts.target_mlufs,
        peak_mdb=mix_facts.peak_mdb,
        edge_in_frames=EDGE_IN_FRAMES,
        edge_out_frames=EDGE_OUT_FRAMES,
        sliders=checked.sliders,
        pools=pools,
        sections=checked.sections,
        transitions=checked.transitions.rules,
        seed=checked.seed,
        stem_plays=avoid.stem_plays,
        stem_seconds=avoid.stem_seconds,
        artist_plays=avoid.artist_plays,
        keep_history=avoid.keep_history,
        relax=list(avoid.relax) or None,
        artists=_artists(table) if by_artist else None,
        reactions=checked.reactions or None,
        dayparts=checked.dayparts or None,
        announcements=spoken or None,
        duck_gain_q15=mix_facts.duck_gain_q15 if spoken else None,
        duck_ramp_frames=mix_facts.duck_ramp_frames if spoken else None,
        renders=checked.renders or None,
        beats=beats,
        themes=checked.themes,
        exclusive=checked.exclusive,
        shifts=checked.shifts,
        variants=checked.pools.variants(),
        pickups=pickups_of(table, played),
        day_sections=checked.day_sections,
        day_volumes=checked.day_volumes,
        day_sliders=checked.day_sliders,
        seams=True if beats is not None and _seams(checked.sections, pools, table, beats) else None,
    )
    score.version = version_needed(score)
    return score


def _beats(table: list[Row], played: set[int]) -> "array[int] | None":
    """Beats of each stem that is a loop of the clock and in a pool, 0 for the others; None where there is no loop."""
    beats = [script_beats(row.stem, row.clock) if index in played else 0 for index, row in enumerate(table)]
    return array("H", beats) if any(beats) else None


def _seams(sections: list[ScoreSection], pools: list[Pool], table: list[Row], beats: "array[int]") -> bool:
    """Whether in any layer with a fade what is no loop may follow on a loop that rings out."""
    for pool in {
        layer.pool: pools[layer.pool] for section in sections for layer in section.layers if layer.fade_frames
    }.values():
        stems = [stem for row in (pool.stems, pool.off_key, pool.off_tempo) for stem in row or ()]
        if any(not beats[stem] for stem in stems) and any(
            beats[stem] and rings_out(table[stem].stem) for stem in stems
        ):
            return True
    return False


def _artists(table: list[Row]) -> "array[int]":
    """A number for each stem's artist, in the order in which they first appear."""
    numbers: dict[str, int] = {}
    return array("H", [numbers.setdefault(row.stem.artist, len(numbers)) for row in table])


def _check_history(program: Program, score: Score, avoid: AvoidFacts, problems: Problems) -> None:
    held = score.history_depth() * len(score.pools)
    if held > HISTORY_MAX and program.avoid is not None:
        span = avoid.stem_span or program.avoid.span
        problems.error(span, f"{len(score.pools)} pools would remember {held} plays, a player holds {HISTORY_MAX}")


def _finish(score: Score, checked: _Checked, budget: Budget, problems: Problems) -> Compiled | None:
    data = score.encode()
    if len(data) > U16:
        problems.error(FIRST, f"the score takes {len(data)} bytes, a player holds {U16}")
        return None
    # The player's own check: a score it would refuse must not leave the compiler.
    decode_score(data)
    heap = heap_bytes(score)
    warn_boards(heap, problems)
    return Compiled(
        name=score.name,
        score=data,
        stems=[row.stem for row in checked.pools.table()],
        targets=tuple(row.target for row in checked.pools.table()),
        rate_hz=score.rate_hz,
        key=checked.clock.key,
        voices=score.voices,
        target_mlufs=score.target_mlufs,
        peak_mdb=score.peak_mdb,
        voices_worst=budget.voices_worst,
        decisions_per_hour_max=budget.decisions_per_hour(),
        sections=tuple(section.name for section in score.sections),
        pools=checked.pools.names(),
        themes=checked.theme_names,
        renders=tuple(RenderFacts(plan.name, plan.length_frames, len(plan.hits)) for plan in score.renders or ()),
        dayparts=checked.daypart_facts,
        heap_bytes=heap,
        warnings=tuple(problems.warnings),
    )


def _has_sections(program: Program, problems: Problems) -> bool:
    lost = program.broken_lines or any(kind == "section" for kind, _ in program.broken)
    if not program.blocks and not lost:
        problems.error(FIRST, "the script has no section", expected=["a line such as `section drift 16..32 bars`"])
    return bool(program.blocks)
