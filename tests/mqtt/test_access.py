"""The broker's access rules, as they are shipped, on mosquitto: every topic of SPEC section 9 for every role.

A topic that SPEC names and this table does not fails the test, and so does one that a role may use without need.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from mosquitto_process import mosquitto_with
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from patience import wait_until

from amos.protocol import topics
from amos_ledger.mqtt import SHARED_USAGE

PROJECT = Path(__file__).parents[2]
RULES = PROJECT / "boards/mosquitto/amos.acl"
SPEC = PROJECT / "firmware/amos/protocol/SPEC.md"
PAGE = PROJECT / "boards/mosquitto/README.md"

DEVICE = bytes(range(16)).hex()
SITE, OTHER = "harbour-cafe", "station-bar"
ROLES = (
    SITE,
    OTHER,
    "amos.ledger",
    "amos.worker",
    "amos.operator",
    "amos.publisher",
    "amos.reader",
    "stranger.example",
)
GOD = "amos.test"

WRITES = {
    "usage": {SITE},
    "receipt": {"amos.ledger", "amos.worker"},
    "status": {SITE},
    "time": {SITE},
    "anchor": {"amos.ledger"},
    "opt-outs": {"amos.ledger", "amos.publisher"},
    "delegated-opt-outs": {"amos.ledger"},
    "enrolment": {"amos.operator"},
    "enrolled": {"amos.ledger"},
    "pairing": {SITE},
    "paired": {"amos.operator"},
    "directive": {"amos.operator"},
    "courier/status": {SITE},
    "courier/checkpoint": {SITE},
    "receipted": {SITE},
    "checkpoint": {"amos.ledger"},
    "forgone": {"amos.ledger"},
    "rotation/1": {"amos.ledger"},
}
READS = {
    "usage": {"amos.ledger", "amos.worker"},
    "receipt": {SITE},
    "status": {"amos.reader", "amos.operator"},
    "time": {"amos.ledger"},
    "anchor": {SITE},
    "opt-outs": set(ROLES),
    "delegated-opt-outs": set(ROLES),
    "enrolment": {"amos.ledger"},
    "enrolled": {"amos.operator"},
    "pairing": {"amos.operator"},
    "paired": {SITE},
    "directive": {SITE, "amos.operator"},
    "courier/status": {"amos.reader", "amos.operator"},
    "courier/checkpoint": {"amos.ledger"},
    "receipted": {"amos.ledger"},
    "checkpoint": set(ROLES),
    "forgone": set(ROLES),
    "rotation/1": set(ROLES),
}
"""Last part of a topic -> who may publish there, who gets what is published there. Opt-outs and tree heads are no
secret."""


def spec_topics() -> dict[str, str]:
    """Last part of a topic -> the topic of `DEVICE` at `SITE`, from SPEC's table."""
    rows = re.findall(r"^\| `(amos/1/[^`]+)` \|", SPEC.read_text(), re.MULTILINE)
    filled = [row.replace("<site>", SITE).replace("<device>", DEVICE).replace("<number>", "1") for row in rows]
    return {
        topic.removeprefix("amos/1/").removeprefix(f"{SITE}/").removeprefix(f"{DEVICE}/"): topic for topic in filled
    }


@pytest.fixture(scope="module")
def port(mosquitto: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """mosquitto with the shipped rules, and somebody who may do everything."""
    folder = tmp_path_factory.mktemp("access")
    (folder / "acl").write_text(RULES.read_text() + f"\nuser {GOD}\ntopic readwrite #\n")
    (folder / "acl").chmod(0o600)
    with mosquitto_with(mosquitto, folder, f"allow_anonymous true\nacl_file {folder / 'acl'}\n") as number:
        yield number


class Client:
    """Logged in as somebody; `got` are (topic, payload), `codes` those of PUBACK by packet id."""

    def __init__(self, port: int, name: str, will: str | None = None) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.codes: dict[int, int] = {}
        self.subscribed = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.username_pw_set(name)
        if will is not None:
            self.client.will_set(will, b"gone", qos=1)
        self.client.on_message = lambda _c, _d, message: self.got.append((message.topic, message.payload))
        self.client.on_publish = lambda _c, _d, mid, reason, _p: self.codes.update({mid: reason.value})
        self.client.on_subscribe = lambda *_: setattr(self, "subscribed", True)

        def connects() -> bool:
            try:
                return self.client.connect("127.0.0.1", port) == paho.MQTT_ERR_SUCCESS
            except OSError:
                return False

        wait_until(connects, "mosquitto")
        self.client.loop_start()
        wait_until(self.client.is_connected, f"{name} is let in")

    def publish(self, topic: str, payload: bytes) -> int:
        mid = self.client.publish(topic, payload, 1).mid
        wait_until(lambda: mid in self.codes, "a PUBACK")
        return self.codes[mid]

    def subscribe(self, topic: str) -> None:
        self.subscribed = False
        self.client.subscribe(topic, options=SubscribeOptions(qos=1, noLocal=False))
        wait_until(lambda: self.subscribed, "a SUBACK")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def log_in(port: int) -> Iterator[Any]:
    made: list[Client] = []

    def make(name: str, will: str | None = None) -> Client:
        made.append(Client(port, name, will))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_the_table_has_every_topic_of_the_specification() -> None:
    assert set(spec_topics()) == set(WRITES) == set(READS)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_publish_where(role: str, log_in: Any) -> None:
    client, watcher = log_in(role), log_in(GOD)
    watcher.subscribe("amos/#")
    allowed = {leaf for leaf, topic in spec_topics().items() if client.publish(topic, role.encode()) < 128}
    assert allowed == {leaf for leaf, roles in WRITES.items() if role in roles}
    wait_until(lambda: len(watcher.got) >= len(allowed), lambda: watcher.got)
    assert sorted(watcher.got) == sorted((spec_topics()[leaf], role.encode()) for leaf in allowed)


@pytest.mark.parametrize("role", ROLES)
def test_who_gets_what_is_published(role: str, log_in: Any) -> None:
    client, sender = log_in(role), log_in(GOD)
    for topic in ("amos/#", *spec_topics().values()):
        client.subscribe(topic)
    for leaf, topic in spec_topics().items():
        assert sender.publish(topic, leaf.encode()) < 128
    expected = {leaf for leaf, roles in READS.items() if role in roles}
    wait_until(lambda: len({payload for _topic, payload in client.got}) >= len(expected), lambda: client.got)
    # Publications are delivered in order: a last one that everybody may have ends the wait for what must not come.
    sender.publish(topics.OPT_OUTS, b"the last")
    wait_until(lambda: any(payload == b"the last" for _topic, payload in client.got), lambda: client.got)
    assert {payload.decode() for _topic, payload in client.got} - {"the last"} == expected


@pytest.mark.parametrize(("role", "comes"), [("amos.ledger", True), ("amos.worker", True), (OTHER, False)])
def test_usage_is_shared_among_those_who_may_read_it(role: str, comes: bool, log_in: Any) -> None:
    topic = spec_topics()["usage"]
    client, sender = log_in(role), log_in(GOD)
    client.subscribe(SHARED_USAGE)
    client.subscribe(topics.OPT_OUTS)
    sender.publish(topic, b"played")
    sender.publish(topics.OPT_OUTS, b"the last")
    wait_until(lambda: any(payload == b"the last" for _topic, payload in client.got), lambda: client.got)
    assert ((topic, b"played") in client.got) == comes


@pytest.mark.parametrize(("role", "comes"), [(SITE, True), (OTHER, False), ("amos.reader", False)])
def test_only_the_sites_own_courier_leaves_its_status_as_a_will(role: str, comes: bool, log_in: Any) -> None:
    topic = topics.courier_status_topic(SITE)
    watcher, client = log_in(GOD), log_in(role, topic)
    watcher.subscribe(topic)
    client.client.socket().close()  # lost without a word
    if comes:
        wait_until(lambda: (topic, b"gone") in watcher.got, lambda: watcher.got)
    else:
        time.sleep(1)
        assert watcher.got == []


def test_the_page_for_operators_says_the_same() -> None:
    """Its table has a row for each topic, with the roles that may write and read it."""
    names = {"courier": SITE, "ledger": "amos.ledger", "operator": "amos.operator", "publisher": "amos.publisher"}
    names |= {"reader": "amos.reader", "worker": "amos.worker"}
    rows = re.findall(
        r"^\| `(amos/1/[^`]+)`(?: \([^)]*\))? \| ([a-z, ]+) \| ([a-z, ]+) \|$", PAGE.read_text(), re.MULTILINE
    )
    found = {}
    for topic, writes, reads in rows:
        leaf = re.sub("^amos/1/(SITE/)?(DEVICE/)?", "", topic)
        read = set(ROLES) if reads == "everybody" else {names[role] for role in reads.split(", ")}
        found[leaf] = {names[role] for role in writes.split(", ")}, read
    assert found == {leaf: (WRITES[leaf], READS[leaf]) for leaf in WRITES}
