"""The courier's loop: one thread for players, spool and outbox; paho's own thread for the broker.

One turn: wait; take what the broker and the players sent; stage what follows from it; commit; and only then let
anything out (`Spool`'s text says what a crash at each point leaves). The courier holds no key and is trusted with
nothing: it can delay a segment, not alter it, and only the ledger's signed receipt frees anything.
"""

import contextlib
import select
import socket
from collections.abc import Callable
from typing import TypeVar

from amos.protocol import topics
from amos.protocol.errors import ProtocolError
from amos.protocol.printable_host import printable
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Down, Happening, Said, Up
from amos_mqtt.settings import ClientSettings
from amos_sync.clock import clock_ms, jitter_permille
from amos_sync.courier_settings import Settings
from amos_sync.courier_status import OFFLINE, VERSION, CourierStatus
from amos_sync.device import Device
from amos_sync.directed_packs import DirectedPacks
from amos_sync.directives import Directives
from amos_sync.errors import SpoolDamaged, SpoolDiskFull, SpoolError
from amos_sync.faults_kept import KeptFaults
from amos_sync.hindrances import Hindrances
from amos_sync.home_assistant import HomeAssistant
from amos_sync.inbox import Inbox
from amos_sync.lacking import lacking
from amos_sync.ledger_line import LedgerLine
from amos_sync.ledger_words import LedgerWords
from amos_sync.limits import COMMIT_WAIT_MS, RESERVE_BYTES, SPOOL_RETRY_MS, UNANSWERED_MAX
from amos_sync.message import PAYLOAD_BYTES_MAX, Message, read_message, split_message
from amos_sync.notes import Notes
from amos_sync.operator_line import OperatorLine
from amos_sync.opt_outs import OptOutLists
from amos_sync.outbox import Outbox, Slot, final_refusals
from amos_sync.own_status import OwnStatus
from amos_sync.pack_cache import PackCache
from amos_sync.pack_source import source_for
from amos_sync.pairing import Attempt
from amos_sync.players import Players
from amos_sync.roster import Roster
from amos_sync.sending import Sending
from amos_sync.session import Session
from amos_sync.spool import Spool
from amos_sync.together import Together
from amos_sync.tree_heads import TreeHeads

T = TypeVar("T")

TURN_MS_MAX = 1000


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
        self.mqtt = MqttClient(settings.broker, client, read_message, self.wake)
        self.mqtt.start(clock_ms())
        lists = OptOutLists(settings.opt_outs, clock_ms)
        self.directives = Directives(settings.operator_key)
        self.packs = self._open_packs()
        self.line = LedgerLine(self.spool, settings.ledger_key)
        self.operator_line = OperatorLine(self.spool, self.line, settings.operator_key)
        self.directives.follow(self.operator_line.keys())
        told = (self.mqtt, self.notes, lists, self.packs, (self.line, self.operator_line), self.directives)
        self.players = Players(settings.site, self.spool, self.outbox, *told)
        self.roster = Roster(settings.addresses)
        self.devices: list[Device] = []
        self._meet(clock_ms())
        self._together = Together()
        self.pairing: Attempt | None = None
        self._sending = Sending(settings.site, self.spool, self.outbox, self.mqtt, self._together)
        self._own_status = OwnStatus(self.mqtt, settings.site, self.spool)
        self._spool_retry_ms = 0
        self._staged_ms: int | None = None
        self.tree_heads = TreeHeads(self.spool, settings.site, self.line)
        self.hindrances = Hindrances(settings.site, self.spool, self.outbox, self.mqtt, self.notes)
        self._kept_faults = KeptFaults(self.spool)
        self.ledger_words = LedgerWords(
            self.spool,
            self.outbox,
            self.mqtt,
            self.notes,
            self.players,
            self.line,
            self.hindrances,
            self._together,
            self._wake_device,
        )
        ways = (
            lambda message: self._arrived(message, clock_ms()),
            self._wake_device,
            lambda slot, answer: self.ledger_words.refusal_brought(slot, answer, clock_ms()),
        )
        self.inbox = Inbox(settings.site, self.spool, self.outbox, self.mqtt, self.notes, self.players, ways)
        try:
            self._told_mended()
        except SpoolDiskFull:
            self.spool.make_room()
            self._load()
            self._told_mended()
        self.home = HomeAssistant(settings.site, VERSION, self.mqtt, self.notes) if settings.home_assistant else None
        self.inbox.take_kept()  # handled as what the broker brings, by all of the above

    def close(self) -> None:
        """Hang up everywhere. What is in the spool stays."""
        self.packs.stop()
        for device in self.devices:
            device.close()
        if self.home is not None:
            self.home.stop()
        self.mqtt.stop(CourierStatus(state=OFFLINE, version=VERSION).encode())
        with contextlib.suppress(SpoolError):
            self.spool.commit()
        self.spool.close()

    def _meet(self, now_ms: int) -> None:
        """Talk to the players that there are at the moment, and no longer to those that patterns do not find."""
        self.roster.look(now_ms)
        known = {device.address: device for device in self.devices}
        if list(known) == self.roster.present:
            return
        for address in known.keys() - set(self.roster.present):
            known[address].close()
            self.notes.over(address, f"{address}: not there any more", now_ms)
        make = [
            known.get(address) or Device(address, self.players, self.notes, clock_ms) for address in self.roster.present
        ]
        self.devices = make

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
            self._meet(now_ms)
            for device in self.devices:
                device.work(now_ms)
            self.inbox.work(now_ms)
            self.inbox.has_pack(self.packs.common)
            messages = self._sending.stage(now_ms)
            if self.hindrances.look(self.devices, now_ms):
                self._sending.note_unanswered(now_ms)
                self._kept_faults.stage([*self.mqtt.faults, *self.notes.faults.present()], now_ms)
            if self._commit_is_due(now_ms):
                for device in self.devices:
                    self._stage_line_bytes(device)
                self.spool.commit()
        except SpoolError as error:
            self._spool_failed(error, now_ms)
            return
        if not self.spool.staged:
            self.inbox.committed()
        self.notes.over("spool", "spool: works again", now_ms)
        for topic, payload in messages:
            self.mqtt.publish(topic, payload)
        for device in self.devices:
            device.flush(now_ms)
        self._own_status.publish(self.devices, self.players.pack_refusals.values(), now_ms)
        if self.home is not None:
            self.home.work(self.devices, now_ms)
        self.packs.tell(self.notes, now_ms)

    def _commit_is_due(self, now_ms: int) -> bool:
        """Answers of the ledger share commits, each of which waits for the disk, until a player is to hear of them."""
        if not self.spool.staged:
            self._staged_ms = None
            return False
        self._staged_ms = now_ms if self._staged_ms is None else self._staged_ms
        late = now_ms - self._staged_ms >= COMMIT_WAIT_MS
        due = late or self.spool.urgent or any(device.wants_to_write for device in self.devices)
        self._staged_ms = None if due else self._staged_ms
        return due

    @property
    def idle(self) -> bool:
        """Whether every sealed segment of every device is receipted, and the players took receipts and pack."""
        carrying = self.inbox.busy or self.outbox.carrying
        return bool(self.devices) and all(self._is_brought(device) for device in self.devices) and not carrying

    def _open_packs(self) -> DirectedPacks:
        settings = self.settings
        key, common = settings.publisher_key, None
        source = source_for(settings.packs, settings.spool, key)
        if source is not None:
            common = PackCache(source, key, self.wake)
        folder, verifies = settings.spool / "directed-packs", settings.operator_key is not None
        return DirectedPacks(common, self.directives, folder, key, verifies, self.wake)

    def _is_brought(self, device: Device) -> bool:
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
        waiting = self.outbox.own()
        refused = final_refusals(waiting)
        return refused if len(refused) == len(waiting) else []

    def missing(self) -> list[str]:
        """What keeps the courier from being idle, in sentences."""
        sentences = [f"{pattern} finds no player" for pattern in self.roster.empty()]
        if not self.mqtt.up:
            sentences.append(f"broker {self.settings.broker.name} is not connected")
        for device in self.devices:
            if not self._is_brought(device):
                sentences += lacking(device, self.outbox, self._has_pack)
        if self.spool.full:
            sentences.append("the spool is full")
        return sentences

    def _wait(self, wait_ms_max: int) -> None:
        now_ms = clock_ms()
        due = [device.next_due_ms() for device in self.devices]
        moments = (self.mqtt.next_due_ms(), self.roster.next_due_ms(now_ms))
        due += [moment for moment in moments if moment is not None]
        outbox_ms = self.outbox.next_due_ms()
        if outbox_ms is not None and self.mqtt.room:
            due.append(outbox_ms)
        if self._staged_ms is not None:
            due.append(self._staged_ms + COMMIT_WAIT_MS)
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

    def wake(self) -> None:
        """End the wait of a turn; on any thread."""
        with contextlib.suppress(OSError):  # full: the loop is awake already; closed: there is no loop any more
            self._waker.send(b"!")

    def _load(self) -> None:
        self.outbox.clear()
        for slot in self.spool.slots():
            self.outbox.add(slot)

    def _spool_failed(self, error: SpoolError, now_ms: int) -> None:
        # Memory may be ahead of the disk: go back to what the disk has, and talk to the players anew.
        if isinstance(error, SpoolDiskFull) and self._made_room(now_ms):
            return
        advice = "nothing is pulled or sent until it works again"
        advice += "" if isinstance(error, SpoolDiskFull) else "; is its disk damaged?"
        self.notes.wrong("spool", f"{error}; {advice}", now_ms)
        self.notes.look(now_ms)
        self._spool_retry_ms = now_ms + SPOOL_RETRY_MS
        for device in self.devices:
            device.close()
        with contextlib.suppress(SpoolError):
            if isinstance(error, SpoolDamaged):
                self.spool.set_aside()
                self._spool_retry_ms = now_ms
                self._told_mended()
            else:
                self.spool.rollback()
            self._load()
            self._kept_faults = KeptFaults(self.spool)
            self.inbox.restart()

    def _made_room(self, now_ms: int) -> bool:
        """Whether a disk that is full has room again, by what the spool only keeps or by SQLite's log."""
        for device in self.devices:
            device.close()
        self.inbox.restart()
        with contextlib.suppress(SpoolError):
            dropped, given_bytes = self.spool.make_room()
            self._load()
            if dropped:
                about = "what was kept for a ledger that lost it gives way; give it a larger one, or delete something"
                self.notes.often("disk", f"spool {self.spool.folder}: its disk is full; {about}", now_ms)
            return dropped > 0 or given_bytes >= RESERVE_BYTES
        return False

    def _told_mended(self) -> None:
        if self.spool.mended:
            self.notes.tell(self.spool.mended)
        self.spool.mended = None
        self.spool.stage_settings(self.settings.site, self.settings.publisher_key)
        self.spool.commit()

    def _stage_line_bytes(self, device: Device) -> None:
        if device.session is not None and device.session.device_id is not None:
            count = device.take_line_bytes()
            if count:
                self.spool.stage_line_bytes(device.session.device_id, count)

    # --- the broker's side

    def _happened(self, happening: Happening[Message], now_ms: int) -> None:
        if isinstance(happening, Up | Down):
            self.hindrances.unanswered.connected(now_ms if isinstance(happening, Up) else None)
            self._together.connected(isinstance(happening, Up), now_ms)
            self.inbox.connected(isinstance(happening, Up))
        if isinstance(happening, Up):
            self.players.broker_up()
            self._own_status.forget()
            if self.home is not None:
                self.home.up()
            known = set(self.outbox.device_ids()) | {
                device.session.device_id for device in self.devices if device.session
            }
            names = [name for device_id in known if device_id for name in self.players.topics_of(device_id)]
            names += self.inbox.all_topics()
            self.mqtt.subscribe([*topics.ALL_OPT_OUTS, topics.ROTATIONS, topics.CHECKPOINT, topics.FORGONE, *names])
        elif isinstance(happening, Said):
            is_wrong = any(happening.sentence.startswith(fault.sentence) for fault in self.mqtt.faults)
            self.notes.tell(happening.sentence, "broker", is_wrong)
        elif isinstance(happening, Arrival):
            for message in self._guarded(split_message, happening.message, now_ms) or []:
                self._guarded(lambda message: self._arrived(message, now_ms), message, now_ms)

    def _guarded(self, act: Callable[[Message], T], message: Message, now_ms: int) -> T | None:
        try:
            return act(message)
        except ProtocolError as error:
            name = f"broker {self.settings.broker.name}"
            self.notes.often("garbage", f"{name}: ignored a message: {printable(str(error))}", now_ms)
            return None

    def _arrived(self, message: Message, now_ms: int) -> None:
        if self.home is not None and self.home.came(message, self.devices):
            return
        self.inbox.came_for_all(message.topic, message.payload)
        if message.topic in topics.ALL_OPT_OUTS:
            self.players.opt_out_lists.came(message.topic, message.payload)
            self._wake_device(None)
            return
        if message.topic == topics.CHECKPOINT:
            objection = self.tree_heads.came(message.payload, now_ms, jitter_permille())
            if objection is not None:
                self.notes.often("head", "the ledger shows fewer entries than it has signed; it is told so", now_ms)
                self.mqtt.publish(objection.topic, objection.payload)
            return
        if topics.is_rotation(message.topic):
            operators = topics.is_operator_rotation(message.topic)
            if (self.operator_line if operators else self.line).came(message.payload):
                whose = "operator's" if operators else "ledger's"
                self.notes.tell(f"the {whose} key was changed; players are told")
                self.directives.follow(self.operator_line.keys())
                self._wake_device(None)
            return
        if message.topic == topics.FORGONE:
            self.ledger_words.send_again(message.payload, now_ms)
            return
        site, device_id, leaf = topics.parse_device_topic(message.topic)
        if site != self.settings.site:
            return
        self.inbox.came(device_id, leaf, message.payload)
        if leaf == topics.RECEIPT:
            self.ledger_words.answered(device_id, message, now_ms)
        elif leaf == topics.ANCHOR:
            self.ledger_words.anchor_came(device_id, message.payload, now_ms)
        elif leaf == topics.PAIRED and self.pairing is not None:
            self.pairing.came(device_id, message.payload)
        elif leaf == topics.DIRECTIVE and self.directives.came(device_id, message.payload):
            self._wake_device(device_id)

    def _wake_device(self, device_id: bytes | None) -> None:
        """There is something for this player, or with None for every one."""
        for device in self.devices:
            if device.session is not None and device_id in (None, device.session.device_id):
                device.wake()
