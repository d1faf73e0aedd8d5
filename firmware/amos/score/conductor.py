"""From section to section: when one is left, and for which."""

from amos.compat import const
from amos.score.announcer import Announcer
from amos.score.chooser import weighted
from amos.score.day_clock import DayClock
from amos.score.draw import SECTION_LANE, below
from amos.score.expression import evaluate
from amos.score.plan import PlanRun
from amos.score.score import AT_BAR, AT_END, AT_ONCE, Score
from amos.score.sliders import Sliders
from amos.score.stage import Stage

NEVER = 1 << 62
_NOWHERE = const(-1)


class Conductor:
    """Leads `stage` through the sections of a score, or of a plan. `section` is the index of the one that plays.

    `paused`: it has gone silent, until `resume`.
    leaving   whether that is the last one, for the pack gives way
    visits    of each section, those that count for what may follow
    """

    def __init__(
        self, score: Score, stage: Stage, sliders: Sliders, plan: PlanRun, day: DayClock, announcer: Announcer
    ):
        self.section = 0
        self.started = False
        self.paused = False
        self._score = score
        self._stage = stage
        self._sliders = sliders
        self._plan = plan
        self._day = day
        self._announcer = announcer
        self._end_beat = 0
        self._end_frame = 0
        # Asked to leave, and waiting for the fade before this section.
        self._skip_frame = NEVER
        # Where a skip goes, and from which beat on; with NEVER, at the end of the section.
        self._leave_to = _NOWHERE
        self._leave_beat = 0
        self._leave_frame = NEVER
        self._bridge_to = _NOWHERE
        # Asked to go on after a pause.
        self._resume_frame = NEVER
        self.leaving = False
        self.visits = [0] * len(score.sections)

    def leave(self) -> None:
        """The pack gives way: the section that plays is the last."""
        self.leaving = True

    def next_frame(self) -> int:
        """The next frame at which a section may change."""
        frame = self._resume_frame if self.paused else min(self._end_frame, self._skip_frame, self._leave_frame)
        return min(frame, self._plan.next_frame(NEVER))

    def skip(self, frame: int) -> None:
        """Somebody asks to leave the section."""
        if self._leave_to == _NOWHERE and not self.paused:
            # A third section must not begin while the first still fades: the voices were proved for two.
            self._skip_frame = max(frame, self._stage.leaving_end)

    def pause(self, frame: int, fade: int) -> None:
        """Everything fades, and nothing more begins; a `resume` under way is taken back."""
        self._resume_frame = NEVER
        if self.paused:
            return
        self.paused = True
        self._stage.fade_all(frame, fade)
        self._stay(frame)

    def resume(self, frame: int) -> None:
        """The section begins again, once all is silent."""
        if self.paused:
            self._resume_frame = max(frame, self._stage.leaving_end)

    def announce(self, items: list, frame: int) -> None:
        """Plan announcements, each (index, frame it is due at); those that are not exact wait for the bar."""
        for index, at in items:
            if self.paused:
                continue
            if not (self._score.announcements or [])[index].exact:
                at = self._stage.clock.frame(self.next_bar(at))
            self._announcer.plan(index, at, frame)

    def next_bar(self, frame: int) -> int:
        """Beat of the first bar of the section's count that begins at `frame` or later."""
        start, bar = self._stage.start_beat, self._score.beats_per_bar
        return start - (start - self._stage.clock.first_beat_from(frame)) // bar * bar

    def step(self, frame: int) -> None:
        """Do what is due at `frame`: the plan first, then a skip whose beat has come, the section's end, a new skip."""
        plan = self._plan
        if not self.started:
            self.started = True
            if not self.paused:
                self._enter(plan.first_section(), 0, frame, [], 0, False)
        if self.paused and self.leaving:
            if not plan.fading:
                plan.end(frame, max(frame, self._stage.leaving_end))
                self._stay(frame)
            return
        if self.paused:
            if self._resume_frame <= frame:
                self._resume_frame = NEVER
                self.paused = False
                self._begin(self.section, frame, self._stage.clock.frames(1))
            return
        if frame >= plan.fade_frame and plan.hit() is None:
            if not plan.fading:
                plan.fading = True
                self._stage.fade_to(frame, plan.end_frame)
            self._stay(frame)
            return
        fade = plan.take_cut(frame)
        if fade:
            self._stage.fade_all(frame, fade)
            self._stay(frame)
        section = plan.take_hit(frame)
        if section >= 0:
            self._leave_to = self._bridge_to = _NOWHERE
            self._leave_frame = self._skip_frame = NEVER
            self._begin(section, frame, 0)
        elif self._leave_frame <= frame:
            self._go(self._leave_to, self._leave_beat, frame, [])
        elif self._end_frame <= frame:
            self._end(frame)
        elif self._skip_frame <= frame:
            self._skip(frame)

    def _end(self, frame: int) -> None:
        """The section has played its bars."""
        if self._leave_to != _NOWHERE:
            self._go(self._leave_to, self._end_beat, frame, [])
            return
        self._go(self._following(False, frame), self._end_beat, frame, self._stage.runs)

    def _skip(self, frame: int) -> None:
        """Leave for another section, when the transition says. Nowhere else to go: play on."""
        self._skip_frame = NEVER
        after = self._following(True, frame)
        if after == self.section:
            return
        at = self._score.transition(self.section, after).at or AT_ONCE
        clock = self._stage.clock
        self._leave_to = after
        if at == AT_ONCE:
            joins = self._score.beats is not None
            self._go(after, clock.last_beat_until(frame) if joins else 0, frame, [], not joins)
        elif at != AT_END:
            beat = self.next_bar(frame) if at == AT_BAR else clock.first_beat_from(frame)
            if beat < self._end_beat:
                self._leave_beat = beat
                self._leave_frame = clock.frame(beat)
                if self._leave_frame <= frame:
                    self._go(after, beat, frame, [])

    def _following(self, skipping: bool, frame: int) -> int:
        """The section to come. Without a choice left, conditions are relaxed; with none at all, it follows itself."""
        if self._bridge_to != _NOWHERE:
            return self._bridge_to
        values = self._sliders.values(frame)
        weights = []
        allowed = []
        nexts = []
        counted = []
        visits = self.visits[self.section]
        for item in self._score.sections[self.section].nexts:
            if skipping and item.section == self.section:
                continue
            weight = max(0, evaluate(item.weight, values))
            nexts.append(item.section)
            weights.append(weight)
            open_now = visits >= (item.after_visits or 0) and (item.when is None or evaluate(item.when, values))
            allowed.append(weight if open_now else 0)
            counted.append(item.after_visits)
        if not nexts:
            return self.section
        chosen = weighted(allowed if sum(allowed) else weights, self._stage.draw(SECTION_LANE, 1))
        if counted[chosen]:
            self.visits[self.section] = 0
        return nexts[chosen]

    def _go(self, after: int, beat: int, frame: int, playing: list, restart: bool = False) -> None:
        """Go on to section `after`, over its bridge if it has one; it takes over what it also plays from `playing`.

        With a pack that gives way this is where all fades out, within a beat, and ends.

        With `restart`, beats count from here on. With loops, bars go on: the section joins the one under way.
        """
        if self.leaving:
            self._plan.end(frame, self._stage.fade_all(frame, self._stage.clock.frames(1)))
            self._stay(frame)
            return
        rule = self._score.transition(self.section, after)
        bridge = _NOWHERE if self._bridge_to != _NOWHERE else rule.bridge(self.section, after)
        entering = after if bridge == _NOWHERE else bridge
        if self._plan.horizon(NEVER) - frame < self._score.frames_min(self._score.sections[entering]):
            # It could not last its shortest: what plays goes on to the hit or the end instead.
            self._stay(frame)
            return
        self._bridge_to = _NOWHERE if bridge == _NOWHERE else after
        self._leave_to = _NOWHERE
        self._leave_frame = self._skip_frame = NEVER
        leaving = self._stage.runs
        if self._score.beats is not None:
            beat -= (beat - self._stage.start_beat) % self._score.beats_per_bar
        if restart:
            self._stage.clock.origin_frame = frame
        self._stage.visit += 1
        self._sliders.leave_section(frame)
        self._enter(entering, beat, frame, playing, rule.fade_in_frames, rule.linear)
        self._stage.fade_out(leaving, frame, max(rule.fade_out_frames, self._score.edge_out_frames), rule.linear)

    def _stay(self, frame: int) -> None:
        """No section follows of itself."""
        self._end_frame = self._skip_frame = self._leave_frame = NEVER
        self._leave_to = _NOWHERE
        self._stage.hold(frame)

    def _begin(self, index: int, frame: int, fade_frames: int) -> None:
        """Begin section `index` with a clock of its own, out of silence."""
        self._stage.clock.origin_frame = frame
        self._stage.visit += 1
        self._sliders.leave_section(frame)
        self._enter(index, 0, frame, [], fade_frames, False)

    def _enter(self, index: int, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
        """Begin section `index` at `beat`."""
        section = self._score.sections[index]
        shortest, count = section.lengths()
        bars = shortest + (section.step_bars or 1) * below(self._stage.draw(SECTION_LANE, 0), count)
        self.section = index
        self.visits[index] += 1
        if self._score.beats is not None and self._stage.clock.frame(beat) < frame:
            bars += 1  # of this one there is only a part
        self._end_beat = beat + bars * self._score.beats_per_bar
        self._end_frame = self._stage.clock.frame(self._end_beat)
        self._stage.end_beat = self._end_beat
        self._stage.enter(section, beat, frame, playing, fade_frames, linear)
