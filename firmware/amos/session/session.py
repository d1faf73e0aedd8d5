"""One session of play on one pack: render, deliver, meter, log."""

import hashlib

from amos.compat import MICROPYTHON, const
from amos.edges.audio_out import open_sink, output_kind_of
from amos.edges.stem_file import BlobError
from amos.journal.errors import JournalError
from amos.journal.facts import Opened
from amos.protocol.errors import MessageError
from amos.protocol.limits import SEGMENT_INPUTS_OWN_MAX
from amos.protocol.segment import PACES, SEAL_INTERVAL, SEAL_OUTPUT, SEAL_PACK, SEAL_TIER
from amos.score.inputs import (
    INPUT_CLOCK,
    INPUT_LEAVE,
    INPUT_VOLUME,
    OWN_INPUTS,
    InputRefused,
    block_inputs,
    sets_a_position,
)
from amos.score.memory import volume_q15_of
from amos.score.score import decode_score
from amos.session.input_allowance import WaitingPositions
from amos.session.output import Output
from amos.session.performance import Performance
from amos.session.start import recall_vm, session_seed
from amos.session.time import SessionTime
from amos.session.usage_log import UsageLog
from amos.sound.envelope import CELL_FRAMES
from amos.sound.limiter import ceiling_for
from amos.sound.meter import Meter
from amos.sound.mixer import make_mixer
from amos.sound.ramp import RAMP_FRAMES

_LOST_SEAL_MS = const(10000)
"""An output gone for so long is a break in play: what was delivered before it is sealed and does not wait for more."""


def _stems_ahead(pack, config):
    """What checks stems while others play, or None: on boards, and while running free, where waiting is no harm."""
    if MICROPYTHON or config.pace == "free":
        return None
    from amos.edges.stems_ahead_host import StemsAhead

    return StemsAhead(pack)


class Handover:
    """From a session that gave way to the next: its output and its time."""

    def __init__(self, output, rate_hz: int, time: SessionTime):
        self.output = output
        self.rate_hz = rate_hz
        self.time = time


class Session:
    """frame: frames delivered so far. rate_hz: the sample rate. log: the UsageLog, with what was sealed so far.

    time   the session's SessionTime

    `before` is what a session that gave way to this one hands over: its output and its time go on here. Construction
    opens the first segment. Raises `JournalError`, `ScoreError`, `BlobError`, OSError; what is the pack's fault, before
    the output is touched.
    """

    def __init__(self, device, pack, config, clock, before=None, mixer_buffers=None):
        journal = device.journal
        manifest = pack.manifest
        score = decode_score(pack.score())
        journal.begin_session()
        self.rate_hz = manifest.rate_hz
        self.frame = 0
        self._device = device
        self._config = config
        self._clock = clock
        self.time = SessionTime(clock, self.rate_hz, config, None if before is None else before.time)
        self.licence = device.rights.grant(manifest)
        self._withdrawing: list = []
        self._positions = WaitingPositions()
        self._directed = None if device.directives is None else device.directives.inputs_of(device.worker, score)
        seed = session_seed(device.identity.device_id, pack.pack_id, journal.session, device.seed_root.root)
        frames = [stem.frames for stem in manifest.stems]
        self._vm = recall_vm(score, frames, [s.gain_q15 for s in manifest.stems], seed, journal.memory)
        self._tells_time = bool(
            score.dayparts or score.announcements or score.day_sections or score.day_volumes or score.day_sliders
        )
        self._meter = Meter(manifest.voices)
        ceiling = ceiling_for(score.peak_mdb)
        mixer = make_mixer(
            manifest.rate_hz, manifest.voices, config.block_frames, ceiling=ceiling, buffers=mixer_buffers
        )
        self.performance = Performance(self._vm, mixer, self._meter, pack.stem, BlobError)
        identity = device.identity
        self.log = UsageLog(journal, identity.device_id, identity.sign_pieces, device.worker, identity.key_id)
        self._pack = pack
        self._start_state = hashlib.sha256(self._vm.start_state()).digest()
        self.output = self._open_output(before)
        self.log.underruns = self.output.underruns
        self._sealed_for_loss = False
        self._tier = device.player_state.tier
        try:
            self._open_segment()
        except JournalError:
            self.output.close()
            raise
        self._ahead = _stems_ahead(pack, config)
        self._withdraw()
        volume_q15 = volume_q15_of(journal.memory)
        if volume_q15 != self._vm.volume_q15:  # turned with another score
            self._take_input(INPUT_VOLUME, volume_q15)

    def _open_output(self, before: "Handover | None") -> Output:
        """The output goes on if the rate is the same."""
        if before is not None:
            if before.rate_hz == self.rate_hz:
                return before.output
            before.output.close()
        config, rate_hz, clock = self._config, self.rate_hz, self._clock
        return Output(lambda: open_sink(config, rate_hz, clock), rate_hz, clock)

    @property
    def score(self):
        """The score that is played."""
        return self._vm.score

    @property
    def paused(self) -> bool:
        """Whether an operator has paused the music; silence is delivered meanwhile, and nothing is counted."""
        return self._vm.paused

    @property
    def refusal(self) -> "str | None":
        """Why a stem stays silent, for the status: the latest whose blob is not what the manifest says."""
        refused = self.performance.refused
        return "silent: " + refused[-1] if refused else None

    def tell(self, inputs) -> bool:
        """Tell the VM what the operator directs; whether the segment had room. A full one is sealed within a second."""
        if len(inputs) > self.log.inputs_room - SEGMENT_INPUTS_OWN_MAX:
            return False
        for row in inputs:
            self._positions.forget(row[0])  # what others wanted of the same
            self._take_input(*row)
        return True

    def _now_ms(self) -> int:
        return self.time.now_ms(self.frame)

    def _opened(self) -> Opened:
        """The facts of a segment that begins here."""
        journal = self._device.journal
        self.time.date(self.frame)
        dated = self.time.dated
        return Opened(
            boot=journal.boot,
            session=journal.session,
            start_state=self._start_state,
            first_frame=self.frame,
            rate_hz=self.rate_hz,
            start_ms=self._now_ms(),
            clock=self._clock.status(),
            anchor_unix_ms=dated[0] if dated else None,
            anchor_ms=dated[1] if dated else None,
            pack=self._pack.pack_id,
            score=self._pack.manifest.score_sha256,
            tier=self._tier,
            output_kind=output_kind_of(self._config.out),
            pace=PACES.index(self._config.pace),
            seed_root=self._device.seed_root.root,
        )

    def _open_segment(self) -> None:
        self.log.begin(self._opened(), self._meter.silent_frames)
        self._tell_time(True)

    def _tell_time(self, anyway: bool) -> None:
        """Tell the VM what time it is at its next frame: with each segment, and when a day has begun."""
        if self._tells_time:
            value = self.time.news(self.frame, self._vm.frame - self.frame, anyway)
            if value is not None:
                self._take_input(INPUT_CLOCK, value)

    @property
    def block_frames(self) -> int:
        """Frames to render at once: as configured, or fewer where the output's latency asks for it."""
        return self.output.block_frames(self._config.block_frames)

    def anchored(self) -> None:
        """The clock has a new anchor. The VM hears the time at once if what it counts is wrong, not with each of many
        anchors that a courier fetches; segments carry the anchor from the next one on."""
        self.time.date(self.frame)
        self._tell_time(False)

    def _withdraw(self) -> None:
        """Tell the VM which stems may no longer sound: it fades them out and does not start them again. At frame 0 they
        are those that may never sound in this session."""
        self._device.rights.tick(self._now_ms(), self._clock)
        self._withdrawing.extend(self.licence.withdraw())
        if not self._withdrawing:
            return
        inputs = block_inputs(self._withdrawing)
        if len(inputs) > self.log.inputs_room:
            return  # a segment full of such inputs is sealed within a second
        self._withdrawing = []
        for kind, value in inputs:
            self._take_input(kind, value)

    def over(self) -> "str | None":
        """Why nothing more may be played, once what sounded has faded out; else None."""
        return None if self._withdrawing or self._meter.sounds else self.licence.over()

    def step(self, frames: int, last: bool = False) -> None:
        """Render the next `frames` frames, of which the `last` fade out; meter what has reached the output. Not while
        the output is lost. Raises `JournalError`, OSError."""
        self._withdraw()
        if self._directed is not None:
            self._directed.obey(self)
        self._give_positions()
        self._tell_time(False)
        end_frame = self._vm.end_frame
        if end_frame is not None and end_frame > self.performance.frame:
            frames = min(frames, -(-(end_frame - self.performance.frame) // CELL_FRAMES) * CELL_FRAMES)
        self._take(self.output.write(self.performance.render(frames), last))
        if self.output.lost:
            self.log.flush(self._meter, self._now_ms())

    def fade_out(self) -> None:
        """Where the output is heard, end in a short fade and not in the middle of a wave."""
        if self.output.fades:
            self.step(min(RAMP_FRAMES, self.block_frames), True)

    def wait_for_output(self) -> bool:
        """While the output is lost: try again from time to time; whether it is back. Raises `JournalError`, OSError."""
        pcm = self.output.reopen()
        if pcm is None:
            if not self._sealed_for_loss and self._clock.now_ms() - self.output.lost_ms >= _LOST_SEAL_MS:
                self._sealed_for_loss = True
                if self._unsealed_frames():
                    self._next_segment(SEAL_OUTPUT)
            return False
        if self._sealed_for_loss:
            self._sealed_for_loss = False
            if not self._unsealed_frames():
                self._open_segment()  # again: it begins at the end of the break
        self._take(pcm)
        return not self.output.lost

    def _take(self, pcm) -> None:
        """Meter what has reached the output, and seal when that is due."""
        reason = self._deliver(pcm)
        if self._device.player_state.tier != self._tier and not self.log.busy:
            reason = reason or SEAL_TIER
        if self._directed is not None and self._directed.seals(self.log):
            reason = reason or SEAL_INTERVAL
        if reason:
            self._next_segment(reason)

    def _deliver(self, pcm) -> "int | None":
        """Meter the PCM that has reached the output: all up to the output's frame."""
        meter = self._meter
        frames, silent = self.output.frame - self.frame, meter.silent_frames
        self.performance.delivered(self.output.frame)
        self.frame = self.output.frame
        underruns = self.output.underruns
        self._device.player_state.add_underruns(underruns - self.log.underruns)
        self.log.underruns = underruns
        self.output.judge(pcm, frames - (meter.silent_frames - silent))
        reason = self.log.delivered(pcm, meter, self._now_ms())
        self.output.forget(pcm)
        return reason

    def _next_segment(self, reason: int) -> None:
        """Seal what was delivered, and go on in the next segment."""
        self._tier = self._device.player_state.tier
        self.log.next_segment(self._meter, self._now_ms(), reason, self._vm.memory(), self._opened())
        if self._directed is not None:
            self._directed.remembering = True
        self._tell_time(True)

    def _seal(self, reason: int) -> None:
        self.log.seal(self._meter, self._now_ms(), reason)
        self._device.journal.remember(self._vm.memory())
        if self._directed is not None:
            self._directed.remembered()

    def leave(self) -> bool:
        """Another pack waits: tell the VM to fade all out at the next section. Returns whether it took that input."""
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

    def give_way(self) -> Handover:
        """Seal, once all has faded out; the output stays open for the session that comes after."""
        self._leave_stems()
        self._meter.abort(self.frame)
        if self._unsealed_frames():
            self._seal(SEAL_PACK)
        self.output.go_on()
        self.time.end(self.frame)
        return Handover(self.output, self.rate_hz, self.time)

    def finish(self, reason: int) -> None:
        """Close the output after what it has taken has sounded, abort the placements that would go on, and seal all."""
        try:
            self._deliver(self.output.close())
        except OSError:
            pass  # the output is gone; what it had not confirmed stays uncounted
        self._leave_stems()
        self._meter.abort(self.frame)
        if self._unsealed_frames():
            self._seal(reason)

    def _leave_stems(self) -> None:
        if self._ahead is not None:
            self._ahead.stop()

    def break_off(self) -> None:
        """Stop because the journal failed. Nothing can be metered any more, so what sounds fades out at once."""
        try:
            if self.output.fades:
                self.output.write(self.performance.render(min(RAMP_FRAMES, self.block_frames)), True)
            self.output.close()
        except OSError:
            pass
        self._leave_stems()

    def _unsealed_frames(self) -> int:
        return self.frame - self.log.first_frame

    def unsealed_ms(self) -> int:
        return self._unsealed_frames() * 1000 // self.rate_hz

    def input(self, kind: int, value: int) -> None:
        """An input of the courier, effective at the next frame the VM has not yet decided. Beyond the allowance the
        last position of each slider, and of the volume, waits for its turn. Raises `MessageError`."""
        if kind in OWN_INPUTS:
            raise MessageError("input: expected a kind for others to give, found %d" % kind)
        try:
            wait_ms = self._input_wait_ms()
            if sets_a_position(kind) and (wait_ms or self._positions.has(kind)):
                self._vm.check_input(kind, value)
                self._positions.put(kind, value)
            elif wait_ms:
                raise MessageError("input: too many inputs; wait %d s" % -(-wait_ms // 1000))
            else:
                self._take_input(kind, value)
                self._device.input_allowance.take(self._clock.now_ms())
        except InputRefused as error:
            raise MessageError("input: %s" % error)

    def _input_wait_ms(self) -> int:
        """How long until others may give one more input."""
        if self.log.inputs_room <= SEGMENT_INPUTS_OWN_MAX:
            return 1000  # the segment is sealed within that
        return self._device.input_allowance.wait_ms(self._clock.now_ms())

    def _give_positions(self) -> None:
        """Give the VM the positions that waited, as far as the allowance reaches."""
        while self._positions.rows and not self._input_wait_ms():
            kind, value = self._positions.rows.pop(0)
            self._take_input(kind, value)
            self._device.input_allowance.take(self._clock.now_ms())

    def _take_input(self, kind: int, value: int) -> None:
        frame = self._vm.frame
        self._vm.input(kind, value, frame)
        self.log.note_input(frame, kind, value)
