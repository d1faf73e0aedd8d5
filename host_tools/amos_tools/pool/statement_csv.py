"""A statement of version 4 as tables for a spreadsheet: what earned, what played and earned nothing, and of each line
the days and venues that the statement tells."""

from amos_cli.sheet import csv_bytes
from amos_ledger.settlement.money import signed_decimal
from amos_tools.pool.statement_days import DayPlay, Detail, line_play, line_sites, whole_play
from amos_tools.pool.statement_told import Core, Told, lines_of, per_hour, pool_of, unpaid_of

_OF_ALL = ("period", "pool", "payee", "currency")
_OF_LINE = (
    *("stem", "title", "artist", "isrc", "first_utc", "last_utc", "players", "plays", "play_ms", "play_ms_exact"),
    *("share_ppm", "tiers", "late", "sites"),
)
LINES = (*(*_OF_ALL, *_OF_LINE, "account", "rate_micro_per_ms", "per_hour", "amount_micro", "amount"),)
UNPAID = (*_OF_ALL, *_OF_LINE, "reason", "reason_text")
_OF_PART = (*_OF_ALL, "of", "stem", "title", "account_or_reason")
DAYS = (*_OF_PART, "day_utc", "play_ms")
VENUES = (*_OF_PART, "sites", "venue", "play_ms")
ALL = "all"


def lines_csv(core: Core, detail: Detail | None) -> bytes:
    """One row for each line: whole milliseconds and the exact fraction, micro-units and the same as a decimal."""
    rate, sites = core["pool"]["rate_micro_per_ms"], line_sites(detail, "lines")
    rows = []
    for number, line in enumerate(lines_of(core)):
        amount = line.amount_micro or 0
        money = rate, per_hour(core, line.ppm), str(amount), signed_decimal(amount)
        rows.append([*_of_all(core), *_of_line(line), sites.get(number, ""), line.code, *money])
    return csv_bytes(LINES, rows)


def unpaid_csv(core: Core, detail: Detail | None) -> bytes:
    """One row for each unpaid line."""
    sites = line_sites(detail, "unpaid")
    rows = [
        [*_of_all(core), *_of_line(line), sites.get(number, ""), line.code, line.stands]
        for number, line in enumerate(unpaid_of(core))
    ]
    return csv_bytes(UNPAID, rows)


def days_csv(core: Core, detail: Detail) -> bytes:
    """A row for each day of all lines together, then of each line; undated play is a day of that name."""
    rows = [[*first, day, str(ms)] for first, play in _parts(core, detail) for day, ms in play.by_day]
    return csv_bytes(DAYS, rows)


def venues_csv(core: Core, detail: Detail) -> bytes:
    """The same by venue, as the operator's policy shows it."""
    rows = [
        [*first, str(play.sites), venue, str(ms)] for first, play in _parts(core, detail) for venue, ms in play.by_venue
    ]
    return csv_bytes(VENUES, rows)


def _parts(core: Core, detail: Detail) -> list[tuple[list[str], DayPlay]]:
    lines = {"lines": lines_of(core), "unpaid": unpaid_of(core)}
    found = [([*_of_all(core), ALL, "", "", ""], whole_play(detail))]
    for (name, number), play in line_play(detail).items():
        line = lines[name][number]
        found.append(([*_of_all(core), name, line.stem, line.title, line.code], play))
    return found


def _of_all(core: Core) -> list[str]:
    return [core["period"], pool_of(core), core["payee"], core["currency"]]


def _of_line(line: Told) -> list[str]:
    played = line.played_ms
    times = [str(int(played)), f"{played.numerator}/{played.denominator}"]
    texts = [line.stem, line.title, line.artist, line.isrc, line.first, line.last]
    tiers = " ".join(map(str, line.tiers))
    return [*texts, str(line.players), str(line.plays), *times, str(line.ppm), tiers, line.lateness]
