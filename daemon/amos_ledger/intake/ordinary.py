"""Ordinary segments: they go on where their device's last one ended, and nothing is odd. Pure.

Nearly every segment is one. For such a one the table of `decision.py` says "accepted" after fifty questions. Here they
are asked once for a whole line of segments that say the same of themselves as the one before, and what is left for
each are comparisons of a dozen numbers. A line can only say yes, and only where the table accepts, which the tests hold
over legal and forged segments; whatever else there is, the table judges, and it alone words refusals.
"""

from operator import attrgetter

from amos.protocol.manifest import Manifest
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    SEAL_POWER_LOSS,
    TIER_RENDERER,
    VERSION,
    Usage,
)
from amos.protocol.usage_reader import PACE_CLOCKED
from amos_ledger.intake.batch_rows import Rows
from amos_ledger.intake.clocks import ANCHOR_FRESH_MS, APART_MS, RUNS_AHEAD, SLACK_MS, SLACK_PER_THOUSAND
from amos_ledger.intake.placements import passed_on
from amos_ledger.limits import DELIVERED_MS_MAX, NUMBER_MAX
from amos_ledger.records import Course, DatedPlay, DeviceKey, Sealed, SessionPlay

says_same = attrgetter(
    *("version", "boot", "session", "start_state", "rate_hz", "clock", "anchor_unix_ms", "anchor_ms"),
    *("pack", "score", "tier", "output_kind", "pace", "seed_root"),
)
"""What all segments of a line say alike."""


class Line:
    """Where a device's line of ordinary segments has come to.

    course           what is known of the device before the first of this batch
    usage, sha256, sounding  the last one, its hash, and what sounds on after it; at first those of the one before
    segments, first_usage    how many are of this batch, and the first of them
    delivered_ms, played     of them all;  ends_ms  of session and boot, by the monotonic clock
    counted_ms       what the device has taken of the time since its enrolment
    leaf_index       of the last one;  whoever keeps the segments of the line says both
    """

    __slots__ = (
        *("course", "pack", "usage", "sha256", "sounding", "segments", "first_usage", "delivered_ms", "played"),
        *("ends_ms", "counted_ms", "leaf_index", "_same", "_voices", "_dated"),
    )

    def __init__(self, course: Course, pack: Manifest, received_s: int) -> None:
        """Behind a course for which `may_begin` holds."""
        self.pack, self._same = pack, says_same(course.last_usage)
        self._voices = min(course.device.voices, pack.voices)
        self.resume(course, received_s)

    def rest(self, course: Course) -> None:
        """All of it is kept; this is the course behind its last segment."""
        self.course, self.first_usage = course, course.last_usage

    def resume(self, course: Course, received_s: int) -> None:
        """Go on in another batch, behind the last segment of this course."""
        self.course = course
        self.usage = self.first_usage = course.last_usage
        self.sha256, self.sounding, self.leaf_index = (
            course.last.sha256,
            course.last.sounding or b"",
            course.last.leaf_index,
        )
        self.segments = self.delivered_ms = self.played = 0
        self.counted_ms = course.device.counted_ms
        self.ends_ms = course.in_session.end_ms, course.in_boot.end_ms
        self._dated = _dated(course, received_s)

    def goes_on(self, usage: Usage, sha256: bytes, key: DeviceKey, rows: Rows) -> bool:
        """Whether the segment, which is signed with this key, is to be accepted; then it is the last of the line."""
        before, delivered_ms = self.usage, usage.delivered_ms()
        if not (
            key.until is None
            and key.first_sequence <= usage.sequence == before.sequence + 1
            and usage.previous == self.sha256
            and says_same(usage) == self._same
            and usage.lost_first is None
            and usage.first_frame == before.end_frame > 0
            and usage.reason != SEAL_POWER_LOSS
            and self._sounded(rows, usage.delivered_frames - usage.silent_frames)
            and self._timed(usage, delivered_ms)
        ):
            return False
        sounding = passed_on(rows.passing, self.sounding, self.pack.stems)
        if sounding is None:
            return False
        if not self.segments:
            self.first_usage = usage
        self.usage, self.sha256, self.sounding = usage, sha256, sounding
        self.segments += 1
        self.played += rows.played
        self.delivered_ms += delivered_ms
        in_session, in_boot = self.ends_ms
        self.ends_ms = max(in_session, usage.end_ms), max(in_boot, usage.end_ms)
        return True

    def _sounded(self, rows: Rows, sounded: int) -> bool:
        """What the pack and the board can have played in so many frames."""
        return (
            rows.plain
            and not rows.over
            and rows.longest <= sounded
            and rows.covered <= sounded
            and rows.most <= self._voices
            and rows.played <= self._voices * sounded
        )

    def _timed(self, usage: Usage, delivered_ms: int) -> bool:
        """No clock that is slower than the samples, in the segment, in its session and in its boot; none that goes
        back, and none that the ledger did not set."""
        start_ms, end_ms = usage.start_ms, usage.end_ms
        course, (session_ended_ms, boot_ended_ms), own_ms = self.course, self.ends_ms, self.delivered_ms + delivered_ms
        in_session, in_boot = course.in_session, course.in_boot
        # Neither began after the segment before did, and so neither after this one.
        if (
            start_ms < self.usage.end_ms
            or not _lasts(delivered_ms, end_ms - start_ms)
            or not _lasts(in_session.delivered_ms + own_ms, max(session_ended_ms, end_ms) - in_session.start_ms)
            or not _lasts(in_boot.delivered_ms + own_ms, max(boot_ended_ms, end_ms) - in_boot.start_ms)
        ):
            return False
        if self._dated is None:
            return True
        first_ms, last_ms, ends_by_ms, after_ms = self._dated
        if self.segments:
            after_ms = self.usage.start_ms
        return first_ms <= start_ms <= last_ms and end_ms <= ends_by_ms and after_ms < start_ms

    def sealed(self) -> Sealed:
        """The last segment as the next one is held against it."""
        said = self.usage
        where = said.boot, said.session, said.first_frame, said.end_frame
        return Sealed(said.sequence, self.sha256, said.previous, *where, self.leaf_index, self.sounding)

    def plays(self) -> tuple[SessionPlay, SessionPlay]:
        """What is accepted of the session and of the boot, with the line."""
        (session_ended_ms, boot_ended_ms), own_ms = self.ends_ms, self.delivered_ms
        sessions, first_frame, start_ms, _end_ms, delivered_ms = before = self.course.in_session
        in_session = SessionPlay(sessions, first_frame, start_ms, session_ended_ms, delivered_ms + own_ms)
        if self.course.in_boot == before:
            return in_session, in_session
        sessions, first_frame, start_ms, _end_ms, delivered_ms = self.course.in_boot
        return in_session, SessionPlay(sessions, first_frame, start_ms, boot_ended_ms, delivered_ms + own_ms)


def may_begin(course: Course, pack: Manifest) -> bool:
    """Whether a line may go on behind the last segment of this course, whose pack this is."""
    device, before = course.device, course.last_usage
    if not (
        device.quarantine is None
        and device.retired_unix_s is None
        and course.root_known
        and before.version == VERSION
        and before.reason != SEAL_POWER_LOSS
        and before.pace == PACE_CLOCKED
        and before.output_kind not in RUNS_AHEAD
        and before.tier != TIER_RENDERER != device.tier
        and before.rate_hz == pack.rate_hz
        and before.score == pack.score_sha256
        and before.end_ms <= min(course.in_session.end_ms, course.in_boot.end_ms)
        and max(course.in_session.start_ms, course.in_boot.start_ms) <= before.start_ms
    ):
        return False
    if before.clock == CLOCK_UNKNOWN:
        return before.anchor_unix_ms is None
    anchor, latest = course.anchor, course.latest
    return (
        before.clock == CLOCK_SYNCHRONISED
        and before.anchor_unix_ms is not None
        and before.anchor_ms is not None
        and anchor is not None
        and anchor.issued
        and anchor.boot in (None, before.boot)
        and (latest is None or latest.boot == before.boot)
    )


def _dated(course: Course, received_s: int) -> tuple[int, int, int, int] | None:
    """(earliest and latest start, latest end, start of the play before) of a segment whose clock the ledger has set, by
    the player's own; None where it has not. The anchor is of 25 hours at most, and play is sent after it."""
    unix_ms, own_ms, anchor = course.last_usage.anchor_unix_ms, course.last_usage.anchor_ms, course.anchor
    if unix_ms is None or own_ms is None or anchor is None:
        return None
    ends_by_ms = received_s * 1000 + APART_MS if anchor.current else NUMBER_MAX
    after_ms = -NUMBER_MAX if course.latest is None else course.latest.start_unix_ms
    to_own_ms = own_ms - unix_ms
    ends_by_ms = min(ends_by_ms, NUMBER_MAX) + to_own_ms
    return own_ms, own_ms + ANCHOR_FRESH_MS + SLACK_MS, ends_by_ms, after_ms + to_own_ms


def dated_play(usage: Usage) -> DatedPlay | None:
    """When a segment of a line was played, in the ledger's time; None where nobody knows."""
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    to_unix_ms = usage.anchor_unix_ms - usage.anchor_ms
    return DatedPlay(usage.sequence, usage.boot, usage.start_ms + to_unix_ms, usage.end_ms + to_unix_ms)


def _lasts(delivered_ms: int, elapsed_ms: int) -> bool:
    if delivered_ms > DELIVERED_MS_MAX:
        return False
    return delivered_ms <= elapsed_ms + elapsed_ms * SLACK_PER_THOUSAND // 1000 + SLACK_MS
