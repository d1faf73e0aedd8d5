"""Sessions of devices in the database: what the accepted segments of each say together."""

from typing import Any

from amos.protocol.segment import Usage
from amos_ledger.limits import DELIVERED_MS_MAX
from amos_ledger.records import SessionPlay
from amos_ledger.store.database import Database, greater, lesser, marks

PLAY = "count(*), min(first_frame), min(start_ms), max(end_ms), sum(delivered_ms)"


class Sessions:
    """The table `session`. Writes belong inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, usage: Usage, played_frames: int) -> None:
        """Add an accepted segment, with so many frames of stem-time, to its session."""
        device_id, session, boot = usage.device_id, usage.session, usage.boot
        lasted_ms = min(usage.delivered_ms(), DELIVERED_MS_MAX)
        in_session, in_boot = self.of_session(device_id, session), self.of_boot(device_id, boot)
        self.gather(usage, usage, lasted_ms, 1, played_frames)
        own = SessionPlay(1, usage.first_frame, usage.start_ms, usage.end_ms, lasted_ms)
        known = self._database.devices
        known.note(("session", device_id, session), _joined(in_session, own, 0))
        known.note(("boot", device_id, boot), _joined(in_boot, own, 0 if in_session else 1))

    def gather(self, first: Usage, last: Usage, delivered_ms: int, segments: int, played_frames: int) -> None:
        """So many segments of one session, of which these are the first and the last and none begins before the first
        or ends after the last, wait to be added to it."""
        gathered = self._database.gathered(self._write)
        name = first.device_id, first.session
        source = (first.boot, first.version, first.output_kind, first.pace, first.seed_root)
        own = SessionPlay(1, first.first_frame, first.start_ms, last.end_ms, delivered_ms)
        row = gathered.get(name)
        if row is not None:
            source, own = row[0], _joined(row[1], own, 0)
            segments, played_frames = row[2] + segments, row[3] + played_frames
        gathered[name] = source, own, segments, played_frames

    def _write(self, gathered: dict[tuple[bytes, int], tuple[tuple[Any, ...], SessionPlay, int, int]]) -> None:
        sql = (
            f"INSERT INTO session VALUES ({marks(13)})"
            " ON CONFLICT (device_id, session) DO UPDATE SET"
            f" first_frame = {lesser('session.first_frame', 'excluded.first_frame')},"
            f" start_ms = {lesser('session.start_ms', 'excluded.start_ms')},"
            f" end_ms = {greater('session.end_ms', 'excluded.end_ms')},"
            " delivered_ms = session.delivered_ms + excluded.delivered_ms,"
            " segments = session.segments + excluded.segments,"
            " played_frames = session.played_frames + excluded.played_frames"
        )
        for key, (source, (_sessions, *span), segments, played_frames) in gathered.items():
            self._database.later(sql, (*key, *source, *span, segments, played_frames))

    def of_session(self, device_id: bytes, session: int) -> SessionPlay | None:
        """What is accepted of one session, or None."""
        return self._play("session", device_id, session)

    def of_boot(self, device_id: bytes, boot: int) -> SessionPlay | None:
        """What is accepted of one boot, or None."""
        return self._play("boot", device_id, boot)

    def _play(self, column: str, device_id: bytes, number: int) -> SessionPlay | None:
        name = column, device_id, number
        return self._database.devices.found(name, lambda: self._stored(*name))

    def _stored(self, column: str, device_id: bytes, number: int) -> SessionPlay | None:
        sql = f"SELECT {PLAY} FROM session WHERE device_id = ? AND {column} = ?"
        row = self._database.first(sql, (device_id, number))
        return SessionPlay(*row) if row and row[0] else None


def _joined(before: SessionPlay | None, own: SessionPlay, sessions: int) -> SessionPlay:
    """Both together; `sessions` are added to those before."""
    if before is None:
        return own
    return SessionPlay(
        before.sessions + sessions,
        min(before.first_frame, own.first_frame),
        min(before.start_ms, own.start_ms),
        max(before.end_ms, own.end_ms),
        before.delivered_ms + own.delivered_ms,
    )
