"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import json
import os

from amos import crypto
from amos.anchored_clock import AnchoredClock
from amos.compat import MICROPYTHON
from amos.device import Device, device_id_of
from amos.edges.clock import SystemClock
from amos.edges.directory_lock import DirectoryLock
from amos.edges.durable import append_line
from amos.edges.hardware import hardware_ids
from amos.edges.journal_store import RESERVED_BLOCK, open_reserved, open_store
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.link_ports import open_port
from amos.edges.worker import InlineWorker
from amos.heap import begin_play, begin_work
from amos.journal.journal import Journal, JournalError, JournalFull
from amos.journal.reservation import Reservation
from amos.log_ring import LogRing
from amos.packs.repertoire import Repertoire
from amos.protocol.errors import ProtocolError
from amos.protocol.link import BAD_MANIFEST, STATE_FAULT, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.link_device import DeviceLink
from amos.protocol.link_pack_device import PackRefused
from amos.protocol.segment import SEAL_SHUTDOWN
from amos.rights.licence import Licence
from amos.rights.rights import open_rights
from amos.session.session import Handover, Session
from amos.session.start import check_playable
from amos.session.totals import Totals, summary_lines
from amos.session.usage_log import UsageLog
from amos.sound.mixer import make_buffers

IDLE_POLL_MS = 50
PERMIT_POLLS = 20
"""Idle polls until the player asks again whether it may play."""
TURNAROUND_MS = 2
"""How long a courier that has just been answered takes to ask again."""
FAREWELL_POLLS = 10
FAREWELL_POLLS_MAX = 60
"""Idle polls (at most so many in all) after the last receipt, so that a courier hears its last answer."""


class Player:
    """Everything a player process holds, from start to stop. `say(line)` is told what an operator should know.

    `refused`: an output that cannot come back ended its play.

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
        self._heartbeat = heartbeat
        self._clock = AnchoredClock(SystemClock(), os.urandom)
        self._log_ring = LogRing(self._clock)
        seed, bound = load_or_make_device_seed(config.directory + "/device.key", hardware_ids(), device_id_of)
        self._say(bound)
        self._packs = Repertoire(config, self._say, self._check_taken)
        device_id = device_id_of(seed)
        self._reserved = open_reserved(config.directory, device_id)
        self._store = open_store(config.journal, config.directory, config.journal_bytes)
        journal = Journal(self._store, os.urandom(8), Reservation(self._reserved, device_id, RESERVED_BLOCK))
        for note in journal.notes:
            self._say("journal: " + note)
        journal.begin_boot()
        worker, packs = _worker(config), self._packs
        self.device = Device(seed, journal, config, self._clock, packs.intake, packs.pack_id, worker, self._log_ring)
        self.device.rights = open_rights(config.directory, config.publisher_key, crypto.verify, self._clock, worker)
        if self.device.rights.opt_outs.note:
            self._say(self.device.rights.opt_outs.note)
        self._port = open_port(config.link)
        self._link = DeviceLink(self.device, self._port.request_bytes_max)
        self.device.attach(self._link)
        self._stopping = False
        self.refused = False
        self._session = None
        self._totals = Totals()

    def _say(self, line: str) -> None:
        self._log_ring.note(line)
        self._print(line)

    def stop(self) -> None:
        """Finish the block in hand, seal, and leave; may be called at any moment."""
        self._stopping = True

    def run(self) -> None:
        """Recover, play one session after the other, linger. A failed journal stops play, and is said; so does a full
        one, until receipts have made room."""
        device = self.device
        begin_work()
        recovered = UsageLog(device.journal, device.device_id, device.sign_pieces)
        try:
            if recovered.seal_power_loss():
                self._say("sealed segment %d after a power cut" % device.journal.last_sequence)
            self._session = self._begin(None)
        except JournalError as error:
            self._halt(error)
        while self._session is not None or self._has_room_again():
            if self._session is None:
                self._session = self._succeed(None)
                continue
            handover = self._play(self._session)
            ended = self._session.over() is not None
            self._totals.add(self._session)
            # Gone before the next one comes: a board has no room for two.
            self._session = device.session = None
            begin_work()
            if handover is not None or ended:
                self._session = self._succeed(handover)
        self._linger()
        self._totals.add_log(recovered)
        try:
            append_line(self._config.directory + "/sessions.jsonl", json.dumps(self._totals.summary(device)))
        except OSError as error:
            self._say("sessions.jsonl: expected room for a line, found %s; nothing depends on it" % error)
        device.rights.lease_clock.save()
        self._store.close()
        self._reserved.close()
        self._packs.close()
        self._lock.release()

    def _begin(self, handover: "Handover | None") -> "Session | None":
        """A session with the best pack there is, as soon as it may be played; None if it may not. Raises
        `JournalError`, OSError, what is wrong with the last resort."""
        device, packs = self.device, self._packs
        while True:
            if self._forbidden() and handover is not None:
                handover.output.close()  # it may take long
                handover = None
            pack = self._permitted()
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
        device.session = session
        device.pack_id = pack.pack_id
        if not session.output.lost:
            device.state, device.text = STATE_PLAYING, packs.refusal
            self._say("playing: session %d, pack %d" % (device.journal.session, pack.manifest.serial))
        return session

    def _check_taken(self, pack) -> None:
        """Raise a `ProtocolError` unless a session can begin with `pack`, and something of it may be played."""
        check_playable(pack)
        rights = self.device.rights
        reason = _over(Licence(pack.manifest, rights.opt_outs, rights.lease_clock))
        if reason:
            raise PackRefused(BAD_MANIFEST, reason)

    def _forbidden(self) -> "str | None":
        """Why the pack at hand may not be played, or that there is none; else None. One that has yet to prove itself
        leaves the place to the one before."""
        while self._packs.pack is not None:
            reason = _over(self.device.rights.grant(self._packs.pack.manifest))
            if reason is None or not self._packs.pass_over(reason):
                return reason
        return self._packs.absence

    def _permitted(self):
        """The pack, if it may be played, else None. That is said then, and a player that lingers for ever waits until
        it, or one that comes meanwhile, may."""
        device = self.device
        while not self._stopping:
            reason = self._forbidden()
            if reason is None:
                return self._packs.pack
            device.pack_id = self._packs.pack_id
            if device.text != reason:
                device.state, device.text = STATE_STOPPED, reason
                self._say("stopped: " + reason)
            if self._config.linger != "forever":
                break
            for _poll in range(PERMIT_POLLS):
                if not self._stopping and not self._packs.waiting:
                    self._idle()
            if self._packs.waiting:
                self._packs.change()
        return None

    def _has_room_again(self) -> bool:
        """Where the journal is full, wait until it no longer is; whether that is so. Only a player that lingers for
        ever waits: nobody in the venue would start it again."""
        device = self.device
        while device.state == STATE_FULL and self._config.linger == "forever" and not self._stopping:
            if device.journal.spare_segments:
                return True
            self._idle()
        return False

    def _succeed(self, handover: "Handover | None") -> "Session | None":
        """The session after one that gave way, was over or found the journal full, or None if there is none; the status
        says why."""
        try:
            if handover is not None or self._packs.waiting:
                self._packs.change()
            return self._begin(handover)
        except JournalError as error:
            self._halt(error)
        except (ProtocolError, OSError) as error:
            self.device.state, self.device.text = STATE_FAULT, str(error)
            self._say("stopped: %s" % error)
        return None

    def _play(self, session: Session) -> "Handover | None":
        """Play the session to its end; what it hands over to one with another pack, or None."""
        device, handover = self.device, None
        begin_play()
        started_ms = self._clock.now_ms()
        try:
            try:
                self._play_frames(session)
                device.state = STATE_STOPPED
            except OSError as error:
                device.state, device.text = STATE_FAULT, "audio: %s" % error
                self.refused = True
                self._say("stopped: %s" % device.text)
            if session.left:
                handover = session.give_way()
            else:
                session.finish(SEAL_SHUTDOWN)
        except JournalError as error:
            self._halt(error)
            session.break_off()
        took_ms = self._clock.now_ms() - started_ms
        self._totals.took_ms += took_ms
        for line in summary_lines(session, took_ms):
            self._say(line)
        return handover

    def _play_frames(self, session: Session) -> None:
        limit = None
        if self._config.minutes:
            limit = max(self._config.minutes * 60000 - self._totals.played_ms, 0) * session.rate_hz // 1000
        rendered, leaving = session.performance, False
        while not (self._stopping or session.left or (limit is not None and rendered.frame >= limit) or session.over()):
            if session.output.lost:
                self._await_output(session)
                continue
            frames, before = session.block_frames, session.frame
            if limit is not None:
                # The last block is cut to whole cells of 64 frames, which may pass the limit by less than one.
                frames = min(frames, -(-(limit - rendered.frame) // 64) * 64)
            session.step(frames, limit is not None and rendered.frame + frames >= limit)
            if session.frame > before:
                self._count_turn()
            if not session.output.lost:
                self._serve(session, frames * 1000 // session.rate_hz)
            if self._packs.waiting and not leaving:
                leaving = session.leave()
        if self._stopping and not session.output.lost:
            session.fade_out()

    def _serve(self, session: Session, block_ms: int) -> None:
        """Serve the courier between two blocks: while it keeps asking, in real time for half of what a block lasts. Not
        while storage is at work: most requests would have to wait for it."""
        until_ms = self._clock.now_ms() + (block_ms // 2 if self._config.pace == "clocked" else 0)
        timeout_ms = 0
        while not session.log.busy and self._port.poll(self._link, timeout_ms) and self._clock.now_ms() < until_ms:
            timeout_ms = TURNAROUND_MS
        self._packs.intake.tidy()

    def _await_output(self, session: Session) -> None:
        """While the output is lost nothing plays or is metered; the courier is served, and the output tried again."""
        device = self.device
        if device.state != STATE_FAULT:
            device.state = STATE_FAULT
            device.text = "audio: %s; tried again every second" % session.output.lost
            self._say("stopped: " + device.text)
        self._idle()
        if session.wait_for_output():
            device.state, device.text = STATE_PLAYING, None
            self._say("playing: the output is there")

    def _linger(self) -> None:
        linger, journal = self._config.linger, self.device.journal
        while not self._stopping and (linger == "forever" or (linger == "receipted" and journal.segments)):
            self._idle()
        quiet = 0
        for _poll in range(FAREWELL_POLLS_MAX):
            if self._stopping or linger != "receipted" or quiet >= FAREWELL_POLLS:
                break
            quiet = 0 if self._poll(IDLE_POLL_MS) else quiet + 1

    def _idle(self) -> None:
        """A moment without play; leases run all the same."""
        self._poll(IDLE_POLL_MS)
        self.device.rights.tick(self._clock.now_ms(), self._clock.wall_unix_ms())

    def _poll(self, timeout_ms: int) -> bool:
        """Serve the courier while nothing plays."""
        served = self._port.poll(self._link, timeout_ms)
        self._packs.intake.tidy()
        self._count_turn()
        return served

    def _count_turn(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat()

    def _halt(self, error) -> None:
        self.device.state = STATE_FULL if isinstance(error, JournalFull) else STATE_FAULT
        self.device.text = str(error)
        self._say("stopped: %s" % error)


def _over(licence) -> "str | None":
    """Why nothing may be played under a licence that has just been given, or None."""
    licence.withdraw()
    return licence.over()


def _worker(config):
    """A thread where there are any, for storage; not while running free, where every run has to be the same."""
    if MICROPYTHON or config.pace == "free":
        return InlineWorker()
    from amos.edges.worker_host import ThreadWorker

    return ThreadWorker()
