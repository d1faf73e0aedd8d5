"""The ledger's doors: usage messages of any courier, and what an operator brings from others.

Every message gets a verdict by name, and none makes the ledger say that it cannot store. Whatever came, the log holds
one chain for each device, and the totals are those of what was accepted.
"""

import hashlib
import shutil
import tempfile
import zlib
from array import array
from pathlib import Path

from amos import crypto
from amos.protocol.answer import ACCEPTED, FORK, IMPOSSIBLE, QUARANTINED, UNAVAILABLE, VERDICTS, Answer
from amos.protocol.catalogue import TYP_CATALOGUE
from amos.protocol.cose import HEADER_TYP, TYP_MANIFEST, TYP_USAGE, parse
from amos.protocol.enrolment import TYP_ENROLMENT, Enrolment, sign_enrolment
from amos.protocol.envelope_host import wrap
from amos.protocol.ledger_limits import ENVELOPE_BYTES_MAX
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.link import IDENTIFY_CONTEXT
from amos.protocol.merkle import leaf_hash
from amos.protocol.segment import FIRST_PREVIOUS, Usage
from amos.protocol.topics import USAGE, device_topic
from amos.protocol.usage_reader import open_usage
from amos_ledger import registry
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder, init_folder
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Ledger
from amos_ledger.log import tree
from fuzz_chance import Chance, resigned, spoil, twisted
from fuzz_messages import TAKEN
from protocol_examples import Examples, Party
from signed_usage import columns, sign_usage

DEVICES = 48
BATCH = 16
NOON = 1_793_534_400
SITE = "harbour"
RATE_HZ = 48_000
SPAN = 60 * RATE_HZ
STEM_FRAMES = 10 * RATE_HZ
SCORE = hashlib.sha256(b"score").digest()
STRANGE_TOPICS = ("", "/", "amos/1/+/#", "amos/1//x/usage", "amos/1/harbour/" + "g" * 32 + "/usage", "é" * 300, "\0")

_TEMPLATE: list[tempfile.TemporaryDirectory[str]] = []


def enrolment_of(party: Party, operator: Party, **changes: object) -> bytes:
    """As an operator signs it."""
    nonce = bytes(16)
    facts: dict[str, object] = {
        "version": 1, "device_id": party.id, "public_key": party.public_key, "site": SITE, "name": "p", "tier": 1,
        "board": "linux", "voices": 8, "nonce": nonce, "possession": party.sign(IDENTIFY_CONTEXT + nonce),
        "unix_s": NOON,
    }  # fmt: skip
    return sign_enrolment(Enrolment(**(facts | changes)), operator.id, operator.sign)


def parties() -> list[Party]:
    """The devices; the examples' own four come first."""
    return [Party(10 + number) for number in range(DEVICES)]


def a_ledger() -> tempfile.TemporaryDirectory[str]:
    """A copy of a ledger with a pack and every device enrolled; making one waits for the disk many times."""
    if not _TEMPLATE:
        _TEMPLATE.append(tempfile.TemporaryDirectory(prefix="fuzz"))
        examples = Examples()
        path = Path(_TEMPLATE[0].name) / "ledger"
        folder = init_folder(path, "ledger.example/fuzz", examples.operator.public_key, examples.publisher.public_key)
        with folder.open_store() as store:
            registry.add_pack(folder, store, examples.messages["manifest"], examples.messages["catalogue"])
            for party in parties():
                registry.enrol(folder, store, enrolment_of(party, examples.operator))
            registry.publish(folder, store)
    copied = tempfile.TemporaryDirectory(prefix="fuzz")
    shutil.copytree(Path(_TEMPLATE[0].name) / "ledger", Path(copied.name) / "ledger")
    return copied


class Player:
    """One device as the ledger knows it: what it had accepted, and the facts from which the next segment goes on."""

    def __init__(self, party: Party, pack: bytes):
        self.party = party
        self.accepted: list[bytes] = []
        self.condemned = False
        self._pack = pack
        self._last: Usage | None = None

    def next_usage(self, chance: Chance) -> Usage:
        """The segment that follows, with a few rows."""
        last = self._last
        first = last.end_frame if last else 0
        rows = [(chance.below(2), first + chance.below(SPAN // 2), 1 + chance.below(STEM_FRAMES), 5) for _ in range(6)]
        stems, starts, frames, flags = columns(rows, first)
        return Usage(
            version=1, device_id=self.party.id, sequence=last.sequence + 1 if last else 1,
            previous=hashlib.sha256(self.accepted[-1]).digest() if last else FIRST_PREVIOUS,
            boot=last.boot if last else 1, session=last.session if last else 1, start_state=bytes(32),
            first_frame=first, end_frame=first + SPAN, rate_hz=RATE_HZ, start_ms=first * 1000 // RATE_HZ,
            end_ms=(first + SPAN) * 1000 // RATE_HZ, clock=0, pack=self._pack, score=SCORE, tier=1,
            stems=stems, starts=starts, frames=frames, flags=flags,
            input_starts=array("I"), input_kinds=array("B"), input_values=array("i"), delivered_frames=SPAN,
            underruns=0, silent_frames=0, pcm_sha256=bytes(32), reason=1,
        )  # fmt: skip

    def take(self, segment: bytes) -> None:
        """The ledger accepted it."""
        self.accepted.append(segment)
        usage = open_usage(segment, self.party.public_key, crypto.verify)
        if self._last is None or usage.sequence > self._last.sequence:
            self._last = usage


class Intake:
    """Batches of messages: true ones, old ones, forged ones, spoilt at every layer from the topic to the columns."""

    NAME, SHARE, CASES = "ledger intake", 20, 480

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = a_ledger()
        self._folder = Folder(Path(self._home.name) / "ledger")
        self._ledger = Ledger(self._folder)
        examples = Examples()
        self._others = [examples.messages[name] for name in sorted(examples.messages)]
        self._players = {party.id: Player(party, examples.pack) for party in parties()}
        self._sent: dict[bytes, tuple[Player, bytes]] = {}
        self._outcomes: list[str] = []

    def case(self) -> str:
        if not self._outcomes:
            self._outcomes = self._batch()
        return self._outcomes.pop()

    def _batch(self) -> list[str]:
        chance = self._chance
        able = [player for player in self._players.values() if not player.condemned]
        messages = [self._message(chance.pick(able or list(self._players.values()))) for _ in range(BATCH)]
        replies = self._ledger.take(messages, NOON)
        assert len(replies) >= len({message.sha256 for message in messages})
        for reply in replies:
            answer = reply.answer
            assert Answer.decode(answer.encode()).verdict == answer.verdict
            assert answer.verdict != UNAVAILABLE, self._ledger.trouble
            player = self._players.get(answer.device_id or b"")
            if answer.verdict == ACCEPTED:
                self._sent[answer.message_sha256][0].take(self._sent[answer.message_sha256][1])
            elif player is not None and answer.verdict in (FORK, IMPOSSIBLE, QUARANTINED):
                player.condemned = True
        verdicts = [VERDICTS[reply.answer.verdict] for reply in replies][:BATCH]
        return [TAKEN if verdict == VERDICTS[ACCEPTED] else verdict for verdict in verdicts]

    def _message(self, player: Player) -> Message:
        chance = self._chance
        usage = player.next_usage(chance)
        topic = device_topic(SITE, player.party.id, USAGE)
        kind = chance.below(100)
        if kind >= 96:
            usage.sequence += chance.below(4)
        elif kind >= 94:
            usage.pack = chance.bytes(32)
        if kind < 10 and player.accepted:
            segment = chance.pick(player.accepted)
        elif kind < 40:
            segment = resigned(chance, twisted(chance, usage.encode()), TYP_USAGE, player.party.id, player.party.sign)
        else:
            segment = sign_usage(usage, player.party.sign)
        payload = wrap(segment) if len(segment) > 1 else b"\0\0"
        if 40 <= kind < 55:
            segment = spoil(chance, segment, self._others)
            payload = bytes((chance.below(3),)) + segment
        elif 55 <= kind < 65:
            payload = spoil(chance, payload, self._others)
        elif kind == 65:
            payload = b"\1" + zlib.compressobj(9, zlib.DEFLATED, -15).compress(bytes(1 << 20))
        elif kind == 66:
            payload = chance.bytes(chance.pick((0, 1, 2, SEGMENT_BYTES_MAX + 1, ENVELOPE_BYTES_MAX + 1)))
        elif kind == 67:
            topic = chance.pick(STRANGE_TOPICS) if chance.percent(50) else topic.upper()
        elif kind == 68:
            other = chance.pick(sorted(self._players)) if chance.percent(50) else chance.bytes(16)
            topic = device_topic(SITE, other, USAGE)
        message = Message.of(topic, payload)
        self._sent[message.sha256] = (player, segment)
        return message

    def finish(self) -> None:
        """The log is whole, and is what was accepted."""
        self._ledger.tick()
        self._ledger.close()
        with self._folder.open_store() as store:
            entries = [entry for _index, entry in store.entries(0, store.size())]
            hashes: dict[tuple[int, int], bytes] = {}
            for level, index, value in tree.grow(0, map(leaf_hash, entries), lambda *key: hashes[key]):
                hashes[level, index] = value
            assert store.root() == tree.root(len(entries), lambda *key: hashes[key])
            totals = store.totals()
        usages = [usage for entry in entries for usage in self._usages_in(entry)]
        assert len({(usage.device_id, usage.sequence) for usage in usages}) == len(usages) == totals.accepted
        assert totals.frames == sum(usage.played_frames() for usage in usages)
        self._home.cleanup()

    def _usages_in(self, entry: bytes) -> list[Usage]:
        """The usage that an entry of the log is, if it is one."""
        if not entry.startswith(b"\xd2"):
            return []  # the genesis entry is text
        message = parse(entry, 1 << 20)
        if message.header[HEADER_TYP] != TYP_USAGE:
            return []
        return [open_usage(entry, self._players[message.kid].party.public_key, crypto.verify)]


class Desk:
    """Enrolments, packs and catalogues that strangers made, or that somebody entitled signed and that are wrong."""

    NAME, SHARE, CASES = "ledger desk", 8, 600

    def __init__(self, chance: Chance):
        self._chance = chance
        self._home = a_ledger()
        self._folder = Folder(Path(self._home.name) / "ledger")
        self._store = self._folder.open_store()
        self._examples = Examples()
        self._others = [self._examples.messages[name] for name in sorted(self._examples.messages)]

    def case(self) -> str:
        chance, examples = self._chance, self._examples
        try:
            if chance.percent(50):
                party = Party(100 + chance.below(60))
                true = enrolment_of(party, examples.operator, unix_s=NOON + chance.below(9))
                registry.enrol(self._folder, self._store, self._wrong(true, examples.operator, TYP_ENROLMENT))
            else:
                documents = [examples.messages["manifest"], examples.messages["catalogue"]]
                at = chance.below(2)
                documents[at] = self._wrong(documents[at], examples.publisher, (TYP_MANIFEST, TYP_CATALOGUE)[at])
                registry.add_pack(self._folder, self._store, documents[0], documents[1])
        except LedgerError as error:
            return error.name
        return TAKEN

    def _wrong(self, true: bytes, party: Party, typ: str) -> bytes:
        chance = self._chance
        if chance.percent(40):
            return spoil(chance, true, self._others)
        payload = parse(true, 1 << 20).payload
        return resigned(chance, twisted(chance, payload), typ, party.id, party.sign)

    def finish(self) -> None:
        """What was taken can be published and is served again."""
        registry.publish(self._folder, self._store)
        self._store.close()
        Ledger(self._folder).tick()
        self._home.cleanup()


LEDGER_TARGETS = (Intake, Desk)
