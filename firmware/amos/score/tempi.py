"""Sections of another tempo: their beats are counted from their beginning. SCORE.md, "Tempi", is the reference.

Only a score that has such sections loads this.
"""


def with_tempi(base):
    """A class of stages as `base`, whose clock turns to another tempo where a section begins."""

    class TempoStage(base):
        left = None  # origin and tempo of the clock before the section that has just begun, if that turned it

        def turn_to(self, tempo_mbpm: int, frame: int) -> None:
            clock = self.clock
            self.left = clock.origin_frame, clock.denominator
            clock.origin_frame, clock.denominator = frame, tempo_mbpm

        def fade_out(self, runs: list, frame: int, fade: int, linear) -> None:
            """As any stage's; what fades out is counted by the clock that it began by."""
            if self.left is None:
                base.fade_out(self, runs, frame, fade, linear)
                return
            clock = self.clock
            turned = clock.origin_frame, clock.denominator
            clock.origin_frame, clock.denominator = self.left
            base.fade_out(self, runs, frame, fade, linear)
            clock.origin_frame, clock.denominator = turned
            self.left = None

    return TempoStage


def leading_in_tempi(base):
    """A class of conductors as `base`, for such a stage."""

    class TempoConductor(base):
        """Knows the tempo of each section."""

        def _enter(self, index: int, beat: int, frame: int, playing: list, fade_frames: int, linear) -> None:
            """As any conductor's; in another tempo nothing plays on, and beats are counted from here."""
            stage = self._stage
            tempo_mbpm = self._score.tempo_of(self._score.sections[index])
            turns = tempo_mbpm != stage.clock.denominator
            stage.left = None
            if turns:
                stage.turn_to(tempo_mbpm, frame)
                self._plan.beat_frames = stage.clock.frames(1)
                beat, playing = 0, []
            base._enter(self, index, beat, frame, playing, fade_frames, linear)
            if turns:
                self._realign(frame)

        def _realign(self, frame: int) -> None:
            """Announcements that wait for a bar wait for one of the section that has begun."""
            announcer = self._announcer
            busy = announcer.ends
            for item in announcer.waiting:
                at = max(item[1], busy)
                if not (self._score.announcements or [])[item[2]].exact:
                    at = self._stage.clock.frame(self.next_bar(at))
                if at != item[1]:
                    item[0] = max(frame, at - (self._score.duck_ramp_frames or 0))
                    item[1] = at
                busy = announcer.busy_until = at + announcer.frames(item[2])

    return TempoConductor
