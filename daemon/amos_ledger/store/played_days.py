"""What the database says of play by days: of all sites in a period, and of one device in its latest segments."""

from amos_ledger.store.database import Database
from amos_ledger.totals import DeviceDay, SessionSeen, SiteDay

DAY_MS = 86_400_000

_SITE_DAYS = f"""
SELECT device.site, start_unix_ms / {DAY_MS}, count(*),
    sum(CASE WHEN usage.leaf_index >= (SELECT coalesce(max(size), 0) FROM head) THEN 1 ELSE 0 END),
    sum(played_frames), coalesce(sum(end_unix_ms - start_unix_ms), 0)
FROM usage JOIN device USING (device_id) WHERE period = ? GROUP BY 1, 2
"""

_DEVICE_DAYS = f"""
SELECT start_unix_ms / {DAY_MS}, count(*), sum(played_frames), coalesce(sum(end_unix_ms - start_unix_ms), 0),
    count(DISTINCT boot), sum(CASE WHEN EXISTS (
        SELECT 1 FROM flag WHERE flag.device_id = latest.device_id AND flag.sequence = latest.sequence
    ) THEN 1 ELSE 0 END)
FROM (SELECT * FROM usage WHERE device_id = ? ORDER BY sequence DESC LIMIT ?) AS latest GROUP BY 1
"""

_SESSIONS = """
SELECT session, boot, output_kind, end_ms - start_ms, delivered_ms, segments, played_frames,
    (SELECT min(start_unix_ms) FROM usage WHERE usage.device_id = latest.device_id AND usage.session = latest.session
        AND start_unix_ms IS NOT NULL)
FROM (SELECT * FROM session WHERE device_id = ? ORDER BY session DESC LIMIT ?) AS latest ORDER BY session DESC
"""


class PlayedDays:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_sites(self, period: str) -> list[SiteDay]:
        """What accrues to the period, by day and the site at which the device is enrolled, what is not dated last. The
        site that a segment came from is a courier's word."""
        rows = [SiteDay(*row) for row in self._database.rows(_SITE_DAYS, (period,))]
        return sorted(rows, key=lambda row: (row.site, row.day is None, row.day or 0))

    def of_device(self, device_id: bytes, segments_max: int) -> list[DeviceDay]:
        """Its latest segments, at most so many, by day, what is not dated last."""
        rows = [DeviceDay(*row) for row in self._database.rows(_DEVICE_DAYS, (device_id, segments_max))]
        return sorted(rows, key=lambda row: (row.day is None, row.day or 0))

    def sessions(self, device_id: bytes, sessions_max: int) -> list[SessionSeen]:
        """Its latest ones, the latest first."""
        return [SessionSeen(*row) for row in self._database.rows(_SESSIONS, (device_id, sessions_max))]
