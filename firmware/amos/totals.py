"""What a player did in one life, added up over its sessions, for the summary."""


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
