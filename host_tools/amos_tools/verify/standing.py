"""What is odd about a segment, and which of its rows earn nothing: the ledger's rules a second time, in its own words.

All follows from the log: when the ledger received it (batch entries), when the device was enrolled, which opt-out list
was in force, and what the signed manifest leases.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass

from amos.protocol.delegated import stem_ids_of
from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos.protocol.segment import TIER_RENDERER, VERSION_WITHOUT_OUTPUT
from amos_tools.verify.opened import UsageSaid

PLAY_AGE_S_MAX = 400 * 24 * 3600
PLAY_AHEAD_S_MAX = 24 * 3600
"""Play older than the first at reception, or after it by more than the second, is a wrong clock's."""

DATED_BACK_S_MAX = 24 * 3600
"""So much before what was received by then a delegated key's list may be."""

GRACE_S = 60
OVER_TIME_SLACK_S = 86_400
OVER_TIME_PER_MILLE = 1

FLAGS = ("undated", "far_dated", "before_enrolment", "over_time")
REASONS = ("over_time", "post_lease", "stem_lease", "post_opt_out", "revoked")
"""The last one since closings of version 3."""


@dataclass(slots=True)
class Hours:
    """Real time of a device: since when it is enrolled, and how many milliseconds of play it has had of it."""

    since_unix_s: int
    taken_ms: int = 0


def possible(played_s: int, received_s: int) -> bool:
    """Whether play at the one moment can have been received at the other."""
    return -PLAY_AHEAD_S_MAX <= received_s - played_s <= PLAY_AGE_S_MAX


def flags(usage: UsageSaid, received_s: int | None, hours: Hours) -> frozenset[str]:
    """What is odd, and count its time. Of what came before the first batch entry nothing is known to be."""
    played_s = usage.claimed_s
    lasted_ms = 1000 * usage.delivered_frames // usage.rate_hz
    found = set()
    if received_s is not None:
        if played_s is None:
            found.add("undated")
        elif not possible(played_s, received_s):
            found.add("far_dated")
        elif played_s + GRACE_S < hours.since_unix_s:
            found.add("before_enrolment")
        most_ms = max(0, received_s - hours.since_unix_s) * (1000 + OVER_TIME_PER_MILLE) + 1000 * OVER_TIME_SLACK_S
        renderer = usage.tier == TIER_RENDERER and usage.version != VERSION_WITHOUT_OUTPUT
        if hours.taken_ms + lasted_ms > most_ms and not renderer:
            return frozenset([*found, "over_time"])
    hours.taken_ms += lasted_ms
    return frozenset(found)


class Receptions:
    """When the ledger received anything, by the batch entries so far: the latest of those from any leaf on. One stands
    for those before it that are no later."""

    def __init__(self) -> None:
        self._falling: list[tuple[int, int]] = []

    def take(self, index: int, unix_s: int) -> None:
        """The batch entry at `index`, behind those that were taken."""
        while self._falling and self._falling[-1][1] <= unix_s:
            del self._falling[-1]
        self._falling.append((index, unix_s))

    def latest(self, first: int) -> int:
        """Unix seconds; 0 where none stands from that leaf on."""
        behind = self._falling[bisect_left(self._falling, (first, 0)) :]
        return behind[0][1] if behind else 0


class Lists:
    """Opt-out lists in the order of the log. In force at a moment is of each kind the last that was issued by then."""

    def __init__(self, lists: Iterable[OptOuts]) -> None:
        found = list(lists)
        self._ever = {bytes(stem_id) for item in found for stem_id in stem_ids_of(item)}
        kinds = {type(item) for item in found}
        self._kinds = [_that_hold([item for item in found if type(item) is kind]) for kind in kinds]

    def ever_named(self, manifest: Manifest) -> frozenset[int]:
        """Stems of the pack, by index, that some list names."""
        return frozenset(number for number, stem in enumerate(manifest.stems) if stem.stem_id in self._ever)

    def name(self, stem_id: bytes, unix_s: int) -> bool:
        """Whether a list in force at that moment names the stem."""
        places = ((bisect_right(times, unix_s), lists) for times, lists in self._kinds)
        return any(place > 0 and stem_id in lists[place - 1] for place, lists in places)


def _that_hold(lists: list[OptOuts]) -> tuple[list[int], list[OptOuts]]:
    """(since when, list) of those that are in force ever: none that was issued no sooner than one behind it."""
    holding: list[OptOuts] = []
    for item in reversed(lists):
        if not holding or item.issued_unix_s < holding[0].issued_unix_s:
            holding.insert(0, item)
    return [item.issued_unix_s for item in holding], holding


def reason(manifest: Manifest, stem: int, began_s: int | None, lists: Lists) -> str | None:
    """Why a row earns nothing that began at that moment, None for one that does; of an undated one nothing is known."""
    if began_s is None:
        return None
    if began_s - GRACE_S >= manifest.lease_end_unix_s:
        return "post_lease"
    if began_s - GRACE_S >= manifest.stems[stem].lease_end_unix_s:
        return "stem_lease"
    return "post_opt_out" if withdrawn(lists, manifest.stems[stem].stem_id, began_s) else None


def withdrawn(lists: Lists, stem_id: bytes, unix_s: int) -> bool:
    """Whether a list in force at that moment names the stem, and one had done so for the time of grace."""
    return lists.name(stem_id, unix_s) and lists.name(stem_id, unix_s - GRACE_S)


def all_earn(manifest: Manifest, stems: Collection[int], last_s: int, named: Container[int]) -> bool:
    """Whether rows of these stems, none of which begins later than `last_s`, all earn, as far as can be told without a
    look at each. `named`: the stems of the pack that some opt-out list names."""
    ends_s = [manifest.lease_end_unix_s, *(manifest.stems[stem].lease_end_unix_s for stem in stems)]
    return last_s - GRACE_S < min(ends_s) and not any(stem in named for stem in stems)
