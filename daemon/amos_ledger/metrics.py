"""How the ledger fares, for machines: what is served at /metrics and /health (`amos_metrics.server`).

The service notes what it knows, each turn; what the store and the disk know is looked up when somebody asks, on the
thread that answers. A name that is lost to a crash or a restart begins at nought again, as Prometheus expects.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.limits import DISK_FREE_BYTES_MIN, TURN_S_MAX
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.totals import Backlog
from amos_metrics.server import serving

_PREFIX = "amos_ledger_"


@dataclass
class Gauges:
    """What the service of `path` says of itself; each field is replaced whole, so that any thread may read it."""

    path: Path
    turned_s: float = field(default_factory=time.monotonic)
    connected: bool = False
    connections: int = 0
    queued_messages: int = 0
    unsent_answers: int = 0
    trouble: str | None = None
    verdicts: Counter[str] = field(default_factory=Counter)

    def problems(self) -> list[str]:
        """Why it does not work at this moment, in sentences; none: it works."""
        found = []
        still_s = time.monotonic() - self.turned_s
        if still_s > TURN_S_MAX:
            found.append(f"the service has not turned for {still_s:.0f} s")
        if not self.connected:
            found.append("the broker is not connected")
        if self.trouble is not None:
            found.append(f"cannot store: {self.trouble}")
        try:
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            return [*found, f"the disk of {self.path} cannot be asked: {error.strerror}"]
        if free < DISK_FREE_BYTES_MIN:
            found.append(f"the disk has {free >> 20} MiB left")
        return found

    def summary(self) -> str:
        """How it fares, in a line."""
        state = f"{self.queued_messages} messages queued, {self.unsent_answers} answers unsent"
        return "; ".join([*self.problems(), state])


def serving_metrics(address: str | None, gauges: Gauges) -> AbstractContextManager[None]:
    """Answer at HOST:PORT as long as inside; None: nobody asks. Raises `MetricsUnusable`."""
    return serving(address, _Collector(gauges), gauges.problems)


class _Collector:
    """Makes the metrics of each scrape."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, (text, value) in {**self._own(), **self._disk(), **self._stored()}.items():
            yield GaugeMetricFamily(_PREFIX + name, text, value)
        verdicts = CounterMetricFamily(_PREFIX + "answers", "Messages answered since the start.", labels=["verdict"])
        for verdict, count in sorted(self._gauges.verdicts.copy().items()):
            verdicts.add_metric([verdict], count)
        yield verdicts

    def _own(self) -> dict[str, tuple[str, float]]:
        gauges = self._gauges
        return {
            "broker_connected": ("Whether the broker is connected.", gauges.connected),
            "broker_connections": ("Connections since the start.", gauges.connections),
            "queued_messages": ("Messages that came and are not decided yet.", gauges.queued_messages),
            "unsent_answers": ("Answers that wait for a connection.", gauges.unsent_answers),
            "storing_fails": ("Whether nothing can be stored at this moment.", gauges.trouble is not None),
            "seconds_since_turn": ("Since the service's loop turned.", time.monotonic() - gauges.turned_s),
        }

    def _disk(self) -> dict[str, tuple[str, float]]:
        """Of the ledger's disk; left out while it is away."""
        try:
            disk = shutil.disk_usage(self._gauges.path)
        except OSError:
            return {}
        return {
            "disk_free_bytes": ("Free on the ledger's disk.", disk.free),
            "disk_size_bytes": ("Of the ledger's disk.", disk.total),
        }

    def _stored(self) -> dict[str, tuple[str, float]]:
        """What store and published folder say; left out while they cannot be read."""
        found: dict[str, tuple[str, float]] = {}
        try:
            folder = Folder(self._gauges.path)
            published_s = (folder.public / "checkpoint").stat().st_mtime
            with folder.open_store_to_read() as store:
                backlog: Backlog = store.backlog()
        except (OSError, *DATABASE_ERRORS, LedgerError):
            return found
        return {
            "checkpoint_age_seconds": ("Since the last checkpoint.", max(time.time() - published_s, 0.0)),
            "log_entries": ("Entries of the log.", backlog.log_size),
            "segments_without_receipt": (
                "Accepted segments without a signed head for receipts.",
                backlog.without_receipt,
            ),
            "held_segments": ("Segments that wait for something else.", backlog.held),
            "devices": ("Devices enrolled.", backlog.devices),
            "quarantined_devices": ("Devices in quarantine.", backlog.quarantined),
        }
