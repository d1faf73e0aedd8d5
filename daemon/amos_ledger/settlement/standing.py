"""What stands against paying a segment's play, or paying it as any other (daemon/DESIGN.md section 12). Pure.

Two kinds. *Flags* are of a whole segment and follow from when it was taken in: they are set at intake and shown.
*Reasons* are why rows earn nothing; they are looked for when the period is closed. Both follow from the log alone, so
that a verifier comes to the same: from enrolments, batch entries (reception), opt-out lists, and signed manifests.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amos.protocol.cose import TYP_OPT_OUTS, parse_typed
from amos.protocol.delegated import TYP_DELEGATED_OPT_OUTS, DelegatedOptOuts, is_delegated, stem_ids_of
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos.protocol.segment import TIER_RENDERER, VERSION_WITHOUT_OUTPUT, Usage
from amos_ledger.settlement.periods import period_at, period_of, plausible, played_unix_s
from amos_ledger.settlement.rollup import Rollup, RollupKey, add_rows, roll_up

UNDATED = "undated"
"""The player knew no time; the play accrues by its reception."""
FAR_DATED = "far_dated"
"""The player's time is impossible, after its reception or over 400 days before; the play accrues by its reception."""
BEFORE_ENROLMENT = "before_enrolment"
"""Dated before the device was enrolled; the play accrues to the period of the enrolment, at the earliest."""
OVER_TIME = "over_time"
"""The device has by then delivered more than real time since its enrolment. Earns nothing."""

FLAGS = (UNDATED, FAR_DATED, BEFORE_ENROLMENT, OVER_TIME)

_NONE: frozenset[str] = frozenset()

POST_LEASE = "post_lease"
"""The row began after the lease of its pack."""
STEM_LEASE = "stem_lease"
"""The row began after the lease of its stem."""
POST_OPT_OUT = "post_opt_out"
"""The row began while its stem was on the opt-out list in force."""
REVOKED = "revoked"
"""Nobody can date it, and it came after its key was revoked: it may be a thief's."""
REASONS_BEFORE_REVOKED = (OVER_TIME, POST_LEASE, STEM_LEASE, POST_OPT_OUT)
REASONS = (*REASONS_BEFORE_REVOKED, REVOKED)
"""The first are those that closings of version 2 know."""

GRACE_S = 60
"""A row that begins so soon after an end is not late: an anchor is wrong by half a minute at most, and fades last."""

OVER_TIME_SLACK_S = 24 * 3600
"""So much a player may have played before it was enrolled, dated or not, in all its life."""

FAST_PPM = 1000
"""An oscillator may run so much too fast."""


UnpaidRollup = dict[tuple[str, bytes, int, int], int]
"""(reason, stem id, tier, rate in Hz) → frames in play."""


class Enrolled(NamedTuple):
    """A device at the moment of reception. `since_unix_s`: its first enrolment; `played_ms`: `counted_ms` so far."""

    since_unix_s: int
    played_ms: int


def flags_of(usage: Usage, received_unix_s: int, enrolled: Enrolled) -> frozenset[str]:
    """The flags of a segment that the ledger takes in at that minute."""
    since_s, played_ms = enrolled
    played_s, flag = played_unix_s(usage), None
    if played_s is None:
        flag = UNDATED
    elif not plausible(played_s, received_unix_s):
        flag = FAR_DATED
    elif played_s < since_s - GRACE_S:
        flag = BEFORE_ENROLMENT
    flags = _NONE if flag is None else frozenset((flag,))
    real_s = max(received_unix_s - since_s, 0)
    most_ms = real_s * (1000 + FAST_PPM // 1000) + OVER_TIME_SLACK_S * 1000
    return flags | {OVER_TIME} if played_ms + usage.delivered_ms() > most_ms and not _rendered(usage) else flags


def _rendered(usage: Usage) -> bool:
    """Whether it is a renderer's, which is enrolled to be faster than time. Intake lets nobody else say so in segments
    that say their output; in those that do not, anybody may have set that tier."""
    return usage.tier == TIER_RENDERER and usage.version > VERSION_WITHOUT_OUTPUT


def counted_ms(usage: Usage, flags: AbstractSet[str]) -> int:
    """What the segment takes of the device's time: nothing if it was not granted any."""
    return 0 if OVER_TIME in flags else usage.delivered_ms()


def natural_period(usage: Usage, received_unix_s: int, flags: AbstractSet[str], enrolled: Enrolled) -> str:
    """The period to which the segment accrues while that is open."""
    period = period_of(usage, received_unix_s)
    return max(period, period_at(enrolled.since_unix_s)) if BEFORE_ENROLMENT in flags else period


class OptOutHistory:
    """Which stems were withdrawn when: the opt-out lists of the log, in its order. The publisher's hold beside those of
    a delegated key, each until the next of its kind."""

    def __init__(self, lists: Iterable[OptOuts] = ()) -> None:
        all_lists = list(lists)
        kinds = [_superseding(all_lists, kind) for kind in (OptOuts, DelegatedOptOuts)]
        self._kinds = [([item.issued_unix_s for item in kind], kind) for kind in kinds]
        self._ever_listed = {stem_id for item in all_lists for stem_id in stem_ids_of(item)}
        self._named: dict[bytes, frozenset[int]] = {}  # by pack

    def named(self, pack: bytes, manifest: Manifest) -> frozenset[int]:
        """Indexes of the stems of this pack that any list ever named; looked for once a pack."""
        found = self._named.get(pack)
        if found is None:
            named = (n for n, stem in enumerate(manifest.stems) if stem.stem_id in self._ever_listed)
            found = self._named[pack] = frozenset(named)
        return found

    def withdrawn(self, stem_id: bytes, unix_s: int) -> bool:
        """Whether the stem was on a list in force `GRACE_S` before that moment, and still is at it."""
        return all(self._listed(stem_id, at) for at in (unix_s - GRACE_S, unix_s))

    def _listed(self, stem_id: bytes, unix_s: int) -> bool:
        return any(
            (index := bisect_right(issued, unix_s)) > 0 and stem_id in kind[index - 1] for issued, kind in self._kinds
        )


def _superseding(lists: Iterable[OptOuts], kind: type[OptOuts]) -> list[OptOuts]:
    """Those of the kind that are in force at any moment, each from its instant until the next one's: the last of those
    issued by then. A list under a newer delegation may be of an earlier time than some before it, which it ends."""
    found: list[OptOuts] = []
    for item in lists:
        if type(item) is kind:
            while found and found[-1].issued_unix_s >= item.issued_unix_s:
                found.pop()
            found.append(item)
    return found


def decode_opt_outs(data: bytes) -> OptOuts:
    """What a list says that was verified when it was taken in."""
    record, typ = (DelegatedOptOuts, TYP_DELEGATED_OPT_OUTS) if is_delegated(data) else (OptOuts, TYP_OPT_OUTS)
    decoded: OptOuts = record.decode(parse_typed(data, typ, OPT_OUTS_BYTES_MAX).payload)
    return decoded


def divide(
    usage: Usage, manifest: Manifest, flags: AbstractSet[str], history: OptOutHistory, revoked: bool = False
) -> tuple[Rollup, UnpaidRollup]:
    """The segment's roll-up, and what of its rows earns nothing and why. The sum of both is all it says.

    `revoked`: the segment stands in the log behind a revocation of its device's key.

    Rows are dated by the player's own clock; of play that nobody can date, no row is known to be late.
    """
    if OVER_TIME in flags:
        return {}, {(OVER_TIME, *key): frames for key, frames in roll_up(usage, manifest).items()}
    if revoked and flags & {UNDATED, FAR_DATED}:
        return {}, {(REVOKED, *key): frames for key, frames in roll_up(usage, manifest).items()}
    played_s = played_unix_s(usage)
    if played_s is None or FAR_DATED in flags:
        return roll_up(usage, manifest), {}
    last_s = played_s + (usage.end_frame - usage.first_frame) // usage.rate_hz + 1
    named, lease_ends = history.named(usage.pack, manifest), some_lease_ends(manifest, last_s)
    if not lease_ends and named.isdisjoint(usage.stems):
        return roll_up(usage, manifest), {}
    starts_s = _row_starts_s(usage, played_s)
    reasons = [
        reason_of(manifest, history, stem, int(at)) if lease_ends or stem in named else None
        for stem, at in zip(usage.stems, starts_s, strict=True)
    ]
    paid: Rollup = {}
    unpaid: UnpaidRollup = {}
    for reason in dict.fromkeys(reasons):
        rows = np.array([item == reason for item in reasons])
        found: Mapping[RollupKey, int] = add_rows(usage, manifest, rows)
        if reason is None:
            paid = dict(found)
        else:
            unpaid |= {(reason, *key): frames for key, frames in found.items()}
    return paid, unpaid


def some_lease_ends(manifest: Manifest, last_s: int) -> bool:
    """Whether some row that begins by then may be later than a lease; spares the look at each."""
    first_end_s = min(manifest.lease_end_unix_s, *(stem.lease_end_unix_s for stem in manifest.stems))
    return last_s >= first_end_s + GRACE_S


def _row_starts_s(usage: Usage, played_s: int) -> npt.NDArray[np.int64]:
    offsets = np.cumsum(np.frombuffer(usage.starts, dtype=np.uint32).astype(np.int64))
    return played_s + offsets // usage.rate_hz


def reason_of(manifest: Manifest, history: OptOutHistory, stem: int, unix_s: int) -> str | None:
    """Why a row earns nothing that began at that moment; None for one that does."""
    if unix_s >= manifest.lease_end_unix_s + GRACE_S:
        return POST_LEASE
    if unix_s >= manifest.stems[stem].lease_end_unix_s + GRACE_S:
        return STEM_LEASE
    return POST_OPT_OUT if history.withdrawn(manifest.stems[stem].stem_id, unix_s) else None
