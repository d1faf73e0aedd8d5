"""The broker, its access rules, the ledger behind it, and this machine's clock held against the ledger's.

The check logs in as the courier does, under a client id of its own, so that a courier that runs is not put out. It asks
the ledger the time for the players that it knows, which a courier does each day; and where no courier runs it publishes
the courier's status anew, which is that none runs. Where an operator is known, it sends an empty message on the topic
by which new players are paired, which is no request.
"""

import secrets
import time
from dataclasses import dataclass, field

from amos.crypto import verify
from amos.protocol import topics
from amos.protocol.anchor import Anchor, open_anchor
from amos.protocol.errors import ProtocolError
from amos.protocol.limits import TIME_NONCE_BYTES
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Denied, Down, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.check.broker_advice import broker_fault
from amos_sync.check.finding import Finding, fine, wrong
from amos_sync.clock import clock_fault, clock_ms, wall_ms
from amos_sync.courier_settings import Settings
from amos_sync.courier_status import OFFLINE, VERSION, CourierStatus
from amos_sync.ledger_line import LedgerLine
from amos_sync.message import PAYLOAD_BYTES_MAX, Message, read_message

TURN_S = 0.02
NOBODY = bytes(16)
"""An id for the topics of a player that is not there yet."""

ANSWERS_MS = 3_000
"""How long the retained tree head and the ledger's answers may take to come."""
REFUSALS_MS = 1_000
"""How long the broker may take to refuse what was published."""
CLOCK_UNIX_MS_MIN = 1_735_689_600_000
"""2025-01-01: no clock that is right shows less."""


@dataclass
class _NoSpool:
    """Rotations of the ledger's key that the broker retains, for the time of the check."""

    kept: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def rotations(self) -> list[tuple[int, bytes]]:
        return [(turn, data) for (_number, turn), data in self.kept.items()]

    def stage_rotation(self, number: int, turn: int, data: bytes) -> None:
        self.kept[number, turn] = data

    def stage_no_rotation(self, number: int, turn: int) -> None:
        self.kept.pop((number, turn), None)


class AtBroker:
    """`findings` connects, asks, waits and tells; `device_ids` are the players that are known here."""

    def __init__(self, settings: Settings, device_ids: list[bytes], courier_runs: bool) -> None:
        self._settings = settings
        self._nonces = {device_id: secrets.token_bytes(TIME_NONCE_BYTES) for device_id in device_ids}
        self._courier_runs = courier_runs
        client = ClientSettings(f"amos-check-{secrets.token_hex(6)}", PAYLOAD_BYTES_MAX)
        self._mqtt = MqttClient(settings.broker, client, read_message, lambda: None)
        self._line = LedgerLine(_NoSpool(), settings.ledger_key)
        self._denied: list[str] = []
        self._head: bytes | None = None
        self._anchors: dict[bytes, tuple[bytes, int, int]] = {}
        self._asked_ms = 0

    def findings(self, wait_ms: int) -> list[Finding]:
        """Waits at most so long for the broker, and then for the ledger's answers."""
        self._mqtt.start(clock_ms())
        try:
            reason = self._connect(wait_ms)
            if reason is not None:
                return [broker_fault(self._settings.broker.name, reason), *_own_clock()]
            self._ask()
            self._listen()
        finally:
            self._mqtt.stop()
        found = [fine("broker", f"broker {self._settings.broker.name} lets {self._settings.site} in")]
        found += [self._access(reason) for reason in dict.fromkeys(self._denied)]
        return [*found, self._ledger(), *self._clock()]

    def _connect(self, wait_ms: int) -> str | None:
        """None once there is a connection, else why there is none."""
        end_ms, reason = clock_ms() + wait_ms, None
        while clock_ms() < end_ms:
            for happening in self._mqtt.poll(clock_ms()):
                if isinstance(happening, Up):
                    return None
                if isinstance(happening, Down):
                    reason = happening.reason
            if reason is not None and self._mqtt.faults:
                return reason
            time.sleep(TURN_S)
        return reason or "gives no answer"

    def _ask(self) -> None:
        site = self._settings.site
        anchors = [topics.device_topic(site, device_id, topics.ANCHOR) for device_id in self._nonces]
        self._mqtt.subscribe([topics.ROTATIONS, topics.CHECKPOINT, *anchors])
        for device_id, nonce in self._nonces.items():
            self._mqtt.publish(topics.device_topic(site, device_id, topics.TIME), nonce)
        if self._settings.operator_key is not None:
            new_id = next(iter(self._nonces), NOBODY)
            self._mqtt.subscribe([topics.device_topic(site, new_id, topics.PAIRED)])
            self._mqtt.publish(topics.device_topic(site, new_id, topics.PAIRING), b"")
        if not self._courier_runs:
            offline = CourierStatus(state=OFFLINE, version=VERSION).encode()
            self._mqtt.publish(topics.courier_status_topic(site), offline, retain=True)
        self._asked_ms = clock_ms()

    def _listen(self) -> None:
        while (passed_ms := clock_ms() - self._asked_ms) < ANSWERS_MS:
            for happening in self._mqtt.poll(clock_ms()):
                if isinstance(happening, Denied):
                    self._denied.append(happening.reason)
                elif isinstance(happening, Arrival):
                    self._came(happening.message)
            if passed_ms >= REFUSALS_MS and self._head is not None and len(self._anchors) == len(self._nonces):
                return
            time.sleep(TURN_S)

    def _came(self, message: Message) -> None:
        try:
            if message.topic == topics.CHECKPOINT:
                self._head = message.payload
            elif topics.is_rotation(message.topic):
                self._line.came(message.payload)
            else:
                _site, device_id, leaf = topics.parse_device_topic(message.topic)
                if leaf == topics.ANCHOR and device_id in self._nonces:
                    self._anchors.setdefault(device_id, (message.payload, wall_ms(), clock_ms() - self._asked_ms))
        except ProtocolError:
            return  # whoever writes to the broker may write anything

    def _access(self, reason: str) -> Finding:
        site = self._settings.site
        advice = f"have the broker's rules let {site} do it (boards/mosquitto), and log in under the name {site}"
        return wrong("access", f"broker {self._settings.broker.name} {reason}", advice, "username")

    def _ledger(self) -> Finding:
        if self._head is None:
            advice = "have the ledger serve at this broker; and the access rules have to let this site read it"
            return wrong("ledger", f"no ledger's tree head is at the broker ({topics.CHECKPOINT})", advice)
        try:
            opened = self._line.open_head(self._head)
        except ProtocolError:
            sentence = "the ledger at this broker is not the one whose key is pinned here"
            advice = "ask the operator for the ledger's public key (amos ledger status), or for the right broker"
            return wrong("ledger", sentence, advice, "ledger-key")
        if opened is None:
            return fine("ledger", "a ledger serves there; ledger-key is not set, so its key is not looked at")
        return fine("ledger", f"{opened[0].origin} serves there, with the key that is pinned here")

    def _clock(self) -> list[Finding]:
        found = []
        for device_id, (payload, unix_ms, waited_ms) in self._anchors.items():
            anchor = self._opened(payload, device_id)
            fault = None if anchor is None else clock_fault(unix_ms, anchor.unix_ms, waited_ms)
            if fault is not None:
                return [wrong("clock", fault, "set this machine's clock: timedatectl set-ntp true")]
            if anchor is not None:
                return [fine("clock", "this machine's clock agrees with the ledger's")]
        if self._head is not None:
            found = [self._unanswered(device_id) for device_id in self._nonces]
        return [*found, *_own_clock()]

    def _opened(self, payload: bytes, device_id: bytes) -> Anchor | None:
        """The anchor, where it answers this check, by a key of the ledger's line."""
        keys = self._line.keys()
        for key in keys:
            try:
                anchor = open_anchor(payload, key, verify)
            except ProtocolError:
                continue
            if (anchor.device_id, anchor.nonce) == (device_id, self._nonces[device_id]):
                return anchor
        return None

    def _unanswered(self, device_id: bytes) -> Finding:
        name = device_id.hex()[:8]
        sentence = f"{name}: the ledger does not answer when it is asked the time for this player"
        advice = "enrol the player (amos ledger status lists those that are), start the ledger, or correct the rules"
        return wrong("ledger", sentence, f"{advice} for reading amos/1/{self._settings.site}/+/anchor")


def _own_clock() -> list[Finding]:
    """What can be said of the clock without a ledger."""
    if wall_ms() >= CLOCK_UNIX_MS_MIN:
        return []
    sentence = "the clock of this machine shows a time before 2025"
    return [wrong("clock", sentence, "set this machine's clock: timedatectl set-ntp true")]
