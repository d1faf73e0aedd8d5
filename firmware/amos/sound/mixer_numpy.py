"""The mixer on NumPy, for CPython, in parts that stay in a core's caches, on flat interleaved arrays.

Voices at steady gains wait for one product of matrices (`steady_numpy`). What begins, ends or fades is added in int32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amos.sound.envelope import CELL_FRAMES, CELL_MASK
from amos.sound.fade_numpy import FRAME_IN_CELL, Fade, ducked_gains, levelled_gains, node_gains
from amos.sound.limiter import UNITY_Q15
from amos.sound.mixer_base import OUT_FRAME_BYTES, ROOM_GAINS, UNITY_BITS, Mixer, Voice
from amos.sound.mixer_plain import CELL_BITS, UNITY_HALF
from amos.sound.steady_numpy import DIGIT_BITS, DIGIT_MASK, ROWS_MAX, SteadyRows, widen

Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]

CELL_SAMPLES = 2 * CELL_FRAMES
REST_BITS = UNITY_BITS - DIGIT_BITS
PART_FRAMES = 1 << 13  # 16 rows of them are 1 MB, what a core's second cache holds
ROW_ROOM = ROWS_MAX * DIGIT_MASK  # what the last digits of 16 rows may add to `_low`, in gains
FADE_CELLS_MAX = 1 << 10  # of a fade made ahead: 16 KB a voice


def peak_of(samples: Int32) -> int:
    """Greatest magnitude; without the copy that `abs` would make."""
    return max(int(np.maximum.reduce(samples)), -int(np.minimum.reduce(samples)))


class NumpyVoice(Voice):
    """`samples`: of the stem, where the source has them in place. `fade`: gains made ahead."""

    __slots__ = ("fade", "samples")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.fade: Fade | None = None
        self.samples: Int16 | None = None


class NumpyMixer(Mixer):
    """A part of a block at a time. The sum is 32 * `_high` + `_low`, the latter with what is added in int32."""

    VOICE = NumpyVoice

    def __init__(
        self, rate_hz: int, voices_max: int, block_frames_max: int, master_gain_q15: int, ceiling: int
    ) -> None:
        super().__init__(rate_hz, voices_max, block_frames_max, master_gain_q15, ceiling)
        size = 2 * min(block_frames_max, PART_FRAMES)
        self._block = np.zeros(CELL_SAMPLES + size, np.int32)  # the waiting cell, and `_high` behind it
        self._low_room = np.zeros(size, np.int32)
        self._room = ROOM_GAINS  # gains that still fit `_low`
        self._has_high = False  # else what is in `_high` is old
        self._scaled = np.empty(size, np.int32)
        self._ramp = np.empty(size + 2 * CELL_SAMPLES, np.int32)  # a part may begin and end within a cell
        self._exact = np.empty(size + 2 * CELL_SAMPLES)
        self._pcm = bytearray(size // 2 * OUT_FRAME_BYTES)
        self._out_samples = np.frombuffer(self._out, np.dtype("<i2"))
        self._out_at = 0  # where in `_out` the part under way goes
        self._rows = SteadyRows(min(voices_max, ROWS_MAX), size)
        self._fit(min(block_frames_max, PART_FRAMES))

    def _shape_kernel(self) -> Any:
        from amos.sound import shape_numpy

        return shape_numpy

    def _render_block(self, frames: int) -> None:
        for begin in range(0, frames, PART_FRAMES):
            self._out_at = 2 * begin
            super()._render_block(min(PART_FRAMES, frames - begin))

    def _clear(self, frames: int) -> None:
        if frames != self._frames:
            self._fit(frames)
        self._low.fill(UNITY_HALF)
        self._has_high = False
        self._room = ROOM_GAINS

    def _fit(self, frames: int) -> None:
        """The part has `frames` frames; views of that size are kept, since most parts have it."""
        size = 2 * frames
        self._frames = frames
        self._low = self._low_room[:size]
        self._high = self._block[CELL_SAMPLES : CELL_SAMPLES + size]
        self._rows.fit(size)

    def _apply(self, event: Any, source: Any, at: int) -> None:
        super()._apply(event, source, at)
        voice: Any = self._voices[event.voice]
        voice.fade = None
        if source is not None:
            voice.samples = getattr(source, "samples", None)

    def _advance_all(self, frames: int) -> None:
        """As every mixer's, but short where a voice is steady, or in one fade, for the whole part, as it mostly is."""
        if self._ducking.active:
            super()._advance_all(frames)
            return
        voice: Any
        rows, waiting = self._rows.views, self._rows.gains
        for voice in self._voices:
            source = voice.source
            if source is None:
                continue
            begin = voice.pos
            end = begin + frames
            fade = voice.fade
            if end <= voice.steady_until:
                row = rows[len(waiting)]
                if voice.samples is not None and source.channels == 2:
                    row[:] = voice.samples[2 * begin : 2 * end]
                else:
                    widen(self._samples(voice, begin, frames), source.channels, row)
                waiting.append(voice.envelope.gain)
                if len(waiting) == len(rows):
                    self._add_rows()
                    waiting = self._rows.gains
            elif fade is not None and fade.begin <= begin and end <= fade.until and voice.at == 0:
                gains = fade.gains(begin, end, source.channels, self._exact, self._ramp)
                self._add_part(self._samples(voice, begin, frames), gains, voice, 0, source.channels)
            else:
                self._advance_to_end(voice, frames)
                waiting = self._rows.gains
                continue
            voice.pos = end
            if end == voice.envelope.end:
                voice.source = None

    def _mix(self, voice: Any, source: Any, count: int) -> None:
        envelope = voice.envelope
        begin = voice.pos
        channels = source.channels
        samples = self._samples(voice, begin, count)
        glide = voice.glide
        turned = bool(self._ducking.active) or (glide is not None and glide.moves(begin))
        gain = envelope.gain if glide is None else glide.turned(envelope.gain, begin)
        ends = (envelope.fade_in, envelope.fade_out_pos, begin + count)
        done = 0
        while done < count:
            pos = begin + done
            until = pos if turned else envelope.flat_until(pos, begin + count)
            fades = until == pos
            if fades:
                until = min([node for node in ends if node > pos])
            end = until - begin
            part = samples[channels * done : channels * end]
            if fades:
                self._add_part(part, self._gains(voice, pos, until, channels), voice, voice.at + done, channels)
            elif 2 * (until - pos) > self._frames:
                self._rows.put(part, channels, voice.at + done, gain)
                if len(self._rows.gains) == len(self._rows.views):
                    self._add_rows()
            else:
                self._add_part(part, np.int32(gain), voice, voice.at + done, channels)
            done = end

    def _add_rows(self) -> None:
        """Add the voices that wait in rows."""
        if self._room < ROW_ROOM:
            self._fold()
        self._room -= ROW_ROOM
        low, middle, top = self._rows.multiply()
        self._low += low
        if self._has_high:
            top += self._high
        np.add(top, middle, out=self._high)
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
        low = self._low
        scaled = self._scaled[: len(low)]
        np.right_shift(low, DIGIT_BITS, out=scaled)
        if self._has_high:
            self._high += scaled
        else:
            self._high[:] = scaled
        self._has_high = True
        low &= DIGIT_MASK
        self._room = ROOM_GAINS

    def _samples(self, voice: Any, pos: int, count: int) -> Int16:
        channels: int = voice.source.channels
        samples: Int16 | None = voice.samples
        if samples is not None:
            return samples[channels * pos : channels * (pos + count)]
        voice.source.read_into(self._pcm, pos, count)
        return np.frombuffer(self._pcm, np.dtype("<i2"), channels * count)

    def _gains(self, voice: Any, begin: int, until: int, channels: int) -> Int32:
        """int32 gain of every sample from `begin` to `until`, which holds until the next call.

        The fade is made ahead where it can be: not under a duck, which hangs on the part, nor up to an event in a
        cell, which is a node of this part only.
        """
        envelope = voice.envelope
        ahead = min([node for node in (envelope.fade_in, envelope.fade_out_pos, envelope.end) if node > begin])
        if self._ducking.active or (until != ahead and envelope.phase + until & CELL_MASK):
            return self._fade(voice, begin, until).gains(begin, until, channels, self._exact, self._ramp)
        fade: Fade | None = voice.fade
        if fade is None or not fade.begin <= begin < until <= fade.until:
            most = begin + FADE_CELLS_MAX * CELL_FRAMES - (envelope.phase + begin & CELL_MASK)
            fade = voice.fade = self._fade(voice, begin, min(ahead, max(until, most)))
        return fade.gains(begin, until, channels, self._exact, self._ramp)

    def _fade(self, voice: Voice, begin: int, until: int) -> "Fade":
        """From `begin` to `until`, between which the only nodes are borders of cells."""
        envelope = voice.envelope
        skip = (envelope.phase + begin) % CELL_FRAMES
        nodes = np.arange(begin - skip, until + CELL_FRAMES, CELL_FRAMES)
        nodes[0] = begin
        nodes[-1] = until
        gains = node_gains(envelope, nodes)
        if voice.glide is not None:
            gains = levelled_gains(voice.glide, gains, nodes)
        if self._ducking.active:
            gains = ducked_gains(self._ducking, gains, nodes + (voice.at - voice.pos), voice.number)
        return Fade(nodes, gains, skip)

    def _rounded(self) -> Int32:
        """Complete the part and round it in place; `_clear` put half a sample into `_low`."""
        if self._rows.gains:
            self._add_rows()
        samples = self._high
        low = self._low
        if self._has_high:
            low >>= DIGIT_BITS
            low += samples
            np.right_shift(low, REST_BITS, out=samples)
        else:
            np.right_shift(low, UNITY_BITS, out=samples)
        return samples

    def _prime(self) -> None:
        cell = self._rounded()
        self._limiter.next_gain(peak_of(cell))
        self._block[:CELL_SAMPLES] = cell

    def _emit(self, frames: int) -> None:
        ahead = self._rounded()
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
