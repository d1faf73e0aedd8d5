"""`amos fleet serve`: the desk that signs what people order at the pages."""

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from amos import crypto
from amos.edges.notify_host import heartbeat
from amos_cli.config import Config
from amos_cli.key_files import read_key
from amos_cli.logs import set_up_logging
from amos_cli.paths import folder_option
from amos_mqtt.broker import broker_of
from amos_tools.device.enrolling import ledger_of
from amos_tools.device.refusals import device_refusals
from amos_tools.fleet.options import (
    BrokerName,
    OperatorKeyFile,
    PasswordFile,
    TlsCa,
    TlsCertificate,
    TlsKey,
    Username,
    fleet_refusals,
)
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.pairing.answerer import Answerer
from amos_tools.fleet.pairing.book import Book
from amos_tools.fleet.pairing.enroller import Enroller
from amos_tools.fleet.wanted import place_of


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where orders come in; it is made.")],
    *,
    broker: BrokerName,
    operator_key_file: OperatorKeyFile,
    packs: Annotated[Path, folder_option(help="The packs that may be rolled out, each in a folder of its own.")],
    packs_place: Annotated[
        str | None, typer.Option(metavar="URL", help="Where couriers find these, by their folders' names.")
    ] = None,
    ledger: Annotated[
        Path | None, folder_option(help="The ledger's folder, where it is on this machine: pair new players.")
    ] = None,
    ledger_key: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Public key of a ledger elsewhere: pair new players over the broker."),
    ] = None,
    records: Annotated[Path, typer.Option(metavar="DIR", help="Where you keep the signed enrolments.")] = Path(
        "enrolments"
    ),
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    username: Username = None,
    password_file: PasswordFile = None,
    config: Config = None,
) -> None:
    """Sign what the pages' people order, keep roll-outs going and pair new players, until ended (SIGTERM, Ctrl-C)."""
    set_up_logging("desk")
    report = logging.getLogger("amos.desk").info
    with fleet_refusals(as_json=False), device_refusals():
        place = None if packs_place is None else place_of(packs_place)
        at = broker_of(broker, "auto", (tls_ca, tls_certificate, tls_key), username, password_file)
        desk, seed = DeskFolder(folder), read_key(operator_key_file)
        desk.make()
        pairs = ledger is not None or ledger_key is not None
        where = ledger_of(ledger, at, ledger_key) if pairs else None
        with desk.worked():
            book = None if where is None else Book(folder)
            worker = Worker(desk, Packs(packs, place), at, seed, report, book)
            answerer = None
            if where is not None and book is not None:
                enroller = Enroller(seed, crypto.public_key(seed), records, where)
                answerer = Answerer(at, book, enroller, worker.tell, report)
            _work(worker, answerer, lambda: report(f"the desk works at {folder}"))
        report("ended")


def _work(worker: Worker, answerer: Answerer | None, ready: Callable[[], None]) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if answerer is not None:
        answerer.start()
    ready()
    beat = heartbeat()
    try:
        while not stop.is_set():
            worker.turn()
            if beat is not None:
                beat()
    finally:
        if answerer is not None:
            answerer.end()
        worker.end()
