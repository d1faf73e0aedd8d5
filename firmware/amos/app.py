"""The player: recover, play, meter, seal, and serve the courier in between. One loop, the same on every runtime.

What a crash leaves: everything flushed (at most a second of play is not), to be sealed at the next boot.
"""

import hashlib
import os
import time

from amos import crypto
from amos.device import Device
from amos.edges.audio_out import FRAME_BYTES, ClockedSink, open_sink
from amos.edges.clock import SystemClock
from amos.edges.key_store import load_or_make_seed
from amos.edges.link_ports import open_port
from amos.edges.log_store import FileLogStore
from amos.edges.stem_file import BlobError, open_pack
from amos.journal.facts import Opened
from amos.journal.journal import Journal, JournalError, JournalFull
from amos.player.inputs import InputRefused
from amos.player.meter import Meter
from amos.player.mixer import make_mixer
from amos.player.performance import Performance
from amos.player.score import decode_score
from amos.player.vm import Vm
from amos.protocol.errors import MessageError
from amos.protocol.link import STATE_FAULT, STATE_FULL, STATE_PLAYING, STATE_STOPPED
from amos.protocol.link_device import DeviceLink
from amos.protocol.segment import SEAL_SHUTDOWN, SEAL_TIER
from amos.usage_log import UsageLog

IDLE_POLL_MS = 50
CLOCKED_AHEAD_MS = 500
SEED_CONTEXT = b"amos/1/session-seed\x00"


def session_seed(device: bytes, pack_id: bytes, session: int) -> bytes:
    """32 bytes that a venue cannot choose: hash of device, pack and session number."""
    return hashlib.sha256(SEED_CONTEXT + device + pack_id + session.to_bytes(4, "big")).digest()


class Session:
    """One session of play on one pack: renders, delivers, meters, logs.

    frame     frames delivered so far; rate_hz the sample rate
    """

    def __init__(self, device: Device, pack, config, clock):
        journal = device.journal
        journal.begin_session()
        manifest = pack.manifest
        self.rate_hz = manifest.rate_hz
        self.frame = 0
        self._device = device
        self._config = config
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._unix_ms = clock.unix_ms()
        self._anchor_ms = self._started_ms
        self._clock_status = clock.status()
        seed = session_seed(device.device, pack.pack_id, journal.session)
        frames = [stem.frames for stem in manifest.stems]
        self._vm = Vm(decode_score(pack.score()), frames, [stem.gain_q15 for stem in manifest.stems], seed)
        self._meter = Meter(manifest.voices)
        mixer = make_mixer(manifest.rate_hz, manifest.voices, config.block_frames)
        self.performance = Performance(self._vm, mixer, self._meter, pack.stem, BlobError)
        self._log = UsageLog(journal, device.device, device.sign)
        self._pack = pack
        self._start_state = hashlib.sha256(self._vm.start_state()).digest()
        self._sink = open_sink(config.out, manifest.rate_hz)
        if config.pace == "clocked":
            ahead_frames = CLOCKED_AHEAD_MS * manifest.rate_hz // 1000
            self._sink = ClockedSink(self._sink, manifest.rate_hz, clock, ahead_frames)
        self._held = bytearray()
        self._tier = device.tier
        self._open_segment()

    def _now_ms(self) -> int:
        """Monotonic time; while running free it follows the samples, as if they had been played in real time."""
        if self._config.pace == "free":
            return self._started_ms + self.frame * 1000 // self.rate_hz
        return self._clock.now_ms()

    def _open_segment(self) -> None:
        journal = self._device.journal
        known = self._unix_ms is not None
        self._log.begin(
            Opened(
                boot=journal.boot,
                session=journal.session,
                start_state=self._start_state,
                first_frame=self.frame,
                rate_hz=self.rate_hz,
                start_ms=self._now_ms(),
                clock=self._clock_status,
                anchor_unix_ms=self._unix_ms if known else None,
                anchor_ms=self._anchor_ms if known else None,
                pack=self._pack.pack_id,
                score=self._pack.manifest.score_sha256,
                tier=self._tier,
            ),
            self._meter.silent_frames,
        )

    def step(self, frames: int) -> None:
        """Render the next `frames` frames; meter what has reached the output. Raises `JournalError`, OSError."""
        pcm = self.performance.render(frames)
        reason = self._deliver(pcm, self._sink.write(pcm))
        if self._device.tier != self._tier:
            reason = reason or SEAL_TIER
        if reason:
            self._seal(reason)
            self._tier = self._device.tier
            self._open_segment()

    def _deliver(self, pcm, delivered_frame: int) -> "int | None":
        """Meter up to `delivered_frame`. PCM that an output still holds waits here to be hashed."""
        count = (delivered_frame - self.frame) * FRAME_BYTES
        if self._held or count != len(pcm):
            self._held.extend(pcm)
            pcm, self._held = self._held[:count], self._held[count:]
        self.performance.delivered(delivered_frame)
        self.frame = delivered_frame
        return self._log.delivered(pcm, self._meter, self._now_ms())

    def _seal(self, reason: int) -> None:
        self._log.seal(self._meter, self._now_ms(), reason)

    def finish(self, reason: int) -> None:
        """The output stops here: what was taken sounds out, what would go on is aborted, all is sealed."""
        try:
            self._deliver(b"", self._sink.close())
        except OSError:
            pass  # the output is gone; what it had not confirmed stays uncounted
        self._meter.abort(self.frame)
        self._seal(reason)

    def unsealed_ms(self) -> int:
        return self._log.unsealed_frames() * 1000 // self.rate_hz

    def input(self, kind: int, value: int) -> None:
        """An input of the courier, effective at the next frame the VM has not yet decided. Raises `MessageError`."""
        frame = self._vm.frame
        try:
            self._vm.input(kind, value, frame)
        except InputRefused as error:
            raise MessageError("input: %s" % error)
        self._log.note_input(frame, kind, value)


class Player:
    """Everything a player process holds, from start to stop. `say(line)` is told what an operator should know."""

    def __init__(self, config, say=print):
        self._config = config
        self._say = say
        self._clock = SystemClock()
        seed = load_or_make_seed(config.directory + "/device.key")
        self._pack = open_pack(config.pack, config.publisher_key, crypto.verify)
        _make_directory(config.directory + "/journal")
        self._store = FileLogStore(config.directory + "/journal", config.journal_bytes)
        journal = Journal(self._store, os.urandom(8))
        for note in journal.notes:
            say("journal: " + note)
        journal.begin_boot()
        manifest = self._pack.manifest
        self.device = Device(seed, journal, config, self._clock, manifest.voices, self._pack.pack_id)
        self.device.link = self._link = DeviceLink(self.device)
        self._port = open_port(config.link)
        self.stopping = False

    def run(self) -> None:
        """Recover, play the session, linger. Raises `JournalError` never: a full or failed journal stops play instead."""
        config, device = self._config, self.device
        if UsageLog(device.journal, device.device, device.sign).seal_power_loss():
            self._say("sealed segment %d after a power cut" % device.journal.last_sequence)
        self._play()
        while not self.stopping and config.linger != "no":
            if config.linger == "receipted" and not device.journal.segments:
                break
            self._port.poll(self._link, IDLE_POLL_MS)
        self._linger_answers()
        self._store.close()
        self._pack.close()

    def _linger_answers(self) -> None:
        # The courier hears the last answer and may ask for the status once more before the port closes.
        if self._config.linger == "receipted":
            quiet = 0
            while not self.stopping and quiet < 10:
                quiet = 0 if self._port.poll(self._link, IDLE_POLL_MS) else quiet + 1

    def _play(self) -> None:
        device = self.device
        try:
            session = Session(device, self._pack, self._config, self._clock)
        except JournalError as error:
            self._stop_play(error)
            return
        device.session = session
        device.state = STATE_PLAYING
        self._say("playing: session %d, pack %d" % (device.journal.session, self._pack.manifest.serial))
        started = time.time()
        try:
            self._play_frames(session)
            session.finish(SEAL_SHUTDOWN)
            device.state = STATE_STOPPED
        except JournalError as error:
            self._stop_play(error)
        except OSError as error:
            device.state, device.text = STATE_FAULT, "output: %s" % error
            session.finish(SEAL_SHUTDOWN)
            self._say("stopped: %s" % device.text)
        seconds = session.frame / session.rate_hz
        self._say(
            "rendered %d frames (%.1f s of music) in %.1f s; %d placements; last segment %d"
            % (session.frame, seconds, time.time() - started, session.performance.placements, device.journal.last_sequence)
        )
        for sentence in session.performance.refused:
            self._say("silent: " + sentence)
        device.session = None

    def _play_frames(self, session: Session) -> None:
        block = self._config.block_frames
        limit = self._config.minutes * 60 * session.rate_hz
        while not self.stopping and (not limit or session.frame < limit):
            # A last block of whole 64-frame cells; the limit is a multiple of them for every rate we know, else rounded up.
            frames = block if not limit else min(block, -(-(limit - session.frame) // 64) * 64)
            session.step(frames)
            self._port.poll(self._link, 0)

    def _stop_play(self, error) -> None:
        self.device.state = STATE_FULL if isinstance(error, JournalFull) else STATE_FAULT
        self.device.text = str(error)
        self._say("stopped: %s" % error)


def _make_directory(path: str) -> None:
    try:
        os.stat(path)
    except OSError:
        os.mkdir(path)
