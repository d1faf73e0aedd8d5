"""The desk's answers to venues that give a code: a thread of its own, at a line to the broker of its own.

A request is believed as far as its player signed it and its code is good; who sent it is nobody's word.
"""

import hashlib
import secrets
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from amos import crypto
from amos.protocol import topics
from amos.protocol.errors import CborError, LocalError, MessageError, ProtocolError, SignatureError
from amos.protocol.ledger_limits import PAIRING_BYTES_MAX
from amos.protocol.pairing_host import (
    EXPIRED,
    FOREIGN,
    LOCKED,
    MALFORMED,
    PAIRED,
    REFUSED,
    SENTENCES,
    UNAVAILABLE,
    UNPROVEN,
    VERDICTS,
    WRONG,
    Pairing,
    PairingAnswer,
    check_proof,
    nonce_of,
    open_pairing,
)
from amos.protocol.printable_host import printable
from amos_ledger.errors import LedgerError
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Said, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.sealed_code import unseal
from amos_tools.device.deliver import DeliveryError, EnrolmentRefusedError
from amos_tools.device.place import PlaceError
from amos_tools.device.records import RecordError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.pairing.book import Book
from amos_tools.fleet.pairing.codes import Code
from amos_tools.fleet.pairing.enroller import Enroller

TURN_S = 0.2
WAITED_S_MAX = 15.0
"""A request that waited longer is left: the venue gave up."""

AGAIN_S = 10.0
"""Between two tries to bring the same player's enrolment to a ledger that does not answer: others wait meanwhile."""

ANSWERED_MAX = 256
"""Requests whose answer is known: a venue sends the same one again until it hears it."""

SAID_AGAIN_S = 60.0
"""Between two lines about the same that a site sends: anybody may send any number."""

END_S_MAX = 15.0

Tell = Callable[[str, str, str, str], None]
"""Takes who, what, outcome and a sentence, for the trail."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something came on a topic, at that moment (monotonic)."""

    topic: str
    payload: bytes
    came_s: float = field(default_factory=lambda: _now_s())


class Answerer:
    """`start`, then `end`. `tell` is told what became of each code."""

    def __init__(
        self, broker: Broker, book: Book, enroller: Enroller, tell: Tell, report: Callable[[str], None]
    ) -> None:
        self._book, self._enroller, self._tell, self._report = book, enroller, tell, report
        self._woken, self._ending = threading.Event(), threading.Event()
        settings = ClientSettings(f"amos-pairing-{secrets.token_hex(4)}", PAIRING_BYTES_MAX)
        self._client: MqttClient[Asked] = MqttClient(broker, settings, _read, self._woken.set)
        self._answered: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._said_s: dict[tuple[str, int, str], float] = {}
        self._unable: dict[tuple[str, bytes], tuple[float, str]] = {}
        self._thread = threading.Thread(target=self._run, name="pairing", daemon=True)

    def start(self) -> None:
        """Answer from here on."""
        self._thread.start()

    def end(self) -> None:
        """No more."""
        self._ending.set()
        self._woken.set()
        self._thread.join(END_S_MAX)

    def _run(self) -> None:
        self._client.start(_now_ms())
        while not self._ending.is_set():
            self._woken.wait(TURN_S)
            self._woken.clear()
            for happening in self._client.poll(_now_ms()):
                if isinstance(happening, Up):
                    self._client.subscribe([topics.ALL_PAIRINGS])
                elif isinstance(happening, Said):
                    self._report(happening.sentence)
                elif isinstance(happening, Arrival):
                    self._came(happening.message)
        self._client.stop()

    def _came(self, asked: Asked) -> None:
        if _now_s() - asked.came_s > WAITED_S_MAX:
            return
        try:
            site, device_id, leaf = topics.parse_device_topic(asked.topic)
        except ProtocolError:
            return
        if leaf != topics.PAIRING:
            return  # some brokers hand on whatever they retain
        key = asked.topic, hashlib.sha256(asked.payload).digest()
        data = self._answered.get(key)
        if data is None:
            answer = self.answer(site, device_id, asked.payload)
            data = answer.encode()
            if answer.verdict != UNAVAILABLE:
                self._answered[key] = data
                while len(self._answered) > ANSWERED_MAX:
                    self._answered.popitem(last=False)
        self._client.publish(topics.device_topic(site, device_id, topics.PAIRED), data)

    def answer(self, site: str, device_id: bytes, payload: bytes) -> PairingAnswer:
        """To a request that came on that topic. What it says is durable."""
        answer = partial(PairingAnswer, request_sha256=hashlib.sha256(payload).digest())
        if not payload:
            return answer(verdict=MALFORMED)  # `amos courier check`
        try:
            request = open_pairing(payload, site, device_id)
        except SignatureError as error:
            return self._no_request(site, answer, UNPROVEN, error)
        except (CborError, MessageError) as error:
            return self._no_request(site, answer, MALFORMED, error)
        try:
            code, salt = unseal(request.sealed, self._enroller.seed)
        except MessageError as error:
            return self._no_request(site, answer, FOREIGN, error)
        nonce = nonce_of(code, salt, site)
        try:
            check_proof(request, nonce, crypto.verify)
        except SignatureError as error:
            return self._no_request(site, answer, UNPROVEN, error)
        try:
            verdict, found, until_s = self._book.judge(site, code, device_id.hex())
        except (FleetError, OSError) as error:
            return self._unavailable(site, answer, error)
        if found is None:
            self._told_no(site, code, verdict)
            return answer(verdict=verdict, until_unix_s=until_s if verdict == LOCKED else None)
        if found.called:
            return answer(verdict=PAIRED, name=found.called)  # whatever the operator did since stays
        with self._book.pairs(found) as is_good:
            return self._enrolled(found, request, nonce, answer) if is_good else answer(verdict=EXPIRED)

    def _enrolled(
        self, code: Code, request: Pairing, nonce: bytes, answer: Callable[..., PairingAnswer]
    ) -> PairingAnswer:
        what = f"pair {request.device_id.hex()[:8]} at {code.site}"
        player = code.site, request.device_id
        until_s, detail = self._unable.get(player, (0.0, ""))
        if _now_s() < until_s:
            return answer(verdict=UNAVAILABLE, detail=detail)
        try:
            called = self._enroller.enrol(code, request, nonce, self._report)
            self._book.put(replace(code, called=called))
        except (PlaceError, EnrolmentRefusedError, LocalError) as error:
            if self._is_news(code.site, REFUSED, code.ticket):
                self._told(code.who, what, "refused", f"{type(error).__name__}: {error}")
            try:
                self._book.put(replace(code, device_id=""))  # nobody was paired by it
            except OSError as failure:
                self._report(printable(f"{what}: {failure}", 1000))
            return answer(verdict=REFUSED, detail=_for_venue(error))
        except (DeliveryError, RecordError, LedgerError, FleetError, OSError, sqlite3.Error) as error:
            if len(self._unable) >= ANSWERED_MAX:
                self._unable.clear()
            self._unable[player] = _now_s() + AGAIN_S, _for_venue(error)
            return self._unavailable(code.site, answer, error)
        self._told(code.who, what, "done", f"it is {called} at {code.site}")
        return answer(verdict=PAIRED, name=called)

    def _no_request(
        self, site: str, answer: Callable[..., PairingAnswer], verdict: int, error: Exception
    ) -> PairingAnswer:
        """The verdict says to a venue what to do, and what was wrong with the bytes is for who runs the desk."""
        if self._is_news(site, verdict):
            self._report(printable(f"pairing at {site}: {VERDICTS[verdict]}: {error}", 1000))
        return answer(verdict=verdict)

    def _unavailable(self, site: str, answer: Callable[..., PairingAnswer], error: Exception) -> PairingAnswer:
        self._report(printable(f"pairing at {site}: {error}; it may be tried again", 1000))
        return answer(verdict=UNAVAILABLE, detail=_for_venue(error))

    def _is_news(self, site: str, verdict: int, ticket: str = "") -> bool:
        """Whether nothing was said of this verdict there, on that code, for a while; it is now."""
        now_s, key = _now_s(), (site, verdict, ticket)
        if now_s - self._said_s.get(key, -SAID_AGAIN_S) < SAID_AGAIN_S:
            return False
        if len(self._said_s) >= ANSWERED_MAX:
            self._said_s.clear()
        self._said_s[key] = now_s
        return True

    def _told_no(self, site: str, code: str, verdict: int) -> None:
        if verdict != WRONG and not self._is_news(site, verdict):
            return
        other = self._book.site_of(code) if verdict == WRONG else None
        sentence = SENTENCES[verdict] if other is None else f"{SENTENCES[verdict]} It is a code of {other}."
        self._told("", f"pairing at {site}", VERDICTS[verdict], sentence)

    def _told(self, who: str, what: str, outcome: str, sentence: str) -> None:
        """A trail that cannot be written ends nobody's pairing."""
        try:
            self._tell(who, what, outcome, sentence)
        except OSError as error:
            self._report(printable(f"{what}: {outcome}: {sentence} (the trail has no line of it: {error})", 1000))


def _read(topic: str, payload: bytes) -> Asked | None:
    return Asked(topic, payload) if len(payload) <= PAIRING_BYTES_MAX else None


def _for_venue(error: Exception) -> str:
    """Without the names of other sites, of files and of servers, which the trail and the desk's log have."""
    if isinstance(error, PlaceError):
        return "the name here is another player's, or this player has its place already"
    if isinstance(error, EnrolmentRefusedError):
        return "the ledger refuses this enrolment"
    if isinstance(error, LocalError):
        return "the player says of itself what no player is"
    if isinstance(error, DeliveryError):
        return "the ledger does not answer"
    return "the desk cannot read or write what it keeps"


def _now_s() -> float:
    return time.monotonic()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
