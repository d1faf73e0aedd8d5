"""Bundles that `amos courier import` left for this courier: taken in a bit at a time, beside everything else.

What is in them is treated as if a broker had brought it, of which nothing is believed either. Segments of players
elsewhere go to the ledger under this courier's own site; answers and documents are taken for players that are here, and
all else is passed over. Taking a bundle in twice, or half and then whole, changes nothing more: a crash begins it anew.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from amos.protocol import answer as answers
from amos.protocol import bundle_host as bundles
from amos.protocol import topics
from amos.protocol.bundle_host import BundleItem, BundleReader
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import MessageError, ProtocolError
from amos.protocol.limits import ANCHOR_BYTES_MAX, SEGMENT_BYTES_MAX, TIME_NONCE_BYTES
from amos.protocol.printable_host import printable
from amos.protocol.segment import Usage
from amos_mqtt.client import MqttClient
from amos_sync.carried_room import CarriedRoom
from amos_sync.limits import CARRIED_LOOK_MS, INBOX_ITEMS_A_TURN, INBOX_LOOK_MS
from amos_sync.message import Message
from amos_sync.notes import Notes
from amos_sync.outbox import Outbox, Slot
from amos_sync.pack_cache import CachedPack
from amos_sync.pack_source import CARRIED_NAME
from amos_sync.players import Players
from amos_sync.spool import Spool
from amos_sync.spool_carried import FOR_ALL, FROM_STICK, TO_STICK, Document
from amos_sync.untaken import BROKEN, PLAYERS, SPACE, untaken_words

FOLDER_NAME = "inbox"
SUFFIX = ".bundle"
READ_BYTES = 1 << 16

FOR_EVERYBODY = (*topics.ALL_OPT_OUTS, topics.FORGONE)
FOR_ONE = (topics.DIRECTIVE, topics.ANCHOR)
"""What is carried to a player beside its receipts, by the last part of its topic."""


class _Open:
    """A bundle under way: where reading stands, and what was read and is not taken yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO = path.open("rb")
        self.reader = BundleReader()
        self.items: list[BundleItem] = []
        self.taken = 0
        self.untaken: Counter[str] = Counter()


class Inbox:
    """`ways`: to handle a message as if the broker had brought it, which raises `ProtocolError` for what is none; to
    tell a player's session, or with None each, that there is something for it; and to note what the ledger said of a
    segment when it gave no receipt."""

    def __init__(
        self,
        site: str,
        spool: Spool,
        outbox: Outbox,
        mqtt: MqttClient[Message],
        notes: Notes,
        players: Players,
        ways: tuple[Callable[[Message], None], Callable[[bytes | None], None], Callable[[Slot, answers.Answer], bool]],
    ) -> None:
        self._site = site
        self._spool = spool
        self._outbox = outbox
        self._mqtt = mqtt
        self._notes = notes
        self._players = players
        self._room = CarriedRoom(spool, outbox)
        self._from_broker, self._wake, self._refusal_brought = ways
        self._connected = False
        self._heard: set[bytes] = set()
        self._cleared_ms: int | None = None
        self._pack: CachedPack | None = None
        self._folder = spool.folder / FOLDER_NAME
        self._open: _Open | None = None
        self._looked_ms: int | None = None
        self._done: list[Path] = []

    def work(self, now_ms: int) -> None:
        """Stage what one turn has time for. Call `committed` after the spool's commit."""
        if self._open is None:
            self._look(now_ms)
        if self._open is not None:
            try:
                self._go_on(self._open)
            except (ProtocolError, OSError) as error:
                self._notes.tell(f"bundle {self._open.path.name}: not taken to its end: {printable(str(error))}")
                self._finish(self._open)

    def committed(self) -> None:
        """What was staged is durable: bundles that came to their end may go."""
        for path in self._done:
            path.unlink(missing_ok=True)
        self._done.clear()

    def restart(self) -> None:
        """What was staged is gone: begin anew."""
        if self._open is not None:
            self._open.file.close()
        self._open = self._pack = None
        self._room.begin("")
        self._done.clear()

    @property
    def busy(self) -> bool:
        """Whether a bundle is being taken in."""
        return self._open is not None

    def _look(self, now_ms: int) -> None:
        if self._looked_ms is not None and now_ms - self._looked_ms < INBOX_LOOK_MS:
            return
        self._looked_ms = now_ms
        self._ask_time()
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == SUFFIX)
        except OSError:
            return
        if self._cleared_ms is None or now_ms - self._cleared_ms >= CARRIED_LOOK_MS:
            self._cleared_ms = now_ms
            self._drop_outdated()
        for path in paths:
            with suppress(OSError):
                self._open = _Open(path)
                return

    def _go_on(self, opened: _Open) -> None:
        count = 0
        while count < INBOX_ITEMS_A_TURN:
            if not opened.items:
                data = opened.file.read(READ_BYTES)
                if not data:
                    opened.reader.finish()
                    self._finish(opened)
                    return
                opened.items = opened.reader.feed(data)
            for item in opened.items[: INBOX_ITEMS_A_TURN - count]:
                count += 1
                try:
                    opened.taken += self._one(opened, item)
                except ProtocolError as error:
                    # One lie does not spoil the rest, which may be somebody else's.
                    opened.untaken[BROKEN] += 1
                    sentence = f"bundle {opened.path.name}: passed over an item: {printable(str(error))}"
                    self._notes.often("bundle", sentence, self._looked_ms or 0)
            del opened.items[:INBOX_ITEMS_A_TURN]

    def _finish(self, opened: _Open) -> None:
        opened.file.close()
        self._open = None
        self._done.append(opened.path)
        header = opened.reader.header
        opened.untaken[PLAYERS] += self._room.gone
        self._room.begin("")
        counts = {cause: count for cause, count in opened.untaken.items() if count}
        self._spool.stage_untaken(opened.path.stem, counts)
        for sentence in untaken_words(counts):
            site = header.site if header is not None else "nobody"
            self._notes.tell(f"a stick of {site}: {sentence}", "carried", True)
        if opened.taken and header is not None:
            self._notes.tell(f"a stick of {header.site} brought {opened.taken} segments and messages, which were taken")

    def _one(self, opened: _Open, item: BundleItem) -> int:
        """Stage one item; 1 when it changed anything."""
        site = opened.reader.header.site if opened.reader.header else self._site
        device_id, content = item.device_id or b"", item.content or b""
        self._room.begin(site)
        if item.kind == bundles.USAGE:
            return self._usage(opened, site, device_id, content)
        if item.kind == bundles.TIME:
            return self._time(opened, site, device_id, content)
        if item.kind == bundles.TOOK:
            ids = self._spool.carried.taken(device_id, item.count or 0)
            self._room.let_go([(device_id, id) for id in ids])
            return 0
        if item.kind == bundles.ANSWER:
            return self._answer(device_id, content)
        if item.kind == bundles.DOCUMENT:
            return self._document(item.device_id, item.name or "", content)
        return 0  # of a later version's kind

    def _usage(self, opened: _Open, site: str, device_id: bytes, envelope: bytes) -> int:
        segment = unwrap(envelope)
        usage = Usage.decode(parse_typed(segment, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
        if usage.device_id != device_id:
            raise MessageError("bundle item: expected a segment of the device that it names")
        segment_sha256 = hashlib.sha256(segment).digest()
        carried, now_unix_s = self._spool.carried, int(time.time())
        message_sha256 = hashlib.sha256(envelope).digest()
        again = carried.answered_long_ago(device_id, usage.sequence, segment_sha256, now_unix_s)
        if again is not None:
            self._room.let_go([(device_id, again)])
        if carried.known(device_id, usage.sequence, segment_sha256) or self._outbox.find(message_sha256) is not None:
            return 0
        if not self._room.for_segment(device_id, len(envelope)):
            opened.untaken[SPACE] += 1
            return 0
        if not self._room.for_device(device_id):
            opened.untaken[PLAYERS] += 1
            return 0
        carried.stage_device(device_id, site, now_unix_s)
        hashes, sizes = (segment_sha256, message_sha256), (len(segment), len(envelope))
        self._outbox.add(carried.stage(device_id, usage.sequence, hashes, sizes, envelope))
        self._hear_of(device_id)
        return 1

    def _time(self, opened: _Open, site: str, device_id: bytes, nonce: bytes) -> int:
        if len(nonce) != TIME_NONCE_BYTES:
            raise MessageError(f"bundle item: expected a nonce of {TIME_NONCE_BYTES} bytes")
        if not self._room.for_device(device_id):
            opened.untaken[PLAYERS] += 1
            return 0
        self._spool.carried.stage_device(device_id, site, int(time.time()))
        if not self._spool.documents.stage(Document(device_id, topics.TIME, nonce), FROM_STICK):
            return 0
        self._hear_of(device_id)
        return 1

    def _ask_time(self) -> None:
        """Nonces that sticks brought go to the ledger once there is a broker; its answers go on the next stick."""
        if not self._mqtt.room:
            return
        for document in self._spool.documents.named(topics.TIME, FROM_STICK, self._mqtt.room):
            self._mqtt.publish(topics.device_topic(self._site, document.device_id, topics.TIME), document.payload)
            self._spool.documents.stage_gone(document.device_id, topics.TIME, FROM_STICK)

    def _answer(self, device_id: bytes, content: bytes) -> int:
        """Of a player that is here; that of another shop's is for its own courier to take."""
        answer = answers.decode_answer(content)
        slot = self._outbox.find(answer.message_sha256, device_id, answer.sequence)
        # What is carried waits for the ledger's own answer: this may be anybody's, and no player is here to judge.
        if slot is None or slot.carried:
            return 0
        if answer.verdict not in answers.RECEIPTED:
            return int(slot.device_id == device_id and self._refusal_brought(slot, answer))
        self._take(Message(topics.device_topic(self._site, device_id, topics.RECEIPT), content))
        return 1

    def _document(self, device_id: bytes | None, name: str, content: bytes) -> int:
        if device_id is None:
            topic = f"{topics.PREFIX}/{name}"
            if topic not in FOR_EVERYBODY and not topics.is_rotation(topic):
                return 0
            document = Document(FOR_ALL, name, content)
        else:
            if name not in FOR_ONE or not self._spool.knows(device_id):
                return 0
            if name == topics.ANCHOR and len(content) > ANCHOR_BYTES_MAX:
                raise MessageError(f"bundle item: expected an anchor of at most {ANCHOR_BYTES_MAX} bytes")
            topic = topics.device_topic(self._site, device_id, name)
            document = Document(device_id, name, content)
        if topics.is_rotation(topic) or topic == topics.FORGONE:
            self._take(Message(topic, content))  # kept with those that the broker brought, or done at once
            return 0
        if not self._spool.documents.stage(document, FROM_STICK):
            return 0
        self._take(Message(topic, content))
        return 1

    def take_kept(self) -> None:
        """At the start: what sticks brought before."""
        for document in self._spool.documents.all(FROM_STICK):
            with suppress(ProtocolError):
                if not document.device_id:
                    self._take(Message(f"{topics.PREFIX}/{document.name}", document.payload))
                elif document.name in FOR_ONE:
                    self._take(
                        Message(topics.device_topic(self._site, document.device_id, document.name), document.payload)
                    )

    def _take(self, message: Message) -> None:
        if message.topic in topics.ALL_OPT_OUTS:
            self._players.opt_out_lists.brought(message.topic, message.payload)
            self._wake(None)
        elif message.topic.endswith("/" + topics.ANCHOR):
            device_id = topics.parse_device_topic(message.topic)[1]
            self._players.anchors.brought(device_id, message.payload)
            self._wake(device_id)
        elif message.topic.endswith("/" + topics.DIRECTIVE):
            device_id = topics.parse_device_topic(message.topic)[1]
            if self._players.directive_brought(device_id, message.payload):
                self._wake(device_id)
        else:
            self._from_broker(message)

    def topics_of(self, device_id: bytes) -> list[str]:
        """Where the ledger's and the operator's answers for it come."""
        leaves = (topics.RECEIPT, *FOR_ONE)
        return [topics.device_topic(self._site, device_id, leaf) for leaf in leaves]

    def connected(self, is_connected: bool) -> None:
        """Whoever brings a stick waits for the ledger's answers only where there is a broker."""
        if self._connected is not is_connected:
            self._connected = is_connected
            self._spool.stage_connected(is_connected)

    def has_pack(self, pack: CachedPack | None) -> None:
        """Sticks take along the pack that there is here, but for one that a stick brought."""
        if pack is not None and pack is not self._pack:
            self._pack = pack
            if CARRIED_NAME not in pack.folder.parts:
                self._spool.stage_pack(pack.pack.signed, pack.folder)

    def _hear_of(self, device_id: bytes) -> None:
        if device_id not in self._heard:
            self._heard.add(device_id)
            self._mqtt.subscribe(self.topics_of(device_id))

    def all_topics(self) -> list[str]:
        """After each connection."""
        self._heard = set(self._spool.carried.device_ids())
        return [name for device_id in sorted(self._heard) for name in self.topics_of(device_id)]

    def came(self, device_id: bytes, name: str, payload: bytes) -> None:
        """The broker brought a document for a player elsewhere: the next stick takes it along."""
        if name in FOR_ONE and self._spool.carried.is_carried_for(device_id):
            self._spool.documents.stage(Document(device_id, name, payload), TO_STICK)

    def came_for_all(self, topic: str, payload: bytes) -> None:
        """The broker retains this one for everybody."""
        if topic in FOR_EVERYBODY:
            self._spool.documents.stage(Document(FOR_ALL, topic.removeprefix(topics.PREFIX + "/"), payload), TO_STICK)

    def _drop_outdated(self) -> None:
        now_unix_s = int(time.time())
        gone = self._spool.carried.outdated(now_unix_s)
        if gone:
            self._room.let_go(gone)
            self._spool.carried.stage_no_devices(now_unix_s)
