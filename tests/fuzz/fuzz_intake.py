"""The ledger's intake with a real store, as couriers, operators and strangers meet it: all that the broker brings.

Messages are true, old, of another device or another ledger, spoilt as bytes, as CBOR and as envelopes, sent to wrong
topics, or signed as they should be over facts that cannot be. They go where the service sends them: usage and
enrolments to be taken, nonces to be dated, tree heads and receipts to be heard. The operator lifts quarantines, and a
pack comes late. What holds of all of it:

  every message gets a verdict by name, nothing raises, and nothing makes the ledger say that it cannot store
  the two readers of segments accept the same bytes and give the same values
  the log holds the segments that were accepted and no other, each once, and their sums (`ledger_check`)
"""

import hashlib
import tempfile
import zlib
from array import array
from pathlib import Path
from typing import Any

import ledger_check
from ledger_check import Check, Seen

from amos import crypto
from amos.protocol import topics
from amos.protocol.answer import ACCEPTED, FORK, IMPOSSIBLE, QUARANTINED, RECEIPTED, UNAVAILABLE, VERDICTS, Answer
from amos.protocol.cbor import dumps
from amos.protocol.cose import TYP_USAGE, Sign1, parse_typed
from amos.protocol.cose import sign as sign_cose
from amos.protocol.enrolment import TYP_ENROLMENT
from amos.protocol.envelope_host import unwrap, wrap
from amos.protocol.errors import ProtocolError
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.segment import FIRST_PREVIOUS, NO_SEED_ROOT, Usage
from amos.protocol.signing import sign_manifest
from amos.protocol.topics import USAGE, device_topic
from amos.protocol.usage_reader import open_usage
from amos_ledger import registry
from amos_ledger.folder import Folder
from amos_ledger.intake import reading, segment_parse
from amos_ledger.intake.reading import Message, asks_time
from amos_ledger.intake.segment_parse import decode_usage, parse_segment
from amos_ledger.ledger import Ledger
from amos_ledger.rulings import rule, ruling_on
from fuzz_chance import EDGES, NEARBY, Chance, resigned, spoil, twisted
from fuzz_ledger import NOON, RATE_HZ, SCORE, SITE, SPAN, STEM_FRAMES, a_ledger, enrolment_of, parties
from fuzz_messages import TAKEN
from protocol_examples import Examples, Party, a_manifest
from signed_usage import columns, sign_usage

BATCH = 48
STRANGE_TOPICS = ("", "/", "amos/1/+/#", "amos/1//x/usage", "amos/1/harbour/" + "g" * 32 + "/usage", "é" * 300, "\0")
STRANGE_TOPICS += (topics.CHECKPOINT, "amos/1/harbour/courier/checkpoint", topics.OPT_OUTS, "amos/1/a/b/c/d/usage")
LEAVES = (topics.TIME, topics.RECEIPTED, topics.ENROLMENT, topics.RECEIPT, topics.STATUS, "usage ", "USAGE", "")
COUNTS = [(key, bound) for key, _name, kind, bound in Usage.FIELDS if kind.startswith("uint")]
COLUMNS = [key for key, _name, kind, _bound in Usage.FIELDS if kind in ("H", "I", "B", "i")]
FAR = 1 << 31
"""Where numbers stop being those of a player that goes on."""

TOGETHER = ((8, 9), (11, 12), (5, 6), (14, 15), (31, 32), (8, 9, 11, 12), (3, 31, 32), (26, 28))
"""Fields that make sense together, so that moving them by as much leaves a segment that looks sound."""


def absurd(chance: Chance, facts: dict[int, Any]) -> dict[int, Any]:
    """The facts of a segment, within what the format holds, of which some cannot be."""
    facts = dict(facts)
    for _ in range(1 + chance.below(3)):
        what = chance.below(10)
        if what < 5:
            key, bound = chance.pick(COUNTS)
            near = facts.get(key, 0) + chance.pick(NEARBY)
            facts[key] = min(bound, max(0, chance.pick((near, chance.pick(EDGES), bound, bound - 1, 0, 1))))
        elif what < 8:
            move = chance.pick((*NEARBY, SPAN, -SPAN, 86_400_000, 1 << 31, 1 << 40))
            for key in chance.pick(TOGETHER):
                facts[key] = max(0, facts.get(key, 0) + move)
        elif what == 8:
            key = chance.pick(COLUMNS)
            data = facts[key].value
            at = chance.below(len(data) + 1)
            facts[key] = type(facts[key])(
                facts[key].number, data[:at] + chance.pick((b"", b"\xff" * 4, b"\0" * 4)) + data[at + 4 :]
            )
        else:
            facts |= {34: chance.below(5), 35: chance.below(3), 36: chance.pick((NO_SEED_ROOT, chance.bytes(32))), 1: 2}
    return facts


class Player:
    """One device as the ledger knows it: what it had accepted, and the facts from which the next segment goes on."""

    def __init__(self, party: Party, packs: list[bytes]):
        self.party = party
        self.accepted: list[bytes] = []
        self.receipts: list[bytes] = []
        self.enrolled_s = NOON
        self.condemned = self.spent = False
        self._packs = packs
        self._last: Usage | None = None

    def next_usage(self, chance: Chance) -> Usage:
        """The segment that follows, with a few rows."""
        last = self._last
        goes_on = last is not None and last.end_frame < FAR and chance.percent(90)
        first = last.end_frame if goes_on else 0
        rows = [(chance.below(2), first + chance.below(SPAN // 2), 1 + chance.below(STEM_FRAMES), 5) for _ in range(6)]
        stems, starts, frames, flags = columns(rows, first)
        started_ms = min(last.end_ms, FAR) if last is not None else 0
        session = last.session if goes_on else min(last.session, FAR) + 1 if last is not None else 1
        version = last.version if last else 1 + chance.below(2)
        source = {"output_kind": 1, "pace": 1, "seed_root": NO_SEED_ROOT} if version == 2 else {}
        return Usage(
            version=version, device_id=self.party.id, sequence=min(last.sequence, FAR) + 1 if last else 1,
            previous=hashlib.sha256(self.accepted[-1]).digest() if last else FIRST_PREVIOUS,
            boot=last.boot if last else 1, session=session,
            start_state=bytes(32), first_frame=first, end_frame=first + SPAN, rate_hz=RATE_HZ, start_ms=started_ms,
            end_ms=started_ms + 1000 * SPAN // RATE_HZ, clock=0, score=SCORE, tier=1,
            pack=last.pack if goes_on else self._packs[chance.below(8) == 0],
            stems=stems, starts=starts, frames=frames, flags=flags, input_starts=array("I"), input_kinds=array("B"),
            input_values=array("i"), delivered_frames=SPAN, underruns=0, silent_frames=0, pcm_sha256=bytes(32),
            reason=1, **source,
        )  # fmt: skip

    def take(self, segment: bytes, receipt: bytes) -> None:
        """The ledger accepted it."""
        self.accepted.append(segment)
        self.receipts.append(receipt)
        usage = open_usage(segment, self.party.public_key, crypto.verify)
        if self._last is None or usage.sequence > self._last.sequence:
            self._last = usage
        # Nothing true can follow where a number is at its end.
        self.spent = max(usage.sequence, usage.boot, usage.session, usage.end_ms) >= FAR


class Intake:
    """Batches of messages to one ledger."""

    NAME, SHARE, CASES = "whole intake", 1000, 2400

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home: tempfile.TemporaryDirectory[str] = a_ledger()
        self._folder = Folder(Path(self._home.name) / "ledger")
        self._ledger = Ledger(self._folder)
        self._examples = examples = Examples()
        self._others = [examples.messages[name] for name in sorted(examples.messages)]
        late = a_manifest()
        late.serial += 1
        self._late = sign_manifest(late, examples.publisher.id, examples.publisher.sign)
        packs = [examples.pack, hashlib.sha256(self._late).digest()]
        self._players = {party.id: Player(party, packs) for party in parties()}
        self._sent: dict[bytes, tuple[Player, bytes]] = {}
        self._accepted: set[bytes] = set()
        self._seen = Seen()
        self._outcomes: list[str] = []
        self._batches = 0

    @staticmethod
    def forget() -> None:
        """Empty what intake remembers of layouts and topics, and the checks here of logs: it fills up over many rounds,
        and has bounds."""
        for scalars in (segment_parse._HEAD, segment_parse._TAIL):
            scalars._layouts.clear()
        segment_parse._BLANKS.clear()
        segment_parse._frame.cache_clear()
        reading._parse_topic.cache_clear()
        ledger_check.forget()

    def case(self) -> str:
        if not self._outcomes:
            self._outcomes = self._batch()
        return self._outcomes.pop()

    def _batch(self) -> list[str]:
        chance = self._chance
        self._batches += 1
        # In turn, so that few players sign two segments after one: a fork would be all that comes of them.
        able = [one for one in self._players.values() if not (one.condemned or one.spent)] or list(
            self._players.values()
        )
        first = chance.below(len(able))
        messages = [self._message(able[(first + number) % len(able)]) for number in range(BATCH)]
        shown = [message for message in messages if topics.shows_head(message.topic)]
        questions = [message for message in messages if asks_time(message)]
        usage = [message for message in messages if message not in shown and message not in questions]
        # A minute passes every few batches, and now and then the ledger's clock goes back by as much.
        now_s = NOON + self._batches * 17 + chance.pick((0, 0, 0, -60, 60))
        told = [f"heard {standing.name.lower()}" for standing in self._ledger.hear([item.payload for item in shown])]
        dated = self._ledger.date(questions, now_s * 1000)
        told += ["time not told" if anchor is None else TAKEN for anchor in dated]
        assert len(told) == len(shown) + len(questions) and not self._ledger.behind
        told += self._take(usage, now_s)
        if chance.percent(30):
            self._operate()
        if chance.percent(20):
            self._hear_answers(self._ledger.tick())
        self._seen.checkpoints.add((self._folder.public / "checkpoint").read_bytes())
        return told

    def _take(self, messages: list[Message], now_s: int) -> list[str]:
        for message in messages:
            check_readers(message)
        replies = self._ledger.take(messages, now_s)
        self._hear_answers(replies)
        verdicts = {reply.answer.message_sha256: reply.answer.verdict for reply in replies}
        return [
            TAKEN if verdicts[message.sha256] == ACCEPTED else VERDICTS[verdicts[message.sha256]]
            for message in messages
        ]

    def _hear_answers(self, replies: list[Any]) -> None:
        assert self._ledger.trouble is None, self._ledger.trouble
        for reply in replies:
            answer = reply.answer
            assert Answer.decode(answer.encode()).verdict == answer.verdict
            assert answer.verdict != UNAVAILABLE, answer.detail
            assert (answer.receipt is not None) == (answer.verdict in RECEIPTED)
            if answer.message_sha256 not in self._sent:
                continue  # of an enrolment, or of a message to nobody
            player, segment = self._sent[answer.message_sha256]
            if answer.receipt is not None:
                self._seen.receipts.add((segment, answer.receipt))
            if answer.verdict == ACCEPTED and segment not in self._accepted:
                self._accepted.add(segment)
                player.take(segment, answer.receipt)
            elif answer.verdict in (FORK, IMPOSSIBLE, QUARANTINED) and answer.device_id in self._players:
                self._players[answer.device_id].condemned = True

    def _message(self, player: Player) -> Message:
        kind = self._chance.below(100)
        if kind < 80:
            return self._usage(player)
        if kind < 88:
            return self._enrolment(player)
        if kind < 93:
            nonce = self._chance.bytes(16 if self._chance.percent(70) else self._chance.below(40))
            return Message.of(self._topic(player, topics.TIME), nonce)
        return self._shown(player)

    def _topic(self, player: Player, leaf: str) -> str:
        """Where it belongs, nearly always."""
        chance, topic = self._chance, device_topic(SITE, player.party.id, leaf)
        kind = chance.below(100)
        if kind < 94:
            return topic
        if kind == 94:
            return chance.pick(STRANGE_TOPICS)
        if kind == 95:
            return topic.upper()
        if kind == 96:
            return device_topic(SITE, player.party.id, chance.pick(LEAVES))
        if kind == 97:
            return device_topic(chance.pick(("", "x" * 300, "courier", "+")), player.party.id, leaf)
        other = chance.pick(sorted(self._players)) if kind == 98 else chance.bytes(16)
        return device_topic(SITE, other, leaf)

    def _usage(self, player: Player) -> Message:
        chance = self._chance
        segment = self._segment(player)
        payload = wrap(segment) if len(segment) > 1 else b"\0\0"
        kind = chance.below(100)
        if kind < 10:
            segment = spoil(chance, segment, self._others)
            payload = bytes((chance.below(3),)) + segment
        elif kind < 18:
            payload = spoil(chance, payload, self._others)
        elif kind == 18:
            payload = b"\1" + zlib.compressobj(9, zlib.DEFLATED, -15).compress(bytes(1 << 20))
        elif kind == 19:
            payload = chance.bytes(chance.pick((0, 1, 2, SEGMENT_BYTES_MAX + 1, ENVELOPE_BYTES_MAX + 1)))
        message = Message.of(self._topic(player, USAGE), payload)
        self._sent[message.sha256] = player, self._inside(payload)
        return message

    @staticmethod
    def _inside(payload: bytes) -> bytes:
        try:
            return bytes(unwrap(payload))
        except ProtocolError:
            return b""

    def _segment(self, player: Player) -> bytes:
        """As its player signs it: true, sent before, of absurd facts, or of another structure."""
        chance, party = self._chance, player.party
        usage = player.next_usage(chance)
        kind = chance.below(100)
        if kind < 8 and player.accepted:
            return chance.pick(player.accepted)
        if kind < 12:
            usage.pack = chance.bytes(32)
        elif kind < 16:
            usage.sequence += chance.below(4)
        elif kind < 36:
            return sign_cose(dumps(absurd(chance, usage.to_map())), TYP_USAGE, party.id, party.sign)
        elif kind < 56:
            return resigned(chance, twisted(chance, usage.encode()), TYP_USAGE, party.id, party.sign)
        elif kind < 60:
            signer = chance.pick(list(self._players.values())).party
            return sign_usage(usage, signer.sign, chance.pick((party.id, signer.id)))
        return sign_usage(usage, party.sign)

    def _enrolment(self, player: Player) -> Message:
        chance, operator = self._chance, self._examples.operator
        player.enrolled_s += chance.pick((0, 0, 1))
        changes = {"unix_s": player.enrolled_s, "tier": chance.pick((1, 1, 2, 255)), "voices": 8}
        data = enrolment_of(player.party, operator, **changes)
        kind = chance.below(10)
        if kind < 3:
            data = spoil(chance, data, self._others)
        elif kind < 6:
            payload = parse_typed(data, TYP_ENROLMENT, SEGMENT_BYTES_MAX).payload
            signer = operator if chance.percent(80) else player.party
            data = resigned(chance, twisted(chance, payload), TYP_ENROLMENT, signer.id, signer.sign)
        return Message.of(self._topic(player, topics.ENROLMENT), data)

    def _shown(self, player: Player) -> Message:
        """A tree head, or a segment with its receipt, as couriers show them."""
        chance = self._chance
        data = (self._folder.public / "checkpoint").read_bytes()
        topic = "amos/1/harbour/courier/checkpoint" if chance.percent(80) else topics.CHECKPOINT
        if player.accepted and chance.percent(60):
            at = chance.below(len(player.accepted))
            data = dumps([player.receipts[at], wrap(player.accepted[at])])
            topic = device_topic(SITE, player.party.id, topics.RECEIPTED)
            if chance.percent(40):
                return Message.of(topic, twisted(chance, data))
        return Message.of(topic, spoil(chance, data, self._others) if chance.percent(70) else data)

    def _operate(self) -> None:
        """The operator rejects what condemned devices, and lifts their quarantines; a pack comes late."""
        seed, reason = self._examples.operator.seed, "fuzz"
        with self._folder.open_store() as store, store.transaction():
            for player in self._players.values():
                device_id = player.party.id
                if not player.condemned or store.quarantines.in_force(device_id) is None:
                    continue
                named = [kept.sha256.hex() for kept in store.quarantines.evidence(device_id) if kept.ruling is None]
                if named and self._chance.percent(90):
                    rule(self._folder, store, ruling_on(store, device_id, named[:200], reason, seed, lambda: NOON))
                again = rule(self._folder, store, ruling_on(store, device_id, None, reason, seed, lambda: NOON)).again
                player.condemned = again is not None
            if self._chance.percent(10):
                registry.add_pack(self._folder, store, self._late, self._examples.messages["catalogue"])

    def finish(self) -> None:
        """The log is what was accepted, and is as it should be."""
        self._hear_answers(self._ledger.tick())
        self._ledger.close()
        self._seen.sent = self._accepted
        check = Check(self._folder.path, self._folder.trust.origin, self._folder.public_key)
        check.all(self._seen)
        assert {check.entries[index] for index in check.segments} == self._accepted
        self._home.cleanup()


def check_readers(message: Message) -> None:
    """Both readers of segments say the same of it."""
    try:
        segment = unwrap(message.payload[:ENVELOPE_BYTES_MAX])
    except ProtocolError:
        return
    fast, strict = (
        outcome(read, segment) for read in (parse_segment, lambda data: parse_typed(data, TYP_USAGE, SEGMENT_BYTES_MAX))
    )
    assert fast == strict, f"readers disagree on {bytes(segment).hex()}: {fast}, {strict}"
    if "payload" in fast:
        payload = fast["payload"][1]
        fast, strict = outcome(decode_usage, payload), outcome(Usage.decode, payload)
        assert fast == strict, f"readers disagree on {payload.hex()}: {fast}, {strict}"


def outcome(read: Any, data: bytes) -> dict[str, Any]:
    """What a reader found, with types, or how it refused."""
    try:
        found = read(data)
    except ProtocolError as error:
        return {"refused": (type(error), str(error))}
    names = Sign1.__slots__ if isinstance(found, Sign1) else found.__dict__
    return {name: (type(getattr(found, name)), getattr(found, name)) for name in names}


INTAKE_TARGETS = (Intake,)
