"""Usage lines brought together as reports tell them: by stem, venue, territory, tier, and whether they earn. Pure."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from amos_tools.report.shares import parts_of
from amos_tools.report.terms import Terms
from amos_tools.report.usage import EARNS, LineKey, Money, PeriodUsage, UsageLine, milliseconds

LINE_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Group:
    """One line of a report.

    exact_ms  stem-time, and `ms` the same in whole milliseconds: a stem's lines add up to the floor of its time
    statuses  how times are known, sorted
    share_ppm, micro  of those that the report is about; None where it is not known, as `micro` while the period is open
    """

    line_id: str
    stem_id: bytes
    venue: str
    territory: str
    tier: int
    why: str
    exact_ms: Fraction
    ms: int
    plays: int
    first_ms: int | None
    last_ms: int | None
    statuses: tuple[str, ...]
    share_ppm: int | None
    micro: int | None

    @property
    def earns(self) -> bool:
        return self.why == EARNS


Where = tuple[bytes, str, str, int, str]
"""(stem id, venue, territory, tier, why)."""


def groups_of(usage: PeriodUsage, terms: Terms, with_venues: bool = True) -> list[Group]:
    """Every line, by venue, territory, stem, tier and reason. Without venues, all of a territory come together."""
    found: dict[Where, list[tuple[LineKey, UsageLine]]] = {}
    for key, line in usage.lines.items():
        if terms.payee is None or terms.payee in usage.splits(key.stem_id):
            venue = terms.venues.venue(key.site) if with_venues else ""
            territory = terms.venues.territory(key.site, terms.territory)
            found.setdefault((key.stem_id, venue, territory, key.tier, key.why), []).append((key, line))
    by_stem: dict[tuple[bytes, str], list[Where]] = {}
    for where in sorted(found, key=_order):
        by_stem.setdefault((where[0], where[4]), []).append(where)
    groups = []
    for (stem_id, why), places in by_stem.items():
        exact = [milliseconds((key.rate_hz, line.frames) for key, line in found[where]) for where in places]
        ids = [line_id(usage.period, where) for where in places]
        whole = parts_of(int(sum(exact, Fraction(0))), exact, ids)
        micros = _micros(usage.money, stem_id, why, terms.payee, exact, ids)
        share = share_of(usage, stem_id, terms.payee)
        for number, where in enumerate(places):
            groups.append(_group(ids[number], where, found[where], exact[number], whole[number], share, micros[number]))
    return sorted(groups, key=lambda group: (group.venue, group.territory, group.stem_id, group.tier, group.why))


def line_id(period: str, where: Where) -> str:
    """The same for the same stem, venue and tier of a period in every report of an operator."""
    stem_id, venue, territory, tier, why = where
    words = ("amos-report-line/1", period, stem_id.hex(), venue, territory, str(tier), why)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:LINE_ID_DIGITS]


def share_of(usage: PeriodUsage, stem_id: bytes, payee: str | None) -> int | None:
    """Millionths of the stem that the report is about; None for a stem whose splits no catalogue tells."""
    splits = usage.splits(stem_id)
    return (sum(splits.values()) or None) if payee is None else splits[payee]


def _order(where: Where) -> tuple[bytes, str, str, str, int]:
    stem_id, venue, territory, tier, why = where
    return stem_id, why, venue, territory, tier


def _group(
    name: str,
    where: Where,
    lines: list[tuple[LineKey, UsageLine]],
    exact: Fraction,
    ms: int,
    share: int | None,
    micro: int | None,
) -> Group:
    stem_id, venue, territory, tier, why = where
    return Group(
        line_id=name,
        stem_id=stem_id,
        venue=venue,
        territory=territory,
        tier=tier,
        why=why,
        exact_ms=exact,
        ms=ms,
        plays=sum(line.plays for _key, line in lines),
        first_ms=_least(min, (line.first_ms for _key, line in lines)),
        last_ms=_least(max, (line.last_ms for _key, line in lines)),
        statuses=tuple(sorted({key.status for key, _line in lines})),
        share_ppm=share,
        micro=micro,
    )


def _least(choose: Callable[[list[int]], int], moments: Iterable[int | None]) -> int | None:
    known = [moment for moment in moments if moment is not None]
    return choose(known) if known else None


def _micros(
    money: Money | None, stem_id: bytes, why: str, payee: str | None, exact: list[Fraction], ids: list[str]
) -> list[int | None]:
    """What each line of a stem got: each payee's amount, divided by time."""
    if money is None:
        return [None] * len(exact)
    total = [0] * len(exact)
    if why == EARNS:
        for name, amount in money.amounts.get(stem_id, {}).items():
            if payee in (None, name):
                total = [sum(pair) for pair in zip(total, parts_of(amount, exact, ids), strict=True)]
    return list(total)
