"""What the database says of its devices, for people: totals, and what is odd about their play."""

from amos.protocol.segment import TIER_RENDERER
from amos_ledger.store.database import Database
from amos_ledger.totals import DeviceTotals, Flagged, Oddity, with_places

_DEVICES = """
SELECT device_id, name, site, tier, quarantine, predecessor, retired_unix_s,
    (SELECT later.device_id FROM device later WHERE later.predecessor = device.device_id),
    (SELECT count(*) FROM held WHERE held.device_id = device.device_id),
    (SELECT coalesce(max(sequence), 0) FROM usage WHERE usage.device_id = device.device_id), first_enrolled_unix_s,
    (SELECT received_unix_s FROM usage WHERE usage.device_id = device.device_id ORDER BY sequence DESC LIMIT 1),
    (SELECT max(received_unix_s) FROM held WHERE held.device_id = device.device_id),
    (SELECT max(received_unix_s) FROM evidence WHERE evidence.device_id = device.device_id),
    (SELECT max(unix_ms) FROM anchor WHERE anchor.device_id = device.device_id) / 1000
FROM device
"""

_SESSIONS = """
SELECT device_id, sum(segments), sum(played_frames), max(session), count(nullif(played_frames, 0)), max(boot)
FROM session GROUP BY device_id
"""

_ODD: dict[str, tuple[str, str]] = {
    "output_not_said": (
        "frames",
        """
        SELECT device_id, coalesce(sum(played_frames) FILTER (WHERE version = 1), 0), sum(played_frames)
        FROM session GROUP BY device_id""",
    ),
    "seed_without_receipt": (
        "sessions",
        """
        SELECT device_id, count(*) FILTER (WHERE seed_root = zeroblob(32)), count(*)
        FROM session later WHERE seed_root IS NOT NULL AND EXISTS (
            SELECT 1 FROM session earlier WHERE earlier.device_id = later.device_id
                AND earlier.session < later.session AND earlier.seed_root != zeroblob(32))
        GROUP BY device_id""",
    ),
    "seed_root_back": (
        "sessions",
        """
        SELECT device_id, count(*) FILTER (WHERE size < newest), count(*) FROM (
            SELECT device_id, size, max(size) OVER (PARTITION BY device_id ORDER BY session) AS newest
            FROM session JOIN head ON root = seed_root) AS receipted
        GROUP BY device_id""",
    ),
    "older_version_again": (
        "sessions",
        """
        SELECT device_id, count(*), (SELECT count(*) FROM session every WHERE every.device_id = later.device_id)
        FROM session later WHERE version < (
            SELECT max(version) FROM session earlier
            WHERE earlier.device_id = later.device_id AND earlier.session < later.session)
        GROUP BY device_id""",
    ),
    "sound_again": (
        "segments",
        """
        SELECT device_id, sum(times - 1), sum(times) FROM (
            SELECT device_id, count(DISTINCT session) AS times FROM usage
            WHERE pcm_sha256 IS NOT NULL GROUP BY device_id, pcm_sha256) AS sounds
        GROUP BY device_id""",
    ),
    "segments_lost": (
        "segments",
        """
        SELECT device_id, sum(last - first + 1 - (
            SELECT count(*) FROM usage WHERE usage.device_id = lost.device_id AND sequence BETWEEN first AND last)),
            (SELECT max(sequence) FROM usage WHERE usage.device_id = lost.device_id)
        FROM lost GROUP BY device_id""",
    ),
}
"""Oddity → (what is counted, query of device, how often, out of how many)."""


class Reports:
    """Reads only; whoever asks holds a snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def device_totals(self) -> list[DeviceTotals]:
        """Every enrolled device, by name."""
        sessions = {row[0]: row[1:] for row in self._database.rows(_SESSIONS)}
        flags, findings = self._flags(), self._findings()
        listed = []
        devices = sorted(self._database.rows(_DEVICES), key=lambda row: (row[1], row[0]))
        for device_id, name, site, tier, quarantine, predecessor, retired_s, *more in devices:
            successor, held, last, enrolled_s, *seen_s = more
            segments, frames, numbered, played, boots = sessions.get(device_id, (0, 0, 0, 0, 0))
            totals = DeviceTotals(
                device_id=device_id.hex(),
                name=name,
                site=site,
                renderer=tier == TIER_RENDERER,
                segments=segments,
                frames=frames,
                held=held,
                last_sequence=last,
                quarantine=quarantine,
                boots=boots,
                sessions=numbered,
                sessions_without_play=numbered - played,
                flags=flags.get(device_id, {}),
                findings=findings.get(device_id, {}),
                predecessor=predecessor.hex() if predecessor else None,
                successor=successor.hex() if successor else None,
                retired_unix_s=retired_s,
                enrolled_unix_s=enrolled_s,
                last_seen_unix_s=max((moment for moment in seen_s if moment), default=None),
            )
            listed.append(totals)
        return with_places(listed)

    def newest_leaves(self) -> dict[bytes, int]:
        """Device → leaf index of its accepted segment with the highest sequence."""
        sql = (
            "SELECT device_id, (SELECT leaf_index FROM usage WHERE usage.device_id = device.device_id"
            " ORDER BY sequence DESC LIMIT 1) FROM device"
        )
        return {device_id: leaf for device_id, leaf in self._database.rows(sql) if leaf is not None}

    def latest_sessions(self) -> dict[bytes, tuple[int, int]]:
        """Device → how long its latest session lasted, and how much sound left it, in milliseconds."""
        sql = (
            "SELECT device_id, end_ms - start_ms, delivered_ms FROM session latest WHERE session ="
            " (SELECT max(session) FROM session WHERE session.device_id = latest.device_id)"
        )
        return {device_id: (lasted_ms, delivered_ms) for device_id, lasted_ms, delivered_ms in self._database.rows(sql)}

    def oddities(self) -> list[Oddity]:
        """What is odd about each device's play, and out of how much; by device, most first."""
        found: list[Oddity] = []
        counted = self._counted()
        for totals in self.device_totals():
            facts = [(name, "segments", count, totals.segments + count) for name, count in totals.findings.items()]
            facts += [(name, "frames", flagged.frames, totals.frames) for name, flagged in totals.flags.items()]
            facts.append(("sessions_without_play", "sessions", totals.sessions_without_play, totals.sessions))
            facts += counted.get(totals.device_id, [])
            rows = [Oddity(totals.device_id, totals.name, *fact) for fact in facts if fact[2]]
            found += sorted(rows, key=lambda odd: (-odd.share, odd.oddity))
        return found

    def _counted(self) -> dict[str, list[tuple[str, str, int, int]]]:
        """Device → (oddity, what is counted, how often, out of how many)."""
        found: dict[str, list[tuple[str, str, int, int]]] = {}
        for name, (unit, sql) in _ODD.items():
            for device_id, count, whole in self._database.rows(sql):
                found.setdefault(device_id.hex(), []).append((name, unit, count, whole))
        return found

    def _flags(self) -> dict[bytes, dict[str, Flagged]]:
        sql = "SELECT device_id, flag, count(*), sum(frames) FROM flag GROUP BY device_id, flag"
        found: dict[bytes, dict[str, Flagged]] = {}
        for device_id, flag, segments, frames in sorted(self._database.rows(sql)):
            found.setdefault(device_id, {})[flag] = Flagged(segments, frames)
        return found

    def _findings(self) -> dict[bytes, dict[str, int]]:
        sql = "SELECT device_id, finding, count(*) FROM evidence WHERE finding IS NOT NULL GROUP BY device_id, finding"
        found: dict[bytes, dict[str, int]] = {}
        for device_id, finding, count in sorted(self._database.rows(sql)):
            found.setdefault(device_id, {})[finding] = count
        return found
