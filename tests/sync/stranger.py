"""Somebody at the broker who may say anything to anyone: garbage on every topic, and forgeries of what matters."""

import hashlib
import random
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from patience import wait_until

from amos import crypto
from amos.protocol import topics
from amos.protocol.anchor import Anchor
from amos.protocol.answer import ACCEPTED, BAD_SIGNATURE, FORK, RETIRED, Answer, decode_answer
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError
from amos.protocol.link import Status
from amos.protocol.signing import sign_anchor, sign_receipt
from amos_sync.spool_damage import names
from protocol_examples import Party, a_directive, signed_directive

FORGED_UNIX_MS = 3_000_000_000_000
"""In 2065: an anchor that nobody but the stranger gives."""

_LEAVES = (topics.USAGE, topics.RECEIPT, topics.STATUS, topics.TIME, topics.ANCHOR, topics.RECEIPTED, topics.DIRECTIVE)


class Stranger:
    """`directives`: serials of directives that players' statuses say they follow.

    `forges`: whether each segment, and each question for the time, is answered by a lie.
    """

    def __init__(self, port: int, site: str, devices: list[bytes], ledger_key: bytes, chance: random.Random) -> None:
        self.forges = False
        self.directives: set[int] = set()
        self.said = 0
        self._site, self._devices = site, devices
        self._chance = chance
        self._key_id = crypto.key_id(ledger_key)
        self._party = Party(9)
        self._heard: list[bytes] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe(topics.PREFIX + "/#", 1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_until(self._client.is_connected, "the stranger at the broker")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def garbage(self) -> None:
        """Something on each topic that there is, some of it for everybody who comes later."""
        names = [topics.device_topic(self._site, device, leaf) for device in self._devices for leaf in _LEAVES]
        names += [topics.OPT_OUTS, topics.CHECKPOINT, topics.FORGONE, topics.rotation_topic(self._chance.randrange(9))]
        names += [topics.courier_status_topic(self._site), topics.courier_checkpoint_topic(self._site)]
        names += [f"{topics.PREFIX}/{self._site}/nobody/{topics.USAGE}", f"{topics.PREFIX}/\N{SNOWMAN}/x/receipt"]
        for name in names:
            size = self._chance.choice([0, 1, 7, 300, 40_000])
            data = self._chance.choice([self._chance.randbytes(size), *self._heard[-20:]])
            self._say(name, data, retain=self._chance.random() < 0.3)

    def order(self) -> None:
        """Directives that no operator signed."""
        wishes: list[dict[str, object]] = [{"volume_q15": 1}, {"restart": 1}, {"tier": 0}, {"pack": bytes(32)}]
        for device in self._devices:
            directive = a_directive(device, self._chance.randrange(1, 1 << 40), **self._chance.choice(wishes))
            self._say(self._topic(device, topics.DIRECTIVE), signed_directive(directive, self._party), retain=True)

    def withdraw(self) -> None:
        """What was retained for everybody who comes later."""
        self.forges = False
        for device in self._devices:
            self._say(self._topic(device, topics.DIRECTIVE), b"", retain=True)

    def _topic(self, device: bytes, leaf: str) -> str:
        return topics.device_topic(self._site, device, leaf)

    def _say(self, topic: str, data: bytes, retain: bool = False) -> None:
        self.said += 1
        self._client.publish(topic, data, qos=1, retain=retain)

    def _take(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._heard = [*self._heard[-200:], bytes(message.payload)]
        kinds: dict[str, Callable[[bytes, bytes], None]] = {
            topics.USAGE: self._lie,
            topics.TIME: self._misdate,
            topics.STATUS: self._status,
        }
        try:
            _site, device, leaf = topics.parse_device_topic(message.topic)
            if leaf in kinds:
                kinds[leaf](device, bytes(message.payload))
        except ProtocolError:
            pass  # its own garbage

    def _status(self, _device: bytes, payload: bytes) -> None:
        serial = Status.decode(payload).directive_serial if payload else None
        if serial is not None:
            self.directives.add(serial)

    def _lie(self, device: bytes, payload: bytes) -> None:
        if not self.forges or not payload:
            return
        named = names(unwrap(payload))
        digest, sequence = hashlib.sha256(payload).digest(), named[1] if named else 1
        receipts = [self._made_up(), *self._others()]
        verdict = self._chance.choice([ACCEPTED, ACCEPTED, BAD_SIGNATURE, FORK, RETIRED])
        receipt = self._chance.choice(receipts) if verdict == ACCEPTED else None
        answer = Answer(message_sha256=digest, verdict=verdict, device_id=device, sequence=sequence, receipt=receipt)
        self._say(self._topic(device, topics.RECEIPT), answer.encode())

    def _made_up(self) -> bytes:
        """A receipt that only its signature gives away."""
        size = self._chance.randrange(2, 300)
        return sign_receipt(size, size - 1, [], self._chance.randbytes(32), self._key_id, self._party.sign)

    def _others(self) -> list[bytes]:
        """True receipts, of other segments."""
        found = []
        for data in self._heard[-50:]:
            try:
                receipt = decode_answer(data).receipt
            except ProtocolError:
                continue
            found += [receipt] if receipt is not None else []
        return found

    def _misdate(self, device: bytes, nonce: bytes) -> None:
        if self.forges and len(nonce) == 16:
            anchor = Anchor(version=1, device_id=device, nonce=nonce, unix_ms=FORGED_UNIX_MS)
            data = sign_anchor(anchor, self._key_id, self._party.sign)
            self._say(self._topic(device, topics.ANCHOR), data)
