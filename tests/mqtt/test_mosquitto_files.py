"""The files that an operator copies to the broker, as they stand: certificates, TLS, and sites kept apart."""

import contextlib
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from mosquitto_process import listens
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until

from amos.protocol import topics
from amos_tools.demo.broker import free_port

FILES = Path(__file__).parents[2] / "boards/mosquitto"
SITE, OTHER = "harbour-cafe", "station-bar"
DEVICE = bytes(16)


def certify(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    words = ("sh", str(FILES / "certify.sh"), *words)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)


class Copied:
    """mosquitto with the files in a folder of its own, in the place of /etc/mosquitto/amos."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.folder, self.port, self._command = folder, free_port(), command
        text = (FILES / "amos.conf").read_text().replace("/etc/mosquitto/amos", str(folder))
        text = text.replace("/var/lib/mosquitto/", f"{folder}/").replace(
            "listener 8883", f"listener {self.port} 127.0.0.1"
        )
        (folder / "mosquitto.conf").write_text(f"user root\n{text}")
        (folder / "amos.acl").write_bytes((FILES / "amos.acl").read_bytes())
        (folder / "amos.acl").chmod(0o600)
        self.start()

    def start(self) -> None:
        words = [*self._command, "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port), "mosquitto")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def client(self, certificate: str | None, username: str | None = None) -> Any:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if certificate is not None:
            context.load_cert_chain(self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key")
        client.tls_set_context(context)
        if username is not None:
            client.username_pw_set(username)
        client.got, client.codes = [], {}  # type: ignore[attr-defined]
        client.on_message = lambda c, _d, message: c.got.append((message.topic, message.payload))  # type: ignore[attr-defined]
        client.on_publish = lambda c, _d, mid, reason, _p: c.codes.update({mid: reason.value})  # type: ignore[attr-defined]
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client


@pytest.fixture(scope="module")
def copied(mosquitto: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copied]:
    folder = tmp_path_factory.mktemp("broker")
    for words in (
        ("authority",),
        ("broker", "127.0.0.1"),
        ("client", SITE),
        ("client", OTHER),
        ("client", "amos.ledger"),
    ):
        done = certify(folder, *words)
        assert done.returncode == 0, done.stderr
    broker = Copied(mosquitto, folder)
    yield broker
    broker.stop()


def connected(client: Any) -> Any:
    wait_until(client.is_connected, "the broker lets it in")
    return client


def ended(*clients: Any) -> None:
    for client in clients:
        client.disconnect()
        client.loop_stop()


def publishes(client: Any, topic: str) -> bool:
    mid = client.publish(topic, b"x", 1).mid
    wait_until(lambda: mid in client.codes, "a PUBACK")
    return bool(client.codes[mid] < 128)


@pytest.mark.parametrize("claimed", [None, OTHER])
def test_a_site_reads_and_writes_its_own_and_nothing_of_anothers(claimed: str | None, copied: Copied) -> None:
    """Also when it claims to be the other by name: the certificate counts."""
    site, ledger = connected(copied.client(SITE, claimed)), connected(copied.client("amos.ledger"))
    own, others = (topics.device_topic(name, DEVICE, topics.USAGE) for name in (SITE, OTHER))
    assert publishes(site, own) and not publishes(site, others)
    site.subscribe("#", 1)
    site.subscribe(topics.device_topic(OTHER, DEVICE, topics.RECEIPT), 1)
    time.sleep(0.2)
    for name in (OTHER, SITE):
        assert publishes(ledger, topics.device_topic(name, DEVICE, topics.RECEIPT))
    wait_until(lambda: site.got, "its own receipt")
    assert {topic for topic, _payload in site.got} == {topics.device_topic(SITE, DEVICE, topics.RECEIPT)}
    ended(site, ledger)


def test_nobody_comes_in_without_a_certificate(copied: Copied) -> None:
    ended(connected(copied.client(SITE)))
    with contextlib.suppress(OSError):  # with TLS 1.3 the refusal may come after the handshake
        client = copied.client(None, SITE)
        time.sleep(0.5)
        assert not client.is_connected()
        client.loop_stop()


def test_a_revoked_certificate_is_of_no_use_and_another_of_the_same_name_is(copied: Copied) -> None:
    for words in (("client", "gone-bar"), ("revoke", "gone-bar")):
        assert certify(copied.folder, *words).returncode == 0
    copied.stop()
    copied.start()
    with contextlib.suppress(OSError):
        lost = copied.client("gone-bar")
        time.sleep(0.5)
        assert not lost.is_connected()
        lost.loop_stop()
    assert certify(copied.folder, "client", "gone-bar").returncode == 0
    ended(connected(copied.client("gone-bar")))


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("client", "Café"),
        ("client", "amos.boss"),
        ("client", "ca"),
        ("client", "../x"),
        ("broker", "a b"),
        ("authority",),
    ],
)
def test_what_has_no_meaning_is_refused(words: tuple[str, ...], copied: Copied) -> None:
    before = {path: path.read_bytes() for path in copied.folder.glob("*.pem")}
    done = certify(copied.folder, *words)
    assert done.returncode == 2 and done.stderr.startswith("certify.sh: ")
    assert {path: path.read_bytes() for path in copied.folder.glob("*.pem")} == before
