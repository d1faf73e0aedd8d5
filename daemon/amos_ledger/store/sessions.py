"""Sessions of devices in the database: what the accepted segments of each say together."""

from amos.protocol.segment import Usage
from amos_ledger.records import SessionPlay
from amos_ledger.store.database import Database, greater, lesser

DELIVERED_MS_MAX = 1 << 40
"""35 years: so much of one segment is added at most, so that no sum leaves what a database holds."""

_PLAY = "count(*), min(first_frame), min(start_ms), max(end_ms), sum(delivered_ms)"


class Sessions:
    """The table `session`. Writes belong inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, usage: Usage) -> None:
        """Add an accepted segment to its session."""
        sql = (
            "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
            " ON CONFLICT (device_id, session) DO UPDATE SET"
            f" first_frame = {lesser('session.first_frame', 'excluded.first_frame')},"
            f" start_ms = {lesser('session.start_ms', 'excluded.start_ms')},"
            f" end_ms = {greater('session.end_ms', 'excluded.end_ms')},"
            " delivered_ms = session.delivered_ms + excluded.delivered_ms, segments = session.segments + 1,"
            " played_frames = session.played_frames + excluded.played_frames"
        )
        source = (usage.version, usage.output_kind, usage.pace, usage.seed_root)
        lasted_ms = min(usage.delivered_ms(), DELIVERED_MS_MAX)
        span = (usage.first_frame, usage.start_ms, usage.end_ms, lasted_ms)
        row = (usage.device_id, usage.session, usage.boot, *source, *span, usage.played_frames())
        own = SessionPlay(1, *span)
        in_session = self.of_session(usage.device_id, usage.session)
        in_boot = self.of_boot(usage.device_id, usage.boot)
        self._database.later(sql, row)
        sessions = 0 if in_session else 1
        self._database.note(("session", usage.device_id, usage.session), _joined(in_session, own, 0))
        self._database.note(("boot", usage.device_id, usage.boot), _joined(in_boot, own, sessions))

    def of_session(self, device_id: bytes, session: int) -> SessionPlay | None:
        """What is accepted of one session, or None."""
        return self._play("session", device_id, session)

    def of_boot(self, device_id: bytes, boot: int) -> SessionPlay | None:
        """What is accepted of one boot, or None."""
        return self._play("boot", device_id, boot)

    def _play(self, column: str, device_id: bytes, number: int) -> SessionPlay | None:
        return self._database.remembered((column, device_id, number), lambda: self._stored(column, device_id, number))

    def _stored(self, column: str, device_id: bytes, number: int) -> SessionPlay | None:
        sql = f"SELECT {_PLAY} FROM session WHERE device_id = ? AND {column} = ?"
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
