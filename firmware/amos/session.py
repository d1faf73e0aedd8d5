"""One session of play on one pack: render, deliver, meter, log."""

import hashlib

from amos.edges.audio_out import FRAME_BYTES, ClockedSink, open_sink
from amos.edges.stem_file import BlobError
from amos.journal.facts import Opened
from amos.player.inputs import InputRefused
from amos.player.meter import Meter
from amos.player.mixer import make_mixer
from amos.player.performance import Performance
from amos.player.score import ScoreError, decode_score
from amos.player.vm import Vm
from amos.protocol.errors import MessageError
from amos.protocol.segment import SEAL_TIER
from amos.usage_log import UsageLog

CLOCKED_AHEAD_MS = 500
"""How far a clocked output without a clock of its own (a file) may run ahead."""

SEED_CONTEXT = b"amos/1/session-seed\x00"


def session_seed(device: bytes, pack_id: bytes, session: int) -> bytes:
    """32 bytes that a venue cannot choose: hash of device, pack and session number."""
    return hashlib.sha256(SEED_CONTEXT + device + pack_id + session.to_bytes(4, "big")).digest()


def _recall(score, frames, gains_q15, seed: bytes, memory) -> Vm:
    """The VM, starting from what an earlier session remembered, if that was with this score."""
    if memory:
        try:
            return Vm(score, frames, gains_q15, seed, memory)
        except ScoreError:
            pass
    return Vm(score, frames, gains_q15, seed)


class Session:
    """frame: frames delivered so far. rate_hz: the sample rate. log: the UsageLog, with what was sealed so far.

    Construction opens the first segment. Raises `JournalError`, `ScoreError`, `BlobError`, OSError.
    """

    def __init__(self, device, pack, config, clock):
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
        self._vm = _recall(
            decode_score(pack.score()), frames, [s.gain_q15 for s in manifest.stems], seed, journal.memory
        )
        self._meter = Meter(manifest.voices)
        mixer = make_mixer(manifest.rate_hz, manifest.voices, config.block_frames)
        self.performance = Performance(self._vm, mixer, self._meter, pack.stem, BlobError)
        self.log = UsageLog(journal, device.device, device.sign)
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
        self.log.begin(
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
        return self.log.delivered(pcm, self._meter, self._now_ms())

    def _seal(self, reason: int) -> None:
        self.log.seal(self._meter, self._now_ms(), reason)
        self._device.journal.remember(self._vm.memory())

    def finish(self, reason: int) -> None:
        """The output stops here: what was taken sounds out, what would go on is aborted, all is sealed."""
        try:
            self._deliver(b"", self._sink.close())
        except OSError:
            pass  # the output is gone; what it had not confirmed stays uncounted
        self._meter.abort(self.frame)
        if self._unsealed_frames():
            self._seal(reason)

    def _unsealed_frames(self) -> int:
        return self.frame - self.log.first_frame

    def unsealed_ms(self) -> int:
        return self._unsealed_frames() * 1000 // self.rate_hz

    def input(self, kind: int, value: int) -> None:
        """An input of the courier, effective at the next frame the VM has not yet decided. Raises `MessageError`."""
        frame = self._vm.frame
        try:
            self._vm.input(kind, value, frame)
        except InputRefused as error:
            raise MessageError("input: %s" % error)
        self.log.note_input(frame, kind, value)
