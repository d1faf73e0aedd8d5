"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import gc
import json
import os

from amos import crypto
from amos.device import Device, device_of
from amos.edges.clock import SystemClock
from amos.edges.durable import append_line
from amos.edges.hardware import hardware_ids
from amos.edges.key_store import load_or_make_device_seed
from amos.edges.link_ports import open_port
from amos.edges.sector_device import FileSectorDevice
from amos.edges.stem_file import open_pack
from amos.journal.journal import Journal, JournalError, JournalFull
from amos.protocol.link import STATE_FAULT, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import SEAL_SHUTDOWN
from amos.said import Said
from amos.session import Session
from amos.usage_log import UsageLog

IDLE_POLL_MS = 50
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
        self._print = say
        self._heartbeat = heartbeat
        self._clock = SystemClock()
        self._said = Said(self._clock)
        seed, bound = load_or_make_device_seed(config.directory + "/device.key", hardware_ids(), device_of)
        self._say(bound)
        self._pack = open_pack(config.pack, config.publisher_key, crypto.verify)
        self._store = FileSectorDevice(config.directory + "/journal.ring", config.journal_bytes)
        journal = Journal(self._store, os.urandom(8))
        for note in journal.notes:
            self._say("journal: " + note)
        journal.begin_boot()
        facts = self._pack.manifest.voices, self._pack.pack_id, self._said
        self.device = Device(seed, journal, config, self._clock, *facts)
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
        try:
            if recovered.seal_power_loss():
                self._say("sealed segment %d after a power cut" % device.journal.last_sequence)
            session = Session(device, self._pack, self._config, self._clock)
        except JournalError as error:
            self._halt(error)
            session = None
        if session is not None:
            self._play(session)
        self._linger()
        self._write_summary(session, recovered)
        self._store.close()
        self._pack.close()

    def _play(self, session: Session) -> None:
        device = self.device
        device.session = session
        device.state = STATE_PLAYING
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
        block = self._config.block_frames
        limit = self._config.minutes * 60 * session.rate_hz
        while not self._stopping and (not limit or session.frame < limit):
            # The last block is cut to whole cells of 64 frames, which may pass the limit by less than one.
            frames = block if not limit else min(block, -(-(limit - session.frame) // 64) * 64)
            session.step(frames)
            self._poll(0)

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
        if self._heartbeat is not None:
            self._heartbeat()
        return served

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
