"""/metrics as Prometheus reads it, and /health for whoever asks whether a daemon works, on threads of their own.

What the metrics are, the daemon says; they are looked up when somebody asks. The package `prometheus-client` (extra
`metrics`) writes the format, and is needed only where `--metrics` is used.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from amos_metrics.errors import MetricsAddressWrong, MetricsUnusable
from amos_mqtt.address import AddressError, host_and_port, shown

METRICS_PORT = 9464
"""Which Prometheus's registry of ports has for exporters of telemetry; for an address without one."""


class Collector(Protocol):
    """Makes the metrics of each scrape."""

    def collect(self) -> Iterator[Any]: ...


class _Threading(ThreadingMixIn, WSGIServer):
    """One slow reader keeps nobody waiting."""

    daemon_threads = True


_Quiet = type("_Quiet", (WSGIRequestHandler,), {"timeout": 10, "log_message": lambda *_: None})
"""A line for each scrape would fill the log; and whoever asks and then says nothing is not waited for."""


@contextmanager
def serving(address: str | None, collector: Collector, problems: Callable[[], list[str]]) -> Iterator[None]:
    """Answer at HOST:PORT as long as inside; None: nobody asks. `problems` are why the daemon does not work at this
    moment, in sentences. Raises `MetricsUnusable`."""
    if address is None:
        yield
        return
    server = _server(address, collector, problems)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _server(address: str, collector: Collector, problems: Callable[[], list[str]]) -> WSGIServer:
    try:
        from prometheus_client import CollectorRegistry, make_wsgi_app
    except ImportError:
        raise MetricsUnusable("metrics: expected the package prometheus-client; install 'amos[metrics]'") from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            shown: Iterable[bytes] = metrics(environ, start)
            return shown
        if path != "/health":
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /health\n"]
        found = problems()
        start("503 Service Unavailable" if found else "200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"healthy": not found, "problems": found}).encode() + b"\n"]

    try:
        where = host_and_port(address, METRICS_PORT)
    except AddressError as error:
        raise MetricsAddressWrong(f"metrics: {error}") from None
    try:
        return make_server(*where, answer, server_class=_Threading, handler_class=_Quiet)
    except OSError as error:
        raise MetricsUnusable(f"metrics: expected a free HOST:PORT, found {shown(address)}: {error}") from None
