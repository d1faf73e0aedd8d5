"""Where devices have come to, in the database: what ordinary segments are held against, and what lines leave."""

from amos.protocol.segment import NO_SEED_ROOT, Usage
from amos_ledger.intake.ordinary import Line, dated_play
from amos_ledger.records import Course
from amos_ledger.store.chain import Chain
from amos_ledger.store.database import Database
from amos_ledger.store.quarantines import Quarantines


class Courses:
    """Reads and writes what `Chain` keeps of a device. Writes belong inside the store's transaction."""

    def __init__(self, database: Database, chain: Chain, quarantines: Quarantines) -> None:
        self._database = database
        self._chain = chain
        self._quarantines = quarantines

    def of(self, coming: Usage) -> Course | None:
        """The course behind which this segment would be the next of its session; None where it would not, or where a
        segment of the device is held or was rejected."""
        chain, device_id = self._chain, coming.device_id
        last, device = chain.last(device_id), chain.device(device_id)
        if last is None or last.sounding is None or device is None:
            return None
        if (last.sequence + 1, last.boot, last.session) != (coming.sequence, coming.boot, coming.session):
            return None
        if chain.any_held(device_id) or self._quarantines.any_rejected(device_id):
            return None
        usage = chain.payload(last)
        in_session = chain.sessions.of_session(device_id, last.session)
        in_boot = chain.sessions.of_boot(device_id, last.boot)
        if in_session is None or in_boot is None:
            return None
        unix_ms, root = usage.anchor_unix_ms, usage.seed_root
        anchor = None if unix_ms is None else chain.anchors.issued(device_id, unix_ms)
        latest = None if anchor is None or not anchor.issued else chain.anchors.latest(device_id, anchor.epoch)
        known = root is not None and (root == NO_SEED_ROOT or self._root_known(device_id, last.sequence + 1, root))
        return Course(device, last, usage, in_session, in_boot, anchor, latest, known)

    def _root_known(self, device_id: bytes, sequence: int, root: bytes) -> bool:
        found = self._chain.heads.seed_root(device_id, sequence, root)
        return found is None or (found.size is not None and found.received)

    def line(self, device_id: bytes) -> Line | None:
        """The line on which the device's last batch ended; None: it is over, or nobody remembers it."""
        line: Line | None = self._database.devices.known(("line", device_id))
        return line if line is not None and self._is_of(line) else None

    def _is_of(self, line: Line) -> bool:
        """Whether nothing else was kept of the device since the line ended."""
        known, device_id = self._database.devices.known, line.usage.device_id
        course = line.course
        return known(("last", device_id)) is course.last and known(("device", device_id)) is course.device

    def note_line(self, line: Line) -> None:
        """What the segments of a line leave of their device together, beside the rows that each has for itself. Another
        batch may go on with the line while all of it is remembered."""
        usage, course, device_id = line.usage, line.course, line.usage.device_id
        known, chain, latest = self._database.devices, self._chain, course.latest
        last, (in_session, in_boot) = line.sealed(), line.plays()
        known.note(("last", device_id), last)
        known.note(("session", device_id, usage.session), in_session)
        known.note(("boot", device_id, usage.boot), in_boot)
        chain.sessions.gather(line.first_usage, usage, line.delivered_ms, line.segments, line.played)
        device = chain.count_time(course.device, line.counted_ms - course.device.counted_ms)
        anchor, dated = course.anchor, dated_play(usage)
        if anchor is not None and dated is not None and usage.anchor_unix_ms is not None:
            known.note(("dated", device_id, anchor.epoch), dated)
            anchor = chain.anchors.use(device_id, usage.anchor_unix_ms, usage.boot, usage.anchor_ms)
            latest = dated
        chain.forget_payload(course.last)
        chain.keep_payload(line.sha256, usage)
        line.rest(Course(device, last, usage, in_session, in_boot, anchor, latest, course.root_known))
        known.note(("line", device_id), line)
