"""The ordinary segments of a batch: judged and kept without the table of decisions, line by line.

Runs inside the store's transaction, as `clerk.py` does. What the segments of a line leave together is written when the
line ends, so it has to end before anybody asks for its device.
"""

from amos.protocol.batch import minute_of
from amos_ledger.intake.ordinary import Line, dated_play, may_begin
from amos_ledger.intake.reading import Opened
from amos_ledger.records import Accepted
from amos_ledger.settlement.periods import assign_period
from amos_ledger.settlement.standing import Enrolled, counted_ms, flags_of, natural_period
from amos_ledger.store.store import Store


class Lines:
    """The lines of a batch that was received at this moment, by their devices."""

    def __init__(self, store: Store, received_unix_s: int) -> None:
        self._store = store
        self._received_s, self._minute_s = received_unix_s, minute_of(received_unix_s)
        self._closed = store.closed_periods()
        self._lines: dict[bytes, Line] = {}

    def accept(self, opened: Opened) -> bool:
        """Accept the segment and keep it, if it is an ordinary one; else the table has to decide, after `end`."""
        usage, rows, key = opened.usage, opened.rows, opened.key
        if usage is None or rows is None or key is None or opened.pack is None:
            return False
        line = self._lines.get(usage.device_id) or self._begun(opened)
        if line is None or not line.goes_on(usage, opened.reading.sha256, key, rows):
            return False
        self._keep(line, opened, rows.played)
        return True

    def _begun(self, opened: Opened) -> Line | None:
        usage, pack = opened.usage, opened.pack
        assert usage is not None and pack is not None
        courses, device_id = self._store.courses, usage.device_id
        line = courses.line(device_id)
        if line is not None and line.pack is pack:
            line.resume(line.course, self._received_s)
        else:
            course = courses.of(usage)
            if course is None or course.last_usage.pack != usage.pack or not may_begin(course, pack):
                return None
            line = Line(course, pack, self._received_s)
        self._lines[device_id] = line
        return line

    def _keep(self, line: Line, opened: Opened, played: int) -> None:
        """The last segment of the line, of which so many frames were played."""
        usage, reading, store, course = line.usage, opened.reading, self._store, line.course
        enrolled = Enrolled(course.device.first_enrolled_unix_s, line.counted_ms)
        flags = flags_of(usage, self._minute_s, enrolled)
        natural = natural_period(usage, self._minute_s, flags, enrolled)
        period, late = assign_period(natural, self._closed)
        line.counted_ms += counted_ms(usage, flags)
        line.leaf_index = store.log.append_later(self._minute_s, reading.segment)
        epoch = times = None
        if course.anchor is not None and (dated := dated_play(usage)) is not None:
            epoch, times = course.anchor.epoch, (dated.start_unix_ms, dated.end_unix_ms)
        facts = (line.leaf_index, period, late, self._received_s, dict.fromkeys(flags, played), line.sounding)
        store.chain.add_row(reading, usage, Accepted(*facts, epoch, times), played)
        store.rollups.add(period, usage, line.pack, checked=True)

    def end(self, device_id: bytes | None) -> None:
        """The line of this device is over, if there is one; what it leaves is kept."""
        line = None if device_id is None else self._lines.pop(device_id, None)
        if line is not None and line.segments:
            self._store.courses.note_line(line)

    def end_all(self) -> None:
        """Every line is over."""
        for device_id in list(self._lines):
            self.end(device_id)
