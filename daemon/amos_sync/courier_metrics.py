"""How the courier fares, for machines: what is served at /metrics and /health (`amos_metrics.server`).

The loop notes what it knows, at most once a second, as a whole that any thread may read.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from amos_metrics.server import serving
from amos_sync.courier import Courier

NOTE_S = 1.0
TURN_S_MAX = 60
_PREFIX = "amos_courier_"
_PLAYER = ("unsynced_ms", "spare_segments", "underruns", "failed_writes", "lease_seconds_left", "spoilt_blobs")
"""Of a player's status: what its numbers are called there, and here."""


@dataclass(frozen=True)
class _Seen:
    """What the courier looked like at one moment; `players` are values by device id."""

    values: dict[str, tuple[str, float]]
    players: dict[str, dict[str, float]]
    problems: tuple[str, ...]


class CourierGauges:
    """`note` after each turn of the loop; everything else on any thread."""

    def __init__(self) -> None:
        self._turned_s = time.monotonic()
        self._noted_s: float | None = None
        self._seen = _Seen({}, {}, ("the courier has not turned yet",))

    def note(self, courier: Courier) -> None:
        """The loop turned."""
        self._turned_s = time.monotonic()
        if self._noted_s is None or self._turned_s - self._noted_s >= NOTE_S:
            self._noted_s = self._turned_s
            self._seen = _seen(courier)

    def problems(self) -> list[str]:
        """Why it does not work at this moment, in sentences; none: it works."""
        still_s = time.monotonic() - self._turned_s
        hangs = [f"the courier has not turned for {still_s:.0f} s"] if still_s > TURN_S_MAX else []
        return [*hangs, *self._seen.problems]

    def collect(self) -> Iterator[Any]:
        """The metrics of one scrape."""
        from prometheus_client.core import GaugeMetricFamily

        seen, still_s = self._seen, time.monotonic() - self._turned_s
        for name, (text, value) in seen.values.items():
            yield GaugeMetricFamily(_PREFIX + name, text, value)
        yield GaugeMetricFamily(_PREFIX + "seconds_since_turn", "Since the courier's loop turned.", still_s)
        for name in (*_PLAYER, "state"):
            family = GaugeMetricFamily(f"{_PREFIX}player_{name}", f"{name} of the player's status.", labels=["device"])
            for device_id, values in sorted(seen.players.items()):
                if name in values:
                    family.add_metric([device_id], values[name])
            yield family


def serving_metrics(address: str | None, gauges: CourierGauges) -> AbstractContextManager[None]:
    """Answer at HOST:PORT as long as inside; None: nobody asks. Raises `MetricsUnusable`."""
    return serving(address, gauges, gauges.problems)


def _seen(courier: Courier) -> _Seen:
    faults = [*courier.mqtt.faults, *courier.notes.faults.present()]
    players = {}
    for device in courier.devices:
        status = None if device.session is None else device.session.status
        if status is not None:
            told = {name: float(getattr(status, name)) for name in _PLAYER if getattr(status, name) is not None}
            players[status.device_id.hex()] = told | {"state": float(status.state)}
    values: dict[str, tuple[str, float]] = {
        "broker_connected": ("Whether the broker is connected.", courier.mqtt.up),
        "broker_connections": ("Connections since the start.", courier.mqtt.connections),
        "players": ("Players that are configured.", len(courier.devices)),
        "players_connected": ("Players that answer.", len(players)),
        "waiting_segments": ("Segments that are not returned with a receipt yet.", len(courier.outbox)),
        "spool_bytes": ("Their payloads.", courier.spool.used_bytes),
        "spool_full": ("Whether pulling stopped, since the spool is full.", courier.spool.full),
        "faults": ("What is wrong at present, as amos courier status shows it.", len(faults)),
    }
    return _Seen(values, players, tuple(fault.sentence for fault in faults))


def summary(courier: Courier) -> str:
    """How it fares, in a line."""
    there = sum(device.session is not None and device.session.device_id is not None for device in courier.devices)
    broker = "connected" if courier.mqtt.up else "away"
    wrong = [fault.sentence for fault in [*courier.mqtt.faults, *courier.notes.faults.present()]]
    state = f"{there} of {len(courier.devices)} players, {len(courier.outbox)} segments wait, broker {broker}"
    return f"{state}; {wrong[0]}" if wrong else state
