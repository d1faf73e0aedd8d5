"""Where devices have come to, in the database: what ordinary segments are held against, and what lines of them leave."""

from amos.protocol.segment import NO_SEED_ROOT
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

    def of(self, device_id: bytes) -> Course | None:
        """The course of a device; None of one that has none, or of which a segment is held or was rejected."""
        chain = self._chain
        last, device = chain.last(device_id), chain.device(device_id)
        if last is None or last.sounding is None or device is None:
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

    def note_line(self, line: Line) -> None:
        """What the segments of a line leave of their device together, beside the rows that each has for itself."""
        usage, course, device_id = line.usage, line.course, line.usage.device_id
        known, chain = self._database.devices, self._chain
        in_session, in_boot = line.plays()
        known.note(("last", device_id), line.sealed())
        known.note(("session", device_id, usage.session), in_session)
        known.note(("boot", device_id, usage.boot), in_boot)
        chain.sessions.gather(line.first_usage, usage, line.delivered_ms, line.segments, line.played)
        chain.count_time(device_id, line.counted_ms - course.device.counted_ms)
        anchor, dated = course.anchor, dated_play(usage)
        if anchor is not None and dated is not None and usage.anchor_unix_ms is not None:
            chain.anchors.note_dated(device_id, anchor.epoch, dated)
            chain.anchors.use(device_id, usage.anchor_unix_ms, usage.boot, usage.anchor_ms)
        chain.forget_payload(course.last)
        chain.keep_payload(line.sha256, usage)
