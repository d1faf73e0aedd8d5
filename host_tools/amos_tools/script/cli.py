"""`amos script …`: check a script against a vault before it is deployed, and ask why it plays what it plays."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.printable_host import printable
from amos.score.inputs import INPUT_CLOCK
from amos.score.score import decode_score
from amos_cli.files import OutputRefused, write_output
from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_cli.paths import file_argument, file_option, folder_option
from amos_tools.boards import load_board
from amos_tools.pack.build import stretched_stems
from amos_tools.pack.conform import has_stretcher
from amos_tools.pack.errors import PackBuildError
from amos_tools.script.compile import Compiled, compile_script
from amos_tools.script.explain import Play, explain_at, explain_placement
from amos_tools.script.format import format_script
from amos_tools.script.memory import BOARDS
from amos_tools.script.parse import read_source
from amos_tools.script.problems import ScriptError
from amos_tools.script.shape_work import affords, work_percent
from amos_tools.script.times import ClockError, clock_of
from amos_tools.simulate.cli import MIDNIGHT, simulate_command
from amos_tools.simulate.inputs import InputFileError, TimedInput, read_inputs
from amos_tools.simulate.seed import SeedError, seed32
from amos_tools.simulate.stems import script_stems
from amos_tools.vault import Vault, VaultError

HOURS_MAX = 72
"""How far `explain` looks ahead."""


class NothingPlays(Exception):
    """The script places fewer stems than were asked for."""


STEMS_NAMED_MAX = 3
"""In one line; the rest is counted."""

app = typer.Typer(help="Aimi Script: check what a script will do.", no_args_is_help=True)
app.command("simulate")(simulate_command)

ScriptFile = Annotated[Path, file_argument("FILE", help="The script.")]
VaultFolder = Annotated[Path, folder_option(help="The vault whose stems it plays.")]


@app.callback()
def script() -> None:
    """Aimi Script: check what a script will do."""


@app.command()
def check(file: ScriptFile, vault: VaultFolder, as_json: AsJson = False) -> None:
    """Compile FILE against a vault; print what is wrong with it, or a short summary."""
    compiled = _compiled(file, vault, as_json)
    lacking = _lacking_stretcher(compiled)
    if as_json:
        return print_json({**check_facts(compiled), "lacking": lacking})
    for warning in compiled.warnings:
        typer.echo(warning.render() + "\n", err=True)
    if lacking:
        typer.echo(lacking + "\n", err=True)
    typer.echo(summary(compiled))


def _lacking_stretcher(compiled: Compiled) -> str | None:
    """What to install before a pack of this script can be built here; None where all is there."""
    stretched = [] if has_stretcher() else stretched_stems(compiled)
    if not stretched:
        return None
    titles = ", ".join(printable(stem.title, 40) for stem in stretched[:STEMS_NAMED_MAX])
    more = f" and {len(stretched) - STEMS_NAMED_MAX} more" if len(stretched) > STEMS_NAMED_MAX else ""
    return (
        f"warning: {titles}{more}: of another tempo or key than the script, so a pack needs python-stretch, which this"
        " machine lacks: pip install python-stretch, or build the pack on a desk's machine (on ARM there is none)"
    )


@app.command(name="format")
def format_command(
    file: ScriptFile,
    check_only: Annotated[bool, typer.Option("--check", help="Print nothing; fail if it is another.")] = False,
    write: Annotated[bool, typer.Option("--write", "-w", help="Rewrite FILE instead of printing.")] = False,
) -> None:
    """Print FILE in the canonical form; comments and meaning stay."""
    with refusals(ScriptError, OSError):
        source = read_source(file)
        text = format_script(source, name=str(file))
    same = text.encode() == source
    if check_only:
        if not same:
            typer.echo(f"{file} is not in canonical form", err=True)
            raise typer.Exit(Exit.FINDING)
    elif not write:
        typer.echo(text, nl=False)
    elif not same:
        with refusals(OutputRefused):
            write_output(file, text.encode(), force=True)
        typer.echo(f"formatted {file}")


@app.command()
def explain(
    file: ScriptFile,
    vault: VaultFolder,
    seed: Annotated[str, typer.Option(metavar="N", help="A number, or 64 hex digits of a session's seed.")] = "1",
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Since the start: 90, 1:30 or 0:01:30.5.")] = None,
    placement: Annotated[int | None, typer.Option(min=1, metavar="K", help="The K-th placement.")] = None,
    clock: Annotated[str, typer.Option(metavar="DAY TIME", help="It starts then; `none`: without a clock.")] = MIDNIGHT,
    inputs: Annotated[Path | None, file_option("--input", help="JSON lines of inputs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a stem plays in what `simulate` plays: pool, candidates, draw, and the rules that gave way."""
    with _script_refusals(as_json):
        if (at is None) == (placement is None):
            raise UsageError("expected one of --at and --placement")
        seconds = 0.0 if at is None else _seconds(at)
        source = read_source(file)
        start = clock_of(clock)
        timed = [] if start is None else [TimedInput(0, INPUT_CLOCK, start)]
        seed_bytes = seed32(seed)
        with Vault(vault) as opened:
            compiled = compile_script(source, opened.stems(), name=str(file))
            timed += read_inputs(inputs, decode_score(compiled.score)) if inputs is not None else []
            play = Play(compiled, script_stems(compiled, opened), seed_bytes, timed)
        if placement is None:
            story: str | None = explain_at(play, int(seconds * compiled.rate_hz))
        else:
            story = explain_placement(play, placement, HOURS_MAX)
        if story is None:
            raise NothingPlays(f"expected {placement} placements in {HOURS_MAX} h, found fewer")
    if as_json:
        return print_json({"story": story.splitlines()})
    typer.echo(story)


@contextmanager
def _script_refusals(as_json: bool) -> Iterator[None]:
    kinds = (ScriptError, VaultError, PackBuildError, InputFileError, OSError)
    with refusals(*kinds, usage=(ClockError, SeedError), as_json=as_json):
        yield


def _seconds(text: str) -> float:
    """Seconds of `90`, `1:30` or `0:01:30.5`, with or without ` s`."""
    match = re.fullmatch(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,6})?)(?: ?s)?", text.strip())
    total = float(match[3]) + 60 * int(match[2] or 0) + 3600 * int(match[1] or 0) if match else -1.0
    if not 0 <= total <= HOURS_MAX * 3600:
        raise UsageError(f"--at: expected a time up to {HOURS_MAX} h such as 90 or 1:30, found {text!r}")
    return total


def _compiled(file: Path, vault: Path, as_json: bool) -> Compiled:
    with _script_refusals(as_json), Vault(vault) as opened:
        return compile_script(read_source(file), opened.stems(), name=str(file))
    raise AssertionError("a refusal ends the command")


def check_facts(compiled: Compiled) -> dict[str, Any]:
    """What `summary` tells, and the warnings."""
    score = decode_score(compiled.score)
    return {
        "name": compiled.name,
        "sections": len(compiled.sections),
        "stems": _distinct(compiled),
        "variants": len(compiled.stems),
        "score_bytes": len(compiled.score),
        "voices": compiled.voices,
        "voices_most": compiled.voices_worst,
        "voices_worth": work_percent(score) / 100 or compiled.voices_worst,
        "target_mlufs": compiled.target_mlufs,
        "peak_mdb": compiled.peak_mdb,
        "rate_hz": compiled.rate_hz,
        "decisions_per_hour_max": compiled.decisions_per_hour_max,
        "heap_bytes": compiled.heap_bytes,
        "boards_hold_it": {board: compiled.heap_bytes <= limit for board, limit in BOARDS.items()},
        "boards_afford_it": {board: affords(score, load_board(board)) for board in BOARDS},
        "renders": [
            {"name": plan.name, "length_frames": plan.length_frames, "hits": plan.hits} for plan in compiled.renders
        ],
        "warnings": [warning.render() for warning in compiled.warnings],
    }


def summary(compiled: Compiled) -> str:
    """A few lines about a script that compiled."""
    stems, sections = _distinct(compiled), len(compiled.sections)
    variants = f" in {len(compiled.stems)} variants" if len(compiled.stems) > stems else ""
    lines = [
        f"{compiled.name}: {sections} section{'s' * (sections != 1)}, {stems} stem{'s' * (stems != 1)}{variants}, "
        f"{len(compiled.score)} bytes of score",
        f"  voices   {compiled.voices_worst} at most, of {compiled.voices}{_worth(compiled)}",
        f"  mix      {compiled.target_mlufs / 1000:g} LUFS, peak {compiled.peak_mdb / 1000:g} dBTP, "
        f"{compiled.rate_hz} Hz",
        f"  cost     at most {compiled.decisions_per_hour_max} decisions an hour",
        f"  memory   about {-(-compiled.heap_bytes // 1024)} KiB on a board; {_boards(compiled.heap_bytes)}",
    ]
    for plan in compiled.renders:
        seconds = plan.length_frames / compiled.rate_hz
        lines.append(f"  render   “{plan.name}”, {seconds:g} s, {plan.hits} hit{'s' * (plan.hits != 1)}")
    return "\n".join(lines)


def _worth(compiled: Compiled) -> str:
    score = decode_score(compiled.score)
    work = work_percent(score)
    if not work:
        return ""
    boards = [
        f"{board.name} {'affords it' if affords(score, board) else 'cannot'} ({board['audio.voices']})"
        for board in map(load_board, BOARDS)
    ]
    return f"; with their shapes they take a board the time of {work / 100:.1f}: {', '.join(boards)}"


def _distinct(compiled: Compiled) -> int:
    return len({stem.stem_id for stem in compiled.stems})


def _boards(heap_bytes: int) -> str:
    return ", ".join(
        f"{board} {'holds it' if heap_bytes <= limit else 'does not'} ({limit // 1024} KiB)"
        for board, limit in BOARDS.items()
    )
