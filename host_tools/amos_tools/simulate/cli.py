"""`amos script simulate`: what hours of a script come to, before it is deployed."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos.score.day_clock import DAY_SECONDS
from amos.score.inputs import INPUT_CLOCK
from amos.score.score import Score, decode_score
from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_argument, file_option, folder_option
from amos_tools.pack.errors import PackBuildError
from amos_tools.script.compile import compile_script
from amos_tools.script.parse import read_source
from amos_tools.script.problems import ScriptError
from amos_tools.script.times import ClockError, clock_of
from amos_tools.simulate.allowance import TOLD, too_soon
from amos_tools.simulate.day import Day
from amos_tools.simulate.inputs import InputFileError, TimedInput, read_inputs
from amos_tools.simulate.report import as_json, lines, print_report
from amos_tools.simulate.run import HOURS_MAX, SimStem, frames_in, watch
from amos_tools.simulate.seed import SeedError, seed32
from amos_tools.simulate.stems import script_stems
from amos_tools.simulate.svg import day_svg
from amos_tools.simulate.tally import Tally
from amos_tools.vault import Vault, VaultError

MIDNIGHT = "mon 00:00"


def simulate_command(
    file: Annotated[Path, file_argument("FILE", help="The script.")],
    vault: Annotated[Path, folder_option(help="The vault whose stems it plays.")],
    hours: Annotated[float, typer.Option(help="Hours of play.")] = 24,
    seed: Annotated[str, typer.Option(metavar="N", help="A number, or 64 hex digits of a session's seed.")] = "1",
    clock: Annotated[str, typer.Option(metavar="DAY TIME", help="It starts then; `none`: without a clock.")] = MIDNIGHT,
    inputs: Annotated[Path | None, file_option("--input", help="JSON lines of inputs.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="SVG", help="Draw the day.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Draw over a file that is no drawing.")] = False,
    as_json_text: AsJson = False,
) -> None:
    """Play a script without audio, thousands of times faster than time; print shares, rests and repeats."""
    kinds = (ScriptError, VaultError, PackBuildError, OutputRefused, InputFileError, OSError)
    with refusals(*kinds, usage=(ClockError, SeedError), as_json=as_json_text):
        if not 0 < hours <= HOURS_MAX:
            raise UsageError(f"hours: expected more than 0 and at most {HOURS_MAX}, found {hours}")
        if out is not None and out.suffix.lower() != ".svg":
            raise UsageError(f"out: expected a name that ends in .svg, found {out}")
        session_seed = seed32(seed)
        score, stems = _prepared(file, vault)
        start = clock_of(clock)
        second = None if start is None else start % DAY_SECONDS
        timed = [] if start is None else [TimedInput(0, INPUT_CLOCK, start)]
        timed += read_inputs(inputs, score) if inputs is not None else []
        started = time.perf_counter()
        tally, day = _run(score, stems, session_seed, hours, timed)
        elapsed = time.perf_counter() - started
        if out is not None:
            subtitle = f"{hours:g} h, seed {seed}" + ("" if start is None else f", from {clock}")
            drawing = day_svg(score, stems, tally, day, subtitle, second)
            write_output(out, drawing.encode(), force, begins_with(b"<svg"))
    soon = too_soon(timed, score.rate_hz)
    report = as_json(score, stems, tally) | {"inputs_too_soon": soon}
    if as_json_text:
        return print_json(report)
    print_report(report)
    print("\n".join(lines(report)))
    if soon:
        print(f"{soon} inputs come too soon: {TOLD}")
    print(f"{score.name}: {hours:g} h in {elapsed:.2f} s, {hours * 3600 / elapsed:,.0f} times real time")
    if out is not None:
        print(f"drawn in {out}")


def _prepared(file: Path, vault: Path) -> tuple[Score, list[SimStem]]:
    with Vault(vault) as opened:
        compiled = compile_script(read_source(file), opened.stems(), name=str(file))
        score = decode_score(compiled.score)
        return score, script_stems(compiled, opened)


def _run(score: Score, stems: list[SimStem], seed: bytes, hours: float, inputs: list[TimedInput]) -> tuple[Tally, Day]:
    tally = Tally(score, stems)
    day = Day(score, len(stems), frames_in(hours, score.rate_hz))
    watch(score, stems, seed, hours, [tally, day], inputs)
    return tally, day
