"""A statement of version 4 as tables for a terminal."""

from datetime import UTC, datetime
from fractions import Fraction

from rich.table import Table

from amos_ledger.settlement.money import signed_decimal
from amos_tools.pool.plain_text import plain
from amos_tools.pool.statement_days import Detail, line_sites, whole_play
from amos_tools.pool.statement_told import Core, Told, accounts_of, clock, lines_of, per_hour, title_of, unpaid_of
from amos_tools.verify.counted import counted

_TEXTS = ("stem", "title", "artist", "ISRC", "used (UTC)")
_COUNTS = ("players", "plays", "in play")


def statement_tables(core: Core, detail: Detail | None) -> list[Table]:
    """Accounts, what earned, what did not, transfers, days and venues; each but the first two only where there are
    any."""
    tables = [_accounts(core), _lines(core, detail)]
    if core["unpaid"]:
        tables.append(_unpaid(core))
    if core["balance"]["transfers"]:
        tables.append(_transfers(core))
    if detail is not None and (core["lines"] or core["unpaid"]):
        play = whole_play(detail)
        tables.append(_parts("In play, by day", "day (UTC)", play.by_day))
        tables.append(_parts(f"In play, by venue ({counted(play.sites, 'site')})", "venue", play.by_venue))
    return tables


def _parts(title: str, name: str, parts: list[tuple[str, int]]) -> Table:
    table = _table(title, (name,), ("in play",))
    for text, ms in parts:
        table.add_row(plain(text), clock(Fraction(ms)))
    return table


def _table(title: str, texts: tuple[str, ...], numbers: tuple[str, ...], foot: dict[str, str] | None = None) -> Table:
    table = Table(title=title, show_footer=foot is not None)
    for name in (*texts, *numbers):
        table.add_column(name, justify="right" if name in numbers else "left", footer=(foot or {}).get(name, ""))
    return table


def _accounts(core: Core) -> Table:
    title = f"{plain(core['payee'])}: {plain(title_of(core))}, accounts in {plain(core['currency'])}"
    table = _table(title, ("account",), ("opening", "transfers", "credited", "closing"))
    for account in accounts_of(core):
        table.add_row(*account.row)
    return table


def _lines(core: Core, detail: Detail | None) -> Table:
    lines, sites = lines_of(core), line_sites(detail, "lines")
    credited = f"credited, {plain(core['currency'])}"
    played = clock(sum((line.played_ms for line in lines), Fraction(0)))
    foot = {"stem": "total", "in play": played, credited: plain(core["amount"])}
    numbers = ("sites", *_COUNTS, "of it late", "share", "per hour", credited)
    table = _table("What earned", (*_TEXTS, "tier", "account", "late because"), numbers, foot)
    for number, line in enumerate(lines):
        texts = (*_texts(line), ", ".join(map(str, line.tiers)), line.stands, line.late_because)
        late = clock(line.late_ms) if line.late else ""
        amount = signed_decimal(line.amount_micro or 0)
        counts = sites.get(number, ""), *_counts(line), late, line.share, per_hour(core, line.ppm)
        table.add_row(*map(plain, (*texts, *counts, amount)))
    return table


def _unpaid(core: Core) -> Table:
    table = _table("What played and earned nothing", (*_TEXTS, "why"), _COUNTS)
    for line in unpaid_of(core):
        table.add_row(*map(plain, (*_texts(line), line.stands, *_counts(line))))
    return table


def _transfers(core: Core) -> Table:
    amount = f"amount, {plain(core['currency'])}"
    table = _table("Transfers", ("number", "when (UTC)", "kind", "from", "to", "reason"), (amount,))
    for moved in core["balance"]["transfers"]:
        texts = (moved["kind"], moved["debit"], moved["credit"], moved["reason"])
        when = datetime.fromtimestamp(moved["unix_s"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(moved["number"]), when, *map(plain, texts), signed_decimal(moved["amount_micro"]))
    return table


def _texts(line: Told) -> tuple[str, ...]:
    return line.stem[:8], line.title, line.artist, line.isrc, line.used


def _counts(line: Told) -> tuple[str, ...]:
    return str(line.players), str(line.plays), clock(line.played_ms)
