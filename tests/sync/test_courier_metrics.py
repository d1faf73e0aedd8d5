"""What the courier serves for machines, over HTTP, with a real broker and a player."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from patience import wait_until
from prometheus_client.parser import text_string_to_metric_families
from sync_brokers import TestBroker
from sync_players import FakePlayer, PlayerThread, sealed
from typer.testing import CliRunner

from amos_mqtt.broker import broker_at
from amos_sync import courier_metrics
from amos_sync.cli import app
from amos_sync.courier import Courier
from amos_sync.courier_metrics import CourierGauges, serving_metrics
from amos_sync.courier_settings import Settings
from amos_tools.demo.broker import free_port


def read(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_health(broker: TestBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_metrics, "NOTE_S", 0.0)
    player = PlayerThread(FakePlayer(b"M" * 32, sealed(b"M" * 32, 2)), f"unix:{tmp_path}/p.sock")
    courier = Courier(Settings("harbour", (player.address,), broker_at(f"127.0.0.1:{broker.port}"), tmp_path / "spool"))
    gauges, url = CourierGauges(), f"http://127.0.0.1:{free_port()}"

    def works() -> bool:
        courier.turn(20)
        gauges.note(courier)
        return courier.mqtt.up and len(courier.outbox) == 2

    try:
        with serving_metrics(url.removeprefix("http://"), gauges):
            assert read(url + "/health")[0] == 503, "it has not turned yet"
            wait_until(works, "two segments pulled")
            assert read(url + "/health") == (200, '{"healthy": true, "problems": []}\n')
            families = {family.name: family for family in text_string_to_metric_families(read(url + "/metrics")[1])}
            values = {name: family.samples[0].value for name, family in families.items() if family.samples}
            expected = {"broker_connected": 1, "players": 1, "players_connected": 1, "waiting_segments": 2}
            assert {name: values["amos_courier_" + name] for name in expected} == expected
            (sample,) = families["amos_courier_player_unsynced_ms"].samples
            assert sample.labels == {"device": player.player.device_id.hex()}
            player.stop()
            wait_until(lambda: works() and gauges.problems(), "the player is missed")
            code, text = read(url + "/health")
            assert code == 503 and player.address in json.loads(text)["problems"][0]
    finally:
        courier.close()


def test_an_address_that_is_none_or_in_use_ends_the_command(tmp_path: Path) -> None:
    words = ["run", "--site", "x", "--device", "unix:/nowhere", "--broker", "127.0.0.1:1", "--spool", str(tmp_path)]
    for address, code, name in (("nonsense:x", 2, "MetricsAddressWrong"), ("192.0.2.1:1", 1, "MetricsUnusable")):
        done = CliRunner().invoke(app, [*words, "--metrics", address])
        assert done.exit_code == code and f"{name}: metrics: expected" in done.output
