"""`amos report`: what was played in a period, for societies, licensors and registries."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.closing import COMMUNAL
from amos.protocol.record import UNIX_S_MAX
from amos_batches.errors import BatchError
from amos_cli.cluster import ClusterAddress
from amos_cli.files import OutputRefused, begins_with, write_output
from amos_cli.key_files import KeyFileError
from amos_cli.output import AsJson, print_json, refusals
from amos_cli.paths import folder_option
from amos_ledger.errors import LedgerError
from amos_ledger.settlement.money import MoneyError, decimal
from amos_ledger.settlement.periods import PeriodError
from amos_tools.report import dsr as ddex
from amos_tools.report import options, play_log, registry, society
from amos_tools.report.errors import BadParty, PolicyIncomplete, ReportError
from amos_tools.report.grouped import groups_of
from amos_tools.report.options import Source, VenuesShown
from amos_tools.report.terms import CATEGORY, RIGHTS_TYPE, Terms
from amos_tools.report.usage import PeriodUsage
from amos_tools.vault import Vault, VaultError
from amos_tools.verify.errors import KeyNotGiven, VerifyError

app = typer.Typer(help="Report what was played, from the published log and pinned keys.", no_args_is_help=True)

File = Annotated[Path, typer.Option("--out", metavar="FILE", help="The report's file.")]

_REFUSED = (VerifyError, ReportError, KeyFileError, OutputRefused, LedgerError)
_USAGE = (KeyNotGiven, MoneyError, PeriodError, PolicyIncomplete, BadParty)


@app.command("society")
def society_(
    period: options.Period,
    published: options.Place,
    out: File,
    keys: options.KeysFile = None,
    ledger_key: options.Key = None,
    publisher_key: options.Key = None,
    operator_key: options.Key = None,
    venues: options.Shown = VenuesShown.pseudonym,
    venue_key_file: options.VenueKey = None,
    venue_list: options.VenueList = None,
    venue_policy: options.PolicyOf = None,
    territory: options.Territory = "",
    licence: options.Licence = "",
    currency: options.Currency = None,
    category: Annotated[str, typer.Option(help="The category of use, as the society names it.")] = CATEGORY,
    rights_type: options.RightsType = RIGHTS_TYPE,
    payee: options.Payee = None,
    pool: options.Pool = COMMUNAL,
    cluster: ClusterAddress = None,
    force: options.Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the background-music report of a month as CSV: a line for each stem, venue and tier (REPORTS.md)."""
    with refusals(*_REFUSED, BatchError, usage=_USAGE, as_json=as_json):
        policy = options.venues_of(venues, venue_key_file, venue_list, venue_policy).of_payee(payee)
        terms = Terms(
            policy,
            options.checked_territory(territory),
            licence and options.checked_words("--licence", licence),
            options.checked_words("--category", category),
            options.checked_words("--rights-type", rights_type),
            payee,
        )
        source = Source(published, keys, ledger_key, publisher_key, operator_key, cluster)
        usage = source.read(period, currency=currency, pool=pool)
        options.check_payee(usage, payee)
        report = society.society_report(usage, terms)
        write_output(out, report.data, force, begins_with(_header(society.COLUMNS)))
    _tell(out, report, usage, terms, as_json)


@app.command()
def playlog(
    period: options.Period,
    published: options.Place,
    out: File,
    keys: options.KeysFile = None,
    ledger_key: options.Key = None,
    publisher_key: options.Key = None,
    operator_key: options.Key = None,
    venues: options.Shown = VenuesShown.pseudonym,
    venue_key_file: options.VenueKey = None,
    venue_list: options.VenueList = None,
    venue_policy: options.PolicyOf = None,
    payee: options.Payee = None,
    pool: options.Pool = COMMUNAL,
    cluster: ClusterAddress = None,
    force: options.Force = False,
    as_json: AsJson = False,
) -> None:
    """Write every placement of a month in the order of time, with what is known of its time, as CSV."""
    with refusals(*_REFUSED, BatchError, usage=_USAGE, as_json=as_json):
        terms = Terms(options.venues_of(venues, venue_key_file, venue_list, venue_policy).of_payee(payee), payee=payee)
        source = Source(published, keys, ledger_key, publisher_key, operator_key, cluster)
        usage = source.read(period, keep_placements=True, pool=pool)
        options.check_payee(usage, payee)
        report = play_log.play_log(usage, terms)
        write_output(out, report.data, force, begins_with(_header(play_log.COLUMNS)))
    _tell(out, report, usage, terms, as_json)


@app.command()
def dsr(
    period: options.Period,
    published: options.Place,
    sender: Annotated[str, typer.Option(help="Who reports.")],
    sender_dpid: Annotated[str, typer.Option(metavar="DPID", help="The sender's DDEX party id: PADPIDA….")],
    recipient: Annotated[str, typer.Option(help="To whom.")],
    recipient_dpid: Annotated[str, typer.Option(metavar="DPID", help="The recipient's DDEX party id.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", file_okay=False, help="Where the file goes, under DDEX's name for it."),
    ],
    service: Annotated[str, typer.Option(help="The service's name: letters, digits and -.")] = "BackgroundMusic",
    keys: options.KeysFile = None,
    ledger_key: options.Key = None,
    publisher_key: options.Key = None,
    operator_key: options.Key = None,
    venue_list: options.VenueList = None,
    territory: options.Territory = "",
    rights_type: options.RightsType = RIGHTS_TYPE,
    currency: options.Currency = None,
    commercial_model: Annotated[str, typer.Option(help="In DDEX's words.")] = "AsPerContract",
    use_type: Annotated[str, typer.Option(help="In DDEX's words.")] = "AsPerContract",
    message_version: Annotated[str, typer.Option(help="As agreed with the recipient.")] = ddex.MESSAGE_VERSION,
    payee: options.Payee = None,
    pool: options.Pool = COMMUNAL,
    created: Annotated[
        int | None,
        typer.Option(metavar="UNIX_S", min=0, max=UNIX_S_MAX, help="When it was made, to repeat it; else now."),
    ] = None,
    cluster: ClusterAddress = None,
    force: options.Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a closed month as a DDEX DSR flat file: Part 6, Royalty Reporting Profile. It names no venues."""
    with refusals(*_REFUSED, BatchError, OSError, usage=_USAGE, as_json=as_json):
        parties = ddex.Parties(
            options.checked_dpid("--sender-dpid", sender_dpid),
            options.checked_words("--sender", sender),
            options.checked_dpid("--recipient-dpid", recipient_dpid),
            options.checked_words("--recipient", recipient),
            options.checked_service(service),
            options.checked_words("--commercial-model", commercial_model),
            options.checked_words("--use-type", use_type),
            options.checked_words("--message-version", message_version),
        )
        terms = Terms(
            options.venues_of(VenuesShown.region, None, venue_list),
            options.checked_territory(territory),
            rights_type=options.checked_words("--rights-type", rights_type),
            payee=payee,
        )
        source = Source(published, keys, ledger_key, publisher_key, operator_key, cluster)
        usage = source.read(period, currency=currency, pool=pool)
        options.check_payee(usage, payee)
        message = ddex.dsr_message(usage, terms, parties, int(time.time()) if created is None else created)
        out.mkdir(parents=True, exist_ok=True)
        # Its name says neither pool nor payee: another message of the same second is not written over.
        write_output(out / message.name, message.data, force, begins_with(message.head))
    _tell_message(out / message.name, message, usage, as_json)


@app.command("registry")
def registry_(
    vault: Annotated[Path, folder_option(help="The vault whose stems are told.")],
    out: File,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV; else as JSON.")] = False,
    force: options.Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the attribution registry: whose each stem is, its splits and codes, AI use and training."""
    with refusals(VaultError, OutputRefused, as_json=as_json):
        with Vault(vault) as opened:
            stems = opened.published_stems()
        data = registry.registry_csv(stems) if as_csv else registry.registry_json(stems)
        mark = _header(registry.COLUMNS) if as_csv else registry.JSON_BEGINNING
        write_output(out, data, force, begins_with(mark))
    if as_json:
        return print_json({"file": str(out), "stems": len(stems)})
    print(f"{out}: {len(stems)} stems")


def _header(columns: tuple[str, ...]) -> bytes:
    return (",".join(columns) + "\r\n").encode()


def _tell(out: Path, report: society.Report, usage: PeriodUsage, terms: Terms, as_json: bool) -> None:
    groups = groups_of(usage, terms)
    micro = None if usage.money is None else sum(group.micro or 0 for group in groups)
    currency = None if usage.money is None else usage.money.currency
    facts: dict[str, Any] = {
        "file": str(out),
        "report_id": report.report_id,
        "period": usage.period,
        "pool": usage.pool,
        "closed": usage.money is not None,
        "lines": report.lines,
        "play_ms": sum(group.ms for group in groups),
        "unpaid_ms": sum(group.ms for group in groups if not group.earns),
        "plays": sum(group.plays for group in groups),
        "currency": currency,
        "amount_micro": micro,
    }
    if as_json:
        return print_json(facts)
    plays = f"{facts['plays']} plays, {facts['play_ms']} ms"
    of_pool = "" if usage.pool == COMMUNAL else f", pool {usage.pool}"
    print(f"{out}: report {report.report_id} of {usage.period}{of_pool}, {plays}")
    if micro is None:
        print(f"  {usage.period} is open: it tells use so far, and no money")
    else:
        print(f"  {decimal(micro)} {currency} of a pool of {decimal(usage.money.pool_micro if usage.money else 0)}")


def _tell_message(path: Path, message: ddex.Message, usage: PeriodUsage, as_json: bool) -> None:
    if as_json:
        return print_json(
            {
                "file": str(path),
                "message_id": message.message_id,
                "period": usage.period,
                "pool": usage.pool,
                "lines": message.lines,
                "summaries": message.summaries,
                "blocks": message.blocks,
                "licence": ddex.LICENCE,
            }
        )
    print(f"{path}: message {message.message_id}")
    print(f"  {message.lines} lines, {message.summaries} summaries, {message.blocks} blocks")
    print(f"  {ddex.LICENCE}")
