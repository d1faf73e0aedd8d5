"""An enrolment's way to the ledger: over real brokers, with a real ledger, and past those that lie."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sync_brokers import MosquittoBroker, TestBroker

from amos import crypto
from amos.protocol.answer import ACCEPTED, ENROLMENT_REFUSED, Answer
from amos.protocol.enrolment import Enrolment, sign_enrolment
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.signing import sign_receipt
from amos.protocol.topics import ALL_ENROLMENTS, ENROLLED
from amos_ledger.folder import Folder
from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.service import Service
from amos_mqtt.broker import Broker
from amos_tools.demo.broker import free_port
from amos_tools.device.deliver import DeliveryError, EnrolmentRefusedError, into_folder, over_broker

SEED = b"d" * 32


def an_enrolment(operator: Path, **changes: Any) -> tuple[bytes, Enrolment]:
    nonce, key, seed = bytes(16), crypto.public_key(SEED), operator.read_bytes()
    facts: dict[str, Any] = {
        "version": 1, "device_id": crypto.key_id(key), "public_key": key, "site": "harbour", "name": "bar", "tier": 1,
        "board": "linux", "voices": 4, "nonce": nonce, "possession": crypto.sign(SEED, IDENTIFY_CONTEXT + nonce),
        "unix_s": 1_793_534_400,
    }  # fmt: skip
    enrolment = Enrolment(**(facts | changes))
    data = sign_enrolment(enrolment, crypto.key_id(crypto.public_key(seed)), lambda text: crypto.sign(seed, text))
    return data, enrolment


@contextmanager
def serving(ledger: Folder, port: int) -> Iterator[None]:
    """`amos ledger serve`, on a thread."""
    stop = threading.Event()
    edge = MqttEdge(Broker("127.0.0.1", port), "ledger", lambda line: None)
    service = Service(Ledger(ledger), edge, lambda line: None, stop)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def test_the_ledger_answers_over_the_broker_and_the_same_again_was_so(
    broker: TestBroker, ledger: Folder, operator: Path
) -> None:
    data, enrolment = an_enrolment(operator)
    address = Broker("127.0.0.1", broker.port)
    with serving(ledger, broker.port):
        assert over_broker(address, data, enrolment, ledger.public_key, 90).fresh
        assert not over_broker(address, data, enrolment, ledger.public_key, 90).fresh
        refused, other = an_enrolment(operator, unix_s=1_600_000_000)
        with pytest.raises(EnrolmentRefusedError, match=r"^enrolment refused: enrolment.unix_s: expected after"):
            over_broker(address, refused, other, ledger.public_key, 90)
        with pytest.raises(DeliveryError, match="not by the ledger whose key is pinned"):
            over_broker(address, data, enrolment, crypto.public_key(SEED), 20)
    assert not into_folder(ledger.path, data).fresh
    with pytest.raises(DeliveryError, match=r"^enrolment.unix_s"):
        into_folder(ledger.path, refused)


def test_a_ledger_that_comes_late_still_answers(broker: TestBroker, ledger: Folder, operator: Path) -> None:
    data, enrolment = an_enrolment(operator)
    results: list[bool] = []
    address = Broker("127.0.0.1", broker.port)
    asking = threading.Thread(
        target=lambda: results.append(over_broker(address, data, enrolment, ledger.public_key, 90).fresh)
    )
    asking.start()
    time.sleep(1)
    with serving(ledger, broker.port):
        asking.join(90)
    assert results == [True]


def test_nobody_there_is_said_by_name(operator: Path) -> None:
    data, enrolment = an_enrolment(operator)
    with pytest.raises(DeliveryError, match=r"^broker 127.0.0.1:\d+ cannot be reached: nothing listens at this port$"):
        over_broker(Broker("127.0.0.1", free_port()), data, enrolment, bytes(32), 1)


def test_without_a_ledger_there_is_no_answer(operator: Path, mosquitto: list[str], tmp_path: Path) -> None:
    data, enrolment = an_enrolment(operator)
    broker = MosquittoBroker(mosquitto, tmp_path)
    with pytest.raises(DeliveryError, match="connected, but no answer of the ledger"):
        over_broker(Broker("127.0.0.1", broker.port), data, enrolment, bytes(32), 3)
    broker.stop()


def test_forged_answers_count_for_nothing(broker: TestBroker, operator: Path) -> None:
    """Whoever answers on the topic needs the ledger's key; what is no answer to this message is passed over."""
    data, enrolment = an_enrolment(operator)
    liar = paho.Client(CallbackAPIVersion.VERSION2)

    def lie(client: Any, _data: object, message: Any) -> None:
        facts = {"device_id": enrolment.device_id, "sequence": 0}
        forged = bytes(sign_receipt(1, 0, [], bytes(32), bytes(16), lambda text: crypto.sign(SEED, text)))
        other = Answer(message_sha256=bytes(32), verdict=ENROLMENT_REFUSED, detail="not yours", **facts)
        mine = Answer(message_sha256=hashlib.sha256(data).digest(), verdict=ACCEPTED, receipt=forged, **facts)
        for payload in (b"", b"\xff" * 100, other.encode(), mine.encode()):
            client.publish(message.topic.rpartition("/")[0] + "/" + ENROLLED, payload, 1)

    liar.on_message = lie
    liar.on_connect = lambda client, *_: client.subscribe(ALL_ENROLMENTS, 1)
    liar.connect("127.0.0.1", broker.port)
    liar.loop_start()
    try:
        with pytest.raises(DeliveryError, match="not by the ledger whose key is pinned"):
            over_broker(Broker("127.0.0.1", broker.port), data, enrolment, crypto.public_key(bytes(32)), 20)
    finally:
        liar.disconnect()
        liar.loop_stop()
