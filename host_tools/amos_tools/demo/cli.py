"""`amos demo`: players render, meter and sign; a courier syncs; the ledger proves; the pool is divided."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_ledger.settlement.money import MoneyError
from amos_tools.demo.content import check_installed, starter_script
from amos_tools.demo.processes import DemoError, ended_alike
from amos_tools.demo.report import print_report
from amos_tools.demo.run import Options, run_demo
from amos_tools.demo.serve import Pages, check_web, closed_pages, serving_demo
from amos_tools.demo.workdir import Workdir
from amos_tools.demo.workdir import workdir as workdir_of
from amos_tools.toolchain import ToolMissing


def demo(
    minutes: Annotated[int, typer.Option(min=1, max=10_000, help="Music that each player renders.")] = 10,
    workdir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep everything there; a second run continues. By default in the user's cache, until the next demo.",
        ),
    ] = None,
    stems: Annotated[Path | None, folder_option(help="Your own stems instead of the starter vault.")] = None,
    sidecar: Annotated[Path | None, file_option(metavar="CSV", help="Facts about those stems.")] = None,
    script: Annotated[Path | None, file_option(help="Your own Aimi Script.")] = None,
    income: Annotated[str, typer.Option(metavar="DECIMAL", help="What the pool takes in.")] = "1000.00",
    currency: Annotated[str, typer.Option(metavar="CODE", help="Its currency.")] = "EUR",
    serve: Annotated[bool, typer.Option("--serve", help="Then keep the three pages open, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the way of a stem: from a synthesised starter vault to a verified payout, with real processes."""
    started = time.monotonic()

    def say(line: str) -> None:
        if not as_json:
            print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)

    def tell(facts: dict[str, Any], pages: Pages, work: Workdir) -> None:
        facts["pages"] = pages.facts()
        if as_json:
            print_json(facts)
        else:
            print_report(facts, work)
        sys.stdout.flush()

    options = Options(minutes, income, currency, stems, sidecar, script or starter_script())
    try:
        with ended_alike(), refusals(DemoError, ToolMissing, OSError, usage=(MoneyError,), as_json=as_json):
            check_installed()
            if serve:
                check_web()
            with workdir_of(workdir) as work:
                facts = run_demo(work, options, say)
                if serve:
                    payees = [payee["payee"] for payee in facts["settlement"]["payees"]]
                    with serving_demo(work, payees, Path(facts["keys"])) as served:
                        tell(facts, served.pages, work)
                        served.keep()
                else:
                    tell(facts, closed_pages(), work)
    except KeyboardInterrupt:
        again = "begin anew" if workdir is None else "continue"
        with suppress(OSError):  # the terminal was closed
            typer.echo(f"amos demo: stopped; the same command again will {again}", err=True)
        raise typer.Exit(130) from None
    if not (facts["verified"] and facts["totals"]["frames_agree"] and facts["totals"]["pool_agrees"]):
        raise typer.Exit(Exit.FINDING)
