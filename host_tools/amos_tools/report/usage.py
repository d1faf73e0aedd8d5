"""What a report needs of a period, between the verified log and the reports: placements, usage lines, amounts.

This is the one place that knows how closings and statements look. All of it follows from the published audit folder and
pinned keys (`amos_tools.verify`); nothing asks the ledger.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from amos.protocol.catalogue import Work
from amos.protocol.closing import COMMUNAL
from amos.protocol.cose import TYP_USAGE, parse_typed
from amos.protocol.limits import SEGMENT_BYTES_MAX
from amos.protocol.manifest import Manifest
from amos.protocol.record import UNIX_MS_MAX
from amos.protocol.segment import CLOCK_SYNCHRONISED, FLAG_BEGIN, FLAG_END, Usage
from amos_batches.runner import Runner
from amos_tools.verify.audit import Audit
from amos_tools.verify.ground import Ground, Judge
from amos_tools.verify.keys import Keys
from amos_tools.verify.log import Reading
from amos_tools.verify.opened import Sounded
from amos_tools.verify.published import Published

SYNCHRONISED, BY_CLOCK = "synchronised", "by_clock"
"""Time statuses: the player's clock was set by a trusted time, or by a courier's. The others are the statement's:
`late` (of an earlier month, which was closed), `by_reception` (no time is known), `by_enrolment`."""

NO_RIGHTS = 0
PAYABLE, FROZEN_LATE = "payable", "frozen_late"
"""The standings of play that earns; what is frozen goes to an account of its own. The others are those of statements:
`post_opt_out`, `over_time` and so on."""


Earning = tuple[bytes, int, str]
"""(stem id, rights, standing): whose play that is and what becomes of it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A row of a segment: a stretch of one stem.

    started_ms, ended_ms  Unix milliseconds by the player's clock; None where that is not known or not believed
    received_s  when the ledger had it, None before the first batch entry
    status    how its time is known
    rights    serial of the catalogue whose splits hold for it; 0 where no catalogue is known
    standing  PAYABLE, or why it earns nothing
    place     (leaf index, row), which orders rows of equal time
    session   (device id, boot, session, stem id): where a placement can go on in a later row
    frame     at which it begins in the session
    """

    stem_id: bytes
    device_id: bytes
    site: str
    tier: int
    rate_hz: int
    frames: int
    begins: bool
    ends: bool
    started_ms: int | None
    ended_ms: int | None
    received_s: int | None
    status: str
    rights: int
    standing: str
    place: tuple[int, int]
    session: tuple[bytes, int, int, bytes]
    frame: int


@dataclass(frozen=True, slots=True)
class LineKey:
    """What usage lines are kept apart by."""

    stem_id: bytes
    device_id: bytes
    site: str
    tier: int
    rate_hz: int
    status: str
    rights: int
    standing: str


@dataclass(slots=True)
class UsageLine:
    """Of the placements with one key: their frames, how many of them begin here, when the first began and the last
    ended by a clock that is believed."""

    frames: int = 0
    plays: int = 0
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, item: Placement) -> None:
        self.frames += item.frames
        self.plays += item.begins
        if item.started_ms is not None and item.ended_ms is not None:
            self.first_ms = item.started_ms if self.first_ms is None else min(self.first_ms, item.started_ms)
            self.last_ms = item.ended_ms if self.last_ms is None else max(self.last_ms, item.ended_ms)


@dataclass(frozen=True)
class Money:
    """What a closed period paid. `amounts`: (stem id, rights, standing) → payee → micro-units."""

    currency: str
    pool_micro: int
    amounts: Mapping[Earning, Mapping[str, int]]


@dataclass(frozen=True)
class PeriodUsage:
    """A period as reports see it; `money` is None while it is open.

    pool       whose sites' play it is
    splits     (stem id, rights) → payee → ppm; none for a stem that no catalogue has
    evidence   what the figures can be checked against: a root (`Ground.root`)
    withdrawn  stems on the latest opt-out list in the log by then
    seconds_of stem id → how long the longest of its variants, in other tempi and packs, lasts that was played
    """

    period: str
    pool: str
    lines: Mapping[LineKey, UsageLine]
    placements: tuple[Placement, ...]
    works: Mapping[bytes, Work]
    splits: Mapping[tuple[bytes, int], Mapping[str, int]]
    money: Money | None
    evidence: bytes
    withdrawn: frozenset[bytes]
    seconds_of: Mapping[bytes, Fraction]

    def shares(self, stem_id: bytes, rights: int) -> Mapping[str, int]:
        """Payee → ppm of a stem's play."""
        return self.splits.get((stem_id, rights), {})


def read_period(
    published: Published,
    keys: Keys,
    period: str,
    runner: Runner | None = None,
    keep_placements: bool = False,
    currency: str | None = None,
    pool: str = COMMUNAL,
) -> PeriodUsage:
    """Verify the log and take the period's usage in a pool out of it. Where that was closed in several currencies, the
    money is that of `currency`, of the first by default. Raises `VerifyError`.

    Placements are kept only for those who ask; all else grows with stems, players and time statuses.
    """
    audit = Audit(published, keys, runner)
    tally = _Tally(audit.manifest_of(), keep_placements)
    ground = audit.readings(period, tally.begin, currency, pool)
    return PeriodUsage(
        period=period,
        pool=pool,
        lines=tally.lines,
        placements=tuple(tally.placements),
        works=ground.works,
        splits=ground.splits,
        money=_money(ground),
        evidence=ground.root,
        withdrawn=_withdrawn(ground),
        seconds_of=tally.seconds_of,
    )


class _Tally:
    """Adds up the placements of a period, segment after segment."""

    def __init__(self, manifest_of: Callable[[bytes], Manifest], keep_placements: bool) -> None:
        self.lines: dict[LineKey, UsageLine] = {}
        self.placements: list[Placement] = []
        self.seconds_of: dict[bytes, Fraction] = {}
        self._manifest_of, self._keep = manifest_of, keep_placements

    def begin(self, judge: Judge) -> Callable[[Reading], None]:
        return partial(self._take, judge)

    def _take(self, judge: Judge, reading: Reading) -> None:
        manifest = self._manifest_of(reading.usage.pack)
        for item in placements_of(reading, manifest, judge):
            self.lines.setdefault(_key(item), UsageLine()).add(item)
            if self._keep:
                self.placements.append(item)
        for row in reading.usage.sounded:
            pack_stem = manifest.stems[row.stem]
            seconds = Fraction(pack_stem.frames, manifest.rate_hz)
            self.seconds_of[pack_stem.stem_id] = max(seconds, self.seconds_of.get(pack_stem.stem_id, seconds))


def placements_of(reading: Reading, manifest: Manifest, judge: Judge) -> Iterator[Placement]:
    """The rows of a segment. Pure."""
    usage: Usage = Usage.decode(parse_typed(reading.entry, TYP_USAGE, SEGMENT_BYTES_MAX).payload)
    began_ms = _began_ms(reading, usage)
    for row, (stem, start, frames, flags) in enumerate(usage.rows()):
        offset = start - usage.first_frame
        started_ms = None if began_ms is None else began_ms + offset * 1000 // usage.rate_hz
        ended_ms = None if began_ms is None else began_ms + (offset + frames) * 1000 // usage.rate_hz
        rights, standing = judge(reading, manifest, Sounded(stem, frames, 0, start, start + frames))
        stem_id = manifest.stems[stem].stem_id
        yield Placement(
            stem_id=stem_id,
            device_id=usage.device_id,
            site=reading.site,
            tier=usage.tier,
            rate_hz=usage.rate_hz,
            frames=frames,
            begins=bool(flags & FLAG_BEGIN),
            ends=bool(flags & FLAG_END),
            started_ms=started_ms,
            ended_ms=ended_ms,
            received_s=reading.received_s,
            status=_status(reading, usage),
            rights=rights,
            standing=standing,
            place=(reading.index, row),
            session=(usage.device_id, usage.boot, usage.session, stem_id),
            frame=start,
        )


def milliseconds(lines: Iterable[tuple[int, int]]) -> Fraction:
    """Exact stem-time of (rate in Hz, frames)."""
    return sum((Fraction(frames * 1000, rate) for rate, frames in lines), Fraction(0))


def _began_ms(reading: Reading, usage: Usage) -> int | None:
    if reading.began_s is None or usage.anchor_unix_ms is None or usage.anchor_ms is None:
        return None
    began_ms: int = usage.anchor_unix_ms + usage.start_ms - usage.anchor_ms
    ended_ms = began_ms + (usage.end_frame - usage.first_frame) * 1000 // usage.rate_hz
    # Before the log's first batch entry any clock is believed, also one that no calendar has.
    return began_ms if began_ms >= 0 and ended_ms <= UNIX_MS_MAX else None


def _status(reading: Reading, usage: Usage) -> str:
    by_clock = reading.accrual == BY_CLOCK
    return SYNCHRONISED if by_clock and usage.clock == CLOCK_SYNCHRONISED else reading.accrual


def _key(item: Placement) -> LineKey:
    return LineKey(
        item.stem_id, item.device_id, item.site, item.tier, item.rate_hz, item.status, item.rights, item.standing
    )


def _money(ground: Ground) -> Money | None:
    closing = ground.closing
    if closing is None:
        return None
    amounts: dict[Earning, dict[str, int]] = {}
    # A statement of before version 4 knows one catalogue and one account.
    closing_serial = next(iter(serial for _stem_id, serial in ground.splits), NO_RIGHTS)
    for payee, core in ground.cores.items():
        for line in core["lines"]:
            rights = line.get("rights", closing_serial)
            earning = (bytes.fromhex(line["stem"]), rights, line.get("account", PAYABLE))
            amounts.setdefault(earning, {})[payee] = line["amount_micro"]
    return Money(closing.currency, closing.pool_micro, amounts)


def _withdrawn(ground: Ground) -> frozenset[bytes]:
    last = {type(item): item.ids or b"" for item in ground.opt_outs}
    return frozenset(ids[at : at + 16] for ids in last.values() for at in range(0, len(ids), 16))
