"""The courier's two sides: a broker that publishes anything to it, and a player that answers anything.

Driven as its loop drives it, with a clock of our own. Only a true receipt makes a segment receipted.
"""

import hashlib
import tempfile
from pathlib import Path

from amos import crypto
from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, DUPLICATE, VERDICTS, Answer
from amos.protocol.envelope_host import unwrap, wrap
from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.receipt import parse_receipt
from amos.protocol.signing import sign_receipt
from amos_mqtt.broker import Broker
from amos_mqtt.happenings import Arrival
from amos_sync import device as device_module
from amos_sync.courier import Courier
from amos_sync.courier_settings import Settings
from amos_sync.device import Device
from amos_sync.message import Message
from amos_sync.notes import Notes
from amos_sync.outbox import PULL_STATE, Slot, State
from fuzz_chance import EDGES, Chance, spoil, twisted
from fuzz_device import LEDGER, World
from fuzz_link import spoilt_answers
from fuzz_messages import TAKEN
from protocol_player import fed

LEDGER_KEY = crypto.public_key(LEDGER)
SITE = "harbour"
SLOTS = 40
TURNS = 40


def a_courier(home: str) -> Courier:
    """A courier whose broker is never there."""
    settings = Settings(SITE, (), Broker("127.0.0.1", 1), Path(home) / "spool", LEDGER_KEY)
    return Courier(settings, Notes(lambda _sentence: None))


def receipt_for(segment: bytes) -> bytes:
    """The ledger's, for the second leaf of a log of two."""
    genesis = leaf_hash(b"genesis")
    root = node_hash(genesis, leaf_hash(segment))
    return sign_receipt(2, 1, [genesis], root, crypto.key_id(LEDGER_KEY), lambda message: crypto.sign(LEDGER, message))


class Answers:
    """What a broker may say in the ledger's place, about segments that wait."""

    NAME, SHARE, CASES = "courier's answers", 10, 400

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = tempfile.TemporaryDirectory(prefix="fuzz")
        self._courier = courier = a_courier(self._home.name)
        self._device = chance.bytes(16)
        self._segments = [chance.bytes(60) for _ in range(SLOTS)]
        self._slots = []
        for sequence, segment in enumerate(self._segments, 1):
            message, digest = wrap(segment), hashlib.sha256(wrap(segment)).digest()
            segment_sha256 = hashlib.sha256(segment).digest()
            id = courier.spool.stage_pull(
                self._device, sequence, segment_sha256, len(segment), message, digest, PULL_STATE
            )
            self._slots.append(Slot(id, self._device, sequence, digest, PULL_STATE))
            courier.outbox.add(self._slots[-1])
        courier.spool.commit()
        self._true = [receipt_for(segment) for segment in self._segments]

    def case(self) -> str:
        at = self._chance.below(SLOTS)
        slot, before = self._slots[at], [(slot.state, slot.verdict) for slot in self._slots]
        topic, payload = self._message(at)
        self._courier.mqtt.poll = lambda _now_ms: [Arrival(Message(topic, payload))]  # type: ignore[method-assign]
        self._courier.turn(0)
        changed = [slot.state.name for slot, was in zip(self._slots, before, strict=True) if slot.state != was[0]]
        return TAKEN if changed else "no change" if slot.state != State.RECEIPTED else "already receipted"

    def _message(self, at: int) -> tuple[str, bytes]:
        chance, slot = self._chance, self._slots[at]
        topic = topics.device_topic(SITE, self._device, topics.RECEIPT)
        verdict = chance.below(len(VERDICTS))
        receipt = None
        if verdict in (ACCEPTED, DUPLICATE):
            own = chance.percent(10)
            receipt = self._true[at] if own else spoil(chance, chance.pick(self._true), self._true) or b"\0"
        answer = Answer(
            message_sha256=slot.message_sha256, verdict=verdict, device_id=self._device, sequence=slot.sequence,
            receipt=receipt[:2048] if receipt else None, detail=chance.pick((None, "x", "\x1b[2J", "é" * 90)),
        )  # fmt: skip
        payload = answer.encode()
        if chance.percent(30):
            payload = twisted(chance, payload)
        elif chance.percent(30):
            payload = spoil(chance, payload, self._true)
        if chance.percent(5):
            strange = ("", "amos/1/harbour", topic + "/x", topic.upper(), "amos/1/other/" + "0" * 32 + "/receipt")
            topic = chance.pick(strange)
        return topic, payload

    def finish(self) -> None:
        """What counts as receipted is, and the spool knows the same after a restart."""
        states = {slot.id: slot.state for slot in self._slots}
        for slot, segment in zip(self._slots, self._segments, strict=True):
            if slot.state is State.RECEIPTED:
                receipt = parse_receipt(self._courier.spool.receipt(slot.id))
                receipt.check(segment, LEDGER_KEY, crypto.verify)
        self._courier.close()
        again = a_courier(self._home.name)
        for slot in again.spool.slots():
            assert (slot.state is State.RECEIPTED) == (states[slot.id] is State.RECEIPTED)
        again.close()
        self._home.cleanup()


class Line:
    """A port to a device in memory, which spoils `percent` of what it answers."""

    address, unsent = "unix:fuzz", 0

    def __init__(self, world: World, chance: Chance, percent: int):
        self._world = world
        self._chance = chance
        self._percent = percent
        self._arrived = b""
        self._kept: list[bytes] = []

    def fileno(self) -> int:
        return -1

    def write(self, data: bytes) -> None:
        answer = fed(self._world.link, data)
        if self._chance.percent(self._percent):
            answer = spoilt_answers(self._chance, answer, self._kept)
        self._kept = [*self._kept[-3:], answer]
        self._arrived += answer

    def read(self) -> bytes:
        arrived, self._arrived = self._arrived, b""
        return arrived

    def close(self) -> None:
        self._arrived = b""


class Talk:
    """Some turns with a device of which some answers are spoilt, with receipts for what has come through.

    Whatever was said, an honest line in the end brings everything, as it is.
    """

    NAME, SHARE, CASES = "courier's players", 2, 60

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = tempfile.TemporaryDirectory(prefix="fuzz")
        self._courier = a_courier(self._home.name)
        self._world = World()
        self._now_ms = 0

    def case(self) -> str:
        chance = self._chance
        settled = self._run(chance.pick((0, 5, 20, 50, 90)), TURNS)
        if chance.percent(40):
            self._receipt_all()
        if chance.percent(20):
            self._world.device.player_state.set_tier(1 - self._world.device.player_state.tier)
            self._world.play()
        return TAKEN if settled else "broken off, or not done"

    def _receipt_all(self) -> None:
        """The ledger has everything that came through so far."""
        courier, device = self._courier, self._world.device.identity.device_id
        courier.devices[:] = []
        answers = []
        for slot in courier.outbox.open_slots(device):
            receipt = receipt_for(unwrap(courier.spool.payload(slot.id)))
            answer = Answer(
                message_sha256=slot.message_sha256, verdict=ACCEPTED, device_id=device, sequence=slot.sequence,
                receipt=receipt,
            )  # fmt: skip
            answers.append(Arrival(Message(topics.device_topic(SITE, device, topics.RECEIPT), answer.encode())))
        courier.mqtt.poll = lambda _now_ms: answers  # type: ignore[method-assign]
        courier.turn(0)

    def _run(self, percent: int, turns: int) -> bool:
        courier, world = self._courier, self._world
        device = Device("unix:fuzz", courier.players, courier.notes, lambda: self._now_ms)
        courier.devices[:] = [device]
        opened, settled = device_module.open_port, False
        device_module.open_port = lambda _address: Line(world, self._chance, percent)  # type: ignore[assignment]
        try:
            for _turn in range(turns):
                self._now_ms += self._chance.pick((1, 60, 2500))
                device.work(self._now_ms)
                if courier.spool.staged:
                    courier.spool.commit()
                device.flush(self._now_ms)
                settled |= device.session is not None and device.session.settled
            device.close()
        finally:
            device_module.open_port = opened
        return settled

    def finish(self) -> None:
        """Every segment of the device is in the spool, byte for byte."""
        self._now_ms += 10 * max(EDGES[:13])
        self._run(0, 400)
        kept = {}
        for slot in self._courier.outbox.open_slots(self._world.device.identity.device_id):
            kept.setdefault(slot.sequence, set()).add(unwrap(self._courier.spool.payload(slot.id)))
        for sequence in sorted(self._world.journal.segments):
            assert self._world.journal.read(sequence, 0, 1 << 16) in kept[sequence], sequence
        self._courier.close()
        self._home.cleanup()


COURIER_TARGETS = (Answers, Talk)
