"""A few minutes of a run in full: each placement with its fades, sections, and what is ducked. Pure."""

from array import array
from dataclasses import dataclass

from amos.sound.envelope import Envelope
from amos.sound.events import Level, Section, Start, Stop
from amos.sound.glide import Glide
from amos_tools.simulate.run import Event, Step

_FADE_POINTS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A placement. `shape`: (frame, share of its gain) from its first frame to its last, with every fade and level.

    turned   the pan, width and low-pass of its layer, as `Layer.shape`
    """

    stem: int
    first: int
    until: int
    shape: tuple[tuple[int, float], ...]
    turned: "array[int] | None" = None


class Passage:
    """A watcher of the frames `first` .. `until`: `bars` in the order of their starts, `sections` as entered.

    visit   of the first of these sections: how many came before it
    """

    def __init__(self, first: int, until: int) -> None:
        self.first = first
        self.until = until
        self.bars: list[Bar] = []
        self.sections: list[Section] = []
        self.visit = 0
        self._open: dict[int, _Open] = {}

    def event(self, event: Event) -> None:
        """Take one event of the VM."""
        if isinstance(event, Section):
            if event.frame <= self.first:
                self.visit += len(self.sections)
                self.sections.clear()
            if event.frame < self.until:
                self.sections.append(event)
        elif isinstance(event, Start):
            self._close(event.voice)
            self._open[event.voice] = _Open(event)
        elif isinstance(event, Stop) and event.voice in self._open:
            self._open[event.voice].stop(event)
        elif isinstance(event, Level) and event.voice in self._open:
            self._open[event.voice].glide(event)

    def step(self, step: Step) -> None:
        """Events say it all."""

    def finish(self) -> None:
        """The run is over."""
        for voice in list(self._open):
            self._close(voice)
        self.bars.sort(key=lambda bar: (bar.first, bar.stem))

    def _close(self, voice: int) -> None:
        found = self._open.pop(voice, None)
        if found is not None:
            bar = found.bar()
            if bar.first < self.until and bar.until > self.first:
                self.bars.append(bar)


class _Open:
    """A placement whose end a Stop may still change, and its level a Level."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._envelope = Envelope()
        self._envelope.begin(start)
        self._glide = Glide(start.level_q15)
        self._shape: dict[int, float] = {}

    def glide(self, event: Level) -> None:
        pos = event.frame - self._start.frame
        if pos < self._envelope.end:
            self._note(pos)
            self._glide.go(pos, event.level_q15, event.frames)

    def stop(self, event: Stop) -> None:
        pos = event.frame - self._start.frame
        if self._envelope.takes_stop(pos, event.fade):
            self._note(pos)
            self._envelope.stop(pos, event.fade, event.linear)

    def bar(self) -> Bar:
        start, end = self._start, self._envelope.end
        self._note(end)
        shape = tuple((start.frame + pos, level) for pos, level in sorted(self._shape.items()))
        return Bar(start.stem, start.frame, start.frame + end, shape, start.shape)

    def _note(self, until: int) -> None:
        """The gain at enough positions to draw it, from what is noted up to `until`."""
        envelope, glide = self._envelope, self._glide
        fades = [(0, envelope.fade_in), (envelope.fade_out_pos, envelope.frames)]
        if envelope.stop_end >= 0:
            fades.append((envelope.stop_end - envelope.stop_fade, envelope.stop_end))
        nodes = {0, until, glide.start, glide.start + glide.frames}
        for first, last in fades:
            nodes.update(first + (last - first) * point // _FADE_POINTS for point in range(_FADE_POINTS + 1))
        begin = max(self._shape, default=-1)
        for pos in nodes:
            if begin < pos <= until:
                self._shape[pos] = glide.turned(envelope.at(pos), pos) / max(1, envelope.gain)
