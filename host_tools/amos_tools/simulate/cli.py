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
from amos_tools.pack.working import Working
from amos_tools.script.compile import Compiled, compile_script
from amos_tools.script.parse import read_source
from amos_tools.script.problems import ScriptError
from amos_tools.script.times import ClockError, clock_of
from amos_tools.simulate.allowance import TOLD, too_soon
from amos_tools.simulate.draw import drawn, play
from amos_tools.simulate.inputs import InputFileError, TimedInput, read_inputs
from amos_tools.simulate.report import as_json, lines, mix_json, print_report
from amos_tools.simulate.run import HOURS_MAX, SimStem
from amos_tools.simulate.seed import SeedError, seed32
from amos_tools.simulate.stems import script_table
from amos_tools.simulate.week import STYLE, week_of, week_svg
from amos_tools.simulate.window import MINUTES_MAX, Window, WindowError, window_of
from amos_tools.vault import Vault, VaultError

MIDNIGHT = "mon 00:00"
HOURS = 24


def simulate_command(
    file: Annotated[Path, file_argument("FILE", help="The script.")],
    vault: Annotated[Path, folder_option(help="The vault whose stems it plays.")],
    hours: Annotated[
        float | None, typer.Option(help="Hours of play.  [default: 24, or to the end of --minutes]")
    ] = None,
    seed: Annotated[str, typer.Option(metavar="N", help="A number, or 64 hex digits of a session's seed.")] = "1",
    clock: Annotated[str, typer.Option(metavar="DAY TIME", help="It starts then; `none`: without a clock.")] = MIDNIGHT,
    inputs: Annotated[Path | None, file_option("--input", help="JSON lines of inputs.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="SVG", help="Draw the day.")] = None,
    week: Annotated[
        Path | None,
        typer.Option("--week", metavar="SVG", help="Draw what parts and curves of the day set, as a week's calendar."),
    ] = None,
    begin: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Draw single bars from then on.")] = None,
    minutes: Annotated[float | None, typer.Option(help=f"So many minutes of them, up to {MINUTES_MAX}.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Draw over a file that is no drawing.")] = False,
    as_json_text: AsJson = False,
) -> None:
    """Play a script without audio, thousands of times faster than time; print shares, rests and repeats."""
    kinds = (ScriptError, VaultError, PackBuildError, OutputRefused, InputFileError, OSError)
    with refusals(*kinds, usage=(ClockError, SeedError, WindowError), as_json=as_json_text):
        for name, path in (("out", out), ("week", week)):
            if path is not None and path.suffix.lower() != ".svg":
                raise UsageError(f"{name}: expected a name that ends in .svg, found {path}")
        session_seed = seed32(seed)
        start = clock_of(clock)
        second = None if start is None else start % DAY_SECONDS
        window = window_of(begin, minutes, second, hours)
        if window is not None and out is None:
            raise UsageError("from: expected --out, the picture to draw, found none")
        hours = _hours(hours, window)
        compiled, score, stems, working = _prepared(file, vault)
        timed = [] if start is None else [TimedInput(0, INPUT_CLOCK, start)]
        timed += read_inputs(inputs, score) if inputs is not None else []
        started = time.perf_counter()
        played = play(score, stems, session_seed, hours, timed, window)
        elapsed = time.perf_counter() - started
        if out is not None:
            subtitle = (
                ("" if window else f"{hours:g} h, ") + f"seed {seed}" + ("" if start is None else f", from {clock}")
            )
            drawing = drawn(played, compiled, start, subtitle)
            write_output(out, drawing.encode(), force, begins_with(b"<svg"))
        if week is not None:
            calendar = week_svg(week_of(score), f"{score.name}: the week", STYLE)
            write_output(week, calendar.encode(), force, begins_with(b"<svg"))
    soon = too_soon(timed, score.rate_hz)
    rests = None if played.loudness is None else played.loudness.rests()
    report = as_json(score, stems, played.tally) | mix_json(score, stems, working, rests) | {"inputs_too_soon": soon}
    if start is None:  # no clock, no day
        report |= {"day_volume_cdb": None, "day_sliders": {}}
    if as_json_text:
        return print_json(report)
    print_report(report)
    print("\n".join(lines(report)))
    if soon:
        print(f"{soon} inputs come too soon: {TOLD}")
    print(f"{score.name}: {hours:g} h in {elapsed:.2f} s, {hours * 3600 / elapsed:,.0f} times real time")
    for path in filter(None, (out, week)):
        print(f"drawn in {path}")


def _hours(hours: float | None, window: Window | None) -> float:
    if hours is None:
        hours = HOURS if window is None else window.until_s / 3600
    if not 0 < hours <= HOURS_MAX:
        raise UsageError(f"hours: expected more than 0 and at most {HOURS_MAX}, found {hours}")
    return hours


def _prepared(file: Path, vault: Path) -> tuple[Compiled, Score, list[SimStem], Working]:
    with Vault(vault) as opened:
        compiled = compile_script(read_source(file), opened.stems(), name=str(file))
        return compiled, decode_score(compiled.score), *script_table(compiled, opened)
