"""What is known of a message and of its device at the moment of decision: the input of the table in `decision.py`."""

from dataclasses import dataclass
from functools import cached_property

from amos.protocol.manifest import Manifest
from amos.protocol.segment import CLOCK_SYNCHRONISED, TIER_RENDERER, VERSION_WITHOUT_OUTPUT, Usage
from amos.protocol.usage_reader import PACE_FREE
from amos_ledger.intake.losses import first_missing
from amos_ledger.intake.placements import covered_frames
from amos_ledger.records import DatedPlay, DeviceKey, IssuedAnchor, Sealed, SeedRoot, SessionPlay, severed


@dataclass(frozen=True)
class Facts:
    """Later fields rest on earlier ones. What follows from them is worked out once: each question of the table asks.

    unreadable   why it is no signed usage segment on its device's topic
    enrolled     the signer is
    unknown_key  id of the key that should have signed it, when no enrolment of the device has it
    signed       with that key
    key          the one, of those that the device has or had
    undecodable  why the signed payload is no usage
    sha256       of the segment's bytes
    quarantine   why the device is in quarantine
    retired_s    when another device took its place, in Unix seconds
    received_s   when the message arrived
    stored       hash of the accepted segment with this sequence number
    rejected     index of the ruling by which this very segment never counts
    held         hash of the held segment with this sequence number
    held_count   held segments of the device
    before       accepted segment with the next lower sequence number
    after        accepted segment with the next higher one: then this one was declared lost, and is found again
    before_usage, after_usage   their payloads, where they are of the same boot
    lost         ranges (first, last) of sequence numbers that other segments of the device declared lost
    voices, tier of the enrolled board
    enrolled_s, counted_ms   when it was first enrolled, and what it has taken of the time since (settlement.standing)
    manifest     of the segment's pack
    in_session, in_boot   what is accepted of the same session and of the same boot; None: nothing
    anchor       what the ledger remembers of the segment's anchor; None: it rests on none, or on one too old to tell
    elsewhere    what is accepted of other boots, nearest in time to this segment
    seed_root    what the ledger knows of it; None: the segment names none
    """

    unreadable: str | None = None
    enrolled: bool = False
    unknown_key: bytes | None = None
    signed: bool = False
    key: DeviceKey | None = None
    undecodable: str | None = None
    usage: Usage | None = None
    sha256: bytes = b""
    quarantine: str | None = None
    retired_s: int | None = None
    received_s: int = 0
    stored: bytes | None = None
    rejected: int | None = None
    held: bytes | None = None
    held_count: int = 0
    before: Sealed | None = None
    after: Sealed | None = None
    before_usage: Usage | None = None
    after_usage: Usage | None = None
    lost: tuple[tuple[int, int], ...] = ()
    voices: int = 0
    tier: int = 0
    enrolled_s: int = 0
    counted_ms: int = 0
    manifest: Manifest | None = None
    in_session: SessionPlay | None = None
    in_boot: SessionPlay | None = None
    anchor: IssuedAnchor | None = None
    elsewhere: tuple[DatedPlay, ...] = ()
    seed_root: SeedRoot | None = None

    @cached_property
    def covered(self) -> tuple[int, int]:
        """(frames that at least one row of the segment covers, most rows at once)."""
        return covered_frames(self.segment.starts, self.segment.frames)

    @cached_property
    def usages_in_order(self) -> tuple[tuple[Usage, Usage], ...]:
        """(earlier, later) of the segment and its accepted neighbours of the same boot."""
        before = () if self.before_usage is None else ((self.before_usage, self.segment),)
        after = () if self.after_usage is None else ((self.segment, self.after_usage),)
        return before + after

    @cached_property
    def segment(self) -> Usage:
        """The usage, in rows of the table below the one that refuses a message without."""
        assert self.usage is not None
        return self.usage

    @cached_property
    def pack(self) -> Manifest:
        """The manifest, in rows below the one that holds a segment without."""
        assert self.manifest is not None
        return self.manifest

    @cached_property
    def renderer(self) -> bool:
        """Whether the device is enrolled to render, faster than real time or into nothing."""
        return self.tier == TIER_RENDERER

    @cached_property
    def clocked(self) -> bool:
        """Whether the segment says that its monotonic clock and its samples ran in real time."""
        return clocked(self.segment)

    @cached_property
    def dated(self) -> bool:
        """Whether the segment says that its instants are the ledger's own, from an anchor of a day at most."""
        return self.segment.clock == CLOCK_SYNCHRONISED

    @cached_property
    def next_to(self) -> tuple[Sealed | None, Sealed | None]:
        """The accepted segments directly before and after, with no loss between."""
        before, after, sequence = self.before, self.after, self.segment.sequence
        follows = before is not None and before.sequence == sequence - 1 and not severed(self.segment)
        leads = after is not None and after.sequence == sequence + 1 and after.previous is not None
        return before if follows else None, after if leads else None

    @cached_property
    def missing(self) -> int | None:
        """The sequence number for which the segment has to wait, or None.

        With an accepted one after it, it does not: what was missing when that was accepted had been declared lost.
        """
        if self.after is not None:
            return None
        usage = self.segment
        own = () if usage.lost_first is None or usage.lost_last is None else ((usage.lost_first, usage.lost_last),)
        return first_missing(self.before.sequence if self.before else 0, usage.sequence, (*self.lost, *own))


def clocked(usage: Usage) -> bool:
    """Whether the segment says that its monotonic clock and its samples ran in real time."""
    return usage.version > VERSION_WITHOUT_OUTPUT and usage.pace != PACE_FREE
