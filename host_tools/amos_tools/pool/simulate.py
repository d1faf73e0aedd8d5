"""`amos pool simulate`: what ways of dividing a pool come to, for honest venues and for a dishonest one."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.table import print_table
from amos_ledger.settlement.money import MICRO, MoneyError, parse_income
from amos_tools.pool.simulate_report import as_json, lines, outcome_table
from amos_tools.pool.simulate_run import simulate
from amos_tools.pool.simulate_svg import simulation_svg
from amos_tools.pool.simulate_world import DAYS_MAX, PLAYERS_MAX, STEMS_MAX, make_world


def simulate_command(
    players: Annotated[int, typer.Option(min=2, max=PLAYERS_MAX, help="Venues, of one player each.")] = 10_000,
    stems: Annotated[int, typer.Option(min=2, max=STEMS_MAX, help="Stems that they play.")] = 10_000,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="Days of play, divided as one period.")] = 365,
    income: Annotated[
        str | None, typer.Option(metavar="DECIMAL", help="The pool; by default 1.00 for each player and day.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of all that is drawn.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="SVG", help="Draw it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Draw over a file that is no drawing.")] = False,
    as_json_text: AsJson = False,
) -> None:
    """Divide a pool of made-up play by time, by plays and by popularity; then let one venue cheat. Reads no ledger."""
    with refusals(OutputRefused, OSError, usage=(MoneyError,), as_json=as_json_text):
        if out is not None and out.suffix.lower() != ".svg":
            raise UsageError(f"out: expected a name that ends in .svg, found {out}")
        pool_micro = players * days * MICRO if income is None else parse_income(income)
        started = time.process_time()
        found = simulate(make_world(players, stems, days, seed), pool_micro)
        took_s = time.process_time() - started
        size = f"{players:,} players, {stems:,} stems, {days:,} days, seed {seed}"
        if out is not None:
            write_output(out, simulation_svg(found, size).encode(), force, begins_with(b"<svg"))
    report = as_json(found, seed)
    if as_json_text:
        return print_json(report)
    print_table(outcome_table(report))
    print("\n".join(lines(found)))
    print(f"{size}: {took_s:.1f} s of CPU")
    if out is not None:
        print(f"drawn in {out}")
