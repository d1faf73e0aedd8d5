"""`amos script …`: check a script against a vault before it is deployed."""

from pathlib import Path
from typing import Annotated

import typer

from amos_tools.script.compile import Compiled, compile_script
from amos_tools.script.parse import SOURCE_BYTES_MAX
from amos_tools.script.problems import ScriptError
from amos_tools.simulate.cli import simulate_command
from amos_tools.vault import Vault, VaultError

app = typer.Typer(help="Aimi Script: check what a script will do.", no_args_is_help=True)
app.command("simulate")(simulate_command)


@app.callback()
def script() -> None:
    """Aimi Script: check what a script will do."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The script.")],
    vault: Annotated[Path, typer.Option(help="The vault whose stems it plays.")],
) -> None:
    """Compile FILE against a vault; print what is wrong with it, or a short summary."""
    try:
        with file.open("rb") as handle:
            source = handle.read(SOURCE_BYTES_MAX + 1)
    except OSError as error:
        typer.echo(f"error: cannot read {file}: {error.strerror or error}", err=True)
        raise typer.Exit(2) from None
    try:
        with Vault(vault) as opened:
            compiled = compile_script(source, opened.stems(), name=str(file))
    except ScriptError as error:
        typer.echo(error.render(), err=True)
        raise typer.Exit(1) from None
    except VaultError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    for warning in compiled.warnings:
        typer.echo(warning.render() + "\n", err=True)
    typer.echo(summary(compiled))


def summary(compiled: Compiled) -> str:
    """A few lines about a script that compiled."""
    stems, sections = len(compiled.stems), len(compiled.sections)
    return "\n".join(
        [
            f"{compiled.name}: {sections} section{'s' * (sections != 1)}, {stems} stem{'s' * (stems != 1)}, "
            f"{len(compiled.score)} bytes of score",
            f"  voices   {compiled.voices_worst} at most, of {compiled.voices}",
            f"  mix      {compiled.target_mlufs / 1000:g} LUFS, peak {compiled.peak_mdb / 1000:g} dBTP, "
            f"{compiled.rate_hz} Hz",
            f"  cost     at most {compiled.decisions_per_hour_max} decisions an hour",
        ]
    )
