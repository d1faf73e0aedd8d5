"""Settlements and statements as tables for people; the figures are the account's own, and only times are shortened."""

from collections.abc import Sequence
from fractions import Fraction

from rich.table import Table

from amos_tools.pool.plain_text import plain
from amos_tools.pool.statement_told import UNPAID, Core, clock


def payout_table(cores: Sequence[Core], title: str, currency: str, carried: str, pool: str) -> Table:
    """One row for each payee, then what is carried, then the pool that they sum to."""
    table = Table(title=title, show_footer=True)
    table.add_column("payee", footer="pool")
    table.add_column(
        "stems", justify="right", footer=str(len({line["stem"] for core in cores for line in core["lines"]}))
    )
    total_ms = sum((Fraction(core["earning_ms"]) for core in cores), Fraction(0))
    table.add_column("time earned", justify="right", footer=clock(total_ms))
    table.add_column("share", justify="right", footer="100.00 %" if total_ms else "")
    table.add_column(f"credited, {currency}", justify="right", footer=pool)
    table.add_column("in minor units", justify="right")
    for core in cores:
        earned = Fraction(core["earning_ms"])
        share = percent(earned / total_ms if total_ms else Fraction(0))
        row = (core["payee"], str(len(core["lines"])), clock(earned), share, core["amount"], payable(core))
        table.add_row(*map(plain, row))
    if Fraction(carried):
        table.add_row("carry", "", "", "", carried, "")
    return table


def statement_table(core: Core) -> Table:
    """One row for each stem."""
    title = f"{plain(core['payee'])}: {core['period']}, {core['amount']} {core['currency']}"
    table = Table(title=title, show_footer=True)
    table.add_column("stem", footer="total")
    table.add_column("title")
    table.add_column("artist")
    table.add_column("in play", justify="right", footer=clock(Fraction(core["play_ms"])))
    table.add_column("split", justify="right")
    table.add_column(f"credited, {core['currency']}", justify="right", footer=core["amount"])
    for line in core["lines"]:
        amount = f"{line['amount_micro'] // 1_000_000}.{line['amount_micro'] % 1_000_000:06}"
        split = f"{line['ppm'] // 10_000}.{line['ppm'] % 10_000:04} %"
        row = (line["stem"][:8], line["title"], line["artist"], clock(Fraction(line["play_ms"])), split, amount)
        table.add_row(*map(plain, row))
    return table


def unpaid_notes(core: Core) -> list[str]:
    """What played and earns nothing, and why; a statement of format 1 knows of none."""
    return [
        f"not paid, {plain(UNPAID.get(line['reason'], line['reason']))}:"
        f" {clock(Fraction(line['play_ms']))} of {plain(line['title'])}"
        for line in core.get("unpaid", ())
    ]


def statement_notes(core: Core) -> list[str]:
    """What stands below the table: where the amount comes from, and what of it a bank can move."""
    pool = core["pool"]
    usage = core.get("usage", pool)  # since version 4, of the whole period
    minor = core["minor_units"]
    return [
        f"rate {pool['rate_micro_per_ms']} micro-units per millisecond, of a pool of {pool['pool_micro']} micro-units",
        f"{usage['segments']} segments of {usage['devices']} devices ({usage['segments_late']} late,"
        f" {usage['segments_by_reception']} dated by reception)",
        f"credited and owed: {core['amount_micro']} micro-units; a bank can move {payable(core)} of it,"
        f" {minor['rest_micro']} micro-units stay on the account",
    ]


def payable(core: Core) -> str:
    """The whole minor units of the amount, as a bank takes them."""
    minor = core["minor_units"]
    digits, whole = minor["digits"], minor["whole"]
    if digits not in range(7):  # a power of more would not end
        raise ValueError(f"digits: expected 0 to 6, found {digits}")
    text = f"{whole // 10**digits}.{whole % 10**digits:0{digits}}" if digits else str(whole)
    return f"{text} {core['currency']}"


def percent(share: Fraction) -> str:
    """Hundredths of a percent, rounded to the nearest."""
    hundredths = round(share * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02} %"
