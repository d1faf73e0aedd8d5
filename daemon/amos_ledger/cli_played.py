"""`amos ledger played`: proof of play by site and day, as the page of the same name shows it."""

from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.printable_host import printable
from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.output import AsJson, print_json
from amos_cli.sheet import csv_bytes
from amos_ledger.command import LedgerFolder, one_line_errors
from amos_ledger.folder import Folder
from amos_ledger.proof_of_play import COLUMNS, ProofOfPlay, day_text, proof_of_play
from amos_ledger.settlement.periods import PeriodError, parse_period


def played(
    folder: LedgerFolder,
    period: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month, UTC.")],
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write it there for a spreadsheet.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that this command did not make.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what counts for a month by site and day, in sums of the receipts; works while the ledger serves."""
    with one_line_errors(folder, as_json, usage=(PeriodError, OutputRefused)):
        parse_period(period)
        with Folder(folder).open_store_to_read() as store, store.snapshot():
            proof = proof_of_play(period, store.played_days.of_sites(period))
        if csv is not None:
            write_output(csv, proof_csv(proof), force, begins_with(",".join(COLUMNS).encode()))
    if as_json:
        return print_json(proof.facts())
    for row in (*proof.rows, proof.total):
        where = f"{printable(row.site)} {day_text(row.day) or 'undated'}" if row.site else "in all"
        late = f", {row.unreceipted} without a receipt yet" if row.unreceipted else ""
        typer.echo(f"{where}: {row.segments} segments{late}, {row.frames} frames")


def proof_csv(proof: ProofOfPlay) -> bytes:
    """For a spreadsheet; the last line, whose site is empty, is the sum."""
    facts = proof.facts()
    return csv_bytes(COLUMNS, [[str(cell) for cell in row.values()] for row in (*facts["rows"], facts["total"])])
