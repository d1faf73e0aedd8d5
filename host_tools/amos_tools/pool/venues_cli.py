"""`amos pool venues`: how venues appear to payees, in what the ledger writes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.settlement.venues import NAME, PSEUDONYM, REGION
from amos_ledger.venue_policy import read_policy, write_policy
from amos_tools.report.errors import BadVenueList
from amos_tools.report.venue_list import read_venues


class Shown(StrEnum):
    """How venues appear."""

    name = NAME
    region = REGION
    pseudonym = PSEUDONYM


def register(app: typer.Typer) -> None:
    """Add the command to `amos pool`."""
    app.command()(venues)


def venues(
    ledger: Annotated[Path, folder_option(help="The ledger's folder.")],
    shown: Annotated[Shown | None, typer.Option("--set", help="How venues appear from the next statement on.")] = None,
    venue_list: Annotated[
        Path | None, file_option("--venue-list", metavar="CSV", help="site,name,region,territory, as far as stated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or set how venues appear in statements: by name, by region, or by a pseudonym, which is another for each
    payee. `amos report --venue-policy` takes the same."""
    with refusals(LedgerError, OSError, usage=(BadVenueList,), as_json=as_json):
        folder = Folder(ledger)
        if shown is None and venue_list is not None:
            raise UsageError("expected --venue-list with --set")
        if shown is not None:
            stated = read_policy(folder).stated if venue_list is None else read_venues(venue_list)
            write_policy(folder, shown.value, stated)
        policy = read_policy(folder)
    facts = {"policy": policy.policy, "venues": len(policy.stated)}
    if as_json:
        return print_json(facts)
    print(f"venues appear by {policy.policy}; {len(policy.stated)} are stated")
