"""/metrics and /health of a ledger at work, as a machine reads them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from databases import only_sqlite
from prometheus_client.parser import text_string_to_metric_families

from amos_ledger import metrics
from amos_ledger.metrics import Gauges, serving_metrics
from amos_ledger.service import Service
from amos_metrics.errors import MetricsUnusable
from amos_tools.demo.broker import free_port


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def values(port: int) -> dict[str, float]:
    """Name, with the label of the verdict → value."""
    text = fetch(port, "/metrics")[1]
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {"".join((sample.name, *sample.labels.values())): sample.value for sample in samples}


@pytest.fixture
def served(world: Any) -> Iterator[SimpleNamespace]:
    gauges, port = Gauges(world.path), free_port()
    with serving_metrics(f"127.0.0.1:{port}", gauges):
        yield SimpleNamespace(gauges=gauges, port=port)


class Edge:
    """A broker's edge that is connected, and takes every answer."""

    connections, waiting, unsent = 3, 5, 7

    def __init__(self) -> None:
        self.connected = SimpleNamespace(is_set=lambda: True)

    def publish(self, *_: object) -> bool:
        return True


def test_what_the_ledger_does_is_counted(world: Any, served: SimpleNamespace) -> None:
    service = Service(world.ledger, Edge(), lambda _line: None, None, served.gauges)  # type: ignore[arg-type]
    device = world.device()
    first, second, third = (device.message(device.seal()) for _ in range(3))
    for batch in ([first], [first], [third]):
        service._send(world.ledger.take(batch, int(time.time())))
    service._note()
    found = values(served.port)
    assert found["amos_ledger_answers_totalaccepted"] == 1
    assert found["amos_ledger_answers_totalduplicate"] == 1
    assert found["amos_ledger_answers_totalgap"] == 1
    assert second is not None
    expected = {"held_segments": 1, "segments_without_receipt": 0, "devices": 1, "quarantined_devices": 0}
    expected |= {"broker_connected": 1, "broker_connections": 3, "queued_messages": 5, "unsent_answers": 7}
    expected |= {"storing_fails": 0, "log_entries": world.totals().log_size}
    assert {name: found["amos_ledger_" + name] for name in expected} == expected
    assert 0 <= found["amos_ledger_checkpoint_age_seconds"] < 600
    assert found["amos_ledger_disk_free_bytes"] <= found["amos_ledger_disk_size_bytes"]
    assert 0 <= found["amos_ledger_seconds_since_turn"] < 60


def test_health_says_what_is_wrong(world: Any, served: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    gauges, port = served.gauges, served.port
    assert fetch(port, "/health") == (503, '{"healthy": false, "problems": ["the broker is not connected"]}\n')
    gauges.connected = True
    assert fetch(port, "/health") == (200, '{"healthy": true, "problems": []}\n')
    gauges.trouble = "disk full"
    gauges.turned_s -= 100
    monkeypatch.setattr(metrics, "DISK_FREE_BYTES_MIN", 1 << 62)
    status, text = fetch(port, "/health")
    problems = json.loads(text)["problems"]
    assert status == 503 and len(problems) == 3
    assert problems[0].startswith("the service has not turned for 10")
    assert problems[1] == "cannot store: disk full" and problems[2].startswith("the disk has ")


@only_sqlite
def test_metrics_go_on_when_the_store_is_away(world: Any, served: SimpleNamespace) -> None:
    (world.path / "ledger.sqlite").rename(world.path / "away")
    found = values(served.port)
    assert "amos_ledger_broker_connected" in found and "amos_ledger_devices" not in found
    assert fetch(served.port, "/other")[0] == 404


def test_a_disk_that_is_away_is_told_of_and_ends_nothing(world: Any, served: SimpleNamespace) -> None:
    served.gauges.connected = True
    served.gauges.path = world.path / "away"
    away = f"the disk of {world.path / 'away'} cannot be asked: No such file or directory"
    assert served.gauges.summary().startswith(f"{away}; ")
    assert fetch(served.port, "/health") == (503, json.dumps({"healthy": False, "problems": [away]}) + "\n")
    found = values(served.port)
    assert "amos_ledger_broker_connected" in found and "amos_ledger_disk_free_bytes" not in found


def test_an_address_that_cannot_be_had_is_refused(world: Any, served: SimpleNamespace) -> None:
    for address in (f"127.0.0.1:{served.port}", "127.0.0.1:x", ""):
        with (
            pytest.raises(MetricsUnusable, match="metrics: expected "),
            serving_metrics(address, Gauges(world.path)),
        ):
            pass
