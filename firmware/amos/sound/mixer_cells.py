"""The mixer for MicroPython: walks nodes and cells, and leaves the samples to a kernel (viper or plain bytecode).

Nothing is allocated from block to block; the sum holds one cell more than a block: the one in front is mixed and
rounded, and waits for the gain at its end, which the next cell decides.

MicroPython takes the frame of a function that needs more than 11 words, of locals, arguments of calls and loops, from
the heap, and searches for room each time. So what is called for every block or voice is cut small.
"""

from array import array

from amos.sound.envelope import CELL_FRAMES, FADE_FACTS, RAMP_BITS, ramp_slope
from amos.sound.fade_table import FADE_Q15
from amos.sound.mixer_base import FOLDED_GAIN, OUT_FRAME_BYTES, ROOM_GAINS, UNITY_BITS, Mixer, Voice

FADE_TABLE = array("H", FADE_Q15)


class CellBuffers:
    """A mixer's large pieces of memory, which one mixer may have after the other: what it finds in them does not count.

    total   stereo int32, a block's sum behind that of the waiting cell
    out     a block's PCM, and that of the cell that waits behind it
    source  a block of what a source last read
    """

    __slots__ = ("out", "source", "total")

    def __init__(self, block_frames_max: int) -> None:
        self.total = array("i", bytes((CELL_FRAMES + block_frames_max) * 8))
        self.out = bytearray((CELL_FRAMES + block_frames_max) * OUT_FRAME_BYTES)
        self.source = bytearray(block_frames_max * OUT_FRAME_BYTES)


class CellMixer(Mixer):
    """`kernel` is a module with the functions of `mixer_plain`; `buffers` are for blocks of `block_frames_max`."""

    def __init__(
        self,
        rate_hz: int,
        voices_max: int,
        block_frames_max: int,
        master_gain_q15: int,
        ceiling: int,
        kernel,
        buffers: CellBuffers,
    ) -> None:
        super().__init__(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling, buffers.out)
        self._kernel = kernel
        self._steady_stereo, self._steady_mono = kernel.steady_stereo, kernel.steady_mono
        self._ramp_stereo, self._ramp_mono = kernel.ramp_stereo, kernel.ramp_mono
        self._sum = buffers.total
        self._folded = 0  # 1: `_out` holds what was taken out of the sum
        self._room = ROOM_GAINS  # gains that still fit the sum
        self._frames = 0  # of the block
        cells = block_frames_max // CELL_FRAMES
        self._peaks = array("i", bytes(4 * cells))
        self._borders = array("i", bytes(4 * (cells + 1)))  # the limiter's gains
        self._gains = array("i", bytes(4 * (cells + 1)))  # of a fade's nodes
        self._facts = array("i", bytes(4 * FADE_FACTS))
        self._pcm = buffers.source

    def _shape_kernel(self):
        return self._kernel.shape_kernel()

    def _clear(self, frames: int) -> None:
        self._kernel.clear(self._sum, frames)
        self._folded = 0
        self._frames = frames
        self._room = ROOM_GAINS

    def _advance_all(self, frames: int) -> None:
        """As every mixer's, but short where a voice is steady for the whole block, which it mostly is."""
        if self._ducking.active:
            Mixer._advance_all(self, frames)
            return
        for voice in self._voices:
            if voice.source is not None:
                if voice.pos + frames <= voice.steady_until:
                    self._mix_steady(voice, voice.source)
                else:
                    self._advance_to_end(voice, frames)

    def _mix_steady(self, voice: Voice, source) -> None:
        """Mix a voice for the whole block under its placement's gain."""
        frames = self._frames
        source.read_into(self._pcm, voice.pos, frames)
        voice.pos += frames
        gain = voice.envelope.gain
        self._room -= gain
        if self._room < 0:
            self._make_room(gain)
        if source.channels == 2:
            self._steady_stereo(self._sum, self._pcm, gain, frames)
        else:
            self._steady_mono(self._sum, self._pcm, gain, frames)

    def _mix(self, voice: Voice, source, count: int) -> None:
        source.read_into(self._pcm, voice.pos, count)
        self._room -= voice.envelope.gain  # no gain of the placement is greater
        if self._room < 0:
            self._make_room(voice.envelope.gain)
        if self._ducking.active or voice.glide is not None or not self._mix_fade(voice, source, count):
            self._mix_nodes(voice, source, count)

    def _mix_fade(self, voice: Voice, source, count: int) -> bool:
        """Mix what was read if it is whole cells of one fade; whether it was."""
        if voice.envelope.fade_run(voice.pos, voice.pos + count, self._facts) * CELL_FRAMES != count:
            return False
        count //= CELL_FRAMES
        self._kernel.fade_gains(self._gains, FADE_TABLE, self._facts, count + 1)
        if source.channels == 2:
            self._ramp_stereo(self._sum, self._pcm, 0, self._gains, CELL_FRAMES + voice.at, 0, count)
        else:
            self._ramp_mono(self._sum, self._pcm, 0, self._gains, CELL_FRAMES + voice.at, 0, count)
        return True

    def _make_room(self, gain: int) -> None:
        """Fold the sum into `_out`, in which nothing else is until the block is mixed."""
        self._kernel.fold(self._sum, self._out, self._frames, self._folded)
        self._folded = 1
        self._room = ROOM_GAINS - FOLDED_GAIN - gain

    def _mix_nodes(self, voice: Voice, source, count: int) -> None:
        """Mix what was read from node to node."""
        envelope = voice.envelope
        kernel = self._kernel
        stereo = source.channels == 2
        mix = kernel.mix_stereo if stereo else kernel.mix_mono
        ramp = kernel.ramp_stereo if stereo else kernel.ramp_mono
        begin = pos = voice.pos
        until = pos + count
        offset = voice.at - begin  # from a position to a frame of the block
        at = CELL_FRAMES + offset
        turned = self._ducking.active or voice.glide is not None
        gain = envelope.at(pos)
        if turned:
            gain = self._turned(voice, gain, pos, offset)
        while pos < until:
            node = envelope.flat_until(pos, until)
            if turned and node > pos:
                node = self._flat_until(voice, pos, node, offset)
            next_gain = gain
            if node == pos:
                cells = 0 if turned else envelope.fade_run(pos, until, self._facts)
                if cells > 0:
                    kernel.fade_gains(self._gains, FADE_TABLE, self._facts, cells + 1)
                    ramp(self._sum, self._pcm, 0, self._gains, at + pos, pos - begin, cells)
                    pos += CELL_FRAMES * cells
                    gain = self._gains[cells]
                    continue
                node = envelope.node_after(pos, until)
                next_gain = envelope.at(node)
                if turned:
                    next_gain = self._turned(voice, next_gain, node, offset)
            slope = ramp_slope(gain, next_gain, node - pos)
            mix(self._sum, self._pcm, gain << RAMP_BITS, slope, at + pos, pos - begin, node - pos)
            pos = node
            gain = next_gain

    def _turned(self, voice: Voice, gain: int, pos: int, offset: int) -> int:
        """`gain` at node `pos` under level and ducks; `offset` is from a position to a frame of the block."""
        if voice.glide is not None:
            gain = voice.glide.turned(gain, pos)
        return self._ducking.ducked(gain, pos + offset, voice.number) if self._ducking.active else gain

    def _flat_until(self, voice: Voice, pos: int, until: int, offset: int) -> int:
        """The end of the constant level and ducking that hold from `pos` on; `pos` itself where one of them moves."""
        if voice.glide is not None and voice.glide.moves(pos):
            return pos
        if not self._ducking.active:
            return until
        return self._ducking.flat_until(pos + offset, until + offset, voice.number) - offset

    def _prime(self) -> None:
        self._limiter.next_gain(self._finish(1))
        self._kernel.hold(self._sum, CELL_FRAMES)

    def _finish(self, cells: int) -> int:
        """Round the block; its peak. Where that leaves the limiter at rest, the block's output is done too."""
        shift = UNITY_BITS
        if self._folded:
            self._kernel.unfold(self._sum, self._out, self._frames)
            shift = 0
        return self._kernel.finish(self._sum, self._out, self._limiter.gain, self._peaks, cells, shift)

    def _emit(self, frames: int) -> None:
        cells = frames // CELL_FRAMES
        if self._limiter.at_rest(self._finish(cells)):
            self._kernel.scale(self._sum, self._out, self._limiter.gain, CELL_FRAMES)
        else:
            self._limiter.next_gains(self._peaks, self._borders, cells)
            self._kernel.scale_cells(self._sum, self._out, self._borders, cells)
        self._kernel.hold(self._sum, frames)
