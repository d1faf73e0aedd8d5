"""`amos courier token`: who may use the venue's page and API."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos_cli.output import AsJson, print_json, refusals
from amos_cli.paths import folder_option
from amos_cli.table import print_table
from amos_sync.venue.serve import tokens_of
from amos_web.errors import TokenError


def token(
    spool: Annotated[Path, folder_option(help="The courier's folder.")],
    name: Annotated[str | None, typer.Option(help="Make a token for this person or phone, and print it once.")] = None,
    take_away: Annotated[str | None, typer.Option(metavar="NAME", help="Let nobody in with it any more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make, list or take away tokens for the venue's page and API; works beside a running courier."""
    with refusals(TokenError, as_json=as_json):
        tokens = tokens_of(spool)
        if take_away is not None:
            tokens.take_away(take_away)
        made = None if name is None else tokens.make(name)
        kept = tokens.all()
    if as_json:
        listed = [{"name": each.name, "made_unix_s": each.made_unix_s} for each in kept]
        return print_json({"token": made, "tokens": listed})
    if made is not None:
        print(made)
        return
    table = Table("name", "made")
    for each in kept:
        table.add_row(
            escape(each.name), datetime.fromtimestamp(each.made_unix_s).astimezone().isoformat(" ", "minutes")
        )
    print_table(table)
