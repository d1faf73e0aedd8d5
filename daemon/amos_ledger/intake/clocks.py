"""What no clock can have shown (daemon/DESIGN.md section 11). Pure.

Three clocks are held against each other: the sample clock of the output, the player's monotonic clock, and the ledger's
own, whose anchors the ledger remembers.
"""

from amos.protocol.segment import CLOCK_RELATIVE, CLOCK_SYNCHRONISED, OUTPUT_KIND_NULL, Usage
from amos.protocol.usage_reader import OUTPUT_KIND_WAV
from amos_ledger.intake.facts import Facts, clocked
from amos_ledger.limits import NUMBER_MAX
from amos_ledger.records import SessionPlay

SLACK_MS = 1500
"""What an output may be ahead of the clock: half a second by which a file runs ahead, and what a sound card reports in
one piece. Also the jitter between two readings of one clock."""

RUNS_AHEAD = (OUTPUT_KIND_WAV, OUTPUT_KIND_NULL)
"""Outputs without a clock of their own: with pace `clocked` the player slows them down."""

SLACK_PER_THOUSAND = 1
"""By which two oscillators may differ: ten times what the cheapest of boards do."""

ANCHOR_FRESH_MS = 25 * 3_600_000
"""How long a player counts as synchronised (`anchored_clock.SYNCHRONISED_MS`)."""

ANCHOR_WRONG_MS = 30_000
"""By which an anchor may be wrong: half of the longest round trip (`anchored_clock.ROUND_TRIP_MS_MAX`)."""

APART_MS = 120_000
"""By which two instants that the ledger dated may be further apart or nearer than they were: two anchors are wrong by
half a minute each, and an oscillator of 100 ppm by 9 seconds in the 25 hours after each."""

_ANCHORED = (CLOCK_SYNCHRONISED, CLOCK_RELATIVE)


def dated_ms(usage: Usage) -> tuple[int, int] | None:
    """(start, end) in Unix milliseconds by the segment's anchor, or None; what is beyond every calendar is cut."""
    if usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    offset = usage.anchor_unix_ms - usage.anchor_ms
    start_ms, end_ms = (max(-NUMBER_MAX, min(at_ms + offset, NUMBER_MAX)) for at_ms in (usage.start_ms, usage.end_ms))
    return start_ms, end_ms


def rests_on_anchor(usage: Usage) -> bool:
    """Whether its clock status says that the ledger told the time in this boot."""
    return usage.clock in _ANCHORED


def in_real_time(usage: Usage) -> bool:
    """Whether its instants are the ledger's own, and it played in real time, as it says."""
    return usage.clock == CLOCK_SYNCHRONISED and clocked(usage)


def ms_back(facts: Facts) -> str | None:
    """The monotonic clock of a process only rises (`SystemClock.now_ms`); running free, that of a session does."""
    for earlier, later in facts.usages_in_order:
        compared = earlier.session == later.session or facts.clocked
        if compared and later.start_ms < earlier.end_ms:
            return f"start_ms: expected at least {earlier.end_ms} in boot {later.boot}, found {later.start_ms}"
    return None


def clock_slower_than_samples(facts: Facts) -> str | None:
    """Samples sound in real time; running free, the clock follows the samples (`SessionTime.now_ms`)."""
    usage = facts.segment
    own = SessionPlay(1, usage.first_frame, usage.start_ms, usage.end_ms, usage.delivered_ms())
    spans = [("segment", own, 1), ("session", _joined(own, facts.in_session), 1)]
    if facts.clocked:
        boot = _joined(own, facts.in_boot)
        sessions = boot.sessions - (facts.in_session is not None)
        # A file, or nothing, runs ahead once for each time that it is opened; what sounds never does.
        spans.append(("boot", boot, sessions if usage.output_kind in RUNS_AHEAD else 1))
    for name, play, leads in spans:
        elapsed_ms = play.end_ms - play.start_ms
        if play.delivered_ms > elapsed_ms + elapsed_ms * SLACK_PER_THOUSAND // 1000 + leads * SLACK_MS:
            return f"end_ms: expected as long as the {name}'s samples, {play.delivered_ms} ms, found {elapsed_ms}"
    return None


def _joined(own: SessionPlay, accepted: SessionPlay | None) -> SessionPlay:
    if accepted is None:
        return own
    return SessionPlay(
        accepted.sessions + own.sessions,
        min(accepted.first_frame, own.first_frame),
        min(accepted.start_ms, own.start_ms),
        max(accepted.end_ms, own.end_ms),
        accepted.delivered_ms + own.delivered_ms,
    )


def anchor_missing(facts: Facts) -> str | None:
    """A clock is synchronised, or was, by an anchor (`AnchoredClock.status`)."""
    usage = facts.segment
    if not rests_on_anchor(usage) or usage.anchor_unix_ms is not None:
        return None
    return "anchor: expected one with a clock that the ledger set, found none"


def anchor_ahead(facts: Facts) -> str | None:
    """An anchor is older than the segment that rests on it, and that older than its arrival."""
    if not _not_issued(facts) or not _ahead(facts):
        return None
    return f"anchor: expected one before {facts.received_s * 1000}, found {facts.segment.anchor_unix_ms}"


def anchor_never_issued(facts: Facts) -> str | None:
    """A player takes only anchors signed for it, and the ledger remembers each that it signs (`Device.take_anchor`)."""
    if not _not_issued(facts):
        return None
    return f"anchor: expected one that this ledger signed for the device, found {facts.segment.anchor_unix_ms}"


def _not_issued(facts: Facts) -> bool:
    return rests_on_anchor(facts.segment) and facts.anchor is not None and not facts.anchor.issued


def _ahead(facts: Facts) -> bool:
    unix_ms = facts.segment.anchor_unix_ms
    return unix_ms is not None and unix_ms >= (facts.received_s + 1) * 1000


def anchor_after_start(facts: Facts) -> str | None:
    """A segment's date rests on an earlier moment (`SessionTime.date`)."""
    usage = facts.segment
    if usage.anchor_ms is None or usage.anchor_ms <= usage.start_ms:
        return None
    return f"anchor_ms: expected at most {usage.start_ms}, where the segment begins, found {usage.anchor_ms}"


def anchor_stale(facts: Facts) -> str | None:
    """An anchor of more than a day is no synchronisation (`AnchoredClock.status`)."""
    usage = facts.segment
    if not (facts.dated and facts.clocked) or usage.anchor_ms is None:
        return None
    age_ms = usage.start_ms - usage.anchor_ms
    return None if age_ms <= ANCHOR_FRESH_MS + SLACK_MS else f"anchor: expected one of 25 hours, found {age_ms} ms"


def anchor_moved(facts: Facts) -> str | None:
    """An anchor is one moment of the boot in which it came (`AnchoredClock.anchor`)."""
    for earlier, later in facts.usages_in_order:
        same = rests_on_anchor(earlier) and rests_on_anchor(later) and earlier.anchor_unix_ms == later.anchor_unix_ms
        if not same or not facts.clocked or earlier.anchor_ms is None or later.anchor_ms is None:
            continue
        if moved(earlier.anchor_ms, later.anchor_ms):
            return f"anchor_ms: expected {earlier.anchor_ms} for the same anchor, found {later.anchor_ms}"
    return None


def anchor_forgotten(facts: Facts) -> str | None:
    """A clock that the ledger has set stays so until the next boot (`AnchoredClock.status`)."""
    for earlier, later in facts.usages_in_order:
        if rests_on_anchor(earlier) and not rests_on_anchor(later):
            return f"clock: expected to rest on an anchor as before in boot {later.boot}, found {later.clock}"
    return None


def anchor_of_another_boot(facts: Facts) -> str | None:
    """An anchor answers the nonce of one process, whose clock runs on through each boot that it counts
    (`AnchoredClock.challenge`, `JournalKeeper.begin_again`)."""
    usage, anchor = facts.segment, facts.anchor
    if anchor is None or anchor.boot in (None, usage.boot) or not facts.clocked:
        return None
    if anchor.own_ms is None or usage.anchor_ms is None or not moved(anchor.own_ms, usage.anchor_ms):
        return None
    expected = f"{anchor.own_ms} as in boot {anchor.boot}"
    return f"anchor_ms: expected {expected}, found {usage.anchor_ms} in boot {usage.boot}"


def moved(first_ms: int, second_ms: int) -> bool:
    """Whether one anchor cannot have been both moments. Two nonces that reach the ledger in one batch get one moment,
    and each is wrong in its own way."""
    return abs(second_ms - first_ms) > 2 * ANCHOR_WRONG_MS + SLACK_MS


def played_ahead(facts: Facts) -> str | None:
    """What is sealed is sent after it was played."""
    times = dated_ms(facts.segment)
    if times is None or not (facts.dated and facts.clocked) or not (facts.anchor and facts.anchor.current):
        return None
    ahead_ms = times[1] - facts.received_s * 1000
    return None if ahead_ms <= APART_MS else f"end_ms: expected play before its arrival, found {ahead_ms} ms after it"


def times_overlap(facts: Facts) -> str | None:
    """A device plays one boot at a time."""
    times = dated_ms(facts.segment)
    if times is None or not (facts.dated and facts.clocked):
        return None
    for other in facts.elsewhere:
        both_ms = min(times[1], other.end_unix_ms) - max(times[0], other.start_unix_ms)
        if other.boot != facts.segment.boot and both_ms > APART_MS:
            return (
                f"time: expected other moments than sequence {other.sequence} of boot {other.boot}, found {both_ms} ms"
            )
    return None
