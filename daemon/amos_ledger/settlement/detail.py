"""On which days and at which venues a payee's stems played: `amos-statement-detail/1` (SPEC section 12). Pure.

It stands beside core and proof of a statement, and no closing commits to it, since how venues appear is the operator's
policy and not the log's. It adds up to the lines that the closing does commit to, and the ledger signs it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any

from amos_ledger.settlement.statement import compact_bytes, core_bytes
from amos_ledger.settlement.venues import Venues

FORMAT = "amos-statement-detail/1"
CONTEXT = b"amos/1/statement-detail\0"
FILE_BYTES_MAX = 64 * 1024
"""Of a statement with the days of single lines, not compressed; those that do not fit are left out, which is said."""

VENUES_OF_LINE_MAX, VENUES_OF_ALL_MAX = 3, 16
SILENT_DAYS_MAX = 3
"""More of them begin another list."""

UNDATED = -1
"""The day of play that nobody can date."""

_DAY_S = 86_400
_SIGNATURE_BYTES = len('"signature":"",') + 128

Ticks = Mapping[int, int]
"""Day since 1970 (or `UNDATED`) → ticks."""
Sited = Mapping[str, int]
"""Site → ticks."""
Of = tuple[bytes, int, int]
"""(stem, rights, standing): what a line is of."""


@dataclass(frozen=True)
class Play:
    """Ticks of one line, or of several together, by day and by site."""

    days: Ticks
    sites: Sited


def detail(
    core: Mapping[str, Any],
    base_bytes: int,
    lines: Mapping[str, Sequence[Of]],
    play_of: Callable[[Of], Play],
    venues: Venues,
    sign: Callable[[bytes], bytes],
) -> dict[str, object]:
    """The section for a statement whose file without it has so many bytes. `lines`: of what those of `lines` and
    `unpaid` are, in their order."""
    hz, shown = int(core["pool"]["ticks_hz"]), venues.of_payee(str(core["payee"]))
    plays = {(name, at): play_of(of) for name in ("lines", "unpaid") for at, of in enumerate(lines[name])}
    found: dict[str, Any] = {
        **{"format": FORMAT, "venues": venues.policy, "lines": [], "left_out": len(plays)},
        "whole": told(_together(plays.values()), hz, shown, VENUES_OF_ALL_MAX),
    }
    room = FILE_BYTES_MAX - base_bytes - len('"detail":,') - len(compact_bytes(found)) - _SIGNATURE_BYTES
    chosen = []
    for place in sorted(plays, key=lambda place: (-sum(plays[place].days.values()), place)):
        name, number = place
        item = {"of": name, "line": number} | told(plays[place], hz, shown, VENUES_OF_LINE_MAX)
        room -= len(compact_bytes(item))
        if room < 0:
            break
        chosen.append((place, item))
    found["lines"] = [item for _place, item in sorted(chosen, key=lambda pair: pair[0])]
    found["left_out"] -= len(chosen)
    return found | {"signature": sign(signed_bytes(core, found)).hex()}


def signed_bytes(core: Mapping[str, object], detail: Mapping[str, object]) -> bytes:
    """What the ledger signs: for which core, and what it says of it."""
    return CONTEXT + sha256(core_bytes(core)).digest() + core_bytes(detail)


def told(play: Play, hz: int, venues: Venues, venues_max: int) -> dict[str, object]:
    """Days and venues of some play, each in milliseconds that add up to all of it in whole milliseconds."""
    order = sorted(play.days, key=lambda day: (day == UNDATED, day))
    ms = dict(zip(order, whole_ms([play.days[day] for day in order], hz), strict=True))
    undated_ms = ms.pop(UNDATED, 0)
    sums: dict[str, int] = {}
    for site, ticks in play.sites.items():
        # Two sites stay two where each is told apart, also when they are given one name.
        name = venues.venue(site)
        key = name if venues.merges else f"{name}\0{site}"
        sums[key] = sums.get(key, 0) + ticks
    places = sorted(sums, key=lambda key: (-sums[key], key))
    shares = list(zip(places, whole_ms([sums[key] for key in places], hz), strict=True))
    more = [len(shares[venues_max:]), sum(part for _key, part in shares[venues_max:])]
    named = [[key.partition("\0")[0], part] for key, part in shares[:venues_max]]
    return {
        **{"days": list(_runs(ms)), "undated_ms": undated_ms},
        **{"sites": len(play.sites), "venues": named, "more_venues": more},
    }


def whole_ms(ticks: Sequence[int], hz: int) -> list[int]:
    """Whole milliseconds of each, which add up to those of their sum: what is lost by one is given to the next."""
    ends = [total * 1000 // hz for total in accumulate(ticks, initial=0)]
    return [end - begin for begin, end in pairwise(ends)]


def _runs(ms: Mapping[int, int]) -> Iterator[list[object]]:
    """Days that follow each other, as lists: the first date, then the milliseconds of each day."""
    run: list[object] = []
    end = 0
    for day, part in ms.items():
        if run and day - end <= SILENT_DAYS_MAX:
            run += [0] * (day - end)
        else:
            if run:
                yield run
            run = [datetime.fromtimestamp(day * _DAY_S, UTC).strftime("%Y-%m-%d")]
        run.append(part)
        end = day + 1
    if run:
        yield run


def _together(plays: Iterable[Play]) -> Play:
    days: dict[int, int] = {}
    sites: dict[str, int] = {}
    for play in plays:
        for day, ticks in play.days.items():
            days[day] = days.get(day, 0) + ticks
        for site, ticks in play.sites.items():
            sites[site] = sites.get(site, 0) + ticks
    return Play(days, sites)
