"""`amos pages`: the pages of a ledger, and who may see them."""

import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos.edges.notify_host import heartbeat
from amos_cli.config import Config
from amos_cli.logs import set_up_logging
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_cli.table import print_table
from amos_ledger.cli_watch import StateFile, state_of
from amos_ledger.command import LedgerFolder, one_line_errors, utc
from amos_ledger.folder import Folder
from amos_mqtt.broker import broker_of
from amos_tools.fleet.pairing.venue_link import VENUE_PAGE, checked_page
from amos_tools.pages.cases_cli import cases
from amos_tools.pages.serve import WEB_PORT, people_of, serving_pages
from amos_web.errors import TokenError, WebUnusable
from amos_web.in_terminal import picture_lines
from amos_web.limits import LINK_MINUTES
from amos_web.people import ROLES

SWITCH_S = 0.001
BEAT_S = 10.0
"""How often a supervisor hears that the pages are served."""


app = typer.Typer(help="Pages of a ledger, for its operators and payees.", no_args_is_help=True)


@app.command()
def serve(
    folder: LedgerFolder,
    web: Annotated[str, typer.Option(metavar="HOST:PORT", help="Serve the pages there.")] = f"127.0.0.1:{WEB_PORT}",
    web_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name by which browsers call this machine; repeatable.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The MQTT broker, for what players say of themselves.")
    ] = None,
    desk: Annotated[Path | None, folder_option(help="The folder of amos fleet serve, which signs orders.")] = None,
    venue_page: Annotated[
        str, typer.Option(metavar="URL", help="Where phones at a venue find its page; {site} is the site's name.")
    ] = VENUE_PAGE,
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="The operator's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")] = None,
    password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    state: StateFile = None,
    config: Config = None,
) -> None:
    """Serve the pages beside a ledger that serves, until ended (SIGTERM, Ctrl-C). They read its store alone."""
    set_up_logging("pages")
    report = logging.getLogger("amos.pages").info
    with refusals(WebUnusable, TokenError), one_line_errors(folder):
        where = None
        if broker is not None:
            tls = tls_ca, tls_certificate, tls_key
            where = broker_of(broker, "auto", tls, username, password_file)
        elif any((tls_ca, tls_certificate, tls_key, username, password_file)):
            raise UsageError("tls and login: expected with --broker, of which they are")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        # Whoever asks while the fleet is looked at takes turns with that; five milliseconds each would add up.
        sys.setswitchinterval(SWITCH_S)
        at = state_of(folder, state)
        known = at, where, report, desk, checked_page(venue_page)
        with serving_pages(web, web_host or [], Folder(folder), *known) as pages:
            report(f"pages at http://{web.rpartition(':')[0] or web}:{pages.port}")
            beat = heartbeat()
            while not stop.is_set():
                if beat is not None and pages.alive():
                    beat()
                stop.wait(BEAT_S)
        report("ended")


@app.command()
def invite(
    folder: LedgerFolder,
    name: Annotated[str | None, typer.Option(help="Make a one-time link for this person, and print it once.")] = None,
    role: Annotated[str, typer.Option(help=f"What they may see: {', '.join(ROLES)}.")] = "player",
    payee: Annotated[str | None, typer.Option(help="With the role payee: whose statements.")] = None,
    address: Annotated[
        str, typer.Option(metavar="URL", help="Where people reach the pages.")
    ] = f"http://127.0.0.1:{WEB_PORT}",
    take_away: Annotated[str | None, typer.Option(metavar="NAME", help="Let nobody in by that name any more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a one-time link, list who may come in, or take that away; works while the pages are served."""
    with refusals(TokenError, as_json=as_json), one_line_errors(folder, as_json):
        people = people_of(Folder(folder).path)
        if take_away is not None:
            people.take_away(take_away)
        code = None if name is None else people.invite(name, role, payee)
        kept = people.all()
    link = None if code is None else f"{address.rstrip('/')}/signin#{code}"
    if as_json:
        listed = [
            {"name": each.name, "role": each.role, "payee": each.payee, "link_until_unix_s": each.link_until_unix_s}
            for each in kept
        ]
        return print_json({"link": link, "people": listed})
    if link is not None:
        print(link, *picture_lines(link), sep="\n")
        print(f"lets one person in once, within {LINK_MINUTES} minutes", flush=True)
        return
    table = Table("name", "role", "payee", "since")
    for each in kept:
        since = utc(each.made_unix_s) + (" (link not used yet)" if each.link_until_unix_s is not None else "")
        table.add_row(escape(each.name), each.role, each.payee or "", since)
    print_table(table)


app.command()(cases)
