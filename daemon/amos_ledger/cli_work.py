"""`amos ledger work`: one of several processes that take in usage for a ledger in a PostgreSQL database."""

import logging
import os
import secrets
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from amos_cli.config import Config
from amos_cli.logs import set_up_logging
from amos_cli.numbers import finite
from amos_cli.paths import file_option
from amos_ledger.collecting import keep_what_is_loaded
from amos_ledger.command import one_line_errors
from amos_ledger.database_there import wait_for_database
from amos_ledger.errors import BrokerUnusable, DatabaseRefused
from amos_ledger.mqtt import WORKER, MqttEdge
from amos_ledger.store.postgres_place import PostgresPlace
from amos_ledger.store.store import Store
from amos_ledger.worker import Worker, run_worker
from amos_mqtt.broker import broker_of

VARIABLE = "AMOS_LEDGER_DATABASE"

Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help=f"postgresql://HOST/NAME of the store; with a password, in {VARIABLE}.",
    ),
]


def checked_database(url: str | None) -> str | None:
    """The URL, or that of the environment, where alone it may hold a password: everybody on this machine reads a
    command line. Raises `DatabaseRefused`."""
    if url is None:
        return os.environ.get(VARIABLE) or None
    if PostgresPlace(url).password:
        raise DatabaseRefused(
            "--database: expected no password, since others see this command line; put the URL into the variable"
            f" {VARIABLE}, or the password into the file that PGPASSFILE names"
        )
    return url


def work(
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker; port 1883, with TLS 8883.")],
    database: Database = None,
    once_idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, callback=finite, help="End after this long without a message."),
    ] = None,
    mqtt_version: Annotated[str, typer.Option(help="auto, 5 or 3.1.1.")] = "auto",
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="The worker's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")] = None,
    password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    config: Config = None,
) -> None:
    """Take in usage for a ledger in a PostgreSQL database that another process serves; any number may."""
    set_up_logging("worker")
    report = logging.getLogger("amos.ledger.worker").info
    with one_line_errors(Path("database")):
        url = checked_database(database)
        if url is None:
            raise DatabaseRefused(f"--database: expected the URL of the ledger's database, there or in {VARIABLE}")
        where = broker_of(broker, mqtt_version, (tls_ca, tls_certificate, tls_key), username, password_file)
        place = PostgresPlace(url)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if not wait_for_database(lambda: Store(place).close(), report, stop, once_idle):
            return
        name = f"amos-ledger-work-{secrets.token_hex(8)}"
        edge = MqttEdge(where, name, report, topics=WORKER, lasting=False)
        report(f"working for {place}")
        keep_what_is_loaded()
        run_worker(Worker(place), edge, report, stop, once_idle)
        report("ended")
        if once_idle is not None and not edge.reached:
            raise BrokerUnusable(f"broker: expected one at {where.name}, found none in {once_idle:g} s")
