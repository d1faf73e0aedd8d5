"""Counts, from the events the mixer got, the frames of each placement that reached the output with non-zero gain.

`SPEC.md`, "Meter", is the reference. The meter runs on the output's clock, which is the events' too; it needs no audio.

    meter.start(event); meter.stop(event)      every event, when the mixer gets it
    meter.delivered(until_frame)               all frames before it have reached the output
    meter.take_ended() / meter.open_rows()     once a second, for the journal
    meter.cut()                                for a seal

A row is (stem, start_frame, frames, flags): `frames` >= 1 audible frames in a run, all delivered. However rows are
taken, those of one placement follow on each other without gap or overlap, and their frames add up to the audible ones.
"""

from amos.protocol.segment import FLAG_ABORTED, FLAG_BEGIN, FLAG_CONTINUE, FLAG_END
from amos.sound.envelope import CELL_FRAMES, CELL_MASK, Envelope
from amos.sound.events import Start, Stop

PLACEMENTS_MAX = 1024  # open ones and ended rows not yet taken; a caller that has more forgot to take them


class Placement:
    """One start, until its end is delivered. `first_frame` .. `end_frame`: its audible frames, as far as is known."""

    __slots__ = ("_node", "_start", "_until_node", "end_frame", "envelope", "first_frame", "flags", "reported", "stem")

    def __init__(self, event: Start) -> None:
        self.stem = event.stem
        self.envelope = Envelope()
        self.envelope.begin(event)
        self.flags = FLAG_BEGIN
        self.reported = event.frame  # frames before this are in rows already given
        self._start = event.frame
        self._node = 0  # where the part begins that a Stop may still change
        self._until_node = (0, 0)  # (first, end) of the audible positions before `_node`
        self._forecast()

    def pos(self, frame: int) -> int:
        """Position in the placement of an absolute frame."""
        return frame - self._start

    def over_frame(self) -> int:
        """The absolute frame at which nothing of it is left, audible or not."""
        return self._start + self.envelope.end

    def stop(self, pos: int, fade: int, linear: bool) -> None:
        """Fade from `pos` on; what is audible before is settled with `pos` as a node, as the mixer does it."""
        self._until_node = _joined(self._until_node, self.envelope.audible(self._node, pos))
        self._node = pos
        self.envelope.stop(pos, fade, linear)
        self._forecast()

    def row(self, until_frame: int, last_flag: int) -> "tuple | None":
        """Row of the audible frames before `until_frame` that no row has yet; None if there are none."""
        begin = max(self.first_frame, self.reported)
        end = min(self.end_frame, until_frame)
        return (self.stem, begin, end - begin, self.flags | last_flag) if end > begin else None

    def _forecast(self) -> None:
        first, end = _joined(self._until_node, self.envelope.audible(self._node, self.envelope.end))
        self.first_frame = self._start + first
        self.end_frame = self._start + end


def _joined(run: tuple, next_run: tuple) -> tuple:
    """Two runs as one; either may be empty, and they touch if neither is."""
    if run[0] == run[1]:
        return next_run
    return run if next_run[0] == next_run[1] else (run[0], next_run[1])


class Meter:
    """Meters one session.

    frame          all frames before it were delivered
    silent_frames  delivered frames in which no placement had non-zero gain
    """

    def __init__(self, voices_max: int) -> None:
        self.frame = 0
        self.silent_frames = 0
        self._open = []
        self._ended = []
        self._latest: list = [None] * voices_max
        self._even_until = 0  # until that frame something sounds, and nothing begins or ends to do so

    @property
    def sounds(self) -> bool:
        """Whether anything begun is not yet delivered to its end."""
        return bool(self._open)

    def start(self, event: Start) -> None:
        """Take a `Start`. ValueError if it comes too late to be in the output or its voice still sounds."""
        self._expect_in_time(event)
        latest = self._latest[event.voice]
        if latest is not None and event.frame < latest.over_frame():
            raise ValueError(
                "voice %d: sounds until frame %d, got a start at %d" % (event.voice, latest.over_frame(), event.frame)
            )
        if len(self._open) + len(self._ended) >= PLACEMENTS_MAX:
            raise ValueError("placements and rows: expected at most %d" % PLACEMENTS_MAX)
        self._even_until = 0
        placement = Placement(event)
        self._latest[event.voice] = placement
        self._open.append(placement)

    def stop(self, event: Stop, flags: int = 0) -> None:
        """Take a `Stop`; on a free voice it does nothing. `flags` (FLAG_OPT_OUT) go on the placement's rows to come."""
        self._expect_in_time(event)
        placement = self._latest[event.voice]
        if placement is None:
            return
        pos = placement.pos(event.frame)
        if placement.envelope.takes_stop(pos, event.fade):
            self._even_until = 0
            placement.stop(pos, event.fade, event.linear)
            placement.flags |= flags

    def delivered(self, until_frame: int) -> None:
        """All frames before `until_frame` have reached the output. ValueError if that takes some back."""
        if until_frame < self.frame:
            raise ValueError("until_frame: expected %d or later, got %d" % (self.frame, until_frame))
        if until_frame >= self._even_until:
            self._settle(until_frame)
        self.frame = until_frame

    def _settle(self, until_frame: int) -> None:
        """Count the silence up to `until_frame`, and end what ends by then."""
        self.silent_frames += self._silent_until(until_frame)
        going_on = 0
        for placement in self._open:
            if placement.end_frame <= until_frame:
                row = placement.row(until_frame, FLAG_END)
                if row:
                    self._ended.append(row)
                    continue
                if placement.over_frame() <= until_frame:
                    continue
            self._open[going_on] = placement
            going_on += 1
        if going_on < len(self._open):
            del self._open[going_on:]
        if any([placement.first_frame <= until_frame < placement.end_frame for placement in self._open]):
            self._even_until = min([placement.end_frame for placement in self._open])

    def take_ended(self) -> list:
        """Rows of the placements that ended since the last call, in order of their start frames."""
        rows = self._ended
        if not rows:
            return rows
        self._ended = []
        rows.sort(key=_start_frame)
        return rows

    def open_rows(self) -> list:
        """Rows of what sounds, up to the delivered frame, without taking them: each call supersedes the last."""
        rows = []
        for placement in self._open:
            row = placement.row(self.frame, 0)
            if row:
                rows.append(row)
        rows.sort(key=_start_frame)
        return rows

    def cut(self) -> list:
        """Take all there is up to the delivered frame; what sounds goes on in later rows with FLAG_CONTINUE."""
        rows = self.take_ended() + self.open_rows()
        rows.sort(key=_start_frame)
        for placement in self._open:
            if placement.row(self.frame, 0):
                placement.flags = placement.flags & ~FLAG_BEGIN | FLAG_CONTINUE
                placement.reported = self.frame
        return rows

    def abort(self, at_frame: int) -> None:
        """The output stops for good: frames before `at_frame` were delivered, and nothing after."""
        self.delivered(at_frame)
        for placement in self._open:
            row = placement.row(at_frame, FLAG_ABORTED)
            if row:
                self._ended.append(row)
        self._open = []
        self._even_until = 0
        self._latest = [None] * len(self._latest)

    def _expect_in_time(self, event) -> None:
        """Refuse an event in a cell that was delivered, even in part, or in the limiter's look-ahead: it is counted."""
        earliest = 0
        if self.frame:
            earliest = (self.frame + CELL_MASK & ~CELL_MASK) + CELL_FRAMES
        if event.frame < earliest:
            raise ValueError("event.frame: expected %d or later, got %d" % (earliest, event.frame))

    def _silent_until(self, until_frame: int) -> int:
        """Frames from `frame` to `until_frame` that no placement covers."""
        silent = 0
        frame = self.frame
        while frame < until_frame:
            covered = frame
            next_first = until_frame
            for placement in self._open:
                if placement.first_frame <= frame:
                    covered = max(covered, placement.end_frame)
                else:
                    next_first = min(next_first, placement.first_frame)
            if covered == frame:
                silent += next_first - frame
                covered = next_first
            frame = covered
        return silent


def _start_frame(row: tuple) -> int:
    return row[1]
