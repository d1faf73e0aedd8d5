"""The link from both ends: a device that hears anything, and a courier to whom a device says anything."""

from listing import list_all

from amos.protocol.errors import ProtocolError
from amos.protocol.frames import FrameReader, frame
from amos.protocol.limits import LIST_ENTRIES_MAX, NAMES_MAX, NONCE_BYTES_MIN, RESPONSE_BYTES_MAX
from amos.protocol.link import (
    OFFER,
    OFFER_CHUNK_BYTES_MAX,
    OFFER_RECEIPT,
    OK,
    REQUEST_NEEDS,
    STATUS,
    Request,
    decode_response,
    decode_status,
)
from amos.protocol.link_courier import CourierLink
from amos.protocol.link_courier_call import NAMES_REQUESTS_MAX, identify, read_names, read_status
from amos.protocol.link_courier_offer import offer_receipt
from amos.protocol.link_courier_segment import read_segment
from amos.protocol.link_courier_talk import CODES, Conversation
from amos.protocol.link_name import ANNOUNCEMENTS, SLIDERS
from fuzz_chance import EDGES, encoded, spoil, twist
from fuzz_device import SEALED, World
from fuzz_messages import TAKEN
from protocol_player import fed

KEYS = {name: (key, kind) for key, name, kind, _bound in Request.FIELDS}
NATURAL = {"sequence": 1 + SEALED, "offset": 300, "length": 1100, "size": 600, "kind": 20, "value": 40000}
"""Field -> below which its values mean something; where none is named, any value of its kind."""


def a_request(chance) -> bytes:
    """Body of a request: the fields its verb needs with values near those that mean something, or any values."""
    verb = chance.pick(sorted(REQUEST_NEEDS)) if chance.percent(95) else chance.below(256)
    item = {1: chance.below(65536), 2: verb}
    for name in REQUEST_NEEDS.get(verb, ()):
        key, kind = KEYS[name]
        if kind.startswith(("uint", "int")):
            natural = name in NATURAL and chance.percent(80)
            item[key] = chance.below(NATURAL[name] + 1) if natural else chance.pick(EDGES)
        elif name == "nonce" and chance.percent(80):
            item[key] = chance.bytes(NONCE_BYTES_MIN)
        elif kind.startswith(("text", "slug")):
            item[key] = "x" * chance.below(70)
        else:
            item[key] = chance.bytes(chance.below(200))
    return encoded(twist(chance, item) if chance.percent(25) else item)


def pieces(sequence: int, data: bytes) -> list:
    """Bodies of the requests that offer a receipt."""
    found = []
    for offset in range(0, len(data), OFFER_CHUNK_BYTES_MAX):
        piece = data[offset : offset + OFFER_CHUNK_BYTES_MAX]
        request = Request(
            id=7, verb=OFFER, kind=OFFER_RECEIPT, sequence=sequence, size=len(data), offset=offset, data=piece
        )
        found.append(request.encode())
    return found


class Link:
    """Bursts of requests, whole, spoilt, out of order and cut into pieces, at a device that plays.

    It answers each frame once, with what a courier can read; nothing but a true receipt frees a segment; and after any
    burst it answers the next clean request.
    """

    NAME, SHARE, CASES = "link", 100, 400

    def __init__(self, chance):
        self._chance = chance
        self._world = World()
        self._receipted = 0

    def case(self) -> str:
        chance, link = self._chance, self._world.link
        wire = self._burst()
        frames = wire.count(b"\0")
        answers = []
        reader = FrameReader(RESPONSE_BYTES_MAX)
        while wire:
            cut = 1 + chance.below(len(wire) if chance.percent(50) else 60)
            piece, wire = wire[:cut], wire[cut:]
            answers += [decode_response(body) for body in reader.feed(fed(link, piece))]
        answers += [decode_response(body) for body in reader.feed(fed(link, b"\0"))]
        assert len(answers) <= frames + 1 and not reader.damaged
        assert all([answer.code < len(CODES) for answer in answers])
        self._still_there()
        if chance.percent(5):
            self._world.play()
        codes = sorted({answer.code for answer in answers})
        return TAKEN if codes == [OK] else ", ".join([CODES[code] for code in codes if code]) or "nothing said"

    def _burst(self) -> bytes:
        chance, receipts = self._chance, self._world.receipts
        bodies = [a_request(chance) for _ in range(1 + chance.below(3))]
        if chance.percent(15):
            sequence = chance.pick(sorted(receipts))
            data = receipts[sequence]
            about, spoilt = 1 + chance.below(SEALED), spoil(chance, data, bodies) or b"\0"
            bodies += pieces(about, spoilt)
            if spoilt == receipts[about]:  # spoiling may change a thing into itself
                self._receipted = max(self._receipted, about)
            if chance.percent(4):
                bodies += pieces(sequence, data)
                self._receipted = max(self._receipted, sequence)
            elif chance.percent(50):
                at = chance.below(len(bodies))
                bodies = bodies[at:] + bodies[:at]
        wire = b"".join([frame(body) for body in bodies])
        if chance.percent(30):
            wire = spoil(chance, wire, bodies)
        return wire + chance.bytes(chance.below(2000)) if chance.percent(3) else wire

    def _still_there(self) -> None:
        clean = frame(Request(id=9, verb=STATUS).encode())
        (body,) = FrameReader(RESPONSE_BYTES_MAX).feed(fed(self._world.link, clean))
        answer = decode_response(body)
        assert answer.code == OK and answer.id == 9
        status, journal = decode_status(answer.data), self._world.journal
        # A burst may cut a true receipt off, so it frees up to what was offered, and never more.
        assert status.last_receipted == journal.receipted <= self._receipted
        numbers = sorted(journal.segments)
        assert numbers == list(range(journal.receipted + 1, journal.last_sequence + 1))

    def finish(self) -> None:
        """Inputs were taken, and the session plays on with them."""
        for _block in range(20):
            self._world.play()


def _courier(link: CourierLink, receipts: dict):
    """What a courier asks, all of it."""
    yield from identify(link, bytes(16))
    yield from read_status(link)
    for kind in (SLIDERS, ANNOUNCEMENTS):
        names = yield from read_names(link, kind)
        assert len(names) <= NAMES_REQUESTS_MAX * NAMES_MAX
    entries = yield from list_all(link, 1)
    for entry in entries[:3]:
        yield from read_segment(link, entry)
    for sequence in sorted(receipts):
        yield from offer_receipt(link, sequence, receipts[sequence])


def spoilt_answers(chance, answer: bytes, kept: list) -> bytes:
    """Something else than the device answered; often a whole frame whose content is not what was asked for."""
    if chance.percent(20) or not answer:
        return b"".join(kept) if chance.percent(50) else b""
    if chance.percent(20):
        return spoil(chance, answer, kept)
    found = []
    for body in FrameReader(RESPONSE_BYTES_MAX).feed(answer):
        response = decode_response(body)
        item = response.to_map()
        if 8 in item and chance.percent(30):
            item[8] = item[8] * chance.below(LIST_ENTRIES_MAX)
        if 15 in item and chance.percent(50):
            item[15] = item[15] * chance.below(NAMES_MAX + 2)
        found.append(frame(encoded(twist(chance, item)) or b"\0"))
    return b"".join(found)


class Courier:
    """A whole talk with a device of which some answers are spoilt, late, doubled or somebody else's.

    It ends, with a result or a named error, after a bounded number of turns.
    """

    NAME, SHARE, CASES = "courier's link", 10, 100
    TURNS_MAX = 3000

    def __init__(self, chance):
        self._chance = chance
        self._world = World()

    def case(self) -> str:
        chance = self._chance
        world = self._world
        link = CourierLink(1 + chance.below(0xFFFF))
        talk = Conversation(_courier(link, world.receipts))
        rate, kept = chance.pick((0, 2, 10, 30, 60)), []
        now_ms = 0
        for _turn in range(self.TURNS_MAX):
            answer = fed(world.link, link.outgoing(now_ms))
            if chance.percent(rate):
                answer = spoilt_answers(chance, answer, kept)
            kept = kept[-3:]
            kept.append(answer)
            now_ms += chance.pick((1, 50, 2000))
            link.feed(answer, now_ms)
            link.tick(now_ms)
            try:
                talk.advance(now_ms)
            except ProtocolError as error:
                return type(error).__name__
            if talk.done:
                return TAKEN
        raise AssertionError("expected an end within %d turns" % self.TURNS_MAX)


LINK_TARGETS = (Link, Courier)
