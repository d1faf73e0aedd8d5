"""What a player did in one life, added up over its sessions, and what an operator reads of it."""


class Totals:
    """`add` each session as it ends. rate_hz: of the last one. played_ms: of output; played_frames: of stems."""

    def __init__(self):
        self.frames = self.played_ms = self.took_ms = self.rate_hz = self.placements = 0
        self.segments = self.rows = self.played_frames = self.segment_bytes = 0

    def add(self, session) -> None:
        """A session has ended."""
        self.frames += session.frame
        self.played_ms += session.frame * 1000 // session.rate_hz
        self.rate_hz = session.rate_hz
        self.placements += session.performance.placements
        self.add_log(session.log)

    def add_log(self, log) -> None:
        """A log seals nothing more."""
        self.segments += log.sealed_segments
        self.rows += log.sealed_rows
        self.played_frames += log.sealed_frames
        self.segment_bytes += log.sealed_bytes

    def summary(self, device) -> dict:
        """One life, for people and tools; nothing depends on it."""
        return {
            "device_id": device.identity.device_id.hex(),
            "boot": device.journal.boot,
            "session": device.journal.session,
            "frames": self.frames,
            "took_ms": self.took_ms,
            "rate_hz": self.rate_hz,
            "placements": self.placements,
            "segments": self.segments,
            "rows": self.rows,
            "played_frames": self.played_frames,
            "segment_bytes": self.segment_bytes,
            "last_sequence": device.journal.last_sequence,
            "receipted": device.journal.receipted,
            "trimmed": device.trimmed,
        }


def summary_lines(session, took_ms: int) -> list:
    """What an operator should know of a session that has ended, in lines."""
    line = "played %d frames (%d s) in %d.%03d s; %d placements; %d segments sealed" % (
        session.frame,
        session.frame // session.rate_hz,
        took_ms // 1000,
        took_ms % 1000,
        session.performance.placements,
        session.log.sealed_segments,
    )
    return [line] + ["silent: " + sentence for sentence in session.performance.refused]
