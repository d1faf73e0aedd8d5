"""Days and venues of a period's play, added up again from its segments, and a statement's against them."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_figures import STANDINGS

KEYS_IN_MEMORY = 16_000
DAY_S = 86_400
UNDATED = -1
MERGING = "region"
"""The policy under which several sites are one venue, and which of them the log does not tell."""


class Line(NamedTuple):
    """Of what a line of a statement is."""

    stem: bytes
    rights: int
    standing: int


class Daily:
    """Play by line and day, and by line and site, in a database where there is much of it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._fresh: dict[str, Counter[tuple[object, ...]]] = {"of_day": Counter(), "of_site": Counter()}
        for name in self._fresh:
            columns = "stem, rights, standing, place, rate_hz"
            database.execute(f"CREATE TABLE {name} ({columns}, frames, PRIMARY KEY ({columns})) WITHOUT ROWID")

    def add(self, line: Line, day: int, site: str, rate_hz: int, frames: int) -> None:
        """More of it."""
        self._fresh["of_day"][*line, day, rate_hz] += frames
        self._fresh["of_site"][*line, site, rate_hz] += frames
        if sum(map(len, self._fresh.values())) >= KEYS_IN_MEMORY:
            self._flush()

    def ms(self, kind: str, lines: Iterable[Line]) -> dict[Any, Fraction]:
        """Exact milliseconds by day (`of_day`) or site (`of_site`), of these lines together."""
        self._flush()
        found: dict[Any, Fraction] = {}
        sql = f"SELECT place, rate_hz, frames FROM {kind} WHERE stem = ? AND rights = ? AND standing = ?"
        for line in lines:
            for place, rate_hz, frames in self._database.execute(sql, line):
                found[place] = found.get(place, Fraction(0)) + Fraction(1000 * frames, rate_hz)
        return found

    def _flush(self) -> None:
        for name, fresh in self._fresh.items():
            self._database.execute("BEGIN")
            self._database.executemany(
                f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET frames = frames + excluded.frames",
                sorted((*key, frames) for key, frames in fresh.items()),
            )
            self._database.execute("COMMIT")
            fresh.clear()


def check_daily(detail: Mapping[str, Any], core: Mapping[str, Any], daily: Daily) -> None:
    """Days and venues are those of the log; of a detail whose form and sums were checked."""
    lines = [("lines", at, _line(item)) for at, item in enumerate(core["lines"])]
    lines += [("unpaid", at, _line(item)) for at, item in enumerate(core["unpaid"])]
    merges = detail["venues"] == MERGING
    _check("detail.whole", detail["whole"], [line for _of, _at, line in lines], daily, merges)
    places = {(of, at): line for of, at, line in lines}
    for number, item in enumerate(detail["lines"]):
        _check(f"detail.lines[{number}]", item, [places[item["of"], item["line"]]], daily, merges)


def _line(item: Mapping[str, Any]) -> Line:
    name = item["reason"] if "reason" in item else ("frozen_late" if item["account"] == "frozen_late" else "paid")
    return Line(bytes.fromhex(item["stem"]), item["rights"], STANDINGS.index(name))


def _check(label: str, item: Mapping[str, Any], lines: list[Line], daily: Daily, merges: bool) -> None:
    exact = daily.ms("of_day", lines)
    order = sorted(exact, key=lambda day: (day == UNDATED, day))
    expected = dict(zip(order, _whole([exact[day] for day in order]), strict=True))
    undated_ms = expected.pop(UNDATED, 0)
    named = {datetime.fromtimestamp(day * DAY_S, UTC).date(): ms for day, ms in expected.items()}
    found = dict(_days(item["days"]))
    for day in sorted(named.keys() | found.keys()):
        same(f"{label}.days, {day}", named.get(day, 0), found.get(day, 0))
    same(f"{label}.undated_ms", undated_ms, item["undated_ms"])
    sites = sorted(daily.ms("of_site", lines).values(), reverse=True)
    same(f"{label}.sites", len(sites), item["sites"])
    if merges:
        return
    told, parts = [ms for _venue, ms in item["venues"]], _whole(sites)
    for number, (part, ms) in enumerate(zip(parts, told, strict=False)):
        same(f"{label}.venues[{number}]", part, ms)
    rest = parts[len(told) :]
    if [len(rest), sum(rest)] != item["more_venues"]:
        raise Difference(f"{label}.more_venues", [len(rest), sum(rest)], item["more_venues"])


def _days(runs: Iterable[list[Any]]) -> Iterable[tuple[date, int]]:
    for first, *parts in runs:
        begin = date.fromisoformat(first)
        yield from ((begin + timedelta(at), ms) for at, ms in enumerate(parts))


def _whole(exact: Iterable[Fraction]) -> list[int]:
    """In whole milliseconds that add up: of each sum so far, what is beyond that of the sum before."""
    total, before, result = Fraction(0), 0, []
    for part in exact:
        total += part
        result.append(int(total) - before)
        before = int(total)
    return result
