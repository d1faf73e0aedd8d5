"""Script text and stems to a score: the order of the steps, and what a finished script is."""

from collections.abc import Sequence
from dataclasses import dataclass

from amos.player.score import VERSION, Score, decode_score
from amos.protocol.record import U16
from amos_tools.script.budget import Budget
from amos_tools.script.expressions import Expressions
from amos_tools.script.layers import Layers
from amos_tools.script.parse import SOURCE_BYTES_MAX, parse_lines
from amos_tools.script.pools import Pools
from amos_tools.script.problems import FIRST, Problem, Problems, ScriptError, Span, TooManyProblems
from amos_tools.script.program import Program, gather
from amos_tools.script.sections import Sections, Transitions
from amos_tools.script.settings import clock, experience, mix, sliders
from amos_tools.stems import StemFacts

EDGE_IN_FRAMES = 64
"""Without a fade, a stem comes in over 1.5 ms: too short to soften a stroke, long enough not to click."""
EDGE_OUT_FRAMES = 256


@dataclass(frozen=True, slots=True)
class Compiled:
    """A script that may be played. `stems` is the stem table that the score's indexes mean."""

    name: str
    score: bytes
    stems: list[StemFacts]
    rate_hz: int
    voices: int
    target_mlufs: int
    peak_mdb: int
    voices_worst: int
    decisions_per_hour_max: int
    sections: tuple[str, ...]
    warnings: tuple[Problem, ...]


def compile_script(source: str | bytes, stems: Sequence[StemFacts], *, name: str = "<script>") -> Compiled:
    """Compile Aimi Script for the stems of a vault. Raises `ScriptError` with every error found; nothing else."""
    lines = _lines(source, name)
    problems = Problems(lines, name)
    try:
        program = gather(parse_lines(lines, problems), problems)
        compiled = _compile(program, stems, problems)
    except TooManyProblems:
        compiled = None
    problems.raise_if_any()
    assert compiled is not None
    return compiled


def _lines(source: str | bytes, name: str) -> list[str]:
    try:
        data = source.encode() if isinstance(source, str) else source
        if len(data) > SOURCE_BYTES_MAX:
            raise _refused(name, f"a script has at most {SOURCE_BYTES_MAX // 1024} KiB, this one has {len(data)} bytes")
        text = data.decode("utf-8-sig")
    except UnicodeError as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise _refused(name, "a script is UTF-8 text, this is not", Span(line, column, 0)) from None
    return [line.removesuffix("\r") for line in text.split("\n")]


def _refused(name: str, message: str, span: Span = FIRST) -> ScriptError:
    return ScriptError([Problem("error", name, span, message, "")])


def _compile(program: Program, stems: Sequence[StemFacts], problems: Problems) -> Compiled | None:
    """The script compiled, or None with errors noted."""
    name = experience(program, problems)
    clock_facts = clock(program, problems)
    mix_facts = mix(program, problems)
    slider_table = sliders(program, problems)
    if clock_facts is None or not _has_sections(program, problems):
        return None
    pools = Pools(program, stems, clock_facts, problems)
    pools.check_size(program)
    expressions = Expressions(program, problems)
    sections = Sections(program, expressions, Layers(program, clock_facts, pools, expressions, problems), problems)
    table = sections.all()
    transitions = Transitions(program, sections, clock_facts, problems)
    if not problems.errors and not any(section.layers for section in table):
        first = next(iter(program.blocks.values())).section.name
        problems.error(first.span, "the script plays nothing", expected=["a `play` line in a section"])
    if problems.errors:
        return None
    budget = Budget(program, table, transitions, clock_facts, problems)
    budget.check_all(mix_facts.voices, mix_facts.voices_span)
    stem_table, pool_table = pools.tables()
    if problems.errors:
        return None
    score = Score(
        version=VERSION,
        name=name,
        rate_hz=clock_facts.rate_hz,
        tempo_mbpm=clock_facts.tempo_mbpm,
        beats_per_bar=clock_facts.beats_per_bar,
        voices=mix_facts.voices,
        stems=len(stem_table),
        target_mlufs=mix_facts.target_mlufs,
        peak_mdb=mix_facts.peak_mdb,
        edge_in_frames=EDGE_IN_FRAMES,
        edge_out_frames=EDGE_OUT_FRAMES,
        sliders=slider_table,
        pools=pool_table,
        sections=table,
        transitions=transitions.rules,
    )
    return _finish(score, stem_table, budget, problems)


def _finish(score: Score, stems: list[StemFacts], budget: Budget, problems: Problems) -> Compiled | None:
    data = score.encode()
    if len(data) > U16:
        problems.error(FIRST, f"the score takes {len(data)} bytes, a player holds {U16}")
        return None
    # The player's own check: a score it would refuse must not leave the compiler.
    decode_score(data)
    return Compiled(
        name=score.name,
        score=data,
        stems=stems,
        rate_hz=score.rate_hz,
        voices=score.voices,
        target_mlufs=score.target_mlufs,
        peak_mdb=score.peak_mdb,
        voices_worst=budget.voices_worst,
        decisions_per_hour_max=budget.decisions_per_hour(),
        sections=tuple(section.name for section in score.sections),
        warnings=tuple(problems.warnings),
    )


def _has_sections(program: Program, problems: Problems) -> bool:
    lost = program.broken_lines or any(kind == "section" for kind, _ in program.broken)
    if not program.blocks and not lost:
        problems.error(FIRST, "the script has no section", expected=["a line such as `section drift 16..32 bars`"])
    return bool(program.blocks)
