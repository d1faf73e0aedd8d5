"""A render plan as it is carried out: sections entered at exact frames, and an end with a fade."""

from amos.score.score import RenderPlan, Score, ScoreError


class PlanRun:
    """The steps of one plan, in order. A piece without a plan has none, and no end. `beat_frames`: a beat of the clock
    under way."""

    __slots__ = ("_cut", "_hits", "_next", "beat_frames", "end_frame", "fade_frame", "fading")

    def __init__(self, score: Score, plan: "RenderPlan | None", none: int):
        self._hits = list(plan.hits) if plan is not None else []
        self._next = 0
        self._cut = False
        self.beat_frames = 60_000 * score.rate_hz // score.tempo_mbpm
        self.end_frame = none
        self.fade_frame = none
        self.fading = False
        if plan is None:
            return
        reason = plan.fault()
        for hit in plan.hits:
            if hit.section >= len(score.sections):
                reason = "hits: expected a section below %d, found %d" % (len(score.sections), hit.section)
        if reason:
            raise ScoreError("render: " + reason)
        self.end_frame = plan.length_frames
        self.fade_frame = plan.length_frames - max(plan.fade_frames, score.edge_out_frames)

    def end(self, frame: int, end_frame: int) -> None:
        """End at `end_frame`, with a fade from `frame` on, whatever was planned."""
        self._next = len(self._hits)
        self.fade_frame, self.end_frame, self.fading = frame, end_frame, True

    def first_section(self) -> int:
        """The section that the piece begins with."""
        if self._hits and self._hits[0].frame == 0:
            self._next = 1
            return self._hits[0].section
        return 0

    def hit(self):
        """The next hit, or None."""
        return self._hits[self._next] if self._next < len(self._hits) else None

    def horizon(self, none: int) -> int:
        """Frame up to which sections may still change of themselves: the next hit, or the final fade."""
        hit = self.hit()
        return min(none, self.fade_frame if hit is None else hit.frame)

    def next_frame(self, none: int) -> int:
        """Frame of the plan's next step, or `none`."""
        if self.fading:
            return none
        hit = self.hit()
        if hit is None:
            return min(none, self.fade_frame)
        return hit.frame if self._cut else self.cut_frame()

    def cut_frame(self) -> int:
        """Where the section before the next hit begins to fade: a beat ahead, or halfway from the last hit."""
        before = self._hits[self._next - 1].frame if self._next else 0
        hit = self._hits[self._next].frame
        return hit - min(self.beat_frames, (hit - before) >> 1)

    def take_cut(self, frame: int) -> int:
        """Frames over which all must fade now, or 0 if nothing is due."""
        hit = self.hit()
        if hit is None or self._cut or frame < self.cut_frame():
            return 0
        self._cut = True
        return hit.frame - frame

    def take_hit(self, frame: int) -> int:
        """The section to enter now, or -1."""
        hit = self.hit()
        if hit is None or frame < hit.frame:
            return -1
        self._cut = False
        self._next += 1
        return hit.section
