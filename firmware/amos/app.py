"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import gc
import json
import os

from amos import crypto
from amos.anchored_clock import AnchoredClock
from amos.compat import MICROPYTHON
from amos.device import Device, device_of
from amos.edges.clock import SystemClock
from amos.edges.durable import append_line
from amos.edges.hardware import hardware_ids
from amos.edges.journal_store import RESERVED_BLOCK, open_reserved, open_store
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.link_ports import open_port
from amos.edges.stem_file import open_pack
from amos.edges.worker import InlineWorker
from amos.journal.journal import Journal, JournalError, JournalFull
from amos.journal.reservation import Reservation
from amos.protocol.link import STATE_FAULT, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import SEAL_SHUTDOWN
from amos.rights import open_rights
from amos.said import Said
from amos.session import Session
from amos.usage_log import UsageLog

IDLE_POLL_MS = 50
PERMIT_POLLS = 20
"""Idle polls until the player asks again whether it may play."""
FAREWELL_POLLS = 10
FAREWELL_POLLS_MAX = 60
"""Idle polls (at most so many in all) after the last receipt, so that a courier hears its last answer."""


class Player:
    """Everything a player process holds, from start to stop. `say(line)` is told what an operator should know.

    `heartbeat()`, where one is given, is called for each turn of the loop that did what it should: let frames sound,
    looked for a lost output, or idled on purpose.

    Construction reads key, pack and journal and counts the boot. Raises `KeyFault`, `ProtocolError`, `JournalError`,
    `AddressError`, OSError.
    """

    def __init__(self, config, say=print, heartbeat=None):
        self._config = config
        self._print = say
        self._heartbeat = heartbeat
        self._clock = AnchoredClock(SystemClock(), os.urandom)
        self._said = Said(self._clock)
        seed, bound = load_or_make_device_seed(config.directory + "/device.key", hardware_ids(), device_of)
        self._say(bound)
        self._pack = open_pack(config.pack, config.publisher_key, crypto.verify)
        device = device_of(seed)
        self._reserved = open_reserved(config.directory, device)
        self._store = open_store(config.journal, config.directory, config.journal_bytes)
        journal = Journal(self._store, os.urandom(8), Reservation(self._reserved, device, RESERVED_BLOCK))
        for note in journal.notes:
            self._say("journal: " + note)
        journal.begin_boot()
        voices, pack_id = self._pack.manifest.voices, self._pack.pack_id
        self.device = Device(seed, journal, config, self._clock, voices, pack_id, _worker(config), self._said)
        worker = self.device.worker
        self.device.rights = open_rights(config.directory, config.publisher_key, crypto.verify, self._clock, worker)
        if self.device.rights.opt_outs.note:
            self._say(self.device.rights.opt_outs.note)
        self._link = DeviceLink(self.device)
        self.device.attach(self._link)
        self._port = open_port(config.link)
        self._stopping = False
        self._took_ms = 0

    def _say(self, line: str) -> None:
        self._said.note(line)
        self._print(line)

    def stop(self) -> None:
        """Finish the block in hand, seal, and leave; may be called at any moment."""
        self._stopping = True

    def run(self) -> None:
        """Recover, play the session, linger. A full or failed journal stops play, and is said, not raised."""
        device = self.device
        gc.collect()  # once, before the first block: starting leaves a board's heap in pieces
        recovered = UsageLog(device.journal, device.device, device.sign)
        session = None
        try:
            if recovered.seal_power_loss():
                self._say("sealed segment %d after a power cut" % device.journal.last_sequence)
            while self._permitted():
                session = Session(device, self._pack, self._config, self._clock)
                self._play(session)
                if session.over() is None:
                    break
        except JournalError as error:
            self._halt(error)
        self._linger()
        self._write_summary(session, recovered)
        device.rights.lease_clock.save()
        self._store.close()
        self._reserved.close()
        self._pack.close()

    def _permitted(self) -> bool:
        """Whether the pack may be played. If not, that is said, and a player that lingers for ever waits for it."""
        device = self.device
        while not self._stopping:
            licence = device.rights.license(self._pack.manifest)
            licence.withdraw()
            reason = licence.over()
            if reason is None:
                return True
            if device.text != reason:
                device.state, device.text = STATE_STOPPED, reason
                self._say("stopped: " + reason)
            if self._config.linger != "forever":
                break
            for _poll in range(PERMIT_POLLS):
                if not self._stopping:
                    self._idle()
        return False

    def _play(self, session: Session) -> None:
        device = self.device
        device.session = session
        if not session.output.lost:
            device.state, device.text = STATE_PLAYING, None
            self._say("playing: session %d, pack %d" % (device.journal.session, self._pack.manifest.serial))
        started_ms = self._clock.now_ms()
        try:
            try:
                self._play_frames(session)
                device.state = STATE_STOPPED
            except OSError as error:
                device.state, device.text = STATE_FAULT, "audio: %s" % error
                self._say("stopped: %s" % device.text)
            session.finish(SEAL_SHUTDOWN)
        except JournalError as error:
            self._halt(error)
            session.hush()
        self._took_ms = took_ms = self._clock.now_ms() - started_ms
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
        device.session = None

    def _play_frames(self, session: Session) -> None:
        limit = self._config.minutes * 60 * session.rate_hz
        rendered = session.performance
        while not self._stopping and (not limit or rendered.frame < limit) and session.over() is None:
            if session.output.lost:
                self._await_output(session)
                continue
            frames, before = session.block_frames, session.frame
            if limit:
                # The last block is cut to whole cells of 64 frames, which may pass the limit by less than one.
                frames = min(frames, -(-(limit - rendered.frame) // 64) * 64)
            session.step(frames, bool(limit) and rendered.frame + frames >= limit)
            if session.frame > before:
                self._beat()
            if not session.output.lost:
                self._serve(session)
        if self._stopping and not session.output.lost:
            session.fade_out()

    def _serve(self, session: Session) -> None:
        """Serve the courier between two blocks, unless storage is at work: most requests would have to wait for it."""
        if not session.log.busy:
            self._port.poll(self._link, 0)

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
        self._beat()
        return served

    def _beat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat()

    def _halt(self, error) -> None:
        self.device.state = STATE_FULL if isinstance(error, JournalFull) else STATE_FAULT
        self.device.text = str(error)
        self._say("stopped: %s" % error)

    def _write_summary(self, session, recovered: UsageLog) -> None:
        """One line of JSON for each life, in `sessions.jsonl`; for people and tools, nothing depends on it."""
        device, logs = self.device, [recovered] + ([session.log] if session else [])
        summary = {
            "device": device.device.hex(),
            "boot": device.journal.boot,
            "session": device.journal.session,
            "frames": session.frame if session else 0,
            "took_ms": self._took_ms,
            "rate_hz": session.rate_hz if session else 0,
            "placements": session.performance.placements if session else 0,
            "segments": sum([log.sealed_segments for log in logs]),
            "rows": sum([log.sealed_rows for log in logs]),
            "played_frames": sum([log.sealed_frames for log in logs]),
            "segment_bytes": sum([log.sealed_bytes for log in logs]),
            "last_sequence": device.journal.last_sequence,
            "receipted": device.journal.receipted,
            "trimmed": device.trimmed,
        }
        append_line(self._config.directory + "/sessions.jsonl", json.dumps(summary))


def _worker(config):
    """A thread where there are any, for storage; not while running free, where every run has to be the same."""
    if MICROPYTHON or config.pace == "free":
        return InlineWorker()
    from amos.edges.worker_host import ThreadWorker

    return ThreadWorker()
