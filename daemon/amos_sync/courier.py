"""The courier's loop: one thread for players, spool and outbox; paho's own thread for the broker.

One turn: wait; take what the broker and the players sent; stage what follows from it; commit; and only then let
anything out (`Spool`'s text says what a crash at each point leaves). The courier holds no key and is trusted with
nothing: it can delay a segment, not alter it, and only the ledger's signed receipt frees anything.
"""

import contextlib
import select
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from amos.protocol import answer as answers
from amos.protocol import topics
from amos.protocol.anchor import Anchor
from amos.protocol.cose import TYP_ANCHOR, parse_typed
from amos.protocol.envelope_host import unwrap
from amos.protocol.errors import ProtocolError
from amos.protocol.forgone import read_forgone
from amos.protocol.limits import ANCHOR_BYTES_MAX
from amos.protocol.printable_host import printable
from amos.protocol.receipt import parse_receipt
from amos_mqtt.broker import Broker
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Down, Happening, Said, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.clock import clock_fault, clock_ms, jitter_permille, wall_ms
from amos_sync.courier_status import OFFLINE, ONLINE, CourierStatus
from amos_sync.device import Device
from amos_sync.directed_packs import DirectedPacks
from amos_sync.directives import Directives
from amos_sync.errors import SpoolError
from amos_sync.faults_kept import KeptFaults
from amos_sync.hindrances import Hindrances
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import FORGONE_AGAIN_MS, SPOOL_BYTES_MAX, SPOOL_RETRY_MS, STATUS_MS, UNANSWERED_MAX
from amos_sync.message import PAYLOAD_BYTES_MAX, Message, read_message
from amos_sync.notes import Notes
from amos_sync.opt_outs import OptOutLists
from amos_sync.outbox import Outbox, Slot, State, final_refusals
from amos_sync.pack_cache import PackCache
from amos_sync.pack_source import open_source
from amos_sync.players import Players
from amos_sync.session import Session
from amos_sync.spool import Spool
from amos_sync.tree_heads import TreeHeads

TURN_MS_MAX = 1000

try:
    VERSION = version("amos")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "unknown"


@dataclass(frozen=True)
class Settings:
    """How to run. `ledger_key` (32 bytes) has the courier check receipts too; the player decides in any case.

    `opt_outs` is a file with the publisher's list, for players to get beside the one that the broker retains.
    `packs` is the folder or URL of the pack that players should have; `publisher_key` has the courier check it too.
    `operator_key` has it check directives, and fetch packs from where they say; players decide in any case.
    """

    site: str
    addresses: tuple[str, ...]
    broker: Broker
    spool: Path
    ledger_key: bytes | None = None
    spool_bytes_max: int = SPOOL_BYTES_MAX
    opt_outs: Path | None = None
    packs: str | Path | None = None
    publisher_key: bytes | None = None
    operator_key: bytes | None = None


class Courier:
    """Construct (raises `SpoolError`), then `turn()` until done, then `close()`."""

    def __init__(self, settings: Settings, notes: Notes | None = None):
        self.settings = settings
        self.notes = notes or Notes()
        self.spool = Spool(settings.spool, settings.spool_bytes_max)
        self.outbox = Outbox(UNANSWERED_MAX)
        self._load()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        topic = topics.courier_status_topic(settings.site)
        offline = CourierStatus(state=OFFLINE, version=VERSION).encode()
        client = ClientSettings(self.spool.client_id, PAYLOAD_BYTES_MAX, will=(topic, offline), lasting=True)
        self.mqtt = MqttClient(settings.broker, client, read_message, self._wake)
        self.mqtt.start(clock_ms())
        lists = OptOutLists(settings.opt_outs, clock_ms)
        self.directives = Directives(settings.operator_key)
        self.packs = self._open_packs()
        self.line = LedgerLine(self.spool, settings.ledger_key)
        told = (self.mqtt, self.notes, lists, self.packs, self.line, self.directives)
        self.players = Players(settings.site, self.spool, self.outbox, *told)
        self.devices = [Device(address, self.players, self.notes, clock_ms) for address in settings.addresses]
        self._own_status: tuple[int, bytes] = (0, b"")
        self._spool_retry_ms = 0
        self._forgone_ms = clock_ms()
        self.tree_heads = TreeHeads(self.spool, settings.site, self.line)
        self.hindrances = Hindrances(settings.site, self.spool, self.outbox, self.mqtt, self.notes)
        self._kept_faults = KeptFaults(self.spool)

    def close(self) -> None:
        """Hang up everywhere. What is in the spool stays."""
        self.packs.stop()
        for device in self.devices:
            device.close()
        self.mqtt.stop(CourierStatus(state=OFFLINE, version=VERSION).encode())
        with contextlib.suppress(SpoolError):
            self.spool.commit()
        self.spool.close()

    # --- the loop

    def turn(self, wait_ms_max: int = TURN_MS_MAX) -> None:
        """Wait until something happens, at most `wait_ms_max`, and deal with it."""
        self._wait(wait_ms_max)
        now_ms = clock_ms()
        happenings = self.mqtt.poll(now_ms)
        if now_ms < self._spool_retry_ms:
            return
        try:
            for happening in happenings:
                self._happened(happening, now_ms)
            for device in self.devices:
                device.work(now_ms)
            messages = self._stage_sends(now_ms)
            if self.hindrances.look(self.devices, now_ms):
                self._kept_faults.stage([*self.mqtt.faults, *self.notes.faults.present()], now_ms)
            if self.spool.staged:
                for device in self.devices:
                    self._stage_line_bytes(device)
                self.spool.commit()
        except SpoolError as error:
            self._spool_failed(error, now_ms)
            return
        self.notes.over("spool", "spool: works again", now_ms)
        for topic, payload in messages:
            self.mqtt.publish(topic, payload)
        for device in self.devices:
            device.flush(now_ms)
        self._publish_own_status(now_ms)
        self.packs.tell(self.notes, now_ms)

    @property
    def idle(self) -> bool:
        """Whether every sealed segment of every device is receipted, and the players took receipts and pack."""
        return all(self._brought(device) for device in self.devices)

    def _open_packs(self) -> DirectedPacks:
        settings = self.settings
        key, common = settings.publisher_key, None
        if settings.packs is not None:
            common = PackCache(open_source(settings.packs, settings.spool / "packs"), key, self._wake)
        folder, verifies = settings.spool / "directed-packs", settings.operator_key is not None
        return DirectedPacks(common, self.directives, folder, key, verifies, self._wake)

    def _brought(self, device: Device) -> bool:
        session = device.session
        if session is not None and session.device_id is not None:
            if not self._has_pack(session):
                return False
            return session.settled and not self.outbox.open_slots(session.device_id)
        return device.done is not None and not self.outbox.open_slots(device.done)

    def _has_pack(self, session: Session) -> bool:
        return session.has_pack and not self.packs.waits(session.device_id or b"")

    def stuck(self) -> list[Slot]:
        """Slots whose refusal time does not change, once nothing else is left to do; else nothing."""
        waiting = [slot for device_id in self.outbox.device_ids() for slot in self.outbox.open_slots(device_id)]
        refused = final_refusals(waiting)
        return refused if len(refused) == len(waiting) else []

    def missing(self) -> list[str]:
        """What keeps the courier from being idle, in sentences."""
        sentences = []
        if not self.mqtt.up:
            sentences.append(f"broker {self.settings.broker.name} is not connected")
        for device in self.devices:
            session = device.session
            if self._brought(device):
                continue
            if session is None or session.device_id is None:
                sentences.append(f"{device.address} does not answer")
                continue
            slots = self.outbox.open_slots(session.device_id)
            for state in State:
                count = sum(slot.state is state for slot in slots)
                if count:
                    sentences.append(f"{session.name}: {count} segments {state.name.lower()}")
            if not slots and not session.settled:
                sentences.append(f"{session.name}: segments not pulled yet")
            if not self._has_pack(session):
                sentences.append(f"{session.name}: pack not brought yet")
        if self.spool.full:
            sentences.append("the spool is full")
        return sentences

    def _wait(self, wait_ms_max: int) -> None:
        now_ms = clock_ms()
        due = [device.next_due_ms() for device in self.devices]
        due += [moment for moment in (self.mqtt.next_due_ms(),) if moment is not None]
        outbox_ms = self.outbox.next_due_ms()
        if outbox_ms is not None and self.mqtt.room:
            due.append(outbox_ms)
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if now_ms >= self._spool_retry_ms:
            for device in self.devices:
                descriptor = device.fileno()
                if descriptor is not None:
                    poll.register(descriptor, select.POLLIN | (select.POLLOUT if device.wants_to_write else 0))
            wait_ms = min([wait_ms_max] + [moment - now_ms for moment in due])
        else:
            wait_ms = min(wait_ms_max, self._spool_retry_ms - now_ms)
        poll.poll(max(wait_ms, 0))
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: the loop is awake already; closed: there is no loop any more
            self._waker.send(b"!")

    def _load(self) -> None:
        self.outbox.clear()
        for slot in self.spool.slots():
            self.outbox.add(slot)

    def _spool_failed(self, error: SpoolError, now_ms: int) -> None:
        # Memory may be ahead of the disk: go back to what the disk has, and talk to the players anew.
        advice = "nothing is pulled or sent until it works again; is its disk full, or damaged?"
        self.notes.wrong("spool", f"{error}; {advice}", now_ms)
        self.notes.look(now_ms)
        self._spool_retry_ms = now_ms + SPOOL_RETRY_MS
        for device in self.devices:
            device.close()
        with contextlib.suppress(SpoolError):
            self.spool.rollback()
            self._load()
            self._kept_faults = KeptFaults(self.spool)

    def _stage_line_bytes(self, device: Device) -> None:
        if device.session is not None and device.session.device_id is not None:
            count = device.take_line_bytes()
            if count:
                self.spool.stage_line_bytes(device.session.device_id, count)

    def _stage_sends(self, now_ms: int) -> list[tuple[str, bytes]]:
        messages = []
        for slot in self.outbox.send(now_ms, self.mqtt.room, jitter_permille()):
            payload = self.spool.payload(slot.id)
            self.spool.stage_sent(slot)
            messages.append((topics.device_topic(self.settings.site, slot.device_id, topics.USAGE), payload))
        return messages

    # --- the broker's side

    def _happened(self, happening: Happening[Message], now_ms: int) -> None:
        if isinstance(happening, Up | Down):
            self.hindrances.unanswered.connected(now_ms if isinstance(happening, Up) else None)
        if isinstance(happening, Up):
            self.players.broker_up()
            self._own_status = (0, b"")
            known = set(self.outbox.device_ids()) | {
                device.session.device_id for device in self.devices if device.session
            }
            names = [name for device_id in known if device_id for name in self.players.topics_of(device_id)]
            self.mqtt.subscribe([topics.OPT_OUTS, topics.ROTATIONS, topics.CHECKPOINT, topics.FORGONE, *names])
        elif isinstance(happening, Said):
            self.notes.tell(happening.sentence)
        elif isinstance(happening, Arrival):
            try:
                self._arrived(happening.message, now_ms)
            except ProtocolError as error:
                name = f"broker {self.settings.broker.name}"
                self.notes.often("garbage", f"{name}: ignored a message: {printable(str(error))}", now_ms)

    def _arrived(self, message: Message, now_ms: int) -> None:
        if message.topic == topics.OPT_OUTS:
            self.players.opt_out_lists.came(message.payload)
            self._wake_device(None)
            return
        if message.topic == topics.CHECKPOINT:
            objection = self.tree_heads.came(message.payload, now_ms, jitter_permille())
            if objection is not None:
                self.notes.often("head", "the ledger shows fewer entries than it has signed; it is told so", now_ms)
                self.mqtt.publish(objection.topic, objection.payload)
            return
        if topics.is_rotation(message.topic):
            if self.line.came(message.payload):
                self.notes.tell("the ledger's key was changed; players are told")
                self._wake_device(None)
            return
        if message.topic == topics.FORGONE:
            self._send_again(message.payload, now_ms)
            return
        site, device_id, leaf = topics.parse_device_topic(message.topic)
        if site != self.settings.site:
            return
        if leaf == topics.RECEIPT:
            self._answered(device_id, message, now_ms)
        elif leaf == topics.ANCHOR:
            self._anchor_came(device_id, message.payload, now_ms)
        elif leaf == topics.DIRECTIVE and self.directives.came(device_id, message.payload):
            self._wake_device(device_id)

    def _anchor_came(self, device_id: bytes, payload: bytes, now_ms: int) -> None:
        signed = parse_typed(payload, TYP_ANCHOR, ANCHOR_BYTES_MAX)
        waited_ms = self.players.anchors.waited_ms(device_id, now_ms)
        if not self.players.believes(device_id, signed.kid) or not self.players.anchors.came(device_id, payload):
            return
        self._wake_device(device_id)
        if waited_ms is not None and self.line.signed(signed):
            anchor = Anchor.decode(signed.payload)
            wrong = clock_fault(wall_ms(), anchor.unix_ms, waited_ms)
            if wrong is None:
                self.notes.over("clock", "this machine's clock is right again", now_ms)
            else:
                self.notes.wrong("clock", wrong, now_ms)

    def _send_again(self, message: bytes, now_ms: int) -> None:
        """The ledger has given up what it signed from some leaf on: what was receipted there goes to it anew."""
        if message == self.spool.forgone() or now_ms < self._forgone_ms:
            return
        forgone = read_forgone(message)
        slots = self.spool.stage_again(forgone.kept_size, forgone.lost_size)
        self.spool.stage_forgone(message)
        self._forgone_ms = now_ms + FORGONE_AGAIN_MS
        for slot in slots:
            self.outbox.add(slot)
        if slots:
            self.notes.say("forgone", f"the ledger has lost {len(slots)} returned segments, which go to it again")
            topics_of = {name for slot in slots for name in self.players.topics_of(slot.device_id)}
            self.mqtt.subscribe(sorted(topics_of))

    def _answered(self, device_id: bytes, message: Message, now_ms: int) -> None:
        answer = answers.decode_answer(message.payload)
        self.hindrances.unanswered.answered(now_ms)
        slot = self.outbox.find(answer.message_sha256)
        if slot is None or slot.state is State.RECEIPTED:
            return  # an answer to what is done already: resends bring such
        named = answer.device_id in (None, device_id) and answer.sequence in (None, slot.sequence)
        if slot.device_id != device_id or not named:
            raise ProtocolError("answer: expected device and sequence of the message that its hash names")
        leaf_index = None
        if answer.receipt is not None:
            receipt = parse_receipt(answer.receipt)
            leaf_index = receipt.leaf_index
            self.line.check(receipt, unwrap(self.spool.payload(slot.id)))
            if not self.players.believes(device_id, receipt.message.kid):
                return  # in a time of transition the same comes by the other key as well
        if self.outbox.answered(answer.message_sha256, answer.verdict, now_ms, jitter_permille()) is None:
            return
        if answer.receipt is not None:
            self.spool.stage_answer(slot, receipt=answer.receipt, leaf_index=leaf_index)
            self._wake_device(device_id)
            return
        detail = printable(answer.detail) if answer.detail else None
        self.spool.stage_answer(slot, detail)
        self.hindrances.decided(device_id, answer.verdict, detail)

    def _wake_device(self, device_id: bytes | None) -> None:
        """There is something for this player, or with None for every one."""
        for device in self.devices:
            if device.session is not None and device_id in (None, device.session.device_id):
                device.wake()

    def _publish_own_status(self, now_ms: int) -> None:
        if not self.mqtt.up:
            return
        status = CourierStatus(
            state=ONLINE,
            version=VERSION,
            devices=sum(device.session is not None and device.session.device_id is not None for device in self.devices),
            waiting=len(self.outbox),
            spool_bytes=self.spool.used_bytes,
            full=self.spool.full,
        ).encode()
        told_ms, told = self._own_status
        if status != told and (not told or now_ms - told_ms >= STATUS_MS):
            self._own_status = (now_ms, status)
            self.mqtt.publish(topics.courier_status_topic(self.settings.site), status, retain=True)
