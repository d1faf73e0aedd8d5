"""Announcements over the music: in turn, at their frame, with the music ducked from a little before to their end."""

from amos.compat import const
from amos.score.memory import BLOCKED
from amos.score.score import Score
from amos.sound.events import Duck, Start, Stop

_WAITING_MAX = const(8)
"""More than this waiting would no longer be about anything."""
_NO_VOICE = const(-1)


class Announcer:
    """Announcements decided upon and not yet begun, as [frame of the duck, frame of the start, index]."""

    __slots__ = (
        "_items",
        "_over",
        "_score",
        "_sounding",
        "_stem_frames",
        "_stem_gains_q15",
        "_weights_q8",
        "busy_until",
        "ends",
        "waiting",
    )

    def __init__(self, score: Score, stem_frames, stem_gains_q15, weights_q8):
        self._score = score
        self._items = score.announcements or []
        self._stem_frames = stem_frames
        self._stem_gains_q15 = stem_gains_q15
        self._weights_q8 = weights_q8
        self._sounding = -1
        self.busy_until = 0
        self.ends = 0
        self._over = False
        self.waiting: list = []

    def frames(self, index: int) -> int:
        """How long announcement `index` lasts."""
        item = self._items[index]
        return item.frames if item.stem is None else self._stem_frames[item.stem]

    def plan(self, index: int, at_frame: int, frame: int) -> None:
        """Announce `index` at `at_frame`, or as soon as the one before it has ended."""
        if self._over or len(self.waiting) >= _WAITING_MAX:
            return
        at_frame = max(at_frame, self.busy_until)
        ramp = self._score.duck_ramp_frames or 0
        self.waiting.append([max(frame, at_frame - ramp), at_frame, index])
        self.busy_until = at_frame + self.frames(index)

    def next_frame(self, none: int) -> int:
        """Frame of the next event, or `none`."""
        if not self.waiting:
            return none
        return min([item[1] if item[0] is None else item[0] for item in self.waiting])

    def fade_out(self, frame: int, fade: int, stops: list) -> int:
        """The piece ends: nothing more is announced, and what sounds fades. Gives the frame from which it is silent."""
        self._over = True
        return self.silence(frame, fade, stops)

    def silence(self, frame: int, fade: int, stops: list) -> int:
        """The announcement that sounds fades out, and those that wait are dropped. Returns the frame of silence."""
        self.waiting = []
        self.busy_until = frame
        if self.ends <= frame:
            return frame
        fade = min(fade, self.ends - frame)
        self.ends = self.busy_until = frame + fade
        stops.append(Stop(frame, self._score.voices - 1, fade))
        return self.ends

    def drop(self, stem: int, frame: int, fade: int, stops: list) -> None:
        """`stem` is blocked: if it is being announced, it fades."""
        if self._sounding == stem and self.ends > frame + fade:
            self.ends = frame + fade
            stops.append(Stop(frame, self._score.voices - 1, fade))

    def due(self, frame: int, ducks: list, starts: list) -> None:
        """Append the events of `frame`."""
        for item in self.waiting:
            if item[0] is not None and item[0] <= frame:
                item[0] = None
                if self._items[item[2]].duck:
                    ducks.append(self._duck(item[2], frame, item[1]))
            if item[0] is None and item[1] <= frame:
                start = self._start(item[2], item[1])
                if start is not None:
                    starts.append(start)
        self.waiting = [item for item in self.waiting if item[1] > frame]

    def _duck(self, index: int, frame: int, at_frame: int) -> Duck:
        score = self._score
        voice = _NO_VOICE if self._items[index].stem is None else score.voices - 1
        gain = 32768 if score.duck_gain_q15 is None else score.duck_gain_q15
        return Duck(frame, at_frame + self.frames(index), gain, score.duck_ramp_frames or 0, voice)

    def _start(self, index: int, frame: int) -> "Start | None":
        item = self._items[index]
        if item.stem is None or self._weights_q8[item.stem] == BLOCKED:
            return None
        self._sounding = item.stem
        frames = self._stem_frames[item.stem]
        gain = min(32767, item.gain_q15 * self._stem_gains_q15[item.stem] >> 15)
        self.ends = frame + frames
        half = frames >> 1
        edges = min(self._score.edge_in_frames, half), min(self._score.edge_out_frames, half)
        return Start(frame, self._score.voices - 1, item.stem, frames, gain, edges[0], edges[1])
