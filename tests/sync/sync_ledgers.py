"""A small ledger for the tests: verifies, keeps each segment once, answers over MQTT with real receipts."""

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sync_players import LEDGER_KEY, LEDGER_SEED

from amos import crypto
from amos.protocol import topics
from amos.protocol.anchor import Anchor
from amos.protocol.answer import ACCEPTED, DUPLICATE, MALFORMED, RECEIPTED, UNKNOWN_DEVICE, Answer
from amos.protocol.envelope_host import unwrap
from amos.protocol.merkle import leaf_hash, node_hash
from amos.protocol.segment import claimed_device_id
from amos.protocol.several_host import holds_several, join_several, split_several
from amos.protocol.signing import sign_anchor, sign_receipt
from amos.protocol.usage_reader import open_usage


def root_of(leaves: list[bytes]) -> bytes:
    """Merkle tree hash (RFC 9162 §2.1.1)."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """Inclusion path (RFC 9162 §2.1.3.1)."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, leaves[:split]), root_of(leaves[split:])]
    return [*path_of(index - split, leaves[split:]), root_of(leaves[:split])]


class FakeLedger:
    """`enrolled` maps device to key. `segments` are the entries in order; `verdicts` counts every answer given.

    `judge(device, sequence, resends)` may return a verdict in place of the true one, or -1 for no answer at all.
    """

    def __init__(self, port: int, enrolled: dict[bytes, bytes], judge: Callable[[bytes, int, int], int | None]):
        self.enrolled = enrolled
        self.segments: dict[bytes, bytes] = {}  # SHA-256 -> segment
        self.receipts: dict[bytes, bytes] = {}
        self.messages: Counter[bytes] = Counter()
        self.verdicts: Counter[int] = Counter()
        self.message_bytes = 0
        self.forge: Callable[[bytes], bytes] | None = None  # what it says in place of an anchor
        self.said: Callable[[Answer], list[Answer]] = lambda answer: [answer]
        self.dated: Callable[[bytes], list[bytes]] = lambda anchor: [anchor]
        self.several = 0  # messages that held several segments
        self.takes_several = True
        self.mute = False  # answers are counted and lost on the way
        self._judge = judge
        self._leaves = [leaf_hash(b"genesis")]
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="ledger-" + secrets.token_hex(6), protocol=paho.MQTTv311
        )
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_more: client.subscribe([(topics.ALL_USAGE, 1), (topics.ALL_TIME, 1)])
        self._client.on_subscribe = lambda *_more: self._subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(60)

    def stop(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Something that a ledger would not say."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def _take(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        site, device, leaf = topics.parse_device_topic(message.topic)
        if leaf == topics.TIME:
            self._date(client, site, device, bytes(message.payload))
            return
        answers = self._answers(device, bytes(message.payload))
        self.verdicts.update(answer.verdict for answer in answers)
        if not self.mute:
            said = [each.encode() for answer in answers for each in self.said(answer)]
            for payload in join_several(said) if len(answers) > 1 else said:
                client.publish(topics.device_topic(site, device, topics.RECEIPT), payload, qos=1)

    def _answers(self, device: bytes, payload: bytes) -> list[Answer]:
        if not holds_several(payload):
            answer = self._answer(device, payload)
            return [] if answer is None else [answer]
        self.several += 1
        if not self.takes_several:
            return [Answer(message_sha256=hashlib.sha256(payload).digest(), verdict=MALFORMED, device_id=device)]
        found = [self._answer(device, envelope) for envelope in split_several(payload)]
        return [answer for answer in found if answer is not None]

    def _date(self, client: paho.Client, site: str, device: bytes, nonce: bytes) -> None:
        anchor = Anchor(version=1, device_id=device, nonce=nonce, unix_ms=time.time_ns() // 1_000_000)
        payload = sign_anchor(anchor, crypto.key_id(LEDGER_KEY), lambda message: crypto.sign(LEDGER_SEED, message))
        payload = self.forge(payload) if self.forge else payload
        for said in self.dated(payload):
            client.publish(topics.device_topic(site, device, topics.ANCHOR), said, qos=1)

    def _answer(self, device: bytes, payload: bytes) -> Answer | None:
        digest = hashlib.sha256(payload).digest()
        self.message_bytes += len(payload)
        segment = unwrap(payload)
        if claimed_device_id(segment) not in self.enrolled:
            return Answer(message_sha256=digest, verdict=UNKNOWN_DEVICE, device_id=device)
        usage = open_usage(segment, self.enrolled[device], crypto.verify)
        self.messages[digest] += 1
        verdict = self._judge(device, usage.sequence, self.messages[digest] - 1)
        if verdict == -1:
            return None
        if verdict is None:
            verdict = self._keep(segment)
        receipt = self.receipts[hashlib.sha256(segment).digest()] if verdict in RECEIPTED else None
        facts = {"device_id": device, "sequence": usage.sequence, "receipt": receipt}
        return Answer(message_sha256=digest, verdict=verdict, **facts)

    def _keep(self, segment: bytes) -> int:
        key = hashlib.sha256(segment).digest()
        if key in self.segments:
            return DUPLICATE
        self.segments[key] = segment
        self._leaves.append(leaf_hash(segment))
        index, size = len(self._leaves) - 1, len(self._leaves)
        self.receipts[key] = sign_receipt(
            size, index, path_of(index, self._leaves), root_of(self._leaves), crypto.key_id(LEDGER_KEY),
            lambda message: crypto.sign(LEDGER_SEED, message),
        )  # fmt: skip
        return ACCEPTED


def truthful(_device: bytes, _sequence: int, _resends: int) -> int | None:
    """A ledger that always says what is so."""
    return None
