"""A folder put back from yesterday, over real brokers: who keeps what was signed since stops it, and what couriers keep
brings it back."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from audited import audited
from go_log import GoLog, GoRefuses
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until
from typer.testing import CliRunner

from amos.crypto import verify
from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, DUPLICATE, UNAVAILABLE, decode_answer
from amos.protocol.cbor import dumps
from amos.protocol.checkpoint_host import open_checkpoint
from amos.protocol.envelope_host import wrap
from amos.protocol.forgone import Forgone, sign_forgone
from amos_ledger.errors import ForgoneRefused, RolledBack
from amos_ledger.folder import Folder
from amos_ledger.forgoing import forgo
from amos_ledger.heads import Heads, Standing, checked_store
from amos_ledger.ledger import Ledger
from amos_ledger.mqtt import MqttEdge
from amos_ledger.outside import ask_outside
from amos_ledger.recovery import recover
from amos_ledger.served_broker import recall, remember
from amos_ledger.service import Service
from amos_mqtt.broker import Broker as Address
from amos_mqtt.broker import Login
from amos_mqtt.limits import DELIVERED_MAX
from amos_places.errors import NotThere
from amos_tools.cli import app as amos
from amos_tools.demo.broker import free_port


@pytest.fixture
def kind() -> str:
    """What a broker does, the store does not see: one database is enough."""
    return "sqlite"


class Running:
    """A service in a thread, and what it reports."""

    def __init__(self, folder: Folder, port: int) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self.ledger = Ledger(folder)
        self.edge = MqttEdge(Address("127.0.0.1", port), "amos-ledger-test", self.lines.append, (1, 1))
        self.service = Service(self.ledger, self.edge, self.lines.append, self.stop)
        self.thread = threading.Thread(target=self.service.run)
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


class Client:
    """Publishes what a courier would, and keeps what the ledger says."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, "client", protocol=paho.MQTTv311)
        self.client.on_message = lambda _client, _data, message: self.heard.append((message.topic, message.payload))
        self.client.on_connect = lambda client, *_: client.subscribe("amos/1/#", 1)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(30)

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload in self.heard if name == topic]

    def answers(self, device: Any) -> list[Any]:
        return [decode_answer(payload) for payload in self.of(device.topic(topics.RECEIPT))]

    def is_listened_to(self) -> bool:
        """Whether the ledger answers; what is published before it subscribes is lost."""
        stranger = f"amos/1/harbour/{bytes(16).hex()}/"
        self.client.publish(stranger + topics.USAGE, b"junk", 1)
        return bool(self.of(stranger + topics.RECEIPT))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def client(broker: Any) -> Iterator[Client]:
    made = Client(broker.port)
    yield made
    made.close()


@pytest.fixture
def serve(broker: Any) -> Iterator[Callable[[Folder], Running]]:
    made: list[Running] = []

    def start(folder: Folder) -> Running:
        made.append(Running(folder, broker.port))
        wait_until(made[-1].edge.connected.is_set, "the service's connection")
        return made[-1]

    yield start
    for running in made:
        if not running.stop.is_set():
            running.close()


def put_back(path: Path, copy: Path) -> Folder:
    shutil.rmtree(path)
    shutil.copytree(copy, path)
    return Folder(path)


def head_of(folder: Folder) -> bytes:
    return (folder.public / "checkpoint").read_bytes()


def opened(folder: Folder, note: bytes) -> Any:
    return open_checkpoint(note, folder.trust.origin, folder.public_key, verify)


@pytest.fixture
def yesterday(world: Any, tmp_path: Path) -> tuple[Any, Path, list[bytes]]:
    """A device, the folder after its first segment, and its segments, of which today's ledger has three."""
    device = world.device()
    segments = [device.seal() for _ in range(4)]
    world.take(device, segments[0])
    world.ledger.close()
    audited(world.folder)
    copy = Path(shutil.copytree(world.path, tmp_path / "yesterday"))
    return device, copy, segments


def test_the_broker_keeps_the_head_and_the_ledger_asks_it_before_it_signs(
    world: Any, yesterday: Any, serve: Callable[[Folder], Running], client: Client
) -> None:
    device, copy, segments = yesterday
    running = serve(world.folder)

    def receipted() -> bool:
        client.client.publish(device.topic(), wrap(segments[1]), 1)  # again: before the ledger listens it is lost
        return any(answer.receipt for answer in client.answers(device))

    wait_until(receipted, "a receipt", 0.5)
    running.close()
    signed = head_of(world.folder)
    # The broker has it by now; the client here may still be reading.
    wait_until(lambda: client.of(topics.CHECKPOINT)[-1] == signed, "the last head, shown when the ledger ends")

    running = serve(put_back(world.path, copy))
    wait_until(lambda: running.ledger.behind, "the ledger to know, before anybody sends it anything")

    def refused() -> bool:
        client.client.publish(device.topic(), wrap(segments[2]), 1)  # again, as couriers do: one may come too early
        return bool(client.answers(device)[-1].verdict == UNAVAILABLE)

    wait_until(refused, "a refusal", 0.5)
    assert "signed a tree of" in client.answers(device)[-1].detail
    wait_until(lambda: any("amos ledger status" in line for line in running.lines), "a line about it")
    assert client.of(topics.CHECKPOINT)[-1] == signed, "the lower head is not put over it"
    assert head_of(world.folder) == (copy / "public" / "checkpoint").read_bytes()


def test_nothing_is_signed_before_the_retained_head_came_though_usage_waits_before_it(
    world: Any, yesterday: Any, serve: Callable[[Folder], Running], client: Client
) -> None:
    """The session lasts, and what waits in it is delivered before what is retained."""
    device, copy, segments = yesterday
    world.restart()
    world.take(device, *segments[1:])
    world.ledger.close()
    signed = head_of(world.folder)
    running = serve(world.folder)
    wait_until(lambda: signed in client.of(topics.CHECKPOINT), "today's head, which the broker retains")
    running.close()
    for message in (segments[1], *(b"junk %d" % number for number in range(2 * DELIVERED_MAX))):
        sent = client.client.publish(device.topic(), wrap(message), 1)
    sent.wait_for_publish(30)

    running = serve(put_back(world.path, copy))
    wait_until(lambda: running.ledger.behind, "the ledger to know")
    running.close()
    assert head_of(world.folder) == (copy / "public" / "checkpoint").read_bytes()
    assert not any(answer.receipt for answer in client.answers(device))
    shown = client.of(topics.CHECKPOINT)
    assert shown[shown.index(signed) :] == [signed], "no lower head is put over it"


def test_a_courier_objects_where_the_broker_forgot(
    world: Any, yesterday: Any, serve: Callable[[Folder], Running], client: Client
) -> None:
    device, copy, segments = yesterday
    world.restart()
    world.take(device, segments[1])
    signed = head_of(world.folder)
    world.ledger.close()
    running = serve(put_back(world.path, copy))
    wait_until(lambda: client.of(topics.CHECKPOINT), "the head that the ledger shows")
    forged = signed.replace(b"ledger.example", b"ledger.exampie")
    for payload in (b"junk", forged, signed):
        client.client.publish(topics.courier_checkpoint_topic("harbour"), payload, 1)
    wait_until(lambda: running.ledger.behind, "the ledger to know")
    running.close()
    assert any(" tree heads not signed by this ledger" in line for line in running.lines)


def test_a_receipt_says_it_as_well(world: Any, yesterday: Any) -> None:
    device, copy, segments = yesterday
    world.restart()
    [answer] = world.take(device, segments[1])
    world.ledger.close()
    pair = dumps([answer.receipt, wrap(segments[1])])
    assert world.ledger.hear([pair]) == [Standing.CONTAINED]
    for forged in (dumps([answer.receipt, wrap(segments[2])]), dumps([answer.receipt]), b"\x82", pair + b"\x00"):
        assert world.ledger.hear([forged]) == [Standing.FORGED]
    world.ledger.close()
    ledger = Ledger(put_back(world.path, copy))
    assert ledger.hear([pair]) == [Standing.AHEAD] and ledger.behind
    ledger.close()
    ledger = Ledger(Folder(world.path))
    ledger.tick()
    assert ledger.behind
    ledger.close()


def word(world: Any, kept_size: int, lost: Any, **changes: Any) -> bytes:
    facts = {"version": 1, "unix_s": 1_793_534_400, "kept_size": kept_size, "lost_size": lost.size} | changes
    return sign_forgone(Forgone(lost_root=lost.root, **facts), world.operator.id, world.operator.sign)


def test_what_no_mirror_has_is_given_up_and_comes_from_couriers(
    world: Any, yesterday: Any, serve: Callable[[Folder], Running], client: Client, go_log: GoLog
) -> None:
    """Receipts then differ, and nothing that was played is missing; the player's next segment is accepted."""
    device, copy, segments = yesterday
    world.restart()
    receipts = [world.take(device, segment)[0].receipt for segment in segments[1:3]]
    lost = opened(world.folder, head_of(world.folder))
    signed = head_of(world.folder)
    world.ledger.close()
    mirror = Path(shutil.copytree(copy / "audit", world.path.parent / "mirror"))
    folder = put_back(world.path, copy)
    with folder.open_store() as store:
        Heads(folder).take(store, signed)
    recovered = recover(folder, [str(mirror)])
    assert recovered.missing == lost.size - recovered.entries > 0
    with folder.open_store() as store, pytest.raises(RolledBack):
        Heads(folder).check(store)
    for bad in (
        word(world, recovered.entries + 1, lost),
        b"junk",
        word(world, 1, lost, lost_size=10**7),
        word(world, 1, lost, lost_size=1),
    ):
        with pytest.raises(ForgoneRefused):
            forgo(folder, bad)
    said = word(world, recovered.entries, lost)
    assert forgo(folder, said)[1] and not forgo(folder, said)[1]
    assert opened(folder, head_of(folder)).size == lost.size + 1, "no two heads are over as many entries"

    running = serve(folder)
    wait_until(lambda: client.of(topics.FORGONE) == [said], "the request to send again")
    wait_until(client.is_listened_to, "the ledger to take usage", 0.2)
    for segment in (*segments[1:], segments[0]):
        client.client.publish(device.topic(), wrap(segment), 1)
    wait_until(lambda: len(client.answers(device)) == 4, "an answer to each")
    assert [answer.verdict for answer in client.answers(device)] == [ACCEPTED] * 3 + [DUPLICATE]
    for segment, answer in zip(segments[1:], client.answers(device), strict=False):
        world.check_receipt(segment, answer.receipt)
        assert answer.receipt not in receipts
    client.client.publish(topics.courier_checkpoint_topic("harbour"), signed, 1)
    pair = dumps([receipts[1], wrap(segments[2])])
    client.client.publish(device.topic(topics.RECEIPTED), pair, 1)
    more = device.seal()
    client.client.publish(device.topic(), wrap(more), 1)
    wait_until(lambda: len(client.answers(device)) == 5, "an answer after what was given up is shown again")
    assert client.answers(device)[-1].verdict == ACCEPTED and not running.ledger.behind
    running.close()
    assert sha256(more).digest() == device.previous and not list(folder.ahead.iterdir())

    again = put_back(world.path, Path(shutil.copytree(world.path, world.path.parent / "copy")))
    shutil.copytree(audited(again), world.path.parent / "later")
    (again.path / "ledger.sqlite").unlink()
    whole = recover(Folder(world.path, recovered=True), [str(world.path.parent / "later")])
    assert whole.entries == opened(again, head_of(again)).size
    go_log.follows((copy / "public" / "checkpoint").read_bytes(), again)
    go_log.follows((world.path.parent / "later" / "checkpoint").read_bytes(), again, whole.entries)
    with pytest.raises(GoRefuses, match="two histories"):
        go_log.follows(signed, again)  # it was given up, and everybody can see that


def test_a_command_that_signs_asks_mirrors_and_broker(world: Any, yesterday: Any, client: Client, broker: Any) -> None:
    device, copy, segments = yesterday
    world.restart()
    world.take(device, segments[1])
    world.ledger.close()
    signed = head_of(world.folder)
    mirror = Path(shutil.copytree(audited(world.folder), world.path.parent / "mirror"))
    folder = put_back(world.path, copy)
    at = Address("127.0.0.1", broker.port)
    ask_outside(folder, [], at)  # the broker retains nothing
    with checked_store(folder):
        pass
    client.client.publish(topics.CHECKPOINT, signed, 1, retain=True).wait_for_publish(30)
    for mirrors, where in (([], at), ([str(mirror)], None)):
        shutil.rmtree(folder.ahead, ignore_errors=True)
        ask_outside(folder, mirrors, where)
        with pytest.raises(RolledBack), checked_store(folder):
            pass
    with pytest.raises(NotThere, match="expected checkpoint, found none"):
        ask_outside(folder, [str(copy)], None)


def settle(world: Any, *words: str) -> Any:
    command = ["pool", "settle", "--period", "2026-10", "--income", "1", "--currency", "EUR", "--ledger", world.path]
    return CliRunner().invoke(amos, [str(word) for word in (*command, "--json", *words)])


def test_settlement_asks_the_broker_that_was_served_without_being_told(
    world: Any, yesterday: Any, broker: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a folder that was put back, which remembers it; a broker that is away closes no month."""
    device, copy, segments = yesterday
    assert json.loads(settle(world).stdout)["asked"] == [], "this ledger never served anybody"
    shutil.rmtree(world.path)
    shutil.copytree(copy, world.path)
    at = f"127.0.0.1:{broker.port}"
    done = CliRunner().invoke(amos, ["ledger", "serve", str(world.path), "--broker", at, "--once-idle", "3"])
    assert done.exit_code == 0, done.output
    copy = Path(shutil.copytree(world.path, world.path.parent / "served"))
    world.folder = Folder(world.path)
    world.restart()
    world.take(device, segments[1])
    world.ledger.close()
    client.client.publish(topics.CHECKPOINT, head_of(world.folder), 1, retain=True).wait_for_publish(30)
    put_back(world.path, copy)
    refused = settle(world)
    assert refused.exit_code == 1 and "RolledBack" in refused.output, refused.output
    with Folder(world.path).open_store() as store:
        assert not store.closings()
    monkeypatch.setattr("amos_ledger.outside.REACH_S", 1.0)
    remember(world.folder, Address("127.0.0.1", free_port()))
    away = settle(world)
    assert away.exit_code == 3 and "--unasked" in away.output, (away.exit_code, away.output)
    (world.path / "broker.json").write_text("{}")
    assert settle(world).exit_code == 1


@pytest.mark.parametrize(
    "known",
    [
        Address("127.0.0.1", 1883),
        Address("::1", 8883, (4,), None, Login("ledger", Path("/nowhere/password"))),
        Address("broker.example", 1, (5,)),
    ],
)
def test_a_broker_is_remembered_as_it_is(world: Any, known: Address, tmp_path: Path) -> None:
    if known.login is not None:
        (tmp_path / "password").write_text("secret\n")
        known = replace(known, login=replace(known.login, password_file=tmp_path / "password"))
    remember(world.folder, known)
    assert recall(world.folder) == known
    assert "secret" not in (world.path / "broker.json").read_text()
