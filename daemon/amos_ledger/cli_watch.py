"""`amos ledger watch`, `alerts`, `snooze`: what is wrong with devices, told once, and what to be quiet about."""

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from amos.edges.notify_host import heartbeat
from amos_cli.config import Config
from amos_cli.durations import seconds_of
from amos_cli.logs import set_up_logging
from amos_cli.numbers import finite
from amos_cli.output import AsJson, Exit, UsageError, print_json
from amos_cli.paths import file_option
from amos_ledger.command import LedgerFolder, one_line_errors, utc
from amos_ledger.folder import Folder
from amos_ledger.watch.channels import Channel, Log, Mail, Webhook
from amos_ledger.watch.conditions import Rules
from amos_ledger.watch.state_file import read_state, snooze_alert
from amos_ledger.watch.watcher import Watcher
from amos_mqtt.address import AddressError, host_and_port, shown
from amos_mqtt.broker import BrokerSettingError

StateFile = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="What was told; watch.json in the ledger's folder.")
]

BEAT_S = 10.0
"""How often a supervisor hears that it still watches, between two rounds."""


def watch(
    folder: LedgerFolder,
    every: Annotated[str, typer.Option(metavar="TIME", help="Between two looks.")] = "1m",
    once: Annotated[bool, typer.Option("--once", help="Look once; 1 when something could not be told.")] = False,
    silent: Annotated[str, typer.Option(metavar="TIME", help="Grace: how long a device may be silent.")] = "3d",
    grace: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE[/NAME]=TIME", help="Another grace for a site, or one place there; repeatable."),
    ] = None,
    lease: Annotated[str, typer.Option(metavar="TIME", help="Tell of leases that end within this.")] = "7d",
    ratio: Annotated[
        float, typer.Option(min=0, max=1, callback=finite, help="Least share of real time that is delivered.")
    ] = 0.95,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="POST alerts there, as JSON.")] = None,
    mail_to: Annotated[list[str] | None, typer.Option(metavar="ADDRESS", help="Mail them; repeatable.")] = None,
    mail_from: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Who the mail is from.")] = None,
    smtp: Annotated[str, typer.Option(metavar="HOST:PORT", help="The mail server; 465: TLS at once.")] = "localhost:25",
    smtp_user: Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with there.")] = None,
    smtp_password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    state: StateFile = None,
    config: Config = None,
) -> None:
    """Tell once of each device that is silent, quarantined or slow, or whose lease ends, and once when it is over."""
    set_up_logging("watch")
    report = logging.getLogger("amos.ledger").info
    with one_line_errors(folder, usage=(BrokerSettingError,)):
        rules = Rules(
            seconds_of(silent, "--silent"), _graces(grace or []), seconds_of(lease, "--lease"), ratio_min=ratio
        )
        channels: list[Channel] = [Log(report)]
        if webhook is not None:
            channels.append(Webhook(_url(webhook)))
        if mail_to:
            channels.append(_mail(mail_to, mail_from, smtp, smtp_user, smtp_password_file))
        every_s = seconds_of(every, "--every")
        ledger = Folder(folder)
        watcher = Watcher(ledger.path, state_of(ledger.path, state), rules, channels, report)
        if once:
            raise typer.Exit(Exit.FINE if watcher.round(int(time.time())) else Exit.FINDING)
        _run(watcher, every_s)


def alerts(folder: LedgerFolder, state: StateFile = None, as_json: AsJson = False) -> None:
    """List what `watch` found wrong, with the key of each."""
    with one_line_errors(folder, as_json):
        path = state_of(folder, state)
        rows = read_state(path).facts()
    if as_json:
        return print_json({"alerts": rows})
    for row in rows:
        snoozed = f", snoozed until {utc(row['snoozed_until_unix_s'])}" if row["snoozed_until_unix_s"] else ""
        over = "over: " if row["over"] else ""
        typer.echo(f"{row['key']} since {utc(row['since_unix_s'])}{snoozed}: {over}{row['sentence']}")
    if not rows:
        typer.echo("nothing is wrong")


def snooze(
    folder: LedgerFolder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Of the alert, or how it begins: silent:3475…")],
    duration: Annotated[str, typer.Option("--for", metavar="TIME", help="How long not to tell it.")],
    state: StateFile = None,
    as_json: AsJson = False,
) -> None:
    """Do not tell an alert again before a time; what is still wrong then is told once more."""
    with one_line_errors(folder, as_json):
        until_s = int(time.time()) + seconds_of(duration, "--for")
        found = snooze_alert(state_of(folder, state), key, until_s)
        if found is None:
            raise UsageError(f"{key[:80]}: expected how the key of one alert begins", "amos ledger alerts lists them")
    if as_json:
        return print_json({"key": found.key, "snoozed_until_unix_s": until_s})
    typer.echo(f"{found.key} is not told before {utc(until_s)}")


def _run(watcher: Watcher, every_s: int) -> None:
    stop, beat = threading.Event(), heartbeat()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    due_s = 0.0
    while not stop.is_set():
        if time.monotonic() >= due_s:
            watcher.round(int(time.time()))
            due_s = time.monotonic() + every_s
        if beat is not None:
            beat()
        stop.wait(min(max(due_s - time.monotonic(), 0), BEAT_S))


def state_of(folder: Path, state: Path | None) -> Path:
    """The file of the option `--state`, or where it is unless told otherwise."""
    return folder / "watch.json" if state is None else state


def _graces(texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        place, equals, duration = text.rpartition("=")
        if not equals or not place:
            raise UsageError(f"--grace: expected SITE=TIME or SITE/NAME=TIME, found {text[:80]!r}")
        found[place] = seconds_of(duration, "--grace")
    return found


def _url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise UsageError(f"--webhook: expected a URL with http or https, found {text[:80]!r}")
    return text


def _mail(to: list[str], sender: str | None, server: str, user: str | None, password_file: Path | None) -> Mail:
    if sender is None:
        raise UsageError("--mail-to: expected --mail-from with it")
    if (user is None) != (password_file is None):
        raise UsageError("--smtp-user and --smtp-password-file: expected both or neither")
    for address in (*to, sender):
        if address.count("@") != 1 or not address.isprintable() or any(letter in address for letter in " ,;<>"):
            raise UsageError(f"mail: expected an address, found {address[:80]!r}")
    if ":" not in server:
        raise UsageError(f"--smtp: expected HOST:PORT, found {shown(server)}")
    try:
        where = host_and_port(server, 0)
    except AddressError as error:
        raise UsageError(f"--smtp: {error}") from None
    return Mail(where, sender, tuple(to), user, password_file)
