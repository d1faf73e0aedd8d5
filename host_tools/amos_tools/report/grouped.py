"""Usage lines brought together as reports tell them: by stem, venue, territory, tier, and whether they earn. Pure."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from amos_tools.report.shares import parts_of
from amos_tools.report.terms import Terms
from amos_tools.report.usage import FROZEN_LATE, PAYABLE, Earning, LineKey, Money, PeriodUsage, UsageLine, milliseconds

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
    rights: int
    standing: str
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
        return self.standing in (PAYABLE, FROZEN_LATE)

    @property
    def earning(self) -> Earning:
        """Of what it is a part."""
        return self.stem_id, self.rights, self.standing


Where = tuple[Earning, str, str, int]
"""(stem id with rights and standing, venue, territory, tier)."""


def groups_of(usage: PeriodUsage, terms: Terms, with_venues: bool = True) -> list[Group]:
    """Every line, by venue, territory, stem, tier, rights and standing. Without venues, all of a territory come
    together."""
    found: dict[Where, list[tuple[LineKey, UsageLine]]] = {}
    for key, line in usage.lines.items():
        if terms.payee is None or terms.payee in usage.shares(key.stem_id, key.rights):
            venue = terms.venues.venue(key.site) if with_venues else ""
            territory = terms.venues.territory(key.site, terms.territory)
            earning = (key.stem_id, key.rights, key.standing)
            found.setdefault((earning, venue, territory, key.tier), []).append((key, line))
    by_earning: dict[Earning, list[Where]] = {}
    for where in sorted(found):
        by_earning.setdefault(where[0], []).append(where)
    groups = []
    for earning, places in by_earning.items():
        exact = [milliseconds((key.rate_hz, line.frames) for key, line in found[where]) for where in places]
        ids = [line_id(usage.period, where) for where in places]
        whole = parts_of(int(sum(exact, Fraction(0))), exact, ids)
        micros = _micros(usage.money, earning, terms.payee, exact, ids)
        share = share_of(usage, earning, terms.payee)
        for number, where in enumerate(places):
            groups.append(_group(ids[number], where, found[where], exact[number], whole[number], share, micros[number]))
    return sorted(groups, key=lambda group: (group.venue, group.territory, group.stem_id, group.tier, group.earning))


def line_id(period: str, where: Where) -> str:
    """The same for the same stem, venue and tier of a period in every report of an operator."""
    (stem_id, rights, standing), venue, territory, tier = where
    words = ("amos-report-line/1", period, stem_id.hex(), venue, territory, str(tier), str(rights), standing)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:LINE_ID_DIGITS]


def share_of(usage: PeriodUsage, earning: Earning, payee: str | None) -> int | None:
    """Millionths of the stem that the report is about; None for a stem whose splits no catalogue tells."""
    shares = usage.shares(*earning[:2])
    return (sum(shares.values()) or None) if payee is None else shares[payee]


def _group(
    name: str,
    where: Where,
    lines: list[tuple[LineKey, UsageLine]],
    exact: Fraction,
    ms: int,
    share: int | None,
    micro: int | None,
) -> Group:
    (stem_id, rights, standing), venue, territory, tier = where
    return Group(
        line_id=name,
        stem_id=stem_id,
        venue=venue,
        territory=territory,
        tier=tier,
        rights=rights,
        standing=standing,
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
    money: Money | None, earning: Earning, payee: str | None, exact: list[Fraction], ids: list[str]
) -> list[int | None]:
    """What each line of a stem got: each payee's amount, divided by time."""
    if money is None:
        return [None] * len(exact)
    total = [0] * len(exact)
    for name, amount in money.amounts.get(earning, {}).items():
        if payee in (None, name):
            total = [sum(pair) for pair in zip(total, parts_of(amount, exact, ids), strict=True)]
    return list(total)
