"""`amos ledger fsck`: whether everything that is stored is what it must be, and a database made anew from the log."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from amos_batches.runner import open_runner
from amos_cli.cluster import ClusterAddress
from amos_cli.output import AsJson, print_json
from amos_cli.paths import folder_argument
from amos_ledger.command import one_line_errors
from amos_ledger.folder import Folder
from amos_ledger.rebuilding import Rebuilt, rebuild_folder
from amos_ledger.scrub import Finding, scrub

FOUND = 1
"""Exit code when something is not as it must be."""


def fsck(
    folder: Annotated[Path, folder_argument("DIR", help="The ledger's folder.")],
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First make a new database from the log; end the service before.")
    ] = False,
    cluster: ClusterAddress = None,
    as_json: AsJson = False,
) -> None:
    """Hold everything stored against its hashes, its signatures and the log; exit code 1 if anything is wrong."""
    rebuilt: Rebuilt | None = None
    with one_line_errors(folder, as_json), open_runner(cluster) as runner:
        ledger = Folder(folder)
        if rebuild:
            rebuilt = rebuild_folder(ledger, time.time_ns() // 1_000_000, runner=runner)
        findings = scrub(ledger, runner)
    if as_json:
        facts = None if rebuilt is None else asdict(rebuilt) | {"kept": str(rebuilt.kept)}
        print_json({"rebuilt": facts, "findings": [asdict(finding) for finding in findings]})
    else:
        _say(rebuilt, findings)
    if findings:
        raise typer.Exit(FOUND)


def _say(rebuilt: Rebuilt | None, findings: list[Finding]) -> None:
    if rebuilt is not None:
        typer.echo(f"rebuilt from {rebuilt.size} entries; the old database is {rebuilt.kept}")
        if rebuilt.mended:
            typer.echo(f"  {len(rebuilt.mended)} entries came from the published bundles")
        if rebuilt.heads:
            typer.echo(f"  {rebuilt.heads} tree heads were not sound; the service gives their segments other receipts")
        for name in rebuilt.left:
            typer.echo(f"  lost with the old database, because the log does not say it: {name}")
    for finding in findings:
        typer.echo(f"{finding.where}: {finding.what}; {finding.remedy}")
    if not findings:
        typer.echo("nothing wrong")
