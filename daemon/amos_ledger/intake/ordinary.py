"""Whether a segment is an ordinary one: it goes on where its device's last one ended, and nothing is odd. Pure.

Nearly every segment is. For such a one the table of `decision.py` says "accepted" after fifty questions; here they are
put together into comparisons with the segment before. This can only say yes, and only where the table accepts, which
the tests hold over legal and forged segments; whatever else there is, the table judges, and it alone words refusals.
"""

from amos.protocol.manifest import Manifest
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    CLOCK_UNKNOWN,
    OUTPUT_KIND_NULL,
    SEAL_POWER_LOSS,
    TIER_RENDERER,
    VERSION,
    Usage,
)
from amos.protocol.usage_reader import PACE_CLOCKED
from amos_ledger.intake.batch_rows import Rows
from amos_ledger.intake.clocks import (
    ANCHOR_FRESH_MS,
    APART_MS,
    RUNS_AHEAD,
    SLACK_MS,
    SLACK_PER_THOUSAND,
    moved,
    rests_on_anchor,
)
from amos_ledger.limits import NUMBER_MAX
from amos_ledger.records import Course, Device


def is_ordinary(usage: Usage, rows: Rows, course: Course, pack: Manifest, received_s: int) -> bool:
    """Whether the segment, which is signed, is to be accepted without a further question but that of what
    its placements go on with (`placements.passed_on`)."""
    return (
        _goes_on(usage, course)
        and _played(usage, rows, course.device, pack)
        and _timed(usage, course)
        and (
            _dated(usage, course, received_s)
            if usage.clock == CLOCK_SYNCHRONISED
            else usage.clock == CLOCK_UNKNOWN
            and usage.anchor_unix_ms is None
            and not rests_on_anchor(course.last_usage)
        )
    )


def _goes_on(usage: Usage, course: Course) -> bool:
    """In the chain, and in the session of the segment before."""
    last, before, device = course.last, course.last_usage, course.device
    return (
        device.quarantine is None
        and device.retired_unix_s is None
        and course.key.until is None
        and course.key.first_sequence <= usage.sequence
        and usage.sequence == last.sequence + 1
        and usage.previous == last.sha256
        and usage.lost_first is None
        and usage.boot == last.boot
        and usage.session == last.session
        and usage.first_frame == last.end_frame > 0
        and before.reason != SEAL_POWER_LOSS
        and usage.version == before.version == VERSION
        and usage.pack == before.pack
        and usage.start_state == before.start_state
        and usage.output_kind == before.output_kind
        and usage.pace == before.pace == PACE_CLOCKED
        and usage.seed_root == before.seed_root
        and course.root_known
    )


def _played(usage: Usage, rows: Rows, device: Device, pack: Manifest) -> bool:
    """What the pack and the board can have played."""
    sounded, voices = usage.delivered_frames - usage.silent_frames, min(device.voices, pack.voices)
    return (
        usage.reason != SEAL_POWER_LOSS
        and usage.rate_hz == pack.rate_hz
        and usage.score == pack.score_sha256
        and usage.tier != TIER_RENDERER != device.tier
        and usage.output_kind != OUTPUT_KIND_NULL
        and rows.plain
        and not rows.over
        and rows.longest <= sounded
        and rows.covered <= sounded
        and rows.most <= voices
        and rows.played <= voices * sounded
    )


def _timed(usage: Usage, course: Course) -> bool:
    """No clock that is slower than the samples, in the segment, in its session and in its boot."""
    if usage.output_kind in RUNS_AHEAD or usage.start_ms < course.last_usage.end_ms:
        return False
    delivered_ms = usage.delivered_ms()
    if not _lasts(delivered_ms, usage.end_ms - usage.start_ms):
        return False
    for play in (course.in_session, course.in_boot):
        if play is None:
            return False
        elapsed_ms = max(play.end_ms, usage.end_ms) - min(play.start_ms, usage.start_ms)
        if not _lasts(play.delivered_ms + delivered_ms, elapsed_ms):
            return False
    return True


def _lasts(delivered_ms: int, elapsed_ms: int) -> bool:
    return delivered_ms <= elapsed_ms + elapsed_ms * SLACK_PER_THOUSAND // 1000 + SLACK_MS


def _dated(usage: Usage, course: Course, received_s: int) -> bool:
    """By an anchor that the ledger signed for the device, in this boot, a day ago at most, after all that it dated."""
    anchor, before, latest = course.anchor, course.last_usage, course.latest
    unix_ms, own_ms = usage.anchor_unix_ms, usage.anchor_ms
    if anchor is None or unix_ms is None or own_ms is None or not anchor.issued:
        return False
    start_ms, end_ms = usage.start_ms + unix_ms - own_ms, usage.end_ms + unix_ms - own_ms
    return (
        anchor.boot in (None, usage.boot)
        and own_ms <= usage.start_ms <= own_ms + ANCHOR_FRESH_MS + SLACK_MS
        and (unix_ms != before.anchor_unix_ms or before.anchor_ms is None or not moved(before.anchor_ms, own_ms))
        and end_ms <= NUMBER_MAX
        and (not anchor.current or end_ms - received_s * 1000 <= APART_MS)
        and (latest is None or (latest.boot == usage.boot and latest.start_unix_ms < start_ms))
    )
