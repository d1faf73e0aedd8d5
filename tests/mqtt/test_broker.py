"""Addresses and TLS files, and the clients of courier and ledger over TLS, to a real broker that asks for theirs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from mosquitto_process import mosquitto_with
from patience import wait_until

from amos.protocol.topics import USAGE, device_topic
from amos_ledger.mqtt import MqttEdge
from amos_mqtt.broker import Broker, BrokerSettingError, broker_at
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Down
from amos_mqtt.settings import ClientSettings
from amos_sync.message import PAYLOAD_BYTES_MAX, read_message


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("broker.example", ("broker.example", 1883)),
        ("broker.example:8884", ("broker.example", 8884)),
        ("[2001:db8::1]", ("2001:db8::1", 1883)),
        ("[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("2001:db8::1", ("2001:db8::1", 1883)),
        (" broker.example:99\n", ("broker.example", 99)),
        ("fe80::1%eth0", ("fe80::1%eth0", 1883)),
    ],
)
def test_addresses(address: str, found: tuple[str, int]) -> None:
    broker = broker_at(address)
    assert (broker.host, broker.port) == found and broker.tls is None


@pytest.mark.parametrize("address", ["", ":1", "host:", "host:0", "host:65536", "host:-1", "host:x", "h:" + "9" * 5000])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(BrokerSettingError, match=r"broker: expected HOST or HOST:PORT, found .{0,84}$"):
        broker_at(address)


class Files:
    """PEM files of an authority, of a broker at 127.0.0.1, and of a client."""

    def __init__(self, folder: Path):
        folder.mkdir()
        authority = trustme.CA()
        self.ca, self.broker, self.client, self.key = (folder / name for name in ("ca", "broker", "client", "key"))
        authority.cert_pem.write_to_path(str(self.ca))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(self.broker))
        client = authority.issue_cert("client.example")
        client.cert_chain_pems[0].write_to_path(str(self.client))
        client.private_key_pem.write_to_path(str(self.key))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "own")


@pytest.fixture
def port(mosquitto: list[str], files: Files, tmp_path: Path) -> Iterator[int]:
    """mosquitto, which lets in whom its authority vouches for."""
    rules = f"certfile {files.broker}\nkeyfile {files.broker}\nrequire_certificate true\n"
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\ncafile {files.ca}\n{rules}") as number:
        yield number


def told(port: int, files: Files) -> Broker:
    return broker_at(f"127.0.0.1:{port}", files.ca, files.client, files.key)


class Courier:
    """The courier's client; `reasons` for which it was not connected."""

    def __init__(self, broker: Broker):
        self.edge = MqttClient(broker, ClientSettings("courier", PAYLOAD_BYTES_MAX), read_message, lambda: None)
        self.edge.start(0)
        self.reasons: list[str] = []

    def turn(self) -> bool:
        """Whether it is connected."""
        happenings = self.edge.poll(time.monotonic_ns() // 1_000_000)
        self.reasons += [item.reason for item in happenings if isinstance(item, Down)]
        return self.edge.up


def both_connected(courier: Courier, ledger: MqttEdge) -> bool:
    """Both polled once; nothing is to arrive at the ledger yet."""
    assert not ledger.next_batch(1, 0)
    return courier.turn() and ledger.connected.is_set()


def test_usage_goes_over_tls(port: int, files: Files) -> None:
    said: list[str] = []
    ledger = MqttEdge(told(port, files), "ledger", said.append, (1, 1))
    courier = Courier(told(port, files))
    ledger.start()
    try:
        wait_until(lambda: both_connected(courier, ledger), lambda: [*said, *courier.reasons])
        topic = device_topic("cafe", bytes(16), USAGE)
        batch: list[Any] = []

        def arrived() -> bool:
            courier.edge.publish(topic, b"a segment")  # again and again: the ledger may not have subscribed yet
            courier.turn()
            batch.extend(ledger.next_batch(1, 0))
            return bool(batch)

        wait_until(arrived, "usage")
        message = batch[0].message
        assert (message.topic, message.payload) == (topic, b"a segment")
    finally:
        courier.edge.stop()
        ledger.stop()


def test_who_is_not_trusted_is_not_spoken_to(port: int, files: Files, tmp_path: Path) -> None:
    strangers = Files(tmp_path / "strangers")
    mistaken = broker_at(f"127.0.0.1:{port}", strangers.ca, files.client, files.key)
    said: list[str] = []
    ledger = MqttEdge(mistaken, "ledger", said.append, (1, 1))
    courier = Courier(mistaken)
    ledger.start()
    try:
        wait_until(
            lambda: both_connected(courier, ledger) or (said and courier.reasons), lambda: [*said, *courier.reasons]
        )
        reason = "has a TLS certificate of an authority that is not trusted here; --tls-ca names the right one"
        assert said == [f"broker 127.0.0.1:{port} {reason}; trying again until it is there"]
        assert reason in courier.reasons[0] and not courier.edge.up and not ledger.reached
    finally:
        courier.edge.stop()
        ledger.stop()


def test_files_that_are_none_are_named(files: Files, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    for words in (
        {"ca": tmp_path / "none"},
        {"ca": tmp_path / "text"},
        {"ca": files.ca, "certificate": files.client},
        {"ca": files.ca, "certificate": files.ca, "key": files.key},
        {"key": files.key},
    ):
        with pytest.raises(BrokerSettingError, match=r"^TLS: expected "):
            broker_at("broker.example", **words)
    assert told(8883, files).tls is not None
    assert broker_at("broker.example", files.ca).port == 8883
