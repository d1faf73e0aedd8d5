"""`amos bench`: the figures that are promised, measured on this machine."""

import importlib
from typing import Annotated

import typer

from amos_cli.names import hint
from amos_cli.numbers import finite
from amos_cli.output import AsJson, Exit, UsageError, print_json, refusals
from amos_tools.bench.figure import Figure, print_figures

SECTIONS = {
    "render": "amos_tools.bench.render",
    "device": "amos_tools.bench.device",
    "audit": "amos_tools.bench.audit",
    "ledger": "amos_tools.bench.ledger",
    "settle": "amos_tools.bench.settle",
    "sync": "amos_tools.bench.sync",
    "web": "amos_tools.bench.web",
    "ledger-large": "amos_tools.bench.ledger_large",
    "settle-large": "amos_tools.bench.settle_large",
}
"""Section -> module with `measure(scale: float) -> list[Figure]`; a scale below 1 measures less and tells less."""

ONLY_BY_NAME = {"ledger-large", "settle-large"}
"""Sections that take half an hour and much of a disk."""


def bench(
    sections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SECTION]...", help=f"Of {', '.join(SECTIONS)}; all but the large ones by default."),
    ] = None,
    as_json: AsJson = False,
    scale: Annotated[
        float, typer.Option(min=0.001, max=10, callback=finite, help="Sizes, as a factor; 1 is what figures mean.")
    ] = 1,
) -> None:
    """Measure speed and memory against yardsticks in the same run, and print one table.

    Ends with 1 where something that is to be measured does not work.
    """
    chosen = sections or [name for name in SECTIONS if name not in ONLY_BY_NAME]
    with refusals(as_json=as_json):
        for name in set(chosen) - set(SECTIONS):
            raise UsageError(f"expected sections of {', '.join(SECTIONS)}, found {name}{hint(name, SECTIONS)}")
    figures: list[Figure] = []
    for name in dict.fromkeys(chosen):
        figures += importlib.import_module(SECTIONS[name]).measure(scale)
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print_figures(figures)
    if any(figure.broken for figure in figures):
        raise typer.Exit(Exit.FINDING)
