"""One session of play on one pack: render, deliver, meter, log."""

import hashlib

from amos.edges.audio_out import FRAME_BYTES, ClockedSink, open_sink
from amos.edges.stem_file import BlobError
from amos.held_pcm import HeldPcm
from amos.journal.facts import Opened
from amos.player.day_clock import clock_value
from amos.player.inputs import INPUT_CLOCK, INPUT_LEAVE, InputRefused
from amos.player.limiter import ceiling_for
from amos.player.meter import Meter
from amos.player.mixer import make_mixer
from amos.player.performance import Performance
from amos.player.score import ScoreError, decode_score
from amos.player.vm import Vm
from amos.protocol.errors import MessageError
from amos.protocol.segment import SEAL_PACK, SEAL_TIER
from amos.usage_log import UsageLog

CLOCKED_AHEAD_MS = 500
"""How far a clocked output without a clock of its own (a file) may run ahead."""

CELL_FRAMES = 64
"""The renderer's blocks are whole cells (player/SPEC.md)."""

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


def check_playable(pack) -> None:
    """Raise a `ProtocolError` (`BlobError`, `ScoreError`) unless a session can begin with `pack`."""
    manifest, score = pack.manifest, decode_score(pack.score())
    if (score.rate_hz, score.voices) != (manifest.rate_hz, manifest.voices):
        raise ScoreError("score: expected %d Hz and %d voices as in the manifest" % (manifest.rate_hz, manifest.voices))
    Vm(score, [stem.frames for stem in manifest.stems], [stem.gain_q15 for stem in manifest.stems], bytes(32))


class Handover:
    """From a session that gave way to the next: its sink, which has taken so many frames, and the time by its clock."""

    def __init__(self, sink, rate_hz: int, taken_frames: int, now_ms: int, unix_ms: "int | None"):
        self.sink = sink
        self.rate_hz = rate_hz
        self.taken_frames = taken_frames
        self.now_ms = now_ms
        self.unix_ms = unix_ms


class Session:
    """frame: frames delivered so far. rate_hz: the sample rate. log: the UsageLog, with what was sealed so far.

    `before` is what a session that gave way to this one hands over: its output and its time go on here. Construction
    opens the first segment. Raises `JournalError`, `ScoreError`, `BlobError`, OSError; what is the pack's fault, before
    the output is touched.
    """

    def __init__(self, device, pack, config, clock, before=None):
        journal = device.journal
        manifest = pack.manifest
        score = decode_score(pack.score())
        journal.begin_session()
        self.rate_hz = manifest.rate_hz
        self.frame = 0
        self._device = device
        self._config = config
        self._clock = clock
        self._started_ms, self._unix_ms = clock.now_ms(), clock.unix_ms()
        if before is not None and config.pace == "free":
            self._started_ms, self._unix_ms = before.now_ms, before.unix_ms  # the samples' own clock goes on
        self._anchor_ms = self._started_ms
        self._clock_status = clock.status()
        seed = session_seed(device.device, pack.pack_id, journal.session)
        frames = [stem.frames for stem in manifest.stems]
        self._vm = _recall(score, frames, [s.gain_q15 for s in manifest.stems], seed, journal.memory)
        self._tells_time = bool(score.dayparts or score.announcements)
        self._told_day = None
        self._meter = Meter(manifest.voices)
        ceiling = ceiling_for(score.peak_mdb)
        mixer = make_mixer(manifest.rate_hz, manifest.voices, config.block_frames, ceiling=ceiling)
        self.performance = Performance(self._vm, mixer, self._meter, pack.stem, BlobError)
        self.log = UsageLog(journal, device.device, device.sign)
        self._pack = pack
        self._start_state = hashlib.sha256(self._vm.start_state()).digest()
        self._sink, self._before_frames = self._open_output(before)
        self._held = HeldPcm(getattr(self._sink, "held_bytes_max", 0))
        self._tier = device.tier
        self._open_segment()

    def _open_output(self, before: "Handover | None"):
        """The sink, and how many frames it has taken before this session. It goes on if the rate is the same."""
        if before is not None:
            if before.rate_hz == self.rate_hz:
                return before.sink, before.taken_frames
            before.sink.close()
        sink = open_sink(self._config.out, self.rate_hz)
        if self._config.pace == "clocked":
            sink = ClockedSink(sink, self.rate_hz, self._clock, CLOCKED_AHEAD_MS * self.rate_hz // 1000)
        return sink, 0

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
        self._tell_time(True)

    def _tell_time(self, anyway: bool) -> None:
        """Tell the VM what time it is at its next frame: with each segment, and when a day has begun."""
        if not self._tells_time or self._unix_ms is None:
            return
        frame = self._vm.frame
        if self._config.pace == "free":
            ahead_ms = frame * 1000 // self.rate_hz
        else:
            ahead_ms = self._clock.now_ms() - self._started_ms + (frame - self.frame) * 1000 // self.rate_hz
        day, weekday, second = self._clock.local((self._unix_ms + ahead_ms) // 1000)
        if anyway or day != self._told_day:
            self._told_day = day
            holiday = day in self._config.holidays.split(",")
            self._take_input(INPUT_CLOCK, clock_value(weekday, holiday, second))

    def step(self, frames: int) -> None:
        """Render the next `frames` frames; meter what has reached the output. Raises `JournalError`, OSError."""
        self._tell_time(False)
        end_frame = self._vm.end_frame
        if end_frame is not None and end_frame > self.performance.frame:
            frames = min(frames, -(-(end_frame - self.performance.frame) // CELL_FRAMES) * CELL_FRAMES)
        pcm = self.performance.render(frames)
        # What an earlier session left in the output, silence, may still be before this one's first frame.
        reason = self._deliver(pcm, max(self._sink.write(pcm) - self._before_frames, self.frame))
        if self._device.tier != self._tier:
            reason = reason or SEAL_TIER
        if reason:
            self._seal(reason)
            self._tier = self._device.tier
            self._open_segment()

    def _deliver(self, pcm, delivered_frame: int) -> "int | None":
        """Meter up to `delivered_frame`. PCM that an output still holds waits here to be hashed."""
        count = (delivered_frame - self.frame) * FRAME_BYTES
        holding = len(self._held) or count != len(pcm)
        if holding:
            self._held.put(pcm)
            pcm = self._held.first(count)
        self.performance.delivered(delivered_frame)
        self.frame = delivered_frame
        reason = self.log.delivered(pcm, self._meter, self._now_ms())
        if holding:
            self._held.drop(count)
        return reason

    def _seal(self, reason: int) -> None:
        self.log.seal(self._meter, self._now_ms(), reason)
        self._device.journal.remember(self._vm.memory())

    def leave(self) -> bool:
        """Another pack waits: at the next section everything fades out. Whether the VM could take that, as an input."""
        try:
            self._take_input(INPUT_LEAVE, 0)
        except InputRefused:
            return False  # too many inputs ahead of play
        return True

    @property
    def left(self) -> bool:
        """Whether all has faded out and reached the output."""
        end_frame = self._vm.end_frame
        return end_frame is not None and self.frame >= end_frame

    def give_way(self) -> "Handover":
        """Seal, once all has faded out; the output stays open for the session that comes after."""
        self._meter.abort(self.frame)
        if self._unsealed_frames():
            self._seal(SEAL_PACK)
        now_ms = self._now_ms()
        unix_ms = None if self._unix_ms is None else self._unix_ms + now_ms - self._started_ms
        return Handover(self._sink, self.rate_hz, self._before_frames + self.performance.frame, now_ms, unix_ms)

    def finish(self, reason: int) -> None:
        """The output stops here: what was taken sounds out, what would go on is aborted, all is sealed."""
        try:
            self._deliver(b"", max(self._sink.close() - self._before_frames, self.frame))
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
        try:
            self._take_input(kind, value)
        except InputRefused as error:
            raise MessageError("input: %s" % error)

    def _take_input(self, kind: int, value: int) -> None:
        frame = self._vm.frame
        self._vm.input(kind, value, frame)
        self.log.note_input(frame, kind, value)
