"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import gc
import json
import os

from amos.device import Device
from amos.edges.clock import SystemClock
from amos.edges.durable import append_line
from amos.edges.key_store import load_or_make_seed
from amos.edges.link_ports import open_port
from amos.edges.sector_device import FileSectorDevice
from amos.journal.journal import Journal, JournalError, JournalFull
from amos.protocol.errors import ProtocolError
from amos.protocol.link import STATE_FAULT, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import SEAL_SHUTDOWN
from amos.repertoire import Repertoire
from amos.session import Handover, Session, check_playable
from amos.totals import Totals
from amos.usage_log import UsageLog

IDLE_POLL_MS = 50
TURNAROUND_MS = 2
"""How long a courier that has just been answered takes to ask again."""
FAREWELL_POLLS = 10
FAREWELL_POLLS_MAX = 60
"""Idle polls (at most so many in all) after the last receipt, so that a courier hears its last answer."""


class Player:
    """Everything a player process holds, from start to stop. `say(line)` is told what an operator should know.

    `heartbeat()`, where one is given, is called for each turn of the loop: a block delivered, or an idle poll.

    Construction reads key, pack and journal and counts the boot. Raises `KeyFault`, `ProtocolError`, `JournalError`,
    `AddressError`, OSError.
    """

    def __init__(self, config, say=print, heartbeat=None):
        self._config = config
        self._say = say
        self._heartbeat = heartbeat
        self._clock = SystemClock()
        seed = load_or_make_seed(config.directory + "/device.key")
        self._packs = Repertoire(config, say, check_playable)
        self._store = FileSectorDevice(config.directory + "/journal.ring", config.journal_bytes)
        journal = Journal(self._store, os.urandom(8))
        for note in journal.notes:
            say("journal: " + note)
        journal.begin_boot()
        self.device = Device(seed, journal, config, self._clock, self._packs.intake, self._packs.pack.pack_id)
        self._port = open_port(config.link)
        self._link = DeviceLink(self.device, self._port.request_bytes_max)
        self.device.attach(self._link)
        self._stopping = False
        self._session = None
        self._totals = Totals()

    def stop(self) -> None:
        """Finish the block in hand, seal, and leave; may be called at any moment."""
        self._stopping = True

    def run(self) -> None:
        """Recover, play the session, linger. A full or failed journal stops play, and is said, not raised."""
        device = self.device
        gc.collect()  # once, before the first block: starting leaves a board's heap in pieces
        recovered = UsageLog(device.journal, device.device, device.sign)
        try:
            if recovered.seal_power_loss():
                self._say("sealed segment %d after a power cut" % device.journal.last_sequence)
            self._session = self._begin(None)
        except JournalError as error:
            self._halt(error)
        while self._session is not None:
            handover = self._play(self._session)
            self._totals.add(self._session)
            # Gone before the next one comes: a board has no room for two.
            self._session = device.session = None
            gc.collect()
            if handover is not None:
                self._session = self._succeed(handover)
        self._linger()
        self._write_summary(recovered)
        self._store.close()
        self._packs.pack.close()

    def _begin(self, handover: "Handover | None") -> Session:
        """A session with the best pack there is. Raises `JournalError`, OSError, what is wrong with the last resort."""
        device, packs = self.device, self._packs
        while True:
            try:
                session = Session(device, packs.pack, self._config, self._clock, handover)
                break
            except (ProtocolError, MemoryError) as error:
                if not packs.give_up(error):
                    raise
                packs.change()
        packs.commit()
        device.session = session
        device.state = STATE_PLAYING
        device.pack_id, device.text = packs.pack.pack_id, packs.refusal
        self._say("playing: session %d, pack %d" % (device.journal.session, packs.pack.manifest.serial))
        return session

    def _succeed(self, handover: "Handover") -> "Session | None":
        """The session after one that gave way, or None when there is none to be had; the status says why."""
        try:
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
        started_ms = self._clock.now_ms()
        try:
            try:
                self._play_frames(session)
                device.state = STATE_STOPPED
            except OSError as error:
                device.state, device.text = STATE_FAULT, "audio: %s" % error
                self._say("stopped: %s" % device.text)
            if session.left:
                handover = session.give_way()
            else:
                session.finish(SEAL_SHUTDOWN)
        except JournalError as error:
            self._halt(error)
        took_ms = self._clock.now_ms() - started_ms
        self._totals.took_ms += took_ms
        self._say_played(session, took_ms)
        return handover

    def _say_played(self, session: Session, took_ms: int) -> None:
        music_ms = session.frame * 1000 // session.rate_hz
        self._say(
            "played %d frames (%d s) in %d.%03d s; %d placements; %d segments sealed"
            % (
                session.frame,
                music_ms // 1000,
                took_ms // 1000,
                took_ms % 1000,
                session.performance.placements,
                session.log.sealed_segments,
            )
        )
        for sentence in session.performance.refused:
            self._say("silent: " + sentence)

    def _play_frames(self, session: Session) -> None:
        block = self._config.block_frames
        limit = None
        if self._config.minutes:
            limit = max(self._config.minutes * 60000 - self._totals.played_ms, 0) * session.rate_hz // 1000
        leaving = False
        while not self._stopping and not session.left and (limit is None or session.frame < limit):
            # The last block is cut to whole cells of 64 frames, which may pass the limit by less than one.
            session.step(block if limit is None else min(block, -(-(limit - session.frame) // 64) * 64))
            self._serve(block * 1000 // session.rate_hz)
            if self._packs.waiting and not leaving:
                leaving = session.leave()

    def _serve(self, block_ms: int) -> None:
        """Serve the courier between two blocks: while it keeps asking, in real time for half of what a block lasts."""
        until_ms = self._clock.now_ms() + (block_ms // 2 if self._config.pace == "clocked" else 0)
        timeout_ms = 0
        while self._poll(timeout_ms) and self._clock.now_ms() < until_ms:
            timeout_ms = TURNAROUND_MS

    def _linger(self) -> None:
        linger, journal = self._config.linger, self.device.journal
        while not self._stopping and (linger == "forever" or (linger == "receipted" and journal.segments)):
            self._poll(IDLE_POLL_MS)
        quiet = 0
        for _poll in range(FAREWELL_POLLS_MAX):
            if self._stopping or linger != "receipted" or quiet >= FAREWELL_POLLS:
                break
            quiet = 0 if self._poll(IDLE_POLL_MS) else quiet + 1

    def _poll(self, timeout_ms: int) -> bool:
        """Serve the courier; the one place where the loop passes on every turn, so the watchdog is fed here."""
        served = self._port.poll(self._link, timeout_ms)
        self._packs.intake.tidy()
        if self._heartbeat is not None:
            self._heartbeat()
        return served

    def _halt(self, error) -> None:
        self.device.state = STATE_FULL if isinstance(error, JournalFull) else STATE_FAULT
        self.device.text = str(error)
        self._say("stopped: %s" % error)

    def _write_summary(self, recovered: UsageLog) -> None:
        """One line of JSON for each life, in `sessions.jsonl`; for people and tools, nothing depends on it."""
        device, totals = self.device, self._totals
        totals.add_log(recovered)
        summary = {
            "device": device.device.hex(),
            "boot": device.journal.boot,
            "session": device.journal.session,
            "frames": totals.frames,
            "took_ms": totals.took_ms,
            "rate_hz": totals.rate_hz,
            "placements": totals.placements,
            "segments": totals.segments,
            "rows": totals.rows,
            "played_frames": totals.played_frames,
            "segment_bytes": totals.segment_bytes,
            "last_sequence": device.journal.last_sequence,
            "receipted": device.journal.receipted,
            "trimmed": device.trimmed,
        }
        append_line(self._config.directory + "/sessions.jsonl", json.dumps(summary))
