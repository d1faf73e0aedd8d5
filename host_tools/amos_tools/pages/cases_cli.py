"""`amos pages cases`: what payees wrote to the operator, and the answers."""

from dataclasses import asdict
from typing import Annotated

import typer

from amos.protocol.printable_host import printable
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_ledger.command import LedgerFolder, one_line_errors, utc
from amos_ledger.folder import Folder
from amos_tools.pages.cases import Cases
from amos_web.errors import TokenError

OPERATOR = "operator"
"""Who answers, where nobody says."""


def cases(
    folder: LedgerFolder,
    answer: Annotated[int | None, typer.Option(metavar="NUMBER", help="Answer this case.")] = None,
    text: Annotated[str | None, typer.Option(help="With --answer: what the payee is told.")] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="With --answer: who answers.")] = OPERATOR,
    as_json: AsJson = False,
) -> None:
    """List what payees wrote to the operator, those that wait first, or answer it; works while the pages are served."""
    if (answer is None) != (text is None):
        raise UsageError("expected --answer and --text together")
    with refusals(TokenError, as_json=as_json), one_line_errors(folder, as_json):
        kept = Cases(Folder(folder).path)
        if answer is not None:
            kept.answer(answer, by, text or "")
        found = kept.all()
    if as_json:
        return print_json({"cases": [asdict(case) for case in found]})
    for case in found:
        state = "waits" if case.answer is None else f"answered by {printable(case.answered_by or '')}"
        typer.echo(f"case {case.number}, {case.payee}, {utc(case.written_unix_s)}, {state}")
        typer.echo(f"  {printable(case.name)}: {printable(' '.join(case.text.split()))}")
        if case.answer is not None:
            typer.echo(f"  answer: {printable(' '.join(case.answer.split()))}")
    if not found:
        typer.echo("no messages")
