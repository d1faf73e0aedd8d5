"""The mixer on NumPy, for CPython, in parts that stay in a core's caches, on flat interleaved arrays.

Voices at steady gains are one product of matrices in float32, which is exact here: a gain is three digits of
DIGIT_BITS, and no sum of 16 samples, each times a digit, passes 16 * 2**15 * 31 < 2**24, up to which float32 holds
every integer, in whatever order it is added. What begins, ends or fades is added in int32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amos.player.envelope import CELL_FRAMES, CELL_MASK
from amos.player.fade_numpy import FRAME_IN_CELL, Fade, ducked_gains, node_gains
from amos.player.limiter import UNITY_Q15
from amos.player.mixer_base import OUT_FRAME_BYTES, ROOM_GAINS, UNITY_BITS, Mixer, Voice
from amos.player.mixer_plain import CELL_BITS, UNITY_HALF

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

CELL_SAMPLES = 2 * CELL_FRAMES
DIGIT_BITS, DIGITS = 5, 3
DIGIT_MASK = (1 << DIGIT_BITS) - 1
REST_BITS = UNITY_BITS - DIGIT_BITS
PART_FRAMES = 1 << 13  # 16 rows of them are 1 MB, what a core's second cache holds
ROWS_MAX = 16
ROW_ROOM = ROWS_MAX * DIGIT_MASK  # what the last digits of 16 rows may add to `_low`, in gains
ROW_PAD = 64  # samples between rows, whose distance must not be a power of two: they would crowd in the same cache sets
PRODUCT_SAMPLES = 1 << 12  # OpenBLAS does not spread products of this size over threads, which would wait for them
PRODUCT_ROWS = 4  # the fourth is nothing, and three rows take a third longer than four
FADE_CELLS_MAX = 1 << 10  # of a fade made ahead: 16 KB a voice


def peak_of(samples: Int32) -> int:
    """Greatest magnitude; without the copy that `abs` would make."""
    return max(int(samples.max()), -int(samples.min()))


def _digits(gains: list[int]) -> Float32:
    """Digits of gains, lowest first, in rows. The last is not shifted: float32 holds 2**5 as exactly as 1."""
    digits = np.zeros((PRODUCT_ROWS, len(gains)), np.float32)
    digits[0] = [gain & DIGIT_MASK for gain in gains]
    digits[1] = [gain >> DIGIT_BITS & DIGIT_MASK for gain in gains]
    digits[2] = [gain >> DIGIT_BITS & ~DIGIT_MASK for gain in gains]
    return digits


def _widen(samples: Int16, channels: int, row: Float32) -> None:
    """Samples of one or two channels to `row`, left and right in turn."""
    if channels == 2:
        row[:] = samples
    else:
        row[0::2] = samples
        row[1::2] = samples


class NumpyMixer(Mixer):
    """A part of a block at a time. The sum is 32 * `_high` + `_low`, the latter with what is added in int32."""

    def __init__(
        self, rate_hz: int, voices_max: int, block_frames_max: int, master_gain_q15: int, ceiling: int
    ) -> None:
        super().__init__(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling)
        size = 2 * min(block_frames_max, PART_FRAMES)
        self._block = np.zeros(CELL_SAMPLES + size, np.int32)  # the waiting cell, and `_high` behind it
        self._low = np.zeros(size, np.int32)
        self._room = ROOM_GAINS  # gains that still fit `_low`
        self._has_high = False  # else what is in `_high` is old
        self._scaled = np.empty(size, np.int32)
        self._ramp = np.empty(size + 2 * CELL_SAMPLES, np.int32)  # a part may begin and end within a cell
        self._exact = np.empty(size + 2 * CELL_SAMPLES)
        self._pcm = bytearray(size // 2 * OUT_FRAME_BYTES)
        self._out_samples = np.frombuffer(self._out, np.dtype("<i2"))
        self._out_at = 0  # where in `_out` the part under way goes
        self._fades: list[Fade | None] = [None] * voices_max
        self._rows = np.zeros((min(voices_max, ROWS_MAX), size + ROW_PAD), np.float32)
        self._row_views: list[Float32] = []  # as long as the part
        self._row_gains: list[int] = []
        self._product_gains: list[int] = []  # of the last product; they change with the voices only
        self._product_digits = _digits([])
        self._products = np.zeros((PRODUCT_ROWS, size + ROW_PAD), np.float32)
        self._sums = np.empty((DIGITS, size), np.int32)
        self._frames = 0  # of the part under way

    def _render_block(self, frames: int) -> None:
        for begin in range(0, frames, PART_FRAMES):
            self._out_at = 2 * begin
            super()._render_block(min(PART_FRAMES, frames - begin))

    def _clear(self, frames: int) -> None:
        size = 2 * frames
        if frames != self._frames:
            self._frames = frames
            self._row_views = [row[:size] for row in self._rows]
        self._low[:size] = UNITY_HALF
        self._has_high = False
        self._room = ROOM_GAINS

    def _apply(self, event: Any, source: Any, at: int) -> None:
        super()._apply(event, source, at)
        self._fades[event.voice] = None

    def _advance_all(self, frames: int) -> None:
        """As every mixer's, but short where a voice is steady, or in one fade, for the whole part, as it mostly is."""
        if self._ducking.active:
            super()._advance_all(frames)
            return
        for voice, fade in zip(self._voices, self._fades):
            source: Any = voice.source
            if source is None:
                continue
            begin = voice.pos
            end = begin + frames
            if end <= voice.steady_until:
                self._add_whole_row(self._samples(source, begin, frames), voice.envelope.gain, source.channels)
                self._go_on(voice, end)
            elif fade is not None and fade.begin <= begin and end <= fade.until and voice.at == 0:
                gains = fade.gains(begin, end, source.channels, self._exact, self._ramp)
                self._add_part(self._samples(source, begin, frames), gains, voice, 0, source.channels)
                self._go_on(voice, end)
            else:
                self._advance_to_end(voice, frames)

    def _go_on(self, voice: Voice, pos: int) -> None:
        voice.pos = pos
        if pos == voice.envelope.end:
            voice.source = None

    def _mix(self, voice: Voice, source: Any, count: int) -> None:
        envelope = voice.envelope
        begin = voice.pos
        channels = source.channels
        samples = self._samples(source, begin, count)
        ducked = bool(self._ducking.active)
        ends = (envelope.fade_in, envelope.fade_out_pos, begin + count)
        done = 0
        while done < count:
            pos = begin + done
            until = pos if ducked else envelope.flat_until(pos, begin + count)
            fades = until == pos
            if fades:
                until = min([node for node in ends if node > pos])
            end = until - begin
            part = samples[channels * done : channels * end]
            if fades:
                self._add_part(part, self._gains(voice, pos, until, channels), voice, voice.at + done, channels)
            elif 2 * (until - pos) > self._frames:
                self._add_row(part, envelope.gain, voice.at + done, channels)
            else:
                self._add_part(part, np.int32(envelope.gain), voice, voice.at + done, channels)
            done = end

    def _add_row(self, samples: Int16, gain: int, at: int, channels: int) -> None:
        """Let most of a part of a voice, at a steady gain, wait for the others."""
        row = self._rows[len(self._row_gains)]
        begin, end = 2 * at, 2 * at + 2 // channels * len(samples)
        row[:begin] = 0
        row[end : 2 * self._frames] = 0
        _widen(samples, channels, row[begin:end])
        self._row_gains.append(gain)
        if len(self._row_gains) == len(self._rows):
            self._add_rows()

    def _add_whole_row(self, samples: Int16, gain: int, channels: int) -> None:
        """Let a whole part of a voice, at a steady gain, wait for the others."""
        row_gains = self._row_gains
        row = self._row_views[len(row_gains)]
        if channels == 2:
            row[:] = samples
        else:
            _widen(samples, channels, row)
        row_gains.append(gain)
        if len(row_gains) == len(self._rows):
            self._add_rows()

    def _add_rows(self) -> None:
        """Multiply the rows that wait by their gains and add them."""
        if self._room < ROW_ROOM:
            self._fold()
        self._room -= ROW_ROOM
        size = 2 * self._frames
        if self._row_gains != self._product_gains:
            self._product_gains = self._row_gains
            self._product_digits = _digits(self._row_gains)
        digits = self._product_digits
        count = len(self._row_gains)
        self._row_gains = []
        for begin in range(0, size, PRODUCT_SAMPLES):
            end = min(begin + PRODUCT_SAMPLES, size)
            np.matmul(digits, self._rows[:count, begin:end], out=self._products[:, begin:end])
        sums = self._sums[:, :size]
        np.copyto(sums, self._products[:DIGITS, :size], casting="unsafe")
        low, middle, top = sums
        self._low[:size] += low
        high = self._block[CELL_SAMPLES : CELL_SAMPLES + size]
        if self._has_high:
            top += high
        np.add(top, middle, out=high)
        self._has_high = True

    def _add_part(self, samples: Int16, gains: "np.int32 | Int32", voice: Voice, at: int, channels: int) -> None:
        """Add a stretch of a voice that begins at `at` in the part."""
        if self._room < voice.envelope.gain:
            self._fold()
        self._room -= voice.envelope.gain  # no gain of the placement is greater
        scaled = self._scaled[: len(samples)]
        scaled[:] = samples
        scaled *= gains
        low = self._low[2 * at : 2 * at + 2 // channels * len(samples)]
        if channels == 2:
            low += scaled
        else:
            low[0::2] += scaled
            low[1::2] += scaled

    def _fold(self) -> None:
        """Empty `_low`, but for its last digit, into `_high`."""
        low = self._low[: 2 * self._frames]
        scaled = self._scaled[: 2 * self._frames]
        np.right_shift(low, DIGIT_BITS, out=scaled)
        high = self._block[CELL_SAMPLES : CELL_SAMPLES + len(low)]
        if self._has_high:
            high += scaled
        else:
            high[:] = scaled
        self._has_high = True
        low &= DIGIT_MASK
        self._room = ROOM_GAINS

    def _samples(self, source: Any, pos: int, count: int) -> Int16:
        samples: Int16 | None = getattr(source, "samples", None)
        if samples is not None:
            return samples[source.channels * pos : source.channels * (pos + count)]
        source.read_into(self._pcm, pos, count)
        return np.frombuffer(self._pcm, np.dtype("<i2"), source.channels * count)

    def _gains(self, voice: Voice, begin: int, until: int, channels: int) -> Int32:
        """int32 gain of every sample from `begin` to `until`, which holds until the next call.

        The fade is made ahead where it can be: not under a duck, which hangs on the part, nor up to an event in a
        cell, which is a node of this part only.
        """
        envelope = voice.envelope
        ahead = min([node for node in (envelope.fade_in, envelope.fade_out_pos, envelope.end) if node > begin])
        if self._ducking.active or (until != ahead and envelope.phase + until & CELL_MASK):
            return self._fade(voice, begin, until).gains(begin, until, channels, self._exact, self._ramp)
        fade = self._fades[voice.number]
        if fade is None or not fade.begin <= begin < until <= fade.until:
            most = begin + FADE_CELLS_MAX * CELL_FRAMES - (envelope.phase + begin & CELL_MASK)
            fade = self._fades[voice.number] = self._fade(voice, begin, min(ahead, max(until, most)))
        return fade.gains(begin, until, channels, self._exact, self._ramp)

    def _fade(self, voice: Voice, begin: int, until: int) -> "Fade":
        """From `begin` to `until`, between which the only nodes are borders of cells."""
        envelope = voice.envelope
        skip = (envelope.phase + begin) % CELL_FRAMES
        nodes = np.arange(begin - skip, until + CELL_FRAMES, CELL_FRAMES)
        nodes[0] = begin
        nodes[-1] = until
        gains = node_gains(envelope, nodes)
        if self._ducking.active:
            gains = ducked_gains(self._ducking, gains, nodes + (voice.at - voice.pos), voice.number)
        return Fade(nodes, gains, skip)

    def _rounded(self, frames: int) -> Int32:
        """Complete the part's `frames` frames and round them in place; `_clear` put half a sample into `_low`."""
        if self._row_gains:
            self._add_rows()
        samples = self._block[CELL_SAMPLES : CELL_SAMPLES + 2 * frames]
        low = self._low[: 2 * frames]
        if self._has_high:
            low >>= DIGIT_BITS
            low += samples
            np.right_shift(low, REST_BITS, out=samples)
        else:
            np.right_shift(low, UNITY_BITS, out=samples)
        return samples

    def _prime(self) -> None:
        cell = self._rounded(CELL_FRAMES)
        self._limiter.next_gain(peak_of(cell))
        self._block[:CELL_SAMPLES] = cell

    def _emit(self, frames: int) -> None:
        ahead = self._rounded(frames)
        samples = self._block[: 2 * frames]
        out = self._out_samples[self._out_at : self._out_at + 2 * frames]
        limiter = self._limiter
        if not limiter.at_rest(peak_of(ahead)):
            cells = ahead.reshape(-1, CELL_SAMPLES)
            peaks = np.maximum(cells.max(axis=1), -cells.min(axis=1))
            borders = [limiter.gain, *map(limiter.next_gain, peaks.tolist())]
            self._scale(samples, borders)
        elif limiter.gain != UNITY_Q15:
            samples *= limiter.gain
            samples += UNITY_HALF
            samples >>= UNITY_BITS
        out[:] = samples
        self._block[:CELL_SAMPLES] = ahead[-CELL_SAMPLES:]

    def _scale(self, samples: Int32, borders: list[int]) -> None:
        """Multiply each cell by the gain that goes from one of `borders` to the next."""
        gains = np.array(borders, np.int32)
        changes: Int32 = np.diff(gains)
        ramp = (gains[:-1, None] << CELL_BITS) + changes[:, None] * FRAME_IN_CELL[1] >> CELL_BITS
        samples *= ramp.reshape(-1)
        samples += UNITY_HALF
        samples >>= UNITY_BITS
