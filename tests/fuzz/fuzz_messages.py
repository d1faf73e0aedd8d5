"""Targets that decode one message: every format, by table. A message to come is one row here.

What is taken must be the canonical encoding of what was read; everything else is refused with a `ProtocolError`.
"""

from amos import crypto
from amos.protocol.anchor import open_anchor
from amos.protocol.answer import decode_answer
from amos.protocol.catalogue import TYP_CATALOGUE, open_catalogue
from amos.protocol.cbor import loads
from amos.protocol.cose import TYP_ANCHOR, TYP_DIRECTIVE, TYP_MANIFEST, TYP_OPT_OUTS, TYP_USAGE, parse
from amos.protocol.directive import open_directive
from amos.protocol.enrolment import TYP_ENROLMENT, open_enrolment
from amos.protocol.errors import ProtocolError
from amos.protocol.frames import FrameReader, frame
from amos.protocol.handover import open_key_history
from amos.protocol.limits import RECEIPT_BYTES_MAX, REQUEST_BYTES_MAX
from amos.protocol.link import decode_request, decode_response, decode_status
from amos.protocol.manifest import open_manifest
from amos.protocol.opt_outs import open_opt_outs
from amos.protocol.receipt import parse_receipt
from amos.protocol.signing import sign_receipt
from amos.protocol.usage_reader import open_usage
from amos.score.score import decode_score
from amos.score.vm import Vm
from fuzz_chance import EDGES, encoded, resigned, spoil, twist, twisted
from protocol_examples import Examples
from test_score import follow, indexes, layer, score_map, section, words
from test_vm import BAR, GAINS, SEED, STEM_FRAMES, announced

TAKEN = "taken"

PLAIN = (
    ("request", decode_request),
    ("response", decode_response),
    ("status", decode_status),
    ("key-history", lambda data: open_key_history(data, lambda *_arguments: True)),
    ("answer", decode_answer),
)
"""Prefix of the examples' names in SPEC.md, and what decodes them."""

SIGNED = (
    ("manifest", "publisher", TYP_MANIFEST, open_manifest),
    ("catalogue", "publisher", TYP_CATALOGUE, open_catalogue),
    ("enrolment", "operator", TYP_ENROLMENT, open_enrolment),
    ("enrolment-rotated", "operator", TYP_ENROLMENT, open_enrolment),
    ("usage", "device", TYP_USAGE, open_usage),
    ("opt-outs", "publisher", TYP_OPT_OUTS, open_opt_outs),
    ("anchor", "ledger", TYP_ANCHOR, open_anchor),
    ("directive", "operator", TYP_DIRECTIVE, open_directive),
    ("directive-weekly", "operator", TYP_DIRECTIVE, open_directive),
)
"""Example, who signs it, its type, and what opens it."""


_SECTIONS = [
    section("a", 4, 8, [layer(1, 0, fade=24000, linear=True), layer(2, 1, tail=24000, cue=999)], [follow(1)]),
    section("b", 4, 6, [layer(3, 1, count_max=2, chance=words(1, 0))], [follow(0), follow(2)]),
    section("c", 1, 2, [layer(3, 1)], [follow(0), follow(1)]),
]
_RULES = {
    "sections": _SECTIONS,
    "transitions": [{1: 1, 2: 2, 3: 24000, 4: 0, 6: 3}, {1: 0, 2: 0, 3: 24000, 4: 24000, 5: 2, 7: True}],
    "sliders": [{1: "calm", 2: 0, 3: 32768, 4: 9999, 5: True, 6: 3 * BAR}],
    "stem_plays": 3,
    "stem_seconds": 45,
    "artist_plays": 1,
    "artists": indexes(0, 1, 0, 1, 2, 2, 3),
    "relax": [1, 0, 3],
    "reactions": [{1: 0, 2: 320}, {1: 1, 2: 128, 3: 2}, {1: 3, 3: 1}],
    "dayparts": [{1: 127, 2: 1, 3: 1440, 4: 0, 5: 30000}],
    "announcements": [announced("x", 6, 1), announced("y", None, None, exact=False)],
    "duck_gain": 5000,
    "duck_ramp": 9600,
    "pools": [{1: indexes(0, 1), 2: indexes(2)}, {1: indexes(3, 4, 5)}],
    "renders": [{1: "p", 2: 480000, 3: 0, 4: [{1: 96000, 2: 1}]}],
}
_CURVED = {"version": 4, "day_sliders": indexes(255, 360, 720, 0, 0, 32768, 255, 720, 1800, 0, 32768, 0)}
_SCORES = ({}, _RULES, _CURVED)
"""A small score, one with all words of version 1, and one with curves of sliders."""


def before_figures(sentence: str) -> str:
    """A refusal without what differs from case to case."""
    for at in range(len(sentence)):
        if sentence[at] in "0123456789(":
            return sentence[:at].strip()
    return sentence


class Messages:
    """Unsigned messages, bytes and structure spoilt."""

    NAME, SHARE, CASES = "messages", 300, 4000

    def __init__(self, chance):
        self._chance = chance
        messages = Examples().messages
        self._rows = [
            (decode, [messages[key] for key in sorted(messages) if key.startswith(name)]) for name, decode in PLAIN
        ]

    def case(self) -> str:
        chance = self._chance
        decode, examples = chance.pick(self._rows)
        data = chance.pick(examples)
        data = twisted(chance, data) if chance.percent(60) else spoil(chance, data, examples)
        try:
            record = decode(data)
        except ProtocolError as error:
            return type(error).__name__
        assert record.encode() == data
        return TAKEN


class SignedMessages:
    """Signed messages: spoilt as they are, or spoilt inside and signed by who may sign them."""

    NAME, SHARE, CASES = "signed messages", 120, 1000

    def __init__(self, chance):
        self._chance = chance
        examples = Examples()
        self._messages = [examples.messages[name] for name, _party, _typ, _open in SIGNED]
        self._rows = [
            (getattr(examples, party), typ, opened, examples.messages[name]) for name, party, typ, opened in SIGNED
        ]

    def case(self) -> str:
        chance = self._chance
        party, typ, opened, signed = chance.pick(self._rows)
        payload = parse(signed, 1 << 20).payload
        if chance.percent(40):
            data = spoil(chance, signed, self._messages)
        else:
            payload = twisted(chance, payload) if chance.percent(80) else spoil(chance, payload)
            data = resigned(chance, payload, typ, party.id, party.sign)
        try:
            record = opened(data, party.public_key, crypto.verify)
        except ProtocolError as error:
            return type(error).__name__
        assert record.encode() == parse(data, 1 << 20).payload
        return TAKEN


class Receipts:
    """Receipts: a true one spoilt, and wrong proofs under the ledger's true signature over the true root."""

    NAME, SHARE, CASES = "receipts", 60, 1000

    def __init__(self, chance):
        self._chance = chance
        self._examples = Examples()
        self._proof = loads(parse(self._examples.messages["receipt"], RECEIPT_BYTES_MAX).unprotected[396][-1][0])

    def case(self) -> str:
        chance, examples = self._chance, self._examples
        ledger, entry, true = examples.ledger, examples.messages["usage"], examples.messages["receipt"]
        size, index, path = self._proof
        if chance.percent(50):
            data = spoil(chance, true, [entry])
        elif chance.percent(50):
            data = twisted(chance, true)
        else:
            size = size if chance.percent(40) else chance.pick(EDGES)
            index = index if chance.percent(40) else chance.pick(EDGES)
            path = path * chance.below(42) if chance.percent(50) else path
            data = sign_receipt(size, index, path, examples.root, ledger.id, ledger.sign)
        try:
            receipt = parse_receipt(data)
            receipt.check(entry, ledger.public_key, crypto.verify)
        except ProtocolError as error:
            return type(error).__name__
        assert [receipt.tree_size, receipt.leaf_index, receipt.path] == self._proof
        return TAKEN


class Scores:
    """Scores. One that is taken has to play to the end of ten bars, with inputs of every kind, from any memory."""

    NAME, SHARE, CASES = "scores", 40, 500

    def __init__(self, chance):
        self._chance = chance
        self._scores = [score_map(**changes) for changes in _SCORES]
        self._memories = []

    def case(self) -> str:
        chance = self._chance
        item = chance.pick(self._scores)
        data = encoded(twist(chance, item) if chance.percent(90) else item)
        data = spoil(chance, data) if chance.percent(20) else data
        memory = None
        if self._memories and chance.percent(50):
            memory = spoil(chance, chance.pick(self._memories)) if chance.percent(70) else self._twisted_memory()
        try:
            score = decode_score(data)
            assert score.encode() == data
            count = score.stems
            frames, gains = (STEM_FRAMES * (count + 1))[:count], (GAINS * (count + 1))[:count]
            vm = Vm(score, frames, gains, SEED, memory)
        except ProtocolError as error:
            return type(error).__name__
        self._play(vm)
        return TAKEN

    def _twisted_memory(self) -> bytes:
        return twisted(self._chance, self._chance.pick(self._memories))

    def _play(self, vm) -> None:
        chance = self._chance
        for step in range(1, 11):
            for _input in range(chance.below(3)):
                kind, value = chance.below(20), chance.pick(EDGES) if chance.percent(60) else chance.below(40000)
                try:
                    vm.input(kind, value, vm.frame + chance.below(BAR))
                except ValueError as error:
                    assert type(error).__name__ == "InputRefused"
            vm.advance(step * BAR)
        memory = vm.memory()
        assert loads(memory) is not None
        self._memories = self._memories[-7:]
        self._memories.append(memory)


class Frames:
    """Bytes on the line: whatever came before, a whole frame after a delimiter is read."""

    NAME, SHARE, CASES = "frames", 300, 4000

    def __init__(self, chance):
        self._chance = chance
        self._reader = FrameReader(REQUEST_BYTES_MAX)

    def case(self) -> str:
        chance, reader = self._chance, self._reader
        body = chance.bytes(chance.below(REQUEST_BYTES_MAX + 40))
        wire = spoil(chance, frame(body)) if chance.percent(80) else chance.bytes(chance.below(700))
        damaged = reader.damaged
        for _piece in range(4):
            cut = chance.below(len(wire) + 1)
            piece, wire = wire[:cut], wire[cut:]
            assert all([0 < len(found) <= REQUEST_BYTES_MAX for found in reader.feed(piece)])
        reader.feed(wire + b"\0")
        assert reader.feed(frame(b"still here")) == [b"still here"]
        return TAKEN if reader.damaged == damaged else before_figures(reader.last_error)


MESSAGE_TARGETS = (Frames, Messages, SignedMessages, Receipts, Scores)
