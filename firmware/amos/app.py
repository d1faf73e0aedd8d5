"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import os

from amos import crypto
from amos.anchored_clock import AnchoredClock
from amos.device import Device
from amos.edges.audio_out import output_kind_of
from amos.edges.clock import SystemClock
from amos.edges.directory_lock import DirectoryLock
from amos.edges.journal_store import RESERVED_BLOCK, open_reserved, open_store
from amos.edges.key_files import NEXT_KEY, REQUEST, exists
from amos.edges.link_ports import open_port
from amos.edges.sessions_file import append_session
from amos.edges.two_slot_file import TwoSlotFile
from amos.edges.worker import open_worker
from amos.heap import begin_play, begin_work, forget
from amos.identity import Identity
from amos.journal.errors import JournalError
from amos.journal_keeper import JournalKeeper
from amos.ledger_keys import KEPT_BYTES_MAX, LedgerKeys
from amos.link_service import LinkService
from amos.log_ring import LogRing
from amos.outage import Outage
from amos.packs.permission import check_taken, refusal_of
from amos.packs.repertoire import Repertoire
from amos.play_loop import PlayLoop
from amos.player_state import PlayerState
from amos.protocol.errors import ProtocolError
from amos.protocol.link import STATE_FAULT, STATE_PLAYING, STATE_STOPPED
from amos.protocol.segment import PACES, SEAL_SHUTDOWN
from amos.rights.rights import open_rights
from amos.session.seed_root import ROOT_BYTES, SeedRoot
from amos.session.session import Handover, Session
from amos.session.totals import Totals, summary_lines
from amos.session.usage_log import UsageLog
from amos.sound.mixer import make_buffers
from amos.standby import Standby
from amos.tier_kept import KEPT_BYTES_MAX as TIER_BYTES_MAX
from amos.tier_kept import TierKept


class Player:
    """Everything a player process holds, from start to stop. `say(line)` is told what an operator should know.

    `refused`: an output that cannot come back ended its play. `restarts`: an operator wants it to start anew.

    `heartbeat()`, where one is given, is called for each turn of the loop that did what it should: let frames sound,
    looked for a lost output, or idled on purpose.

    Construction reads key, pack and journal and counts the boot. Raises `KeyFault`, `ProtocolError`, `JournalError`,
    `AddressError`, OSError.
    """

    def __init__(self, config, say=print, heartbeat=None):
        self._mixer_buffers = make_buffers(config.block_frames)  # first, while the heap is in one piece
        self._config = config
        self._lock = DirectoryLock(config.directory)
        self._print = say
        self._clock = AnchoredClock(SystemClock(), os.urandom)
        self._log_ring = LogRing(self._clock)
        seed, history, bound = _load_key(config.directory)
        self._say(bound)
        self._packs = packs = Repertoire(config, self._say, self._check_taken)
        identity = Identity(seed, config, history)
        device_id = identity.device_id
        reserved = open_reserved(config.directory, device_id)
        store = open_store(config.journal, config.directory, config.journal_bytes)
        self._keeper = keeper = JournalKeeper(store, reserved, device_id, RESERVED_BLOCK, os.urandom, self._say)
        worker, clock = open_worker(config.pace == "free"), self._clock
        ledger_keys = LedgerKeys(config.ledger_key, TwoSlotFile(config.directory + "/ledger-key", KEPT_BYTES_MAX))
        # Before the boot is counted in the journal: a cut in between must not look as if the time had been lost.
        rights = open_rights(
            config.directory,
            config.publisher_key,
            crypto.verify,
            clock,
            worker,
            device_id=device_id,
            ran_before=keeper.ran_before,
            ledger_keys=ledger_keys,
        )
        if rights.opt_outs.note:
            self._say(rights.opt_outs.note)
        keeper.journal.begin_boot()
        directives = staff = None
        if config.operator_key:  # a board holds no code that it does not need
            from amos.directives import open_directives

            directives = open_directives(config, device_id, ledger_keys, self._say)
        if config.limits_staff:
            from amos.staff import open_staff

            staff = open_staff(config)
        tier = TierKept(TwoSlotFile(config.directory + "/tier", TIER_BYTES_MAX), config.tier)
        kind = output_kind_of(config.out) or None
        self._state = state = PlayerState(packs.pack_id, tier, kind, PACES.index(config.pace))
        self.device = device = Device(
            identity,
            state,
            rights,
            keeper.journal,
            clock,
            ledger_keys,
            packs.intake,
            worker,
            self._log_ring,
            SeedRoot(TwoSlotFile(config.directory + "/seed-root", ROOT_BYTES)),
            directives,
            staff,
        )
        port = open_port(config.link)
        link = port.link_of(device)
        device.attach(link)
        self._service = service = LinkService(device, port, link, clock, heartbeat)
        forever, say, stopping = config.linger == "forever", self._say, self._is_stopping
        self._standby = Standby(device, packs, service, forever, say, stopping)
        self._loop = PlayLoop(config, state, service, packs, say, stopping, heartbeat)
        self._outage = Outage(device, keeper, service, clock, forever, say, stopping, self._seal_leftover)
        self._stopping = self.restarts = False
        self.refused = False
        self._session = None
        self._totals = Totals()

    def _say(self, line: str) -> None:
        self._log_ring.note(line)
        self._print(line)

    @property
    def pack(self):
        """The PackFolder that is open; None without one."""
        return self._packs.pack

    def stop(self) -> None:
        """Finish the block in hand, seal, and leave; may be called at any moment."""
        self._stopping = True

    def hang_up(self) -> None:
        """After `run`, in a program that goes on: nobody waits at the link for answers."""
        self._service.hang_up()

    def _is_stopping(self) -> bool:
        directives = self.device.directives
        if directives is not None and not self._stopping and directives.restarts(self.device.worker, self._say):
            self._stopping = self.restarts = True
        return self._stopping

    def _check_taken(self, pack) -> None:
        """Raise a `ProtocolError` unless the operator and the rights let this pack be activated."""
        if self.device.directives is not None:
            self.device.directives.check_pack(pack.pack_id, self._clock.unix_ms())
        check_taken(pack, self.device.rights)

    def run(self) -> None:
        """Recover, play one session after the other, linger. A journal whose storage fails stops play, and is said,
        until the storage works again; so does a full one, until receipts have made room. Raises `KeyFault` when the
        storage failed just as the key was handed over."""
        device = self.device
        begin_work()
        try:
            self._seal_leftover("a power cut")
            self._rotate_key()
            self._session = self._begin(None)
        except JournalError as error:
            self._outage.begin(error)
        while self._session is not None or self._outage.is_over():
            if self._session is None:
                self._session = self._succeed(None)
                continue
            handover = self._play(self._session)
            ended = self._session.over() is not None
            self._totals.add(self._session)
            # Gone before the next one comes: a board has no room for two.
            self._session = None
            self._state.end_session()
            begin_work()
            if handover is not None or ended:
                self._session = self._succeed(handover)
        self._service.linger(self._config.linger, self._is_stopping)
        note = append_session(self._config.directory, self._totals.summary(device))
        if note:
            self._say(note)
        device.rights.lease_clock.save()
        self._keeper.close()
        self._packs.close()
        self._lock.release()

    def _seal_leftover(self, after: str) -> None:
        """Seal what was metered and not sealed before `after`. Raises `JournalError`."""
        device = self.device
        identity = device.identity
        recovered = UsageLog(device.journal, identity.device_id, identity.sign_pieces, key_id=identity.key_id)
        if recovered.seal_power_loss():
            self._say("sealed segment %d after %s" % (device.journal.last_sequence, after))
        self._totals.add_log(recovered)

    def _rotate_key(self) -> None:
        """Where an operator asked for it, or a cut broke it off: from the next segment on another key signs. All that
        was metered is sealed by then. Raises `KeyFault`."""
        directory, device = self._config.directory, self.device
        if not exists(directory + REQUEST) and not exists(directory + NEXT_KEY):
            return
        from amos.edges.hardware import hardware_ids
        from amos.key_rotation import rotate

        try:
            self._say(rotate(directory, device.identity, device.journal.last_sequence + 1, hardware_ids()))
        except OSError as error:
            self._say("key: not rotated, the old one signs (%s); tried again at the next start" % error)

    def _begin(self, handover: "Handover | None") -> "Session | None":
        """Begin a session with the best pack there is, as soon as it may be played; None if it may not. Raises
        `JournalError`, OSError, and what the last pack to try raises."""
        device, packs = self.device, self._packs
        while True:
            if refusal_of(packs, device.rights) and handover is not None:
                handover.output.close()  # it may be long until a pack may be played
                handover = None
            pack = self._standby.permitted()
            if pack is None:
                return None
            try:
                session = Session(device, pack, self._config, self._clock, handover, self._mixer_buffers)
                break
            except (ProtocolError, MemoryError) as error:
                if not packs.give_up(error):
                    raise
                packs.change()
        packs.commit()
        self._state.begin_session(session, pack.pack_id)
        if not session.output.lost:
            self._state.set_state(STATE_PLAYING, packs.refusal)
            self._say("playing: session %d, pack %d" % (device.journal.session, pack.manifest.serial))
        return session

    def _succeed(self, handover: "Handover | None") -> "Session | None":
        """The session after one that gave way, was over or found the journal full, or None if there is none; the status
        says why."""
        try:
            if handover is not None or self._packs.waiting:
                self._packs.change()
            return self._begin(handover)
        except JournalError as error:
            self._outage.begin(error)
        except (ProtocolError, OSError) as error:
            self._state.set_state(STATE_FAULT, str(error))
            self._say("stopped: %s" % error)
        return None

    def _play(self, session: Session) -> "Handover | None":
        """Play the session to its end; what it hands over to one with another pack, or None."""
        handover = None
        begin_play()
        started_ms = self._clock.now_ms()
        try:
            try:
                self._loop.play(session, self._totals.played_ms)
                self._state.set_state(STATE_STOPPED, self._state.text)
            except OSError as error:
                self.refused = True
                self._state.set_state(STATE_FAULT, "audio: %s" % error)
                self._say("stopped: %s" % self._state.text)
            if session.left:
                handover = session.give_way()
            else:
                session.finish(SEAL_SHUTDOWN)
        except JournalError as error:
            self._outage.begin(error)
            session.break_off()
        took_ms = self._clock.now_ms() - started_ms
        self._totals.took_ms += took_ms
        for line in summary_lines(session, took_ms):
            self._say(line)
        return handover


def _load_key(directory: str) -> tuple:
    """As `device_key.load_key`. Raises `KeyFault`, OSError."""
    from amos.device_key import load_key
    from amos.edges.hardware import hardware_ids

    found = load_key(directory, hardware_ids())
    forget("amos.device_key", "amos.key_rotation", "amos.edges.key_store", "amos.edges.hardware")
    return found
