"""What the courier does about its players, and answers to their sessions, from spool and outbox. Nothing waits."""

import hashlib
import secrets

from amos.protocol import topics
from amos.protocol.envelope_host import wrap
from amos.protocol.link import STATES, Entry, Response
from amos.protocol.printable_host import printable
from amos_mqtt.client import MqttClient
from amos_sync.anchors import Anchors
from amos_sync.clock import clock_ms, jitter_permille
from amos_sync.courier_status import REFUSAL_TEXT_BYTES_MAX, PackRefusal
from amos_sync.directed_packs import DirectedPacks
from amos_sync.directives import STICK, Directives
from amos_sync.errors import PlayerError, SpoolDamaged
from amos_sync.ledger_line import LedgerLine, keys_of
from amos_sync.limits import SEQUENCE_MAX, STATUS_MS
from amos_sync.message import Message
from amos_sync.notes import Notes
from amos_sync.operator_line import OperatorLine, is_operators
from amos_sync.opt_outs import OptOutLists
from amos_sync.outbox import PULL_STATE, Outbox, Slot, State
from amos_sync.pack_cache import CachedPack
from amos_sync.session import Offer, Session
from amos_sync.spool import Spool
from amos_sync.spool_carried import FROM_STICK, TO_STICK, Document
from amos_sync.spool_damage import names


class Players:
    """The `PlayerEvents` of every session; it knows no ports, and learns of a player when it proves its key."""

    def __init__(
        self,
        site: str,
        spool: Spool,
        outbox: Outbox,
        mqtt: MqttClient[Message],
        notes: Notes,
        opt_out_lists: OptOutLists,
        packs: DirectedPacks,
        lines: tuple[LedgerLine, OperatorLine],
        directives: Directives,
    ):
        self._lines = lines
        self._directives = directives
        self._past: dict[bytes, set[bytes]] = {}  # device -> ids of the ledger's keys that it does not believe
        self._packs = packs
        self._site = site
        self._spool = spool
        self._outbox = outbox
        self._mqtt = mqtt
        self._notes = notes
        self._sessions: dict[bytes, Session] = {}  # of the players that are connected
        self._published: dict[bytes, tuple[int, bytes]] = {}  # device -> when, and state and text of its status
        self.opt_out_lists = opt_out_lists
        self.anchors = Anchors()
        self.pack_refusals: dict[bytes, PackRefusal] = {}

    def broker_up(self) -> None:
        """Every status is published again: the broker may have lost what it retained."""
        self._published.clear()

    def nonce(self) -> bytes:
        return secrets.token_bytes(32)

    def connected(self, session: Session, identity: Response) -> None:
        """A player proved its key. Raises `PlayerError` when it is connected on another port already."""
        device_id = identity.device_id or b""
        other = self._sessions.get(device_id)
        if other is not None and other is not session:
            session.device_id = None
            raise PlayerError(f"{session.address}: player {device_id.hex()[:8]} is at {other.address} already")
        self._sessions[device_id] = session
        self._past.pop(device_id, None)  # its card may be another, or its firmware
        before = self._spool.stage_device(device_id, session.address)
        if before is not None:
            sentence = f"{session.address}: another player than before: {device_id.hex()[:8]} instead of {before[:8]}"
            self._notes.tell(sentence)
        about = f"{printable(identity.board)}, firmware {printable(identity.firmware)}"
        self._notes.well(session.address, f"{session.name}: connected, {about}", clock_ms())
        self._mqtt.subscribe(self.topics_of(device_id))

    def topics_of(self, device_id: bytes) -> list[str]:
        """Where the ledger's answers for it come, and what the operator wants of it."""
        leaves = (topics.RECEIPT, topics.ANCHOR, topics.DIRECTIVE)
        return [topics.device_topic(self._site, device_id, leaf) for leaf in leaves]

    def input_refused(self, session: Session, reason: str) -> None:
        """It does not let anybody on its link do that."""
        self._notes.often("input", f"{session.name}: refuses an input: {printable(reason)}", clock_ms())

    def looked(self, session: Session, raw: bytes) -> None:
        """A player's status came: return what it took receipts for, and pass the status on."""
        status, now_ms = session.status, clock_ms()
        if status is None:
            return
        returned = self._outbox.player_at(status.device_id, status.last_receipted)
        if returned:
            self._spool.stage_returned([slot for slot in returned if not slot.carried])
            self._spool.carried.stage_gone([slot.id for slot in returned if slot.carried])
        refusal = self.pack_refusals.get(status.device_id)
        if refusal is not None and refusal.pack == status.pack:
            del self.pack_refusals[status.device_id]
        told_ms, told = self._published.get(status.device_id, (-STATUS_MS, b""))
        mood = bytes((status.state,)) + (status.text or "").encode()
        mood += f" {status.directive_serial} {status.directive_refused} {status.pack.hex()}".encode()
        if mood != told:
            text = f": {printable(status.text)}" if status.text else ""
            self._notes.say(session.address + " state", f"{session.name}: {STATES[status.state]}{text}")
        if self._mqtt.room and (mood != told or now_ms - told_ms >= STATUS_MS):
            self._published[status.device_id] = (now_ms, mood)
            topic = topics.device_topic(self._site, status.device_id, topics.STATUS)
            self._mqtt.publish(topic, raw, retain=True)

    def opt_outs(self) -> list[bytes]:
        """The opt-out lists there are."""
        return self.opt_out_lists.lists()

    def opt_outs_offered(self, session: Session, refusal: str | None) -> None:
        """The player took an opt-out list, or said why not."""
        said = "took the opt-out list" if refusal is None else f"refused an opt-out list: {printable(refusal)}"
        self._notes.say(session.address + " opt-outs", f"{session.name}: {said}")

    def directives(self, session: Session) -> list[bytes]:
        """What the operator wants of the player, as the broker and a stick have it."""
        return self._directives.of(session.device_id or b"")

    def directive_brought(self, device_id: bytes, payload: bytes) -> bool:
        """A stick brought a directive, or something else, for this player; whether it is to be offered."""
        return self._directives.came(device_id, payload, STICK)

    def directive_offered(self, session: Session, data: bytes, refusal: str | None) -> None:
        """The player took a directive, or said why not."""
        self._directives.offered(session.device_id or b"", data, refusal is None)
        said = "took a directive" if refusal is None else f"refused a directive: {printable(refusal)}"
        self._notes.say(session.address + " directive", f"{session.name}: {said}")

    def rotations(self) -> list[bytes]:
        """The rotations of the ledger's key, in their order, then those of the operator's, which need them."""
        return [data for line in self._lines for data in line.to_bring()]

    def rotation_offered(self, session: Session, data: bytes, refusal: str | None) -> None:
        """The player follows to the next key, or said why not: it may know a later one, or be older than rotations.

        It takes without a look what has a number that it is past, so what it took says only which key it has left.
        """
        if session.device_id is None:
            return
        whose = "operator" if is_operators(data) else "ledger"
        if whose == "ledger":
            old, new = keys_of(data)
            self._past.setdefault(session.device_id, set()).add(old if refusal is None else new)
        about = f"{session.address} rotation {whose}"
        if refusal is None:
            self._notes.say(about, f"{session.name}: follows the {whose}'s key")
        else:
            sentence = f"{session.name}: does not follow the {whose}'s key: {printable(refusal)}"
            self._notes.often(about, sentence, clock_ms())

    def believes(self, device_id: bytes, kid: bytes) -> bool:
        """Whether the player may take what this key of the ledger's signed, as far as is known."""
        return kid not in self._past.get(device_id, ())

    def wants_time(self, session: Session) -> bool:
        """Whether to ask the player for a nonce now."""
        status = session.status
        if status is None:
            return False
        if not self._mqtt.up:
            # While the first connection is still under way, no shop is one without a broker.
            away = bool(self._mqtt.faults)
            return away and self.anchors.due_for_stick(status.device_id, status.clock, clock_ms())
        if not self._mqtt.room:
            return False
        return self.anchors.due(status.device_id, status.clock, clock_ms())

    def challenged(self, session: Session, nonce: bytes | None) -> None:
        """The player gave a nonce for the ledger to sign, or does not know how."""
        if session.device_id is None:
            return
        if not self._mqtt.up:
            if nonce is not None:
                self._spool.documents.stage(Document(session.device_id, topics.TIME, nonce), TO_STICK)
            return
        self.anchors.asked(session.device_id, clock_ms())
        if nonce is not None:
            self._mqtt.publish(topics.device_topic(self._site, session.device_id, topics.TIME), nonce)

    def next_anchor(self, session: Session) -> bytes | None:
        """The anchor that came for the player."""
        return self.anchors.take(session.device_id or b"")

    def anchor_offered(self, session: Session, refusal: str | None) -> None:
        """The player took its anchor, or said why not."""
        if session.device_id is not None:
            self._spool.documents.stage_gone(session.device_id, topics.ANCHOR, FROM_STICK)
        if refusal is not None:
            sentence = f"{session.name}: refused a time anchor: {printable(refusal)}"
            self._notes.often(session.address + " anchor", sentence, clock_ms())

    def awaits_anchor(self, session: Session) -> bool:
        """Whether one is on its way."""
        return self.anchors.waiting(session.device_id or b"", clock_ms())

    def next_offer(self, device_id: bytes, last_receipted: int) -> Offer | None:
        """The receipt to hand over next."""
        slot = self._outbox.next_offer(device_id, last_receipted)
        return Offer(slot, self._spool.receipt(slot.id)) if slot is not None else None

    def offer_refused(self, session: Session, offer: Offer) -> None:
        """The player did not take a receipt: ask the ledger again."""
        now_ms = clock_ms()
        self._outbox.player_refused(offer.slot, now_ms, jitter_permille())
        self._spool.stage_answer(offer.slot)
        sentence = f"{session.name}: did not take the receipt for {offer.slot.sequence}; asking the ledger again"
        self._notes.often(session.address + " offer", sentence, now_ms)

    def has_room(self) -> bool:
        """Whether the spool takes another segment."""
        return not self._spool.full

    def wanted(self, session: Session, entries: list[Entry]) -> list[Entry]:
        """Which of these listed segments to pull: those whose bytes are not in the spool."""
        if not entries or session.device_id is None:
            return []
        if entries[-1].sequence > SEQUENCE_MAX:
            raise PlayerError(f"{session.name}: expected sequences up to {SEQUENCE_MAX}, found {entries[-1].sequence}")
        known = self._spool.held(session.device_id, entries[0].sequence, entries[-1].sequence)
        wanted = []
        for entry in entries:
            # What a stick brought of this player is a copy that may be let go of.
            kept = [held for held in known.get(entry.sequence, []) if not held.carried]
            kept = [held for held in kept if held.state is not State.RETURNED]
            if any(held.segment_sha256 == entry.sha256 for held in kept):
                continue
            if kept:
                sentence = f"{session.name}: has another segment {entry.sequence} than before; both go to the ledger"
                self._notes.often(session.address + " fork", sentence, clock_ms())
            wanted.append(entry)
        return wanted

    def pulled(self, device_id: bytes, entry: Entry, segment: bytes) -> str | None:
        """A segment came through whole: it is spooled with this turn's commit, and sent after it. Why not, of one that
        is another player's or another number: it would come in the way of the one that it is a copy of. What is no
        segment at all goes to the ledger, which says so."""
        said = names(segment)
        if said not in (None, (device_id, entry.sequence)):
            return f"expected its own segment {entry.sequence}, found {said[1]} of {said[0].hex()[:8]}"
        message = wrap(segment)
        sha256 = hashlib.sha256(message).digest()
        noted = self._outbox.find(sha256, device_id, entry.sequence)
        # A segment says itself which it is; of what is none, two players may have the same.
        if noted and said and said != (noted.device_id, noted.sequence):
            raise SpoolDamaged(f"spool: segment {entry.sequence} is noted there as {noted.sequence}")
        for held in self._spool.held(device_id, entry.sequence, entry.sequence).get(entry.sequence, []):
            if held.carried and held.segment_sha256 == entry.sha256:
                self._spool.carried.stage_gone([held.id])
                self._outbox.forget(device_id, held.id)
        id = self._spool.stage_pull(device_id, entry.sequence, entry.sha256, len(segment), message, sha256, PULL_STATE)
        self._outbox.add(Slot(id, device_id, entry.sequence, sha256, PULL_STATE))
        return None

    def settled(self, session: Session) -> None:
        """Everything that the player lists is receipted, and it took the receipts."""
        last = session.status.last_receipted if session.status else 0
        if last and session.device_id is not None and not self._outbox.open_slots(session.device_id):
            sentence = f"{session.name}: all segments up to {last} are receipted"
            self._notes.say(session.address + " synced", sentence)

    def unreadable(self, session: Session, entry: Entry, reason: str) -> None:
        """A listed segment could not be read."""
        sentence = f"{session.name}: cannot read segment {entry.sequence}: {printable(reason)}; trying again later"
        self._notes.often(session.address + " unreadable", sentence, clock_ms())

    def pack(self, session: Session) -> CachedPack | None:
        """The pack that the player should have, if there is one."""
        return self._packs.of(session.device_id or b"", session.status.pack if session.status else None)

    def pack_taken(self, session: Session, cached: CachedPack, sent_bytes: int) -> None:
        """The player has the whole pack, and will play it from its next section on."""
        self.pack_refusals.pop(session.device_id or b"", None)
        sentence = f"{session.name}: has {cached.name}, {sent_bytes} bytes sent; it plays it from its next section on"
        self._notes.say(session.address + " pack", sentence)

    def pack_refused(self, session: Session, cached: CachedPack, reason: str, by_player: bool) -> None:
        """The player does not want the pack, or it could not be sent; it is offered again later."""
        if by_player and session.device_id is not None and session.status is not None:
            text = printable(reason).encode("ascii", "replace").decode()[:REFUSAL_TEXT_BYTES_MAX]
            self.pack_refusals[session.device_id] = PackRefusal(
                device_id=session.device_id,
                pack=cached.pack.pack_id,
                text=text or "refused",
                directive_serial=session.status.directive_serial or 0,
            )
        sentence = f"{session.name}: does not take {cached.name}: {printable(reason)}; offering it again later"
        self._notes.say(session.address + " pack", sentence)

    def ended(self, session: Session) -> None:
        """A connection ended."""
        # A retained status outlives its truth: empty means that nobody knows.
        if session.device_id is not None:
            self._sessions.pop(session.device_id, None)
            self._published.pop(session.device_id, None)
            self.pack_refusals.pop(session.device_id, None)
            self.anchors.forget(session.device_id)
            topic = topics.device_topic(self._site, session.device_id, topics.STATUS)
            self._mqtt.publish(topic, b"", retain=True)
