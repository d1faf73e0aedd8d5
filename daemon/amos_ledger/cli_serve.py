"""`amos ledger serve`: the ledger at the broker, until it is ended."""

import logging
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from amos.edges.notify_host import heartbeat
from amos_cli.config import Config
from amos_cli.logs import set_up_logging
from amos_cli.numbers import finite
from amos_cli.paths import file_option
from amos_ledger.audit import Following
from amos_ledger.collecting import keep_what_is_loaded
from amos_ledger.command import LedgerFolder, one_line_errors
from amos_ledger.database_there import wait_for_database
from amos_ledger.errors import BrokerUnusable
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.metrics import Gauges, serving_metrics
from amos_ledger.mqtt import ALONE, AMONG_WORKERS, MqttEdge
from amos_ledger.served_broker import remember
from amos_ledger.service import Service
from amos_ledger.store.place import SqlitePlace
from amos_ledger.witnesses import Cosigning, read_policy_file
from amos_mqtt.broker import broker_of


def serve(
    folder: LedgerFolder,
    broker: Annotated[str, typer.Option(metavar="HOST:PORT", help="The MQTT broker; port 1883, with TLS 8883.")],
    once_idle: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, callback=finite, help="End after this long without a message."),
    ] = None,
    mqtt_version: Annotated[str, typer.Option(help="auto, 5 or 3.1.1.")] = "auto",
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="The ledger's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="Name to log in with at the broker.")] = None,
    password_file: Annotated[Path | None, file_option(help="Its password, in the first line.")] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve /metrics (Prometheus) and /health there.")
    ] = None,
    policy: Annotated[
        Path | None, file_option(metavar="FILE", help="Have these witnesses cosign (c2sp.org/tlog-policy).")
    ] = None,
    config: Config = None,
) -> None:
    """Take usage from the broker, answer with receipts or refusals, until ended (SIGTERM, Ctrl-C)."""
    set_up_logging("ledger")
    report = logging.getLogger("amos.ledger").info
    with one_line_errors(folder):
        where = broker_of(broker, mqtt_version, (tls_ca, tls_certificate, tls_key), username, password_file)
        ledger = Folder(folder)
        rule = None if policy is None else read_policy_file(policy)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if not wait_for_database(lambda: ledger.open_store().close(), report, stop, once_idle):
            return
        gauges = Gauges(ledger.path)
        with ledger.serving(), serving_metrics(metrics, gauges):
            remember(ledger, where)
            topics = ALONE if isinstance(ledger.place, SqlitePlace) else AMONG_WORKERS
            edge = MqttEdge(where, f"amos-ledger-{ledger.key_id.hex()}", report, topics=topics)
            report(f"serving {folder}, origin {ledger.trust.origin}")
            if rule is not None:
                Cosigning(ledger, rule, report, stop).start()
            following = Following(ledger, report, stop)
            following.start()
            keep_what_is_loaded()
            try:
                Service(Ledger(ledger), edge, report, stop, gauges, _beat(gauges)).run(once_idle)
            finally:
                stop.set()
                following.finish()
            report("ended")
        if once_idle is not None and not edge.reached:
            raise BrokerUnusable(f"broker: expected one at {where.name}, found none in {once_idle:g} s")


def _beat(gauges: Gauges) -> Callable[[], None] | None:
    """Tells a supervisor that waits for it that the loop turns, and how the ledger fares."""
    beat = heartbeat()
    return None if beat is None else partial(beat, gauges.summary)
