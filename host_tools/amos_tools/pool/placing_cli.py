"""`amos pool open`, `move` and `members`: which sites share a pool of their own, by the operator's signed entries."""

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.closing import COMMUNAL
from amos.protocol.ledger_limits import TITLE_BYTES_MAX
from amos.protocol.licence_pool import OPEN, PLACE
from amos.protocol.printable_host import printable
from amos.protocol.transfer import is_name
from amos_cli.instants import unix_s_of
from amos_cli.key_files import KeyFileError, read_key
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_cli.text import shown_line
from amos_ledger.command import Unasked, utc
from amos_ledger.errors import BrokerUnusable, LedgerError
from amos_ledger.folder import Folder
from amos_ledger.outside import ask_served
from amos_ledger.placing_sites import Placed, SitesWanted, place
from amos_ledger.pool_segments import membership
from amos_mqtt.broker import BrokerSettingError

LedgerOption = Annotated[Path, folder_option(help="The ledger's folder.")]
OperatorKey = Annotated[Path, file_option(help="The operator's key file.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever reads the log: the licence.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="From when on (UTC): 2026-12-01T03:00; not before this entry is in the log. Default: from now on.",
    ),
]
PoolName = Annotated[str, typer.Argument(metavar="NAME", help="Its name: a-z, digits, - and _.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `amos pool`."""
    app.command("open")(open_)
    app.command()(move)
    app.command()(members)


def open_(
    name: PoolName,
    ledger: LedgerOption,
    operator_key_file: OperatorKey,
    reason: Reason,
    site: Annotated[list[str] | None, typer.Option(metavar="SITE", help="In it; may be given again.")] = None,
    from_: Since = None,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Open a pool of its own: its income is divided by what is played at its sites, and by nothing else."""
    with _refused(as_json):
        wanted = _wanted(OPEN, "name", name, site or [], from_, reason)
        folder, seed = Folder(ledger), read_key(operator_key_file)
        ask_served(folder, unasked)
        placed = place(folder, wanted, seed)
    _tell(placed, as_json)


def move(
    sites: Annotated[list[str], typer.Argument(metavar="SITE...", help="As enrolments name it.")],
    to: Annotated[str, typer.Option(metavar="NAME", help=f"An open pool, or {COMMUNAL}.")],
    ledger: LedgerOption,
    operator_key_file: OperatorKey,
    reason: Reason,
    from_: Since = None,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Move sites to another pool, or back to the communal one; what was played before stays where it was."""
    with _refused(as_json):
        wanted = _wanted(PLACE, "to", to, sites, from_, reason)
        folder, seed = Folder(ledger), read_key(operator_key_file)
        ask_served(folder, unasked)
        placed = place(folder, wanted, seed)
    _tell(placed, as_json)


def members(ledger: LedgerOption, as_json: AsJson = False) -> None:
    """Print the pools, which sites are in them, and since which entry of the log."""
    now_s = int(time.time())
    with _refused(as_json), Folder(ledger).open_store() as store:
        size, placed = store.size(), membership(store)
        pools = [COMMUNAL, *store.placings.pools(size)]
        named = {site for _index, _since_s, said in store.placings.said() for site in said.names}
        sites = sorted({site for _index, site in store.period_usage.sites().values()} | named)
        found = {site: placed.pool_of_site(site, size, now_s) for site in sites}
        entries = [_facts(Placed(said, index, since_s, True)) for index, since_s, said in store.placings.said()]
    of_pools = {pool: [site for site in sites if found[site] == pool] for pool in pools}
    if as_json:
        return print_json({"pools": of_pools, "entries": entries})
    for pool, names in of_pools.items():
        typer.echo(f"{pool}: {', '.join(names) or 'no site'}")
    for entry in entries:
        what = "opened" if entry["action"] == "open" else "goes on"
        typer.echo(
            f"  entry {entry['index']}: {entry['pool']} {what} with {', '.join(entry['sites']) or 'no site'} from"
            f" {utc(entry['since_unix_s'])} on; {printable(entry['reason'])}"
        )


def _wanted(action: int, option: str, pool: str, sites: list[str], from_: str | None, reason: str) -> SitesWanted:
    """What the words ask for. Raises `UsageError`."""
    for place_, name in ((option, pool), *(("site", site) for site in sites)):
        if not is_name(name):
            raise UsageError(
                f"{place_}: expected 1 to 64 of the letters a-z, digits, - and _, found {printable(name)!r}"
            )
    shown_line("reason", reason, TITLE_BYTES_MAX)
    return SitesWanted(action, pool, sites, None if from_ is None else unix_s_of(from_, "from"), reason)


def _refused(as_json: bool) -> AbstractContextManager[None]:
    return refusals(
        LedgerError,
        OSError,
        usage=(KeyFileError, BrokerSettingError),
        unreachable=(BrokerUnusable,),
        as_json=as_json,
    )


def _facts(placed: Placed) -> dict[str, Any]:
    said = placed.said
    return {
        "pool": said.pool,
        "action": "open" if said.action == OPEN else "move",
        "sites": said.names,
        "since_unix_s": placed.since_s,
        "reason": said.reason,
        "index": placed.leaf_index,
    }


def _tell(placed: Placed, as_json: bool) -> None:
    if as_json:
        return print_json(_facts(placed) | {"fresh": placed.fresh})
    said = placed.said
    done = f"entry {placed.leaf_index} of the log" + ("" if placed.fresh else ", as before")
    sites = ", ".join(said.names) or "no site yet"
    typer.echo(f"pool {said.pool}: {sites}, from {utc(placed.since_s)} on; {done}")
