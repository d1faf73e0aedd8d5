"""What all mixers share: events, voices and the sample clock (`mixer` says how one is used)."""

from amos.compat import const
from amos.sound.ducking import Ducking
from amos.sound.envelope import CELL_FRAMES, CELL_MASK, Envelope
from amos.sound.events import Duck, Level, Start, Stop
from amos.sound.limiter import CEILING_MIN, FULL_SCALE, UNITY_Q15, Limiter

LOOKAHEAD_FRAMES = CELL_FRAMES
VOICES_MAX = 32  # of which the mix, in whole samples, has 21 bits
_BLOCK_FRAMES_MAX = const(65536)  # 1.4 s at 48 kHz; larger blocks are no faster
RATE_HZ_MAX = 192000
EVENTS_PENDING_MAX = 1024  # a minute of the busiest score; a caller that gives more forgot to render
OUT_FRAME_BYTES = 4
_GLIDE_FRAMES_MAX = const((1 << 18) - 1)  # the slowest beat has 144,000
UNITY_BITS = 15  # a gain's
ROOM_GAINS = 65535  # gains that may be added before the sum must be folded: 2**15 * 65535 + 2**14 < 2**31
FOLD_BITS = 20
FOLDED_GAIN = 1 << FOLD_BITS - UNITY_BITS  # what a fold leaves takes of that room


def _expect(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError("%s: expected %d to %d, got %r" % (name, low, high, value))


def _shaped(source, shape, kernel):
    from amos.sound.shape import ShapedSource

    return ShapedSource(source, shape, kernel)


def _glide(level_q15: int):
    from amos.sound.glide import Glide

    return Glide(level_q15)


class Voice:
    """One line into the sum: its placement's envelope and source, and how far both are rendered.

    glide   its placement's level, where that is not unity throughout
    """

    __slots__ = ("at", "envelope", "free_frame", "glide", "number", "pos", "source", "steady_until")

    def __init__(self, number: int) -> None:
        self.number = number
        self.envelope = Envelope()
        self.glide = None
        self.source = None  # None: free
        self.pos = 0  # the next frame of the placement to mix
        self.at = 0  # where in the block under way that frame lies
        self.free_frame = 0  # absolute; by the events given, the voice is free from here on
        self.steady_until = 0  # from `pos` to there the gain is the placement's, if that is known


class Mixer:
    """Events, voices and the sample clock; a backend adds the samples.

    frame        the next frame that `render` gives
    event_frame  the earliest frame an event may have: everything before it is already in the sum
    """

    VOICE = Voice

    def __init__(
        self,
        rate_hz: int,
        voices_max: int,
        block_frames_max: int,
        master_gain_q15: int,
        ceiling: int,
        out: "bytearray | None" = None,
    ) -> None:
        """`out`: room for a block's PCM or more; None makes it."""
        _expect("rate_hz", rate_hz, 1, RATE_HZ_MAX)
        _expect("voices_max", voices_max, 1, VOICES_MAX)
        _expect("block_frames_max", block_frames_max, CELL_FRAMES, _BLOCK_FRAMES_MAX)
        _expect("block_frames_max % 64", block_frames_max % CELL_FRAMES, 0, 0)
        _expect("master_gain_q15", master_gain_q15, 1, UNITY_Q15)
        _expect("ceiling", ceiling, CEILING_MIN, FULL_SCALE)
        self.rate_hz = rate_hz
        self.block_frames_max = block_frames_max
        self.frame = 0
        self.event_frame = 0
        self._last_event_frame = 0
        self._pending = []
        self._voices = [self.VOICE(number) for number in range(voices_max)]
        self._ducking = Ducking()
        self._limiter = Limiter(master_gain_q15, ceiling)
        self._out = bytearray(block_frames_max * OUT_FRAME_BYTES) if out is None else out
        self._view = memoryview(self._out)[: block_frames_max * OUT_FRAME_BYTES]

    def start(self, event: Start, source) -> None:
        """Take a `Start`. ValueError for a number out of its range, a frame too early or a voice that still sounds."""
        _expect("source.channels", source.channels, 1, 2)
        _expect("start.gain_q15", event.gain_q15, 0, 32767)
        _expect("start.frames", event.frames, 1, source.frames)
        _expect("start.fade_in", event.fade_in, 0, event.frames)
        _expect("start.fade_out", event.fade_out, 0, event.frames)
        _expect("start.level_q15", event.level_q15, 0, UNITY_Q15)
        voice = self._voice_of(event)
        if event.frame < voice.free_frame:
            raise ValueError(
                "voice %d: sounds until frame %d, got a start at %d" % (event.voice, voice.free_frame, event.frame)
            )
        if event.shape is not None:
            source = _shaped(source, event.shape, self._shape_kernel())
        self._take(event, source)
        voice.free_frame = event.frame + event.frames

    def stop(self, event: Stop) -> None:
        """Take a `Stop`. On a free voice it does nothing; a fade that would end after the placement's end, or after an
        earlier Stop's fade, does not prolong it. ValueError as for `start`."""
        if event.fade < 0:
            raise ValueError("stop.fade: expected 0 or more, got %r" % (event.fade,))
        voice = self._voice_of(event)
        self._take(event, None)
        if event.frame < voice.free_frame:
            voice.free_frame = min(voice.free_frame, event.frame + event.fade)

    def duck(self, event: Duck) -> None:
        """Take a `Duck`. ValueError as for `start`."""
        self._expect_in_order(event.frame)
        _expect("voice", event.voice, -1, len(self._voices) - 1)
        self._ducking.add(event)
        self._last_event_frame = event.frame

    def glide(self, event: Level) -> None:
        """Take a `Level`. On a free voice it does nothing. ValueError as for `start`."""
        _expect("level.level_q15", event.level_q15, 0, UNITY_Q15)
        _expect("level.frames", event.frames, 0, _GLIDE_FRAMES_MAX)
        self._voice_of(event)
        self._take(event, None)

    def set_volume(self, frame: int, operator_gain_q15: int) -> None:
        """The operator gain goes to `operator_gain_q15` (1 .. 32768, unity at first) from `frame` on, in the order of
        the events. ValueError as for `start`."""
        _expect("operator_gain_q15", operator_gain_q15, 1, UNITY_Q15)
        self._expect_in_order(frame)
        self._limiter.set_volume((frame - self.event_frame + CELL_MASK) // CELL_FRAMES, operator_gain_q15)
        self._last_event_frame = frame

    def render(self, frames: int) -> memoryview:
        """The next `frames` (a multiple of 64) as frames * 4 bytes, int16 little-endian, left and right in turn.

        The buffer is the mixer's and holds until the next call.
        """
        if len(self._view) != frames * OUT_FRAME_BYTES:  # kept from block to block: a view is an allocation
            _expect("frames", frames, CELL_FRAMES, self.block_frames_max)
            _expect("frames % 64", frames % CELL_FRAMES, 0, 0)
            self._view = memoryview(self._out)[: frames * OUT_FRAME_BYTES]
        if self.event_frame == 0:
            self._limiter.start()
            self._mix_block(CELL_FRAMES)
            self._prime()
        self._render_block(frames)
        self.frame += frames
        return self._view

    def _render_block(self, frames: int) -> None:
        """The next `frames` to the front of `_out`."""
        self._mix_block(frames)
        self._emit(frames)

    def _expect_in_order(self, frame: int) -> None:
        earliest = max(self.event_frame, self._last_event_frame)
        if frame < earliest:
            raise ValueError("event.frame: expected %d or later, got %r" % (earliest, frame))

    def _voice_of(self, event) -> Voice:
        self._expect_in_order(event.frame)
        _expect("voice", event.voice, 0, len(self._voices) - 1)
        return self._voices[event.voice]

    def _take(self, event, source) -> None:
        if len(self._pending) >= EVENTS_PENDING_MAX:
            raise ValueError("events pending: expected at most %d" % EVENTS_PENDING_MAX)
        self._last_event_frame = event.frame
        self._pending.append((event, source))

    def _mix_block(self, frames: int) -> None:
        """Add every voice's next `frames` to the cleared sum, taking events where they fall."""
        self._clear(frames)
        self._ducking.begin_block(self.event_frame, frames)
        if self._pending:
            self._take_due(frames)
        self._advance_all(frames)
        self.event_frame += frames

    def _take_due(self, frames: int) -> None:
        """Take the events of the block, each voice mixed up to its own."""
        pending = self._pending
        taken = 0
        while taken < len(pending):
            event, source = pending[taken]
            at = event.frame - self.event_frame
            if at >= frames:
                break
            self._apply(event, source, at)
            taken += 1
        if taken:
            del pending[:taken]

    def _advance_all(self, frames: int) -> None:
        """Mix every voice up to the end of the block under way."""
        for voice in self._voices:
            if voice.source is not None:
                self._advance_to_end(voice, frames)

    def _advance_to_end(self, voice: Voice, frames: int) -> None:
        """Mix `voice` up to the end of the block under way, and see how long it will be steady."""
        self._advance(voice, frames)
        voice.at = 0
        if voice.glide is None:
            voice.steady_until = voice.envelope.flat_until(voice.pos, voice.envelope.end)

    def _apply(self, event, source, at: int) -> None:
        """Begin, stop or level a placement at `at` in the block under way, its voice mixed up to there."""
        voice = self._voices[event.voice]
        envelope = voice.envelope
        voice.steady_until = 0
        if source is not None:
            self._advance(voice, at)
            envelope.begin(event)
            voice.source = source
            voice.pos = 0
            voice.glide = None if event.level_q15 == UNITY_Q15 else _glide(event.level_q15)
        elif isinstance(event, Level):
            self._advance(voice, at)
            if voice.source is not None:
                if voice.glide is None:
                    voice.glide = _glide(UNITY_Q15)
                voice.glide.go(voice.pos, event.level_q15, event.frames)
        elif voice.source is not None and envelope.takes_stop(voice.pos + at - voice.at, event.fade):
            self._advance(voice, at)  # not for a Stop without effect, which makes no node
            envelope.stop(voice.pos, event.fade, event.linear)

    def _advance(self, voice: Voice, at: int) -> None:
        """Mix `voice` up to `at` in the block under way: a border of cells, or an event on this voice; a node."""
        if voice.source is not None:
            count = min(at - voice.at, voice.envelope.end - voice.pos)
            if count > 0:
                self._mix(voice, voice.source, count)
                voice.pos += count
            if voice.pos >= voice.envelope.end:
                voice.source = None
        voice.at = at

    # What a backend adds. The sum holds the cell that waits for its end's gain, and behind it the block under way.

    def _shape_kernel(self):
        """The module of kernels for shapes: loaded where one is asked for."""
        raise NotImplementedError

    def _clear(self, frames: int) -> None:
        """Zero the sum's block."""
        raise NotImplementedError

    def _mix(self, voice: Voice, source, count: int) -> None:
        """Add `count` frames of `source` from `voice.pos` on, at `voice.at` of the block."""
        raise NotImplementedError

    def _prime(self) -> None:
        """Make the block, of one cell, the waiting cell of an empty mixer."""
        raise NotImplementedError

    def _emit(self, frames: int) -> None:
        """Write the waiting cell and the block but for its last cell to `_out`; that cell waits next."""
        raise NotImplementedError
