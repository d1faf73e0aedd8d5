"""Command line of the courier: `run`, `status`, `check`, `pair`, and the sticks of shops without a network."""

import signal
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from amos.edges.notify_host import heartbeat
from amos.protocol.printable_host import printable
from amos_cli.config import config_option
from amos_cli.interrupted import saying_interrupted
from amos_cli.logs import set_up_logging
from amos_cli.output import AsJson, Exit, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_cli.table import print_table
from amos_metrics.errors import MetricsUnusable
from amos_mqtt.broker import BrokerSettingError
from amos_sync.check.command import check
from amos_sync.cli_pair import pair
from amos_sync.cli_stick import carry, export_, import_
from amos_sync.clock import clock_ms
from amos_sync.courier import Courier
from amos_sync.courier_metrics import CourierGauges, serving_metrics, summary
from amos_sync.errors import SettingError, SyncError
from amos_sync.limits import SPOOL_BYTES_MAX
from amos_sync.options import settings_of
from amos_sync.report import report
from amos_sync.venue.cli import token
from amos_sync.venue.serve import Venue, serving_venue
from amos_web.errors import WebUnusable

app = typer.Typer(help="The courier: brings signed segments from players to the ledger, and receipts back.")


@app.callback()
def _group() -> None:
    """A group, whichever of its commands is used."""


app.command()(check)
app.command("export")(export_)
app.command("import")(import_)
app.command("carry")(carry)
app.command()(token)
app.command()(pair)


@app.command()
def run(
    context: typer.Context,
    site: Annotated[str, typer.Option(help="Name of the venue: a-z, digits, - and _.")],
    device: Annotated[
        list[str],
        typer.Option(help="unix:PATH, serial:PATH[,BAUD], tcp:ADDRESS:PORT, usb:VENDOR:PRODUCT; * is any; repeatable."),
    ],
    broker: Annotated[str, typer.Option(help="HOST or HOST:PORT of the MQTT broker.")],
    spool: Annotated[Path, typer.Option(help="Folder for what is on its way; one courier each.")],
    ledger_key: Annotated[
        str | None, typer.Option(metavar="HEX", help="Ledger's public key: check receipts here too.")
    ] = None,
    packs: Annotated[str | None, typer.Option(metavar="DIR|URL", help="The pack that players should have.")] = None,
    publisher_key: Annotated[
        str | None, typer.Option(metavar="HEX", help="Publisher's public key: check packs here too.")
    ] = None,
    operator_key: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", help="Operator's public key: check directives here too, and fetch packs they name."
        ),
    ] = None,
    until_idle: Annotated[bool, typer.Option(help="End (0) once every sealed segment is receipted.")] = False,
    timeout_s: Annotated[int, typer.Option(min=0, help="With --until-idle: give up (1) after this; 0 never.")] = 0,
    mqtt_version: Annotated[str, typer.Option(help="auto, 5 or 3.1.1.")] = "auto",
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="This courier's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    spool_mib: Annotated[int, typer.Option(min=1, help="Stop pulling at this size.")] = SPOOL_BYTES_MAX >> 20,
    opt_outs: Annotated[Path | None, typer.Option(help="The publisher's opt-out list, beside the broker's.")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")] = None,
    password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    home_assistant: Annotated[bool, typer.Option("--home-assistant", help="Show players in Home Assistant.")] = False,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve /metrics (Prometheus) and /health there.")
    ] = None,
    web: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve the venue's page and API there: 127.0.0.1:8080.")
    ] = None,
    web_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name by which browsers call this machine; repeatable.")
    ] = None,
    web_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Have phones find the page as NAME.local (mDNS): amos.")
    ] = None,
    config: Annotated[Path | None, config_option("courier")] = None,
) -> None:
    """Pull, send, resend until receipted, hand receipts back."""
    set_up_logging("courier")
    gauges = CourierGauges()
    with refusals(SyncError, MetricsUnusable, WebUnusable, usage=(BrokerSettingError, SettingError)):
        settings = settings_of(context.params)
        with serving_metrics(metrics, gauges), serving_venue(web, web_host or [], settings, web_name) as venue:
            code = _drive(Courier(settings), gauges, venue, until_idle, timeout_s)
    raise typer.Exit(code)


@app.command()
def status(
    spool: Annotated[Path, folder_option(help="The courier's folder.")],
    as_json: AsJson = False,
) -> None:
    """Show what is in a spool; works beside a running courier."""
    with refusals(SyncError, as_json=as_json):
        found = report(spool)
    if as_json:
        return print_json(found)
    table = Table("player", "port", "last", "pulled", "sent", "held", "refused", "receipted", "returned", "sent bytes")
    names = ("last_sequence", "pulled", "sent", "held", "refused", "receipted", "returned", "sent_bytes")
    for row in found["devices"]:
        table.add_row(row["device_id"][:8], escape(row["port"]), *[str(row[name]) for name in names])
    print_table(table)
    for row in found["devices"]:
        said = ""
        for refusal in row["refusals"]:
            detail = f" ({refusal['detail']})" if refusal["detail"] else ""
            advice = f". {refusal['sentence']}" if refusal["verdict"] != said else ""
            said = refusal["verdict"]
            print(printable(f"{row['device_id'][:8]}: segment {refusal['sequence']}: {said}{detail}{advice}"))
    carried = found["carried"]
    if carried["waiting"] or carried["answered"]:
        print(
            f"Carried for other shops: {carried['waiting']} wait for the ledger, {carried['answered']} have its answer."
        )
    if not found["running"]:
        print("No courier runs on this spool; amos courier run starts one.")
    for fault in found["faults"]:
        since = datetime.fromtimestamp(fault["since_unix_s"]).astimezone().isoformat(" ", "minutes")
        print(printable(f"since {since}: {fault['sentence']}"))


def _drive(courier: Courier, gauges: CourierGauges, venue: Venue | None, until_idle: bool, timeout_s: int) -> int:
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _frame: stopping.append(caught))
    beat = heartbeat()
    end_ms = clock_ms() + timeout_s * 1000 if until_idle and timeout_s else None
    try:
        while not stopping:
            courier.turn()
            gauges.note(courier)
            if venue is not None:
                venue.work(courier)
            if beat is not None:
                beat(partial(summary, courier))
            if not until_idle:
                continue
            if courier.idle:
                courier.notes.say("end", "every sealed segment is receipted")
                return 0
            refused = courier.stuck()
            if refused:
                courier.notes.say("end", f"{len(refused)} segments are refused and nothing else is left to do")
                return Exit.FINDING
            if end_ms is not None and clock_ms() >= end_ms:
                courier.notes.say("end", f"not done after {timeout_s} s: " + "; ".join(courier.missing()))
                return Exit.FINDING
        return 0 if not until_idle else Exit.FINDING
    finally:
        if beat is not None:
            beat.stopping()
        courier.close()


if __name__ == "__main__":
    with saying_interrupted("courier"):
        app()
