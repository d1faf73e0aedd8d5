"""`amos fleet pair`: a code that lets one new player in at a site, and its end."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_cli.numbers import finite
from amos_cli.output import AsJson, print_json
from amos_cli.paths import folder_argument
from amos_cli.table import print_table
from amos_tools.fleet.errors import FleetError, UnreachableError
from amos_tools.fleet.options import fleet_refusals
from amos_tools.fleet.orders.ask import seen_to, sentence_of, user_name, waited
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import END, Order, pair_order
from amos_tools.fleet.pairing.book import read_codes
from amos_tools.fleet.pairing.codes import DAYS, DAYS_MAX, PAIRING, Code
from amos_tools.fleet.pairing.venue_link import VENUE_PAGE, checked_page, venue_link
from amos_tools.fleet.pairing.words import code_facts
from amos_web.in_terminal import picture_lines


def pair(
    folder: Annotated[Path, folder_argument("FOLDER", help="That of amos fleet serve.")],
    site: Annotated[
        str | None, typer.Argument(help="Where the player is; without it, the codes that there are.")
    ] = None,
    name: Annotated[str, typer.Option(help="What it is to be called there; else a free name.")] = "",
    tier: Annotated[int, typer.Option(min=0, max=255, help="User tier, reported with all its play.")] = 0,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="How long the code is good.")] = DAYS,
    end: Annotated[str | None, typer.Option(metavar="CODE", help="Take this code back: it pairs nobody.")] = None,
    venue_page: Annotated[
        str, typer.Option(metavar="URL", help="Where phones at a venue find its page; {site} is the site's name.")
    ] = VENUE_PAGE,
    wait_s: Annotated[float, typer.Option(min=0, callback=finite, help="Wait this long for the desk.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Have the desk draw a code of six digits, by which one new player is paired at the site's page."""
    with fleet_refusals(as_json):
        page, ended_by = checked_page(venue_page), ""
        if end is not None:
            code, ended_by = _ended(DeskFolder(folder), end, site, wait_s)
        elif site is None:
            return _list(folder, as_json)
        else:
            code = _drawn(DeskFolder(folder), pair_order(user_name(), site, name, tier, days), wait_s)
    facts = code_facts(read_codes(folder), code, time.time())
    link = None if end is not None else venue_link(page, code.site, code.code)
    if as_json:
        return print_json(facts | {"link": link})
    if ended_by:
        return print(f"{code.code} for {code.site} was taken back before, by {printable(ended_by, 64)}")
    if link is None:
        return print(f"{code.code} pairs nobody at {code.site} from here on")
    until = datetime.fromtimestamp(code.until_unix_s, UTC)
    print(f"{code.code} pairs one new player at {code.site}, until {until:%Y-%m-%d %H:%M} UTC")
    print(f"or by a phone there: {link}", *picture_lines(link), sep="\n")


def _drawn(desk: DeskFolder, order: Order, wait_s: float) -> Code:
    path = desk.put(order)
    if not seen_to(desk, path, wait_s):
        raise UnreachableError(f"{desk.path}: no desk drew a code, and none will: does amos fleet serve run?")
    code = read_codes(desk.path).of_ticket(order.given["ticket"])
    if code is None:
        raise FleetError(sentence_of(desk, path, order))
    return code


def _ended(desk: DeskFolder, given: str, site: str | None, wait_s: float) -> tuple[Code, str]:
    """The code, and who took it back before; empty: nobody."""
    codes, now_s = read_codes(desk.path), time.time()
    there = [code for code in codes.codes if site in (None, code.site)]
    found = next((code for code in there if code.code == given), None)
    if found is None:
        known = ", ".join(code.code for code in there if code.state(now_s) in PAIRING) or "none"
        raise FleetError(f"end: expected one of the codes that are good, {known}; found {given[:40]!r}")
    if found.ended_by:
        return found, found.ended_by
    order = Order(END, user_name(), {"site": found.site, "ticket": found.ticket})
    path = desk.put(order)
    is_done = waited(desk, path, wait_s)
    code = read_codes(desk.path).of_ticket(found.ticket)
    if code is not None and code.ended_by:
        return code, ""
    if not is_done:
        raise UnreachableError(
            f"{desk.path}: no desk took it back yet, and the order waits: does amos fleet serve run?"
        )
    raise FleetError(sentence_of(desk, path, order))


def _list(folder: Path, as_json: bool) -> None:
    found, now_s = read_codes(folder), time.time()
    facts = [code_facts(found, code, now_s) for code in reversed(found.codes)]
    if as_json:
        return print_json({"codes": facts})
    table = Table("site", "code", "state", "until (UTC)", "player", "locked until (UTC)")
    for each in facts:
        until, locked = each["until_unix_s"], each["locked_until_unix_s"]
        player = escape(each["called"] or each["name"]) + (f" {each['device_id'][:8]}" if each["device_id"] else "")
        table.add_row(each["site"], each["code"], each["state"], _utc(until), player, _utc(locked))
    print_table(table)


def _utc(unix_s: int | None) -> str:
    return "" if unix_s is None else f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M}"
