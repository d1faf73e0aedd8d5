"""What a run comes to: shares of sections, stems and artists, rests, voices, repeats and relaxed rules. Pure.

Everything is counted in frames, from the meter's own rows; milliseconds are made of their sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from amos.score.score import Score
from amos.sound.events import Section, Start
from amos_tools.simulate.run import Event, Row, SimStem, Step
from amos_tools.simulate.vm_view import relaxations


@dataclass(slots=True)
class StemTally:
    """One stem of the table. Of those that it was chosen for, but for strokes, are `again_frames`, the shortest time
    between two, and `repeats`, how often it followed itself in its role."""

    plays: int = 0
    frames: int = 0
    repeats: int = 0
    again_frames: int | None = None
    last_start: int | None = None


@dataclass(slots=True)
class SectionTally:
    """One section of the score."""

    visits: int = 0
    frames: int = 0


@dataclass(slots=True)
class Rest:
    """A run of frames in which nothing sounds."""

    start: int = 0
    frames: int = 0


@dataclass(slots=True)
class Tally:
    """Give it every event and every step of one run, then `finish()`.

    voice_frames  voice_frames[n]: frames in which exactly n placements sound
    """

    score: Score
    stems: Sequence[SimStem]
    frames: int = 0
    sections: list[SectionTally] = field(default_factory=list)
    by_stem: list[StemTally] = field(default_factory=list)
    voice_frames: list[int] = field(default_factory=list)
    voice_starts: list[int] = field(default_factory=list)
    longest_rest: Rest = field(default_factory=Rest)
    relaxed: dict[str, int] = field(default_factory=dict)
    _rest: Rest = field(default_factory=Rest)
    _section: tuple[int, int] | None = None
    _latest: dict[str, int] = field(default_factory=dict)
    _struck: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sections = [SectionTally() for _ in self.score.sections]
        self.by_stem = [StemTally() for _ in self.stems]
        self.voice_frames = [0] * (self.score.voices + 1)
        self._struck = _struck(self.score)
        self.voice_starts = [0] * self.score.voices

    def event(self, event: Event) -> None:
        """Take one event of the VM."""
        if isinstance(event, Start):
            self._start(event)
        elif isinstance(event, Section):
            self._leave_section(event.frame)
            self._section = (event.section, event.frame)
            self.sections[event.section].visits += 1

    def step(self, step: Step) -> None:
        """Take one stretch of play."""
        for stem, _start, frames, _flags in step.ended:
            self.by_stem[stem].frames += frames
        self._sweep(step.first, step.until, [*step.ended, *step.open])
        self.relaxed = relaxations(step.vm)
        self.frames = step.until

    def finish(self) -> None:
        """The run is over: what is under way is counted up to here."""
        self._leave_section(self.frames)
        self._section = None
        self._end_rest()

    def artist_frames(self) -> dict[str, int]:
        """Frames of each artist's stems, most first."""
        frames: dict[str, int] = {}
        for stem, tally in zip(self.stems, self.by_stem, strict=True):
            frames[stem.artist] = frames.get(stem.artist, 0) + tally.frames
        return dict(sorted(frames.items(), key=lambda item: (-item[1], item[0])))

    @property
    def silent_frames(self) -> int:
        """Frames in which nothing sounds."""
        return self.voice_frames[0]

    @property
    def voices_most(self) -> int:
        """The most placements that sounded at once."""
        return max((count for count, frames in enumerate(self.voice_frames) if frames), default=0)

    def _start(self, event: Start) -> None:
        tally = self.by_stem[event.stem]
        tally.plays += 1
        self.voice_starts[event.voice] += 1
        if event.stem in self._struck or self._goes_round(event):
            return  # chosen for a stroke, or not chosen at all
        if tally.last_start is not None:
            again = event.frame - tally.last_start
            tally.again_frames = again if tally.again_frames is None else min(again, tally.again_frames)
        tally.last_start = event.frame
        role = self.stems[event.stem].role
        tally.repeats += self._latest.get(role) == event.stem
        self._latest[role] = event.stem

    def _goes_round(self, event: Start) -> bool:
        """Whether a loop only sounds on under the fade of the section it was chosen in."""
        entered = self._section[1] if self._section is not None else None
        return event.frame == entered and event.fade_in + event.fade_out == event.frames

    def _leave_section(self, frame: int) -> None:
        if self._section is not None:
            section, entered = self._section
            self.sections[section].frames += frame - entered

    def _sweep(self, first: int, until: int, rows: list[Row]) -> None:
        """Count how many placements sound in each frame of the step, from the ends of their audible runs."""
        changes: list[tuple[int, int]] = [(until, 0)]
        for _stem, start, frames, _flags in rows:
            if start < until and start + frames > first:
                changes.append((max(first, start), 1))
                changes.append((min(until, start + frames), -1))
        changes.sort()  # an end before a start at the same frame
        at, sounding = first, 0
        for frame, change in changes:
            if frame > at:
                self._count(at, frame - at, sounding)
                at = frame
            sounding += change

    def _count(self, start: int, frames: int, sounding: int) -> None:
        # An audible run may end a frame or two before the voice is free, never after: the budget bounds this too.
        self.voice_frames[sounding] += frames
        if sounding:
            self._end_rest()
            return
        if not self._rest.frames:
            self._rest.start = start
        self._rest.frames += frames

    def _end_rest(self) -> None:
        if self._rest.frames > self.longest_rest.frames:
            self.longest_rest = self._rest
        if self._rest.frames:
            self._rest = Rest()


def _struck(score: Score) -> set[int]:
    """Stems that nothing but patterns play."""
    stems: dict[bool, set[int]] = {True: set(), False: set()}
    for layer in (layer for section in score.sections for layer in section.layers):
        pool = score.pools[layer.pool]
        stems[layer.strokes is not None].update(pool.stems, pool.off_key or (), pool.off_tempo or ())
    return stems[True] - stems[False]
