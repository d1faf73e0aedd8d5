"""`amos ledger`: keep a ledger. Every error is one line that names it; nobody is shown a traceback."""

import json
import logging
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from amos.protocol.errors import MessageError
from amos_ledger import registry
from amos_ledger.errors import BrokerUnusable, LedgerError, StorageFailed
from amos_ledger.folder import Folder, init_folder, parse_key
from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.opt_outs import add_opt_outs, read_opt_outs
from amos_ledger.records import Totals
from amos_ledger.service import Service
from amos_mqtt.broker import BrokerSettingError, broker_at

app = typer.Typer(help="Keep the ledger: enrol devices, publish packs, serve couriers.", no_args_is_help=True)

LedgerFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The ledger's folder.")]


@app.command()
def init(
    folder: LedgerFolder,
    origin: Annotated[str, typer.Option(metavar="NAME", help="The log's name for all time, e.g. ledger.example/amos.")],
    operator_key: Annotated[str, typer.Option(metavar="HEX", help="Public key whose enrolments count.")],
    publisher_key: Annotated[str, typer.Option(metavar="HEX", help="Public key whose packs and catalogues count.")],
) -> None:
    """Make a ledger with a key of its own, and print its public key."""
    with _one_line_errors(folder):
        keys = parse_key(operator_key, "operator-key"), parse_key(publisher_key, "publisher-key")
        made = init_folder(folder, origin, *keys)
        with made.open_store() as store:
            registry.publish(made, store)
        typer.echo(made.public_key.hex())


@app.command()
def enrol(
    folder: LedgerFolder, file: Annotated[Path, typer.Argument(metavar="FILE", help="The signed enrolment.")]
) -> None:
    """Let a device's segments count. The same enrolment again is no error."""
    with _one_line_errors(folder):
        ledger = Folder(folder)
        data = registry.read_enrolment(file)
        with ledger.open_store() as store:
            enrolment, fresh = registry.enrol(ledger, store, data)
            registry.publish(ledger, store)
        state = "enrolled" if fresh else "was enrolled before"
        place = f" in the place of {enrolment.predecessor.hex()}" if enrolment.predecessor else ""
        typer.echo(f"{enrolment.device_id.hex()} {state}: {enrolment.name} at {enrolment.site}{place}")


@app.command()
def publish(
    folder: LedgerFolder,
    pack_folder: Annotated[Path, typer.Argument(metavar="PACKDIR", help="Holds manifest.cose and catalogue.cose.")],
) -> None:
    """Let play of a pack's stems count. The same pack again is no error."""
    with _one_line_errors(folder):
        ledger = Folder(folder)
        files = registry.read_pack(pack_folder)
        with ledger.open_store() as store:
            pack, manifest, fresh = registry.add_pack(ledger, store, *files)
            registry.publish(ledger, store)
        state = "published" if fresh else "was published before"
        typer.echo(f"{pack.hex()} {state}: {manifest.name}, {len(manifest.stems)} stems")


@app.command()
def optouts(
    folder: LedgerFolder, file: Annotated[Path, typer.Argument(metavar="FILE", help="From amos pack optouts.")]
) -> None:
    """Hand the publisher's opt-out list to every courier. The same list again is no error."""
    with _one_line_errors(folder):
        opt_outs, fresh = add_opt_outs(Folder(folder), read_opt_outs(file))
        state = "in force" if fresh else "was in force before"
        typer.echo(f"opt-outs {opt_outs.serial} {state}: {len(opt_outs)} stems")


@app.command()
def serve(
    folder: LedgerFolder,
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker; port 1883, with TLS 8883.")],
    once_idle: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="End after this long without a message.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="The ledger's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
) -> None:
    """Take usage from the broker, answer with receipts or refusals, until ended (SIGTERM, Ctrl-C)."""
    logging.basicConfig(format="%(asctime)s ledger: %(message)s", level=logging.INFO)
    report = logging.getLogger("amos.ledger").info
    with _one_line_errors(folder):
        where = broker_at(broker, tls_ca, tls_certificate, tls_key)
        ledger = Folder(folder)
        ledger.open_store().close()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with ledger.serving():
            edge = MqttEdge(where, f"amos-ledger-{ledger.key_id.hex()}", report)
            report(f"serving {folder}, origin {ledger.trust.origin}")
            Service(Ledger(ledger), edge, report, stop).run(once_idle)
            report("ended")
        if once_idle is not None and not edge.reached:
            raise BrokerUnusable(f"broker: expected one at {where.name}, found none in {once_idle:g} s")


@app.command()
def status(
    folder: LedgerFolder, as_json: Annotated[bool, typer.Option("--json", help="The same as data.")] = False
) -> None:
    """Say what the ledger holds; works while it serves."""
    with _one_line_errors(folder):
        ledger = Folder(folder)
        with ledger.open_store() as store:
            totals = store.totals()
    if as_json:
        typer.echo(json.dumps(_facts(ledger, totals), indent=2))
        return
    typer.echo(f"{ledger.trust.origin}, key {ledger.public_key.hex()}, {totals.log_size} entries in the log")
    refused = sum(totals.refused.values())
    typer.echo(
        f"{totals.accepted} accepted, {totals.duplicates} duplicates, {totals.held} held, {refused} refused,"
        f" {len(totals.quarantined)} devices in quarantine, {totals.frames} frames"
    )
    for name, count in totals.refused.items():
        typer.echo(f"  refused as {name}: {count}")
    for device in totals.devices:
        typer.echo(
            f"  {device.device} {device.name} at {device.site}: {device.segments} segments, {device.frames} frames"
            + (f", {device.held} held" if device.held else "")
            + (f", quarantined: {device.quarantine}" if device.quarantine else "")
            + (f", replaced by {device.successor}" if device.successor else "")
        )
        if device.predecessor:
            place = f"{device.place_segments} segments, {device.place_frames} frames"
            typer.echo(f"    in the place of {device.predecessor}: {place} in all")


def _facts(folder: Folder, totals: Totals) -> dict[str, Any]:
    facts = {"origin": folder.trust.origin, "public_key": folder.public_key.hex()} | asdict(totals)
    return facts | {"quarantined": [device.device for device in totals.quarantined]}


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        raise _refusal(error.name, error) from None
    except (MessageError, BrokerSettingError) as error:
        raise _refusal(type(error).__name__, error) from None
    except (OSError, sqlite3.Error) as error:
        raise _refusal(StorageFailed.__name__, f"{folder}: {error}") from None


def _refusal(name: str, error: object) -> typer.Exit:
    typer.echo(f"{name}: {' '.join(str(error).split())}", err=True)
    return typer.Exit(1)
