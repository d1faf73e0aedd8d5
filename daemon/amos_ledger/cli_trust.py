"""`amos ledger prove` and `amos ledger cosign`: what others need to believe the log without its operator."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import file_option
from amos_ledger import proving, witnesses
from amos_ledger.cli_quarantine import device_id_of
from amos_ledger.command import LedgerFolder, one_line_errors
from amos_ledger.folder import Folder


def prove(
    folder: LedgerFolder,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's 32 digits (amos ledger status).")],
    sequence: Annotated[int, typer.Argument(metavar="SEQUENCE", min=1, help="Number of its segment.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the proof goes: NAME.tlog-proof.")],
    as_json: AsJson = False,
) -> None:
    """Write a proof that a segment is in the log, which stands by itself (`amos verify --proof`)."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        with ledger.open_store() as store:
            data = proving.prove(ledger, store, device_id_of(device), sequence)
    with refusals(OutputRefused, as_json=as_json):
        write_output(out, data, ours=begins_with(proving.FORMAT.encode()))
    if as_json:
        return print_json({"device_id": device.lower(), "sequence": sequence, "path": str(out)})
    typer.echo(f"segment {sequence} of {device.lower()} is proved: {out}")


def cosign(
    folder: LedgerFolder,
    policy: Annotated[Path, file_option(metavar="FILE", help="The witnesses and their quorum (c2sp.org/tlog-policy).")],
    as_json: AsJson = False,
) -> None:
    """Have witnesses cosign the published checkpoint; exit code 1 when too few did."""
    with one_line_errors(folder, as_json):
        ledger = Folder(folder)
        rule = witnesses.read_policy_file(policy)
        with ledger.open_store() as store:
            found = witnesses.cosign(ledger, store, rule)
    if as_json:
        print_json(asdict(found))
    else:
        quorum = "enough" if found.enough else "too few"
        named = ", ".join(found.witnesses) or "nobody"
        typer.echo(f"{found.size} entries are cosigned by {named}: {quorum}")
        for failure in found.failures:
            typer.echo(f"  {failure}")
    if not found.enough:
        raise typer.Exit(Exit.FINDING)
