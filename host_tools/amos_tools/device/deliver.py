"""A signed enrolment's way to the ledger: into its folder, or over a broker and back with the ledger's receipt."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from amos import crypto
from amos.protocol.answer import ACCEPTED, RECEIPTED, RETRY, VERDICTS, Answer, decode_answer
from amos.protocol.enrolment import Enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos.protocol.topics import ENROLLED, ENROLMENT, device_topic
from amos_cli.output import Exit
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused, LedgerError
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.outside import ask_served
from amos_mqtt.broker import Broker, BrokerSettingError
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Denied, Down, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.message import PAYLOAD_BYTES_MAX, Message, read_message

RESEND_S = 5.0
TURN_S = 0.2


class DeliveryError(Exception):
    """The enrolment has not arrived: the ledger cannot be reached, or has no room; the same one may arrive later."""

    exit_code = Exit.UNREACHABLE


class EnrolmentRefusedError(DeliveryError):
    """The ledger refuses the enrolment for good, and says why."""

    exit_code = Exit.FINDING


@dataclass(frozen=True)
class Delivered:
    """`fresh` is False when the ledger had this very enrolment before."""

    fresh: bool


def into_folder(folder: Path, data: bytes) -> Delivered:
    """Enrol in the ledger of this machine. Raises `DeliveryError`."""
    try:
        ledger = Folder(folder)
        ask_served(ledger)
        with checked_store(ledger) as store:
            _enrolment, fresh = registry.enrol(ledger, store, data, now_s=int(time.time()))
            registry.publish(ledger, store)
    except EnrolmentRefused as error:
        raise EnrolmentRefusedError(str(error)) from None
    except LedgerError as error:
        raise DeliveryError(f"{error.name}: {error}") from None
    except BrokerSettingError as error:
        raise DeliveryError(str(error)) from None
    return Delivered(fresh)


def over_broker(broker: Broker, data: bytes, enrolment: Enrolment, ledger_key: bytes, wait_s: float) -> Delivered:
    """Publish until the ledger answers, for at most `wait_s`. Its receipt must verify with `ledger_key`.

    Raises `EnrolmentRefusedError`; `DeliveryError` when unavailable, without an answer, without a broker.
    """
    woken = threading.Event()
    settings = ClientSettings(f"amos-operator-{secrets.token_hex(4)}", PAYLOAD_BYTES_MAX)
    client = MqttClient(broker, settings, read_message, woken.set)
    client.start(_now_ms())
    try:
        return _exchange(client, woken, data, enrolment, ledger_key, time.monotonic() + wait_s)
    finally:
        client.stop()


def _exchange(
    client: MqttClient[Message],
    woken: threading.Event,
    data: bytes,
    enrolment: Enrolment,
    ledger_key: bytes,
    end_s: float,
) -> Delivered:
    send = device_topic(enrolment.site, enrolment.device_id, ENROLMENT)
    hear = device_topic(enrolment.site, enrolment.device_id, ENROLLED)
    last_said, resend_s = f"broker {client.broker.name} does not answer", 0.0
    while time.monotonic() < end_s:
        woken.wait(TURN_S)
        woken.clear()
        for happening in client.poll(_now_ms()):
            if isinstance(happening, Up):
                client.subscribe([hear])
                last_said, resend_s = f"broker {client.broker.name} connected, but no answer of the ledger", 0.0
            elif isinstance(happening, Down | Denied):
                last_said = f"broker {client.broker.name} {happening.reason}"
            elif isinstance(happening, Arrival) and happening.message.topic == hear:
                answer = _answer_to(data, happening.message.payload)
                if answer is not None and answer.verdict not in RETRY:
                    try:
                        return _checked(answer, data, ledger_key)
                    except EnrolmentRefusedError:
                        raise
                    except DeliveryError as error:
                        last_said = str(error)  # the same may come by another key of the ledger's
                        continue
                last_said = f"the ledger: {answer.detail}" if answer else last_said
        if client.up and time.monotonic() >= resend_s:
            client.publish(send, data)
            resend_s = time.monotonic() + RESEND_S
    raise DeliveryError(last_said)


def _answer_to(data: bytes, payload: bytes) -> Answer | None:
    """The answer, if it is one to this enrolment: a broker may hand out anything."""
    try:
        answer: Answer = decode_answer(payload)
    except ProtocolError:
        return None
    return answer if answer.message_sha256 == hashlib.sha256(data).digest() else None


def _checked(answer: Answer, data: bytes, ledger_key: bytes) -> Delivered:
    if answer.verdict not in RECEIPTED or answer.receipt is None:
        raise EnrolmentRefusedError(f"{VERDICTS[answer.verdict]}: {answer.detail or 'no reason given'}")
    try:
        parse_receipt(answer.receipt).check(data, ledger_key, crypto.verify)
    except ProtocolError as error:
        raise DeliveryError(f"the answer is not by the ledger whose key is pinned: {error}") from None
    return Delivered(answer.verdict == ACCEPTED)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
