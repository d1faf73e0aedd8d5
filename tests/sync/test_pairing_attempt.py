"""One code on its way from a venue: what is sent and when, and what each answer, and no answer, comes to."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amos import crypto
from amos.protocol.errors import ProtocolError
from amos.protocol.handover import KeyHistory
from amos.protocol.link import IDENTIFY_CONTEXT, OK, Response
from amos.protocol.link_courier_proof import Proof
from amos.protocol.pairing_host import (
    LOCKED,
    MALFORMED,
    PAIRED,
    REFUSED,
    SENTENCES,
    VERDICTS,
    PairingAnswer,
    check_proof,
    nonce_of,
    open_pairing,
)
from amos_mqtt.happenings import Arrival
from amos_sync import cli_pair
from amos_sync.clock import clock_ms
from amos_sync.message import Message
from amos_sync.pairing import AGAIN_MS, ANSWER_MS, LOCAL, NAMES, Attempt
from amos_sync.sealed_code import unseal
from amos_sync.venue import pages
from amos_web.words import entries

OPERATOR, DEVICE = b"o" * 32, b"d" * 32
KEY, DEVICE_KEY = crypto.public_key(OPERATOR), crypto.public_key(DEVICE)
DEVICE_ID = crypto.key_id(DEVICE_KEY)
SITE, CODE = "harbour-cafe", "004821"


def proof(nonce: bytes, history: KeyHistory | None = None, **other: Any) -> Proof:
    """The player's to this nonce."""
    said = {"board": "linux", "voices": 8, "public_key": DEVICE_KEY, "device_id": DEVICE_ID} | other
    signature = crypto.sign(DEVICE, IDENTIFY_CONTEXT + nonce)
    return Proof(Response(id=1, code=OK, signature=signature, firmware="0.1.0", **said), nonce, history)


def begun(keys: list[bytes] | None = None) -> Attempt:
    return Attempt(SITE, CODE, [KEY] if keys is None else keys, 0)


def sent(attempt: Attempt, now_ms: int = 0) -> bytes:
    due = attempt.due(now_ms, True)
    assert due is not None
    return due[1]


def ended(attempt: Attempt) -> str:
    assert attempt.outcome is not None
    return attempt.outcome.name


def test_what_is_sent_is_what_the_desk_opens_and_only_its_key() -> None:
    attempt = begun()
    assert attempt.due(0, True) is None, "nothing before the player's proof"
    attempt.proved(proof(attempt.nonce))
    due = attempt.due(0, True)
    assert due is not None and due[0] == f"amos/1/{SITE}/{DEVICE_ID.hex()}/pairing"
    assert attempt.answers == f"amos/1/{SITE}/{DEVICE_ID.hex()}/paired"
    request = open_pairing(due[1], SITE, DEVICE_ID)
    code, salt = unseal(request.sealed, OPERATOR)
    assert code == CODE
    check_proof(request, nonce_of(code, salt, SITE), crypto.verify)
    assert CODE.encode() not in due[1]


def test_the_same_is_sent_again_until_it_is_answered_or_late() -> None:
    attempt = begun()
    attempt.proved(proof(attempt.nonce))
    assert attempt.due(5, False) is None, "not without a broker"
    first = sent(attempt, 5)
    assert attempt.due(5 + AGAIN_MS - 1, True) is None
    assert sent(attempt, 5 + AGAIN_MS) == first
    assert attempt.due(ANSWER_MS, True) is None and ended(attempt) == "DeskSilent"
    assert f"within {ANSWER_MS // 1000} s" in LOCAL["DeskSilent"] and "access rules" in LOCAL["DeskSilent"]


def test_what_is_not_there_is_named() -> None:
    assert ended(begun([])) == "OperatorKeyMissing" == ended(begun([b"\x02" + bytes(31)]))
    assert ended(begun([KEY, DEVICE_KEY])) == "OperatorKeyDoubtful", "what is sealed for a thief is told to him"
    for given, name in ((None, "PlayerAway"), (KeyHistory(version=1, first_key=KEY, handovers=[]), "KeyRotated")):
        attempt = begun()
        attempt.proved(None if given is None else proof(attempt.nonce, given))
        assert ended(attempt) == name and attempt.due(0, True) is None
    attempt = begun()
    attempt.proved(proof(attempt.nonce, voices=33))
    assert ended(attempt) == "ProofWrong"
    attempt = begun()
    assert attempt.due(ANSWER_MS, True) is None and ended(attempt) == "PlayerAway", "it said nothing"
    attempt = begun()
    attempt.proved(proof(attempt.nonce))
    assert attempt.due(ANSWER_MS, False) is None and ended(attempt) == "BrokerAway"


def answered(verdict: int, **facts: Any) -> Attempt:
    attempt = begun()
    attempt.proved(proof(attempt.nonce))
    sha256 = hashlib.sha256(sent(attempt)).digest()
    attempt.came(DEVICE_ID, PairingAnswer(request_sha256=sha256, verdict=verdict, **facts).encode())
    return attempt


@pytest.mark.parametrize("verdict", range(len(VERDICTS)))
def test_every_verdict_has_a_name_and_its_sentence(verdict: int) -> None:
    facts = {PAIRED: {"name": "bar"}, LOCKED: {"until_unix_s": 253_402_300_799}, REFUSED: {"detail": "bar is\x1b[31m"}}
    outcome = answered(verdict, **facts.get(verdict, {})).outcome
    assert outcome is not None and outcome.name == NAMES[verdict] and SENTENCES[verdict] in outcome.sentence
    assert (outcome.called == "bar") == (verdict == PAIRED)
    if verdict == LOCKED:
        assert outcome.sentence.startswith("Locked until ") and outcome.until_unix_s == 253_402_300_799
    if verdict == REFUSED:
        assert outcome.detail == "bar is?[31m" and outcome.sentence.endswith("(bar is?[31m)")


def test_an_answer_to_something_else_is_none() -> None:
    attempt = begun()
    attempt.came(DEVICE_ID, b"garbage")  # nothing was asked
    attempt.proved(proof(attempt.nonce))
    sent(attempt)
    other = PairingAnswer(request_sha256=bytes(32), verdict=PAIRED, name="bar").encode()
    attempt.came(DEVICE_ID, other)
    attempt.came(bytes(16), b"garbage")
    assert attempt.outcome is None
    with pytest.raises(ProtocolError):
        attempt.came(DEVICE_ID, b"garbage")
    ended_before = answered(REFUSED)
    ended_before.came(DEVICE_ID, b"garbage")
    assert ended(ended_before) == "PairingRefused", "what comes late changes nothing"


def test_the_page_has_a_sentence_for_every_name_that_may_come() -> None:
    folder = Path(pages.__file__).parent
    template = (folder / "templates/pairing.html").read_text()
    told = {name for name in (*NAMES, *LOCAL) if f'"{name}"' in template}
    assert {*NAMES, *LOCAL} - told == {"Paired"}
    assert "Koppeln" in entries((folder / "locale/de.po").read_text()).values()


class Broker:
    """A client of one that hands on more than was asked for, and what anybody said."""

    up = True

    def __init__(self, attempt: Attempt) -> None:
        self._attempt, self._sent = attempt, b""

    def start(self, _now_ms: int) -> None: ...

    def stop(self) -> None: ...

    def subscribe(self, names: list[str]) -> None:
        assert names == [self._attempt.answers]

    def publish(self, _topic: str, data: bytes) -> None:
        self._sent = data

    def poll(self, _now_ms: int) -> list[Arrival[Message]]:
        if not self._sent:
            return []
        answer = PairingAnswer(request_sha256=hashlib.sha256(self._sent).digest(), verdict=PAIRED, name="bar").encode()
        refusal = PairingAnswer(request_sha256=hashlib.sha256(self._sent).digest(), verdict=MALFORMED).encode()
        place = self._attempt.answers.removesuffix("paired")
        came = [
            (place + "status", refusal),
            ("$SYS/x", b""),
            (place + "paired", b"garbage"),
            (place + "paired", answer),
        ]
        return [Arrival(Message(*each)) for each in came]


def test_the_command_hears_the_desk_among_what_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = Attempt(SITE, CODE, [KEY], clock_ms())
    attempt.proved(proof(attempt.nonce))
    monkeypatch.setattr(cli_pair, "MqttClient", lambda *_of: Broker(attempt))
    monkeypatch.setattr(cli_pair, "TURN_S", 0.0)
    outcome = cli_pair._answered(SimpleNamespace(broker=None), attempt)  # type: ignore[arg-type]
    assert outcome.called == "bar"
