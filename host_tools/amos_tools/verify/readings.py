"""The readings of a period from its segments: how each row stands, whose it is, and what all of it adds up to."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

from amos.protocol.manifest import Manifest
from amos.protocol.opt_outs import OptOuts
from amos.protocol.record import UNIX_S_MAX
from amos_tools.verify.daily import DAY_S, UNDATED, Daily, Line
from amos_tools.verify.errors import Difference
from amos_tools.verify.light_figures import ACCRUALS, STANDINGS
from amos_tools.verify.log import Reading
from amos_tools.verify.opened import Sounded, UsageSaid, rows_of
from amos_tools.verify.rights import Rights
from amos_tools.verify.standing import Lists, all_earn, reason, withdrawn
from amos_tools.verify.sums import Amount, Kind, Sums

PACKS_KEPT = 64
"""In memory: packs that are played at one time."""


class Readings:
    """Takes the settled segments in the order of their leaves.

    sums       play by kind
    daily      play by line and day, and by line and site
    counts     segments by accrual and by what is odd about them
    sequences  of each device: the numbers of its segments
    """

    def __init__(self, rights: Rights, manifest_of: Callable[[bytes], Manifest], opt_outs: list[OptOuts]) -> None:
        self.rights = rights
        self.sums = Sums()
        self.daily = Daily(self.sums.database)
        self.counts: Counter[str] = Counter()
        self.segments = 0
        self.sequences: dict[bytes, NumberRuns] = {}
        self._manifest_of, self._opt_outs = manifest_of, Lists(opt_outs)
        self._named = lru_cache(PACKS_KEPT)(self._named_stems)

    def take(self, reading: Reading) -> None:
        """Add every row. Raises `Difference` for a row that its pack cannot have, or that nobody is known to own."""
        usage = reading.usage
        self.segments += 1
        self.counts.update((reading.accrual, *reading.flags))
        self.sequences.setdefault(usage.device_id, NumberRuns()).add(usage.sequence)
        manifest = self._manifest_of(usage.pack)
        label = f"entry {reading.index}: usage"
        if usage.rate_hz != manifest.rate_hz:
            raise Difference(f"{label}.rate_hz", f"the pack's {manifest.rate_hz}", usage.rate_hz)
        for stem in [row.stem for row in usage.sounded]:
            if stem >= len(manifest.stems):
                raise Difference(f"{label}.stems", f"below {len(manifest.stems)}", stem)
        dated = _dated(usage, reading.began_s)
        for row in self._rows(reading, manifest):
            stem_id = manifest.stems[row.stem].stem_id
            began_s, rights, standing = self.judged(reading, manifest, row)
            if rights is None:
                raise Difference("catalogue.works", f"stem {stem_id.hex()}, which was played", "none")
            kind = Kind(
                *(stem_id, usage.device_id, rights, standing),
                *(ACCRUALS.index(reading.accrual), usage.tier, usage.rate_hz),
            )
            last_s = _second(usage, reading.began_s, row.end_frame) if dated and reading.began_s is not None else None
            self.sums.add(kind, Amount(row.frames, row.plays, began_s if dated else None, last_s))
            day = began_s // DAY_S if dated and began_s is not None else UNDATED
            self.daily.add(Line(stem_id, rights, standing), day, reading.site, usage.rate_hz, row.frames)

    def judged(self, reading: Reading, manifest: Manifest, row: Sounded) -> tuple[int | None, int | None, int]:
        """(when the row began, None where nobody can date it; the serial whose splits hold for it, None of a stem that
        no catalogue has; the number of its standing)."""
        began_s = None if reading.began_s is None else _second(reading.usage, reading.began_s, row.first_frame)
        rights = self.rights.at(manifest.stems[row.stem].stem_id, reading.undated_s if began_s is None else began_s)
        return began_s, rights, self._standing(reading, manifest, row.stem, began_s)

    def _rows(self, reading: Reading, manifest: Manifest) -> Iterable[Sounded]:
        """Each row, or the rows of each stem together where all of them stand and belong alike, on one day."""
        usage, began_s = reading.usage, reading.began_s
        if began_s is None:
            return usage.sounded
        last_s = _second(usage, began_s, usage.last_frame)
        named = self._named(usage.pack)
        alike = self.rights.constant(began_s, last_s)
        if (
            alike
            and began_s // DAY_S == last_s // DAY_S
            and all_earn(manifest, [row.stem for row in usage.sounded], last_s, named)
        ):
            return usage.sounded
        return rows_of(reading.entry)

    def _standing(self, reading: Reading, manifest: Manifest, stem: int, began_s: int | None) -> int:
        """The number of a row's standing."""
        if "over_time" in reading.flags:
            return STANDINGS.index("over_time")
        if reading.revoked and reading.flags & {"undated", "far_dated"}:
            return STANDINGS.index("revoked")
        why = reason(manifest, stem, began_s, self._opt_outs)
        if why is not None:
            return STANDINGS.index(why)
        late = reading.received_s is not None and stem in self._named(reading.usage.pack)
        if late and reading.received_s is not None:
            return int(withdrawn(self._opt_outs, manifest.stems[stem].stem_id, reading.received_s))
        return 0

    def _named_stems(self, pack: bytes) -> frozenset[int]:
        """Stems of the pack, by index, that some list names."""
        return self._opt_outs.ever_named(self._manifest_of(pack))


class NumberRuns:
    """Sequence numbers as runs [first, end), added in any order."""

    __slots__ = ("ends", "firsts")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.ends: list[int] = []

    def add(self, number: int) -> None:
        """One that is not there."""
        at = bisect_right(self.firsts, number)
        joins_left = at > 0 and self.ends[at - 1] == number
        joins_right = at < len(self.firsts) and self.firsts[at] == number + 1
        if joins_left and joins_right:
            self.ends[at - 1] = self.ends.pop(at)
            del self.firsts[at]
        elif joins_left:
            self.ends[at - 1] = number + 1
        elif joins_right:
            self.firsts[at] = number
        else:
            self.firsts.insert(at, number)
            self.ends.insert(at, number + 1)

    def pairs(self) -> list[int]:
        """Gap since the end of the run before, and count, of each run; as rows have them."""
        numbers: list[int] = []
        at = 0
        for first, end in zip(self.firsts, self.ends, strict=True):
            numbers += [first - at, end - first]
            at = end
        return numbers


def _second(usage: UsageSaid, began_s: int, frame: int) -> int:
    return began_s + (frame - usage.first_frame) // usage.rate_hz


def _dated(usage: UsageSaid, began_s: int | None) -> bool:
    """Whether first and last seconds of the segment's rows are told."""
    if began_s is None or began_s < 0:
        return False
    end = max((row.end_frame for row in usage.sounded), default=usage.first_frame)
    return _second(usage, began_s, end) <= UNIX_S_MAX
