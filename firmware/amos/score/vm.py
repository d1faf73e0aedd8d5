"""The score VM: placements = f(pack, score, session start state, inputs), a pure function of integers (SCORE.md).

It is driven by frames, not by blocks: `advance` gives the same events whatever steps the caller takes. What happens
between two frames costs at most one decision for each slot and grid point; the score bounds both.
"""

from amos.compat import const
from amos.score.announcer import Announcer
from amos.score.chooser import RELAX_DOUBLE, Chooser
from amos.score.conductor import NEVER, Conductor
from amos.score.day_clock import DayClock
from amos.score.draw import SEED_BYTES, numbered_seed
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_LEAVE,
    INPUT_LIKE,
    INPUT_PAUSE,
    INPUT_SHUFFLE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
    InputQueue,
    InputRefused,
    blocked,
)
from amos.score.memory import NONE, volume_q15_of
from amos.score.plan import PlanRun
from amos.score.rules import (
    BLOCK_ARTIST,
    BLOCK_STEM,
    REACT_DISLIKE,
    REACT_LIKE,
    REACT_SHUFFLE,
    REACT_SKIP,
    Reaction,
)
from amos.score.score import AT_BAR, AT_BEAT, AT_END, RELAX_PLAYS, VERSION_1, RenderPlan, Score, ScoreError
from amos.score.sliders import Sliders
from amos.score.stage import Stage
from amos.sound.events import Section, Volume
from amos.sound.limiter import UNITY_Q15

_NOWHERE = const(-1)
_REACTS = {INPUT_LIKE: REACT_LIKE, INPUT_DISLIKE: REACT_DISLIKE, INPUT_SHUFFLE: REACT_SHUFFLE, INPUT_SKIP: REACT_SKIP}


class Vm:
    """Plays a score from frame 0.

    score            a decoded score
    stem_frames      length of each stem of the pack's table, in frames, at least 1
    stem_gains_q15   loudness gain of each stem, 0 .. 32767
    seed32           the session seed, 32 bytes; a script with a seed of its own takes that
    memory           what `memory` of an earlier session with this score gave, or None
    plan             a RenderPlan for a piece of exact length, or None

    Raises `ScoreError` when these do not fit together. Read-only for callers: `frame`, up to which events were given;
    `section`, `visit`, the index of the section and how many came before it; `paused`;
    `volume_q15`, the gain of the operator.
    """

    def __init__(
        self,
        score: Score,
        stem_frames,
        stem_gains_q15,
        seed32: bytes,
        memory: "bytes | None" = None,
        plan: "RenderPlan | None" = None,
    ):
        if len(stem_frames) != score.stems or len(stem_gains_q15) != score.stems:
            raise ScoreError("pack: expected %d stems, found %d" % (score.stems, len(stem_frames)))
        if score.stems and (min(stem_frames) < 1 or min(stem_gains_q15) < 0 or max(stem_gains_q15) > 32767):
            raise ScoreError("pack: expected stems of at least 1 frame and gains from 0 to 32767")
        if len(seed32) != SEED_BYTES:
            raise ScoreError("seed: expected %d bytes, found %d" % (SEED_BYTES, len(seed32)))
        self.score = score
        self.frame = 0
        seed32 = seed32 if score.seed is None else numbered_seed(score.seed)
        stage, chooser, conductor, day = _classes_of(score)
        self._chooser = chooser(score, memory)
        self.volume_q15 = volume_q15_of(memory)
        self._turned_q15 = UNITY_Q15
        self._start_state = self._chooser.memory_bytes(0, self.volume_q15)
        self._stage = stage(score, stem_frames, stem_gains_q15, seed32, self._chooser)
        self._sliders = Sliders(score.sliders)
        self._inputs = InputQueue(score)
        self._day = day(score)
        self._announcer = Announcer(score, stem_frames, stem_gains_q15, self._chooser.weights_q8)
        self._plan = PlanRun(score, plan, NEVER)
        self._conductor = conductor(score, self._stage, self._sliders, self._plan, self._day, self._announcer)
        self._due_frame = 0  # at which something is decided next: only a decision or an input moves it

    @property
    def section(self) -> int:
        """Index of the section that plays."""
        return self._conductor.section

    @property
    def end_frame(self) -> "int | None":
        """Where all is silent for good: of a plan, or once the pack has given way; else None."""
        return None if self._plan.end_frame == NEVER else self._plan.end_frame

    @property
    def visit(self) -> int:
        """How many sections came before the one that plays."""
        return self._stage.visit

    @property
    def paused(self) -> bool:
        """Whether nothing is placed until somebody says so."""
        return self._conductor.paused

    def start_state(self) -> bytes:
        """Canonical CBOR of what the session started from: weights and no-repeat memory (`Memory`)."""
        return self._start_state

    def memory(self) -> bytes:
        """Canonical CBOR of what the next session with this score may start from."""
        return self._chooser.memory_bytes(self.frame, self.volume_q15)

    def relaxed(self) -> "tuple[int, int]":
        """(repeats, doubles): how often a pool left nothing but the stem just played, or one that still sounds."""
        return self._chooser.relaxed[RELAX_PLAYS], self._chooser.relaxed[RELAX_DOUBLE]

    def relaxations(self) -> "list[int]":
        """How often each rule gave way, in the order of `chooser.RULE_NAMES`."""
        return list(self._chooser.relaxed)

    def slider_values(self) -> "list[int]":
        """Values in Q15 at `frame`, in the order of the score's sliders."""
        return list(self._sliders.values(self.frame))

    def explain(self, on_choice) -> None:
        """Call `on_choice` with a `Choice` for every stem drawn from here on: the answer to "why this stem"."""

        def chosen(choice) -> None:
            choice.section = self.section
            on_choice(choice)

        self._chooser.explain = True
        self._stage.on_choice = chosen

    def check_input(self, kind: int, value: int) -> None:
        """Raises `InputRefused` if no such input can be taken at any frame."""
        self._inputs.check(kind, value)

    def input(self, kind: int, value: int, frame: int) -> None:
        """Take an input that is effective from `frame` on. Raises `InputRefused`; the session is unchanged then."""
        if frame < self.frame:
            raise InputRefused("frame: expected %d or later, found %d" % (self.frame, frame))
        if kind == INPUT_PAUSE and self._plan.end_frame != NEVER:
            raise InputRefused("pause: expected in a session, found in a piece of exact length")
        self._inputs.put(kind, value, frame)
        self._due_frame = self._next_frame()

    def advance(self, until_frame: int) -> list:
        """Events with frame < `until_frame` that no earlier call gave, in order."""
        events: list = []
        while self._due_frame < until_frame:
            self._step(self._due_frame, events)
            self._due_frame = self._next_frame()
        if until_frame > self.frame:
            self.frame = until_frame
        return events

    def _next_frame(self) -> int:
        """The next frame at which anything is decided."""
        if not self._conductor.started:
            return 0
        pending = self._inputs.items
        frame = self._conductor.next_frame()
        if pending and pending[0][0] < frame:
            frame = pending[0][0]
        frame = min(frame, self._day.next_frame(NEVER), self._announcer.next_frame(NEVER))
        frame = self._stage.next_frame(frame)
        return frame if frame < self._plan.end_frame else NEVER

    def _step(self, frame: int, events: list) -> None:
        stage = self._stage
        entered = self.visit if self._conductor.started else _NOWHERE
        ducks: list = []
        for _at, kind, value in self._inputs.due(frame):
            self._take_input(frame, kind, value)
        self._pass_time(frame)
        plan, fading = self._plan, self._plan.fading
        self._conductor.step(frame)
        if plan.fading and not fading:
            fade = max(plan.end_frame - frame, stage.clock.frames(1) if self._conductor.leaving else 0)
            plan.end_frame = max(plan.end_frame, self._announcer.fade_out(frame, fade, stage.stops))
        stage.decide(frame, self._sliders)
        self._announcer.due(frame, ducks, stage.starts)
        turned = self._day.turned(self.volume_q15)
        if turned != self._turned_q15:
            self._turned_q15 = turned
            events.append(Volume(frame, turned))
        events.extend(ducks)
        events.extend(stage.stops)
        if self.visit != entered:
            events.append(Section(frame, self.section))
        events.extend(stage.starts)
        stage.stops = []
        stage.starts = []
        if stage.levels is not None:
            events.extend(stage.levels.events)
            stage.levels.events = []

    def _take_input(self, frame: int, kind: int, value: int) -> None:
        if kind >= INPUT_SLIDER:
            self._sliders.set(kind - INPUT_SLIDER, value, frame)
        elif kind == INPUT_CLOCK:
            self._conductor.announce(self._day.set(value, frame), frame)
            self._day.move(self._sliders, frame)
        elif kind == INPUT_LEAVE:
            self._conductor.leave()
        elif kind == INPUT_ANNOUNCE:
            self._conductor.announce([(value, frame + (self.score.duck_ramp_frames or 0))], frame)
        elif kind == INPUT_VOLUME:
            self.volume_q15 = value
        elif kind == INPUT_PAUSE:
            self._pause(frame, value)
        elif kind == INPUT_BLOCK:
            self._withdraw(value, frame)
        elif kind == INPUT_BLOCK_MANY:
            for stem in blocked(value):
                self._withdraw(stem, frame)
        else:
            self._react(frame, kind, NONE if kind == INPUT_SKIP else value - 1 if value else NONE)

    def _withdraw(self, stem: int, frame: int) -> None:
        """Nothing of `stem` is heard a beat later, nor again in this session."""
        stops = self._stage.stops
        count = len(stops)
        self._chooser.withdraw(stem)
        self._stage.drop(stem, frame)
        self._announcer.drop(stem, frame, self._stage.clock.frames(1), stops)
        for stop in stops[count:]:
            stop.withdrawn = True

    def _pause(self, frame: int, value: int) -> None:
        if not value:
            self._conductor.resume(frame)
            return
        fade = self._stage.clock.frames(1)
        if not self.paused:
            self._announcer.silence(frame, fade, self._stage.stops)
        self._conductor.pause(frame, fade)

    def _react(self, frame: int, kind: int, stem: int) -> None:
        reaction = self._reaction(_REACTS[kind])
        if kind == INPUT_DISLIKE and stem == NONE:
            stem = self._stage.offender(frame)
        for sounding in sorted(self._stage.voices.sounding(frame)):
            if stem not in (NONE, sounding):
                continue
            if reaction.factor_q8 is not None:
                self._chooser.learn(sounding, reaction.factor_q8)
            if reaction.block == BLOCK_STEM:
                self._chooser.block(sounding)
            elif reaction.block == BLOCK_ARTIST:
                self._chooser.block_artist(sounding)
        if reaction.swap:
            beats = {AT_BEAT: 1, AT_BAR: self.score.beats_per_bar, AT_END: 0}[reaction.swap]
            self._stage.swap(stem, beats, frame)
        if kind == INPUT_SKIP:
            self._conductor.skip(frame)

    def _reaction(self, kind: int) -> Reaction:
        for reaction in self.score.reactions or ():
            if reaction.kind == kind:
                return reaction
        return Reaction(kind=kind, swap=AT_BAR if kind == REACT_SHUFFLE else None)

    def _pass_time(self, frame: int) -> None:
        due = self._day.next_frame(NEVER)
        if due <= frame:
            self._conductor.announce(self._day.due(frame), frame)
            self._day.move(self._sliders, frame)


def _classes_of(score: Score):
    """The classes of stage, chooser, conductor and day that the score needs: a board loads no other."""
    if score.version == VERSION_1:
        return Stage, Chooser, Conductor, DayClock
    from amos.score.version_2 import classes_of

    return classes_of(score)
