"""`amos bench`: the figures that are promised, measured on this machine."""

import importlib
import json
from typing import Annotated

import typer

from amos_tools.bench.figure import Figure, print_table

SECTIONS = {
    "render": "amos_tools.bench.render",
    "device": "amos_tools.bench.device",
}
"""Section -> module with `measure(scale: float) -> list[Figure]`; a scale below 1 measures less and tells less."""


def bench(
    sections: Annotated[
        list[str] | None, typer.Argument(metavar="[SECTION]...", help=f"Of {', '.join(SECTIONS)}; all by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    scale: Annotated[float, typer.Option(min=0.001, max=10, help="Sizes, as a factor; 1 is what figures mean.")] = 1,
) -> None:
    """Measure speed and memory against yardsticks in the same run, and print one table."""
    chosen = sections or list(SECTIONS)
    for name in chosen:
        if name not in SECTIONS:
            typer.echo(f"bench: expected sections of {', '.join(SECTIONS)}, found {name}", err=True)
            raise typer.Exit(2)
    figures: list[Figure] = []
    for name in dict.fromkeys(chosen):
        figures += importlib.import_module(SECTIONS[name]).measure(scale)
    if as_json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        print_table(figures)
