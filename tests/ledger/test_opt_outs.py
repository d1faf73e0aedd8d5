"""The ledger's part in what time it is and what may sound: anchors for enrolled players, one opt-out list for all."""

import errno
import threading
import time
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from databases import only_sqlite
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until

from amos.crypto import verify
from amos.protocol import topics
from amos.protocol.anchor import open_anchor
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_ledger.errors import OptOutsRefused
from amos_ledger.intake.reading import Message, asks_time
from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.opt_outs import NAME, OptOutPublisher, add_opt_outs, published
from amos_ledger.service import Service
from amos_mqtt.broker import Broker as Address

NONCE = bytes(range(16))


def opt_outs(signer: Any, serial: int, *names: str) -> bytes:
    ids = [sha256(name.encode()).digest()[:16] for name in names]
    return sign_opt_outs(list_opt_outs(serial, 5, ids), signer.id, signer.sign)


def test_an_enrolled_players_nonce_is_dated_and_nothing_else(world: Any) -> None:
    device, stranger = world.device(), world.device(2, enrolled=False)
    ((topic, anchor),) = world.ledger.date([Message.of(device.topic(topics.TIME), NONCE)], 1234567)
    assert topic == device.topic(topics.ANCHOR)
    found = open_anchor(anchor, world.folder.public_key, verify)
    assert (found.device_id, found.nonce, found.unix_ms) == (device.key.id, NONCE, 1234567)
    assert Ledger(world.folder).date([Message.of(stranger.topic(topics.TIME), NONCE)], 1) == [None]
    for payload in (b"", NONCE[:15], NONCE + b"x", bytes(1 << 20)):
        assert world.ledger.date([Message.of(device.topic(topics.TIME), payload)], 1) == [None]
    for wrong in (device.topic(), "amos/1/x/y/time", device.topic(topics.TIME).upper(), "x/time", "/time"):
        assert world.ledger.date([Message.of(wrong, NONCE)], 1) == [None]
    assert asks_time(Message.of(device.topic(topics.TIME), NONCE)) and not asks_time(Message.of(device.topic(), NONCE))


@only_sqlite
def test_a_ledger_that_cannot_read_says_no_time(world: Any) -> None:
    device = world.device()
    database = world.path / "ledger.sqlite"
    away = world.path / "away.sqlite"
    world.ledger.close()
    database.rename(away)
    assert world.ledger.date([Message.of(device.topic(topics.TIME), NONCE)], 1) == [None] and world.ledger.trouble
    away.rename(database)
    assert world.ledger.date([Message.of(device.topic(topics.TIME), NONCE)], 1) != [None]


def test_the_list_in_force_is_the_publishers_newest(world: Any) -> None:
    folder = world.folder
    assert published(folder) is None
    first = opt_outs(world.publisher, 3, "a", "b")
    found, fresh = add_opt_outs(folder, first)
    assert (len(found), fresh, published(folder)) == (2, True, first)
    assert add_opt_outs(folder, first)[1] is False
    for data, said in (
        (opt_outs(world.publisher, 3, "a"), "above 3, found 3"),
        (opt_outs(world.publisher, 2, "a", "b", "c"), "above 3, found 2"),
        (opt_outs(world.operator, 9), "signature"),
        (first[:-1], "opt-outs"),
        (b"", "opt-outs"),
    ):
        with pytest.raises(OptOutsRefused, match=said):
            add_opt_outs(folder, data)
    assert published(folder) == first
    second = opt_outs(world.publisher, 4)
    assert add_opt_outs(folder, second)[1] and (folder.public / NAME).read_bytes() == second


def test_the_log_knows_which_list_is_in_force_where_the_file_is_gone(world: Any) -> None:
    older, newer = (opt_outs(world.publisher, serial, "a") for serial in (3, 4))
    add_opt_outs(world.folder, newer)
    (world.folder.public / NAME).unlink()
    with pytest.raises(OptOutsRefused, match="above 4, found 3"):
        add_opt_outs(world.folder, older)
    assert not (world.folder.public / NAME).exists()
    add_opt_outs(world.folder, newer)
    assert (world.folder.public / NAME).read_bytes() == newer
    with world.folder.open_store() as store:
        assert store.opt_outs.all(store.size()) == (newer,)


def test_the_publisher_tells_each_connection_and_each_list_once(world: Any) -> None:
    told: list[tuple[str, bytes, bool]] = []
    reached = [True]

    def publish(topic: str, payload: bytes, retain: bool) -> bool:
        told.append((topic, payload, retain))
        return reached[0]

    opt_out_publisher = OptOutPublisher(world.folder, publish)
    opt_out_publisher.tell(1)
    assert told == []
    first, second = opt_outs(world.publisher, 1, "a"), opt_outs(world.publisher, 2, "a")
    add_opt_outs(world.folder, first)
    opt_out_publisher.tell(1)
    opt_out_publisher.tell(1)
    opt_out_publisher.tell(2)
    assert told == [(topics.OPT_OUTS, first, True)] * 2
    add_opt_outs(world.folder, second)
    reached[0] = False
    opt_out_publisher.tell(2)
    reached[0] = True
    opt_out_publisher.tell(2)
    opt_out_publisher.tell(2)
    assert [payload for _topic, payload, _retain in told[2:]] == [second, second]


@only_sqlite
def test_a_disk_that_refuses_to_look_keeps_the_list_for_the_next_time(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opt_outs(world.publisher, 1, "a")
    add_opt_outs(world.folder, first)
    told: list[tuple[str, bytes, bool]] = []
    publisher = OptOutPublisher(world.folder, lambda *message: told.append(message) is None)

    def refuse(path: Path, **_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", refuse)
        publisher.tell(1)
    assert told == []
    publisher.tell(1)
    assert told == [(topics.OPT_OUTS, first, True)]


def test_over_a_broker(world: Any, broker: Any) -> None:
    device = world.device()
    add_opt_outs(world.folder, opt_outs(world.publisher, 1, "a"))
    edge = MqttEdge(Address("127.0.0.1", broker.port), "amos-ledger-rights", lambda line: None, (1, 1))
    stop = threading.Event()
    service = Service(Ledger(world.folder), edge, lambda line: None, stop)
    thread = threading.Thread(target=service.run)
    thread.start()
    heard: dict[str, bytes] = {}
    client = paho.Client(CallbackAPIVersion.VERSION2, "courier-rights", protocol=paho.MQTTv311)
    client.on_message = lambda _client, _data, message: heard.update({message.topic: message.payload})
    client.on_connect = lambda client, *_: client.subscribe([(device.topic(topics.ANCHOR), 1), (topics.OPT_OUTS, 1)])
    try:
        wait_until(edge.connected.is_set, "the connection")
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        # Asked for again and again: amqtt loses what comes to be retained just while somebody subscribes.
        asked = partial(client.subscribe, topics.OPT_OUTS, 1)
        wait_until(lambda: topics.OPT_OUTS in heard or not asked(), "the retained list", 0.5)
        before_ms = time.time_ns() // 1_000_000
        client.publish(device.topic(topics.TIME), b"no nonce", 1)
        client.publish(device.topic(topics.TIME), NONCE, 1)
        wait_until(lambda: device.topic(topics.ANCHOR) in heard, "an anchor")
        anchor = open_anchor(heard[device.topic(topics.ANCHOR)], world.folder.public_key, verify)
        assert anchor.nonce == NONCE and before_ms <= anchor.unix_ms <= time.time_ns() // 1_000_000
        newer = opt_outs(world.publisher, 2, "a", "b")
        add_opt_outs(world.folder, newer)
        wait_until(lambda: heard[topics.OPT_OUTS] == newer, "the newer list")
        assert world.totals().refused == {}, "intake has nothing to do with it"
    finally:
        stop.set()
        thread.join(10)
        client.disconnect()
        client.loop_stop()
    assert not thread.is_alive()
