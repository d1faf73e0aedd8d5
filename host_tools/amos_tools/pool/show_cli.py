"""`amos pool show` and `amos pool history`: statements as people read them. Neither verifies anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_argument, file_option, folder_option
from amos_cli.table import print_table
from amos_ledger.settlement.money import signed_decimal
from amos_tools.pool.history import Month, NoStatements
from amos_tools.pool.history import history as history_of
from amos_tools.pool.plain_text import plain
from amos_tools.pool.read_core import OTHER_FIELDS, NotAStatement, other_fields, read_core_of, read_detail_of
from amos_tools.pool.statement_csv import DAYS, LINES, UNPAID, VENUES, days_csv, lines_csv, unpaid_csv, venues_csv
from amos_tools.pool.statement_days import WORDS, Detail, left_out
from amos_tools.pool.statement_html import is_statement_page, statement_page
from amos_tools.pool.statement_proof import closing_proof
from amos_tools.pool.statement_tables import statement_tables
from amos_tools.pool.statement_told import FORMATS, Core
from amos_tools.pool.tables import statement_notes, statement_table, unpaid_notes
from amos_tools.verify.proof import FORMAT

APPEAL_BYTES_MAX = 4096

Output = tuple[bytes, Callable[[Path], bool]]
"""What a file is to hold, and whether one that is there is ours to write over."""


def register(app: typer.Typer) -> None:
    """Add the commands to `amos pool`."""
    app.command()(show)
    app.command()(history)


def show(
    statement: Annotated[Path, file_argument("STATEMENT", help="A statement's file.")],
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="Write lines, unpaid, days and venues there (.csv)."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page to read and to print.")
    ] = None,
    tlog_proof: Annotated[
        Path | None,
        typer.Option("--tlog-proof", metavar="FILE", help="Write the proof of its closing (c2sp.org/tlog-proof)."),
    ] = None,
    appeal: Annotated[
        Path | None, file_option(help="Text of the operator: how to appeal; shown with the statement.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that this command did not make.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a statement as tables; write it for a spreadsheet or a printer. This checks nothing: `amos verify` does."""
    with refusals(NotAStatement, OutputRefused, OSError, as_json=as_json):
        how = "" if appeal is None else _appeal(appeal)
        core = read_core_of(statement)
        if core["format"] not in FORMATS and (csv or html):
            raise NotAStatement(f"{statement}: expected a statement of version 4 for --csv and --html")
        try:
            detail = read_detail_of(statement)
            tables, notes = _tables(core, detail, how)
            outputs = _outputs(core, detail, csv, html, how)
            if tlog_proof is not None:
                outputs[tlog_proof] = closing_proof(statement), begins_with(FORMAT.encode())
        except OTHER_FIELDS:
            raise other_fields(statement) from None
        if csv is not None:
            csv.mkdir(parents=True, exist_ok=True)
        for path, (data, ours) in outputs.items():
            write_output(path, data, force, ours)
    if as_json:
        return print_json(core if detail is None else {**core, "detail": detail})
    for table in tables:
        print_table(table)
    for note in notes:
        print(f"  {note}")
    for path in outputs:
        print(f"  written: {path}")


def history(
    payee: Annotated[str, typer.Argument(metavar="PAYEE", help="As in the catalogue.")],
    ledger: Annotated[Path | None, folder_option(help="The ledger's folder, for the statements that it wrote.")] = None,
    statements: Annotated[
        Path | None, folder_option(help="A folder of statements: PERIOD/PAYEE.json.gz, or PAYEE.json.gz.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what a payee had, earned and was paid, by closing. This checks nothing: `amos verify` does."""
    with refusals(NotAStatement, NoStatements, OSError, as_json=as_json):
        if (ledger is None) == (statements is None):
            raise UsageError("expected --ledger DIR or --statements DIR, one of them")
        folder = statements if statements is not None else Path(ledger or "") / "public" / "statements"
        try:
            months = history_of(payee, folder)
        except OTHER_FIELDS:
            raise other_fields(folder) from None
    if as_json:
        return print_json({"payee": payee, "periods": [month.facts() for month in months]})
    print_table(_history_table(payee, months))
    for month in months:
        if not month.follows:
            which = f"{month.period}, pool {plain(month.pool)}" if month.pool else month.period
            first = month is next(other for other in months if other.currency == month.currency)
            found = "a balance, and is the first" if first else "another balance than the statement before closed with"
            print(f"  {which}: opens with {found}; one is missing")


def _tables(core: Core, detail: Detail | None, appeal: str) -> tuple[list[Table], list[str]]:
    """Of any version; what does not stand in tables are notes."""
    shown = [] if detail is None else [f"venues appear {WORDS[detail['venues']]}", left_out(detail)]
    notes = [*statement_notes(core), *(text for text in (*shown, appeal) if text)]
    if core["format"] in FORMATS:
        return statement_tables(core, detail), notes
    return [statement_table(core)], [*unpaid_notes(core), *notes]


def _outputs(core: Core, detail: Detail | None, csv: Path | None, html: Path | None, appeal: str) -> dict[Path, Output]:
    """By path."""
    found: dict[Path, Output] = {}
    if csv is not None:
        found[csv / "lines.csv"] = lines_csv(core, detail), begins_with(",".join(LINES).encode())
        found[csv / "unpaid.csv"] = unpaid_csv(core, detail), begins_with(",".join(UNPAID).encode())
    if csv is not None and detail is not None:
        found[csv / "days.csv"] = days_csv(core, detail), begins_with(",".join(DAYS).encode())
        found[csv / "venues.csv"] = venues_csv(core, detail), begins_with(",".join(VENUES).encode())
    if html is not None:
        found[html] = statement_page(core, detail, appeal), is_statement_page
    return found


def _appeal(path: Path) -> str:
    """The operator's words, on one line. Raises `NotAStatement`."""
    with path.open("rb") as file:
        data = file.read(APPEAL_BYTES_MAX + 1)
    try:
        text = " ".join(data.decode().split())
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > APPEAL_BYTES_MAX:
        raise NotAStatement(f"{path}: expected 1 to {APPEAL_BYTES_MAX} bytes of text on how to appeal")
    return printable(text, letters_max=APPEAL_BYTES_MAX)


def _history_table(payee: str, months: list[Month]) -> Table:
    table = Table(title=f"{plain(payee)}: all periods")
    pools = any(month.pool for month in months)
    for name in ("period", "currency", *(("pool",) if pools else ())):
        table.add_column(name)
    for name in ("opening", "transfers", "earned", "closing", "of it payable", "frozen late", "held"):
        table.add_column(name, justify="right")
    for month in months:
        money = (month.opening_micro, month.transfers_micro, month.earned_micro, month.closing_micro)
        of_it = (month.payable_micro, month.frozen_late_micro, month.held_micro)
        texts = ("" if micro is None else signed_decimal(micro) for micro in (*money, *of_it))
        names = (month.period, month.currency, *((month.pool,) if pools else ()))
        table.add_row(*map(plain, names), *texts)
    return table
