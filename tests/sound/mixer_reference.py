"""`sound/SPEC.md` a second time, frame by frame and as plainly as it can be said; and random scripts of events."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from amos.sound.events import LINEAR_IN, LINEAR_OUT, Duck, Level, Start, Stop, Volume
from amos.sound.fade_table import FADE_Q15

Event = Start | Stop | Duck | Level | Volume


@dataclass
class Stem:
    """A source; `in_place` offers the samples to the NumPy backend, else it has to read."""

    pcm: np.ndarray
    channels: int
    in_place: bool = True
    reads: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frames = len(self.pcm) // self.channels
        if self.in_place:
            self.samples = self.pcm

    def read_into(self, buffer: bytearray, start_frame: int, frame_count: int) -> None:
        assert 0 <= start_frame < start_frame + frame_count <= self.frames
        self.reads.append((start_frame, frame_count))
        part = self.pcm[start_frame * self.channels : (start_frame + frame_count) * self.channels].tobytes()
        buffer[: len(part)] = part

    def frame(self, index: int) -> tuple[int, int]:
        first = index * self.channels
        return int(self.pcm[first]), int(self.pcm[first + self.channels - 1])


def noise(frames: int, channels: int = 2, seed: int = 1, peak: int = 32767, **options: bool) -> Stem:
    samples = np.random.default_rng(seed).integers(-peak - 1, peak, frames * channels, endpoint=True)
    return Stem(samples.astype(np.int16), channels, **options)


def level(frames: int, value: int, channels: int = 2) -> Stem:
    return Stem(np.full(frames * channels, value, np.int16), channels)


LINEAR_Q15 = range(0, 32769, 256)


def curve(gain: int, frame: int, fade: int, linear: bool = False) -> int:
    if frame >= fade:
        return gain
    table = LINEAR_Q15 if linear else FADE_Q15
    step, rest = divmod(frame * 128, fade)
    return gain * (table[step] + (table[step + 1] - table[step]) * rest // fade) // 32768


def ducked(gain: int, frame: int, voice: int, ducks: list[Duck]) -> int:
    low = 32768
    for duck in ducks:
        ramp = max(1, duck.ramp_frames)
        part = min(frame - duck.frame, duck.until_frame + ramp - frame)
        if part > 0 and duck.voice != voice:
            low = min(low, 32768 - curve(32768 - duck.gain_q15, part, ramp, True))
    return max(min(gain, 1), gain * low // 32768)


class Line:
    """What one placement's gain is between its start and its end, by its Stops and Levels in order, and the ducks."""

    def __init__(self, start: Start, events: list[Stop | Level], ducks: list[Duck]) -> None:
        self.start = start
        self.ducks = ducks
        self.gains: list[int] = []
        self.glide = (0, start.level_q15, start.level_q15, 0)
        end, stop = start.frames, None
        for event in events:
            pos = event.frame - start.frame
            if isinstance(event, Level):
                if pos < end:
                    self._run_to(pos, stop)
                    self.glide = (pos, self._level(pos), event.level_q15, event.frames)
                continue
            if pos >= end or (stop is not None and pos + event.fade >= stop[1]):
                continue
            self._run_to(pos, stop)
            stop = (self._node(pos, stop), pos + event.fade, event.fade, event.linear)
            end = min(end, pos + event.fade)
        self._run_to(end, stop)

    def _node(self, pos: int, stop: tuple[int, int, int, bool] | None) -> int:
        start = self.start
        gains = [curve(start.gain_q15, pos, start.fade_in, bool(start.curves & LINEAR_IN))]
        gains.append(curve(start.gain_q15, start.frames - pos, start.fade_out, bool(start.curves & LINEAR_OUT)))
        if stop:
            gains.append(curve(stop[0], stop[1] - pos, stop[2], stop[3]))
        return min(gains)

    def _level(self, pos: int) -> int:
        begin, low, high, frames = self.glide
        return high if pos >= begin + frames else low + (high - low) * ((pos - begin) * 4096 // frames) // 4096

    def _levelled(self, pos: int, stop: tuple[int, int, int, bool] | None) -> int:
        gain = self._node(pos, stop)
        return max(min(gain, 1), gain * self._level(pos) // 32768)

    def _run_to(self, end: int, stop: tuple[int, int, int, bool] | None) -> None:
        start = self.start
        begin = len(self.gains)
        marks = {start.fade_in, start.frames - start.fade_out, begin, end}
        nodes = [pos for pos in range(begin, end + 1) if pos in marks or (start.frame + pos) % 64 == 0]
        at = {pos: ducked(self._levelled(pos, stop), start.frame + pos, start.voice, self.ducks) for pos in nodes}
        for left, right in pairwise(nodes):
            slope = ((at[right] - at[left]) * 16384) // (right - left)
            self.gains += [(at[left] * 16384 + slope * i) // 16384 for i in range(right - left)]


def lines(events: list[Event], turned: bool = True) -> Iterator[Line]:
    """One line for each Start, with the Stops that reach it, and with ducks and levels or (as the meter has it)
    without."""
    ducks = [event for event in events if turned and isinstance(event, Duck)]
    for index, start in enumerate(events):
        if isinstance(start, Start):
            after = [e for e in events[index + 1 :] if isinstance(e, Start | Stop | Level) and e.voice == start.voice]
            own = next((i for i, event in enumerate(after) if isinstance(event, Start)), len(after))
            kinds = Stop | Level if turned else Stop
            yield Line(start, [event for event in after[:own] if isinstance(event, kinds)], ducks)


def operator_gains(events: list[Event], borders: int) -> list[int]:
    """The operator gain at each border of cells."""
    volumes = [event for event in events if isinstance(event, Volume)]
    target = next((turn.gain_q15 for turn in reversed(volumes) if turn.frame == 0), 32768)
    gains = [target]
    for border in range(1, borders):
        target = next((turn.gain_q15 for turn in reversed(volumes) if turn.frame <= 64 * border), 32768)
        gains.append(gains[-1] + max(-256, min(256, target - gains[-1])))
    return gains


def darkened(samples: list[int], pole: int) -> list[int]:
    """One channel of a stem, from the placement's first frame on, through the low-pass."""
    left = [32768]
    for _ in range(8):
        left.append((left[-1] * pole + 16384) // 32768)
    out = []
    kept = 0
    for begin in range(0, len(samples), 8):
        run = samples[begin : begin + 8]
        whole = (kept + 128) // 256
        parts = [sum((left[i - k] - left[i - k + 1]) * run[k] for k in range(i + 1)) for i in range(len(run))]
        out += [(left[i + 1] * whole + part + 16384) // 32768 for i, part in enumerate(parts)]
        kept = (left[8] * kept // 256 + parts[-1]) // 128
    return out


def shaped(stem: Stem, start: Start) -> list[tuple[int, int]]:
    """Left and right of the stem's frames as they are mixed in the placement."""
    pairs = [stem.frame(pos) for pos in range(start.frames)]
    if start.shape is None:
        return pairs
    mid, side, left, right, pole = start.shape
    channels = [[pair[channel] for pair in pairs] for channel in (0, 1)]
    if pole:
        channels = [darkened(channel, pole) for channel in channels]
    out = []
    for pair in zip(*channels, strict=True):
        sides = []
        for own, gain in enumerate((left, right)):
            near, far = (mid + side) * gain // 65536, (mid - side) * gain // 65536
            if stem.channels == 1:
                near, far = mid * gain // 32768, 0
            elif far < 0:
                near = min(near, 32767 + far)
            sides.append((near * pair[own] + far * pair[1 - own] + 16384) // 32768)
        out.append((sides[0], sides[1]))
    return out


def render(events: list[Event], stems: list[Stem], frames: int, master: int = 32768, ceiling: int = 32767) -> bytes:
    """The whole output at once."""
    sums = [[0, 0] for _ in range(frames + 64)]
    for line in lines(events):
        heard = shaped(stems[line.start.stem], line.start)
        for pos, gain in enumerate(line.gains):
            if line.start.frame + pos < len(sums):
                for side, sample in enumerate(heard[pos]):
                    sums[line.start.frame + pos][side] += sample * gain
    rounded = [[(value + 16384) // 32768 for value in pair] for pair in sums]
    peaks = [max(abs(value) for pair in rounded[i : i + 64] for value in pair) for i in range(0, len(rounded), 64)]
    bears = [min(32768, ceiling * 32768 // peak) if peak else 32768 for peak in peaks]
    wanted = [max(1, master * gain // 32768) for gain in operator_gains(events, len(bears))]
    borders = [min(wanted[0], bears[0])]
    for border, (before, after) in enumerate(pairwise(bears), 1):
        gain = borders[-1]
        released = gain + (wanted[border] - gain) // 128 + 1 if gain < wanted[border] else gain
        borders.append(min(released, wanted[border], before, after))
    out = []
    for frame in range(frames):
        cell, i = divmod(frame, 64)
        gain = (borders[cell] * 64 + (borders[cell + 1] - borders[cell]) * i) // 64
        out += [(value * gain + 16384) // 32768 for value in rounded[frame]]
    assert all(-ceiling <= value <= ceiling for value in out)
    return np.array(out, "<i2").tobytes()


@st.composite
def voice_events(draw: st.DrawFn, voice: int, length_max: int, stem: st.SearchStrategy[int]) -> list[Event]:
    """Placements one after the other on a voice, some stopped, once or twice."""
    events: list[Event] = []
    frame = 0
    for _ in range(draw(st.integers(0, 3))):
        frame += draw(st.one_of(st.just(0), st.integers(0, 200)))
        length = draw(st.one_of(st.integers(1, 100), st.integers(1, length_max)))
        fade = st.one_of(st.just(0), st.just(length), st.integers(0, length))
        gain = draw(st.one_of(st.sampled_from((0, 1, 2, 32767)), st.integers(0, 32767)))
        events.append(Start(frame, voice, draw(stem), length, gain, draw(fade), draw(fade), draw(st.integers(0, 3))))
        end = frame + length
        stop_frame = frame
        for _ in range(draw(st.integers(0, 2))):
            stop_frame += draw(st.integers(1, length))
            fade_frames = draw(st.one_of(st.just(0), st.integers(0, length_max)))
            events.append(Stop(stop_frame, voice, fade_frames, draw(st.booleans())))
            if stop_frame < end:
                end = min(end, stop_frame + fade_frames)
        frame = max(end, stop_frame)
    return events


@st.composite
def ducks(draw: st.DrawFn, voices: int, length_max: int) -> Duck:
    frame = draw(st.one_of(st.integers(0, length_max), st.integers(0, 3).map(lambda cell: 64 * cell)))
    ramp = draw(st.one_of(st.sampled_from((0, 1, 64)), st.integers(0, length_max)))
    gain = draw(st.one_of(st.sampled_from((0, 1, 32768)), st.integers(0, 32768)))
    return Duck(frame, frame + draw(st.integers(0, length_max)), gain, ramp, draw(st.integers(-1, voices - 1)))


@st.composite
def shapes(draw: st.DrawFn) -> "array[int]":
    whole = st.just(32768)
    widths = st.tuples(st.integers(8192, 32768), whole) | st.tuples(whole, st.integers(0, 32768))
    sides = st.tuples(st.integers(0, 32768), whole) | st.tuples(whole, st.integers(0, 32768))
    pole = st.sampled_from((0, 1, 32767)) | st.integers(0, 32767)
    return array("H", [*draw(widths), *draw(sides), draw(pole)])


@st.composite
def scripts(draw: st.DrawFn, voices: int, length_max: int, stems: int) -> list[Event]:
    """Placements of several voices in the order the VM gives them."""
    events = [e for v in range(voices) for e in draw(voice_events(v, length_max, st.integers(0, stems - 1)))]
    return sorted(events, key=lambda event: (event.frame, isinstance(event, Start)))


@st.composite
def whole_scripts(draw: st.DrawFn, voices: int, length_max: int, stems: int) -> list[Event]:
    """Placements, ducks, levels and volumes of the operator's gain."""
    volumes = st.builds(
        Volume, st.integers(0, length_max), st.one_of(st.sampled_from((1, 32768)), st.integers(1, 32768))
    )
    turns = st.one_of(st.sampled_from((0, 1, 32768)), st.integers(0, 32768))
    levels = st.builds(Level, st.integers(0, length_max), st.integers(0, voices - 1), turns, st.integers(0, length_max))
    events = [*draw(st.lists(ducks(voices, length_max), max_size=3)), *draw(st.lists(volumes, max_size=3))]
    events += draw(scripts(voices, length_max, stems))
    for event in events:
        if isinstance(event, Start):
            event.level_q15 = draw(turns)
            event.shape = draw(st.none() | shapes())
    events += draw(st.lists(levels, max_size=5))
    return sorted(events, key=lambda event: event.frame)
