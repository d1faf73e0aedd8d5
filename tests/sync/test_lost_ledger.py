"""A ledger that lost what it signed, as its courier sees it: shown what it lacks, and brought again what it gave up."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sync_players import LEDGER_KEY, LEDGER_SEED
from test_courier import SEED_A, SITE, Venue, venue  # noqa: F401 (a fixture)

from amos.crypto import sign, verify
from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, DUPLICATE
from amos.protocol.cbor import loads
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import Forgone, sign_forgone
from amos.protocol.receipt import parse_receipt
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import HEAD_AGAIN_MS
from amos_sync.spool import Spool
from amos_sync.tree_heads import TreeHeads

ORIGIN = "ledger.example/lost"


def note(size: int, origin: str = ORIGIN, seed: bytes = LEDGER_SEED) -> bytes:
    head = Checkpoint(origin, size, sha256(b"root of %d" % size).digest())
    return sign_checkpoint(head, LEDGER_KEY, lambda message: sign(seed, message))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def test_the_highest_head_stays_and_a_lower_one_is_objected_to(spool: Spool, tmp_path: Path) -> None:
    heads = TreeHeads(spool, SITE, LedgerLine(spool, LEDGER_KEY))
    for size in (5, 9, 12):
        assert heads.came(note(size), 0, 0) is None
    objection = heads.came(note(7), 0, 0)
    assert objection is not None and objection.payload == note(12)
    assert objection.topic == topics.courier_checkpoint_topic(SITE)
    assert heads.came(note(7), HEAD_AGAIN_MS[0] // 4, 0) is None, "not again at once"
    assert heads.came(note(7), 2 * HEAD_AGAIN_MS[0], 0) == objection
    spool.commit()
    assert spool.head() == note(12)
    later = TreeHeads(spool, SITE, LedgerLine(spool, LEDGER_KEY))
    assert later.came(note(11), 0, 0) == objection, "it survives a restart"
    assert later.came(note(13), 10**9, 0) is None and spool.head() == note(13)


def test_only_the_ledgers_own_heads_are_kept(spool: Spool) -> None:
    heads = TreeHeads(spool, SITE, LedgerLine(spool, LEDGER_KEY))
    heads.came(note(5), 0, 0)
    for forged in (b"", b"junk", note(9)[:-4], note(9, seed=bytes(32)), note(9, "ledger.example/other")):
        with pytest.raises(ProtocolError):
            heads.came(forged, 0, 0)
    assert spool.head() == note(5)
    assert TreeHeads(spool, SITE, LedgerLine(spool, None)).came(note(4), 0, 0) is None, (
        "without the key nobody can tell"
    )


class Listener:
    """What couriers show the ledger; `publish` is what the ledger retains."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.on_message = lambda _client, _data, message: self.heard.append((message.topic, message.payload))
        self.client.on_connect = lambda client, *_: client.subscribe(
            [(topics.ALL_COURIER_CHECKPOINTS, 1), (topics.ALL_RECEIPTED, 1)]
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, 1, retain=True).wait_for_publish(30)

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload in self.heard if name == topic]

    def close(self) -> None:
        for topic in (topics.CHECKPOINT, topics.FORGONE):
            self.publish(topic, b"")  # the broker is shared
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def listener(venue: Venue) -> Iterator[Listener]:  # noqa: F811
    made = Listener(venue.port)
    yield made
    made.close()


def forgone(kept_size: int, lost_size: int) -> bytes:
    facts = {"version": 1, "unix_s": 1, "kept_size": kept_size, "lost_size": lost_size, "lost_root": bytes(32)}
    return sign_forgone(Forgone(**facts), bytes(16), lambda message: sign(bytes(32), message))


def test_what_was_returned_is_shown_and_brought_again(venue: Venue, listener: Listener) -> None:  # noqa: F811
    line = venue.player(SEED_A, 8)
    ledger = venue.start_ledger()
    courier = venue.start(ledger_key=LEDGER_KEY)
    venue.run_until_idle()
    assert ledger.verdicts == {ACCEPTED: 8}
    device_id = line.player.device_id

    listener.publish(topics.CHECKPOINT, note(4))  # leaves 4 to 8 were receipted since
    receipted = topics.device_topic(SITE, device_id, topics.RECEIPTED)
    venue.run(lambda: listener.of(receipted))
    receipt, envelope = loads(listener.of(receipted)[0])
    segment = unwrap(envelope)
    assert sha256(segment).digest() in ledger.segments
    opened = parse_receipt(receipt)
    opened.check(segment, LEDGER_KEY, verify)
    assert opened.leaf_index == 8

    ledger.segments.clear()  # what it has lost; its fake tree goes on
    for none in (b"junk", forgone(9, 9), forgone(12, 9)):
        listener.publish(topics.FORGONE, none)
    listener.publish(topics.FORGONE, forgone(4, 9))
    venue.run(lambda: ledger.verdicts[ACCEPTED] == 13)
    venue.run_until_idle()
    assert len(ledger.segments) == 5 and courier.spool.open_entries == 0
    assert venue.heard("the ledger has lost 5 returned segments")
    listener.publish(topics.FORGONE, forgone(1, 9))  # another one at once is not believed
    for _ in range(10):
        courier.turn(20)
    assert ledger.verdicts[DUPLICATE] == 0


def test_a_request_is_met_once_also_after_a_restart(venue: Venue, listener: Listener) -> None:  # noqa: F811
    venue.player(SEED_A, 3)
    ledger = venue.start_ledger()
    courier = venue.start(ledger_key=LEDGER_KEY)
    venue.run_until_idle()
    listener.publish(topics.FORGONE, forgone(1, 9))
    venue.run(lambda: ledger.verdicts[DUPLICATE] == 3)
    venue.run_until_idle()
    courier.close()
    again = venue.start(ledger_key=LEDGER_KEY)
    venue.run_until_idle()
    for _ in range(20):
        again.turn(20)
    assert ledger.verdicts[DUPLICATE] == 3
