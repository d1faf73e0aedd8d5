"""Settlements and statements as tables for people; the figures are the account's own, and only times are shortened."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rich.markup import escape
from rich.table import Table

from amos.protocol.printable_host import printable
from amos_ledger.settlement.money import signed_decimal

TEXT_LETTERS_MAX = 1000
"""Longer than anything that a vault takes as a title or a name."""
UNPAID = {
    "post_opt_out": "begun after it was withdrawn",
    "post_lease": "begun after the lease of its pack",
    "stem_lease": "begun after its lease",
    "revoked": "undated, and came after the player's key was revoked",
    "over_time": "more play than time since the device was enrolled",
}
"""Reasons of `amos_ledger.settlement.standing` in words."""
ACCOUNTS = {
    "payable": "owed to the payee",
    "frozen_late": "frozen late, played before a withdrawal and received after it",
    "held": "held for a dispute",
}
"""Accounts of a payee in words."""
Core = Mapping[str, Any]
"""The core of a statement (`amos_ledger.settlement.statement`), of our own making or verified."""


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
        table.add_row(f"carry/{currency}", "", "", "", carried, "")
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
        late = " (frozen late)" if line.get("account") == "frozen_late" else ""
        row = (line["stem"][:8], line["title"] + late, line["artist"], clock(Fraction(line["play_ms"])), split, amount)
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
    return [
        f"rate {pool['rate_micro_per_ms']} micro-units per millisecond, of a pool of {pool['pool_micro']} micro-units",
        f"{usage['segments']} segments of {usage['devices']} devices ({usage['segments_late']} late,"
        f" {usage['segments_by_reception']} dated by reception)",
        f"credited: {core['amount_micro']} micro-units; a bank can move {payable(core)} of it,"
        f" {core['minor_units']['rest_micro']} micro-units stay on the account",
        *balance_notes(core),
    ]


def balance_notes(core: Core) -> list[str]:
    """What was moved since the last statement, and what is on the accounts; formats before 4 tell neither."""
    if "balance" not in core:
        return []
    balance, currency = core["balance"], plain(core["currency"])
    moved = [
        f"{plain(item['kind'])} of {signed_decimal(item['amount_micro'])} {currency} from {plain(item['debit'])}"
        f" to {plain(item['credit'])}: {plain(item['reason'])}"
        for item in balance["transfers"]
    ]
    kept = [
        f"{words}: {signed_decimal(balance[name]['opening_micro'])} before,"
        f" {signed_decimal(balance[name]['closing_micro'])} {currency} after this statement"
        for name, words in ACCOUNTS.items()
        if name == "payable" or any(balance[name].values())
    ]
    return [*moved, *kept]


def payable(core: Core) -> str:
    """The whole minor units of the amount, as a bank takes them."""
    minor = core["minor_units"]
    digits, whole = minor["digits"], minor["whole"]
    text = f"{whole // 10**digits}.{whole % 10**digits:0{digits}}" if digits else str(whole)
    return f"{text} {core['currency']}"


def clock(milliseconds: Fraction) -> str:
    """Hours, minutes and seconds to the millisecond, rounded down."""
    whole = int(milliseconds)
    return f"{whole // 3_600_000}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}.{whole % 1000:03}"


def percent(share: Fraction) -> str:
    """Hundredths of a percent, rounded to the nearest."""
    hundredths = round(share * 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def plain(text: str) -> str:
    """Text of somebody else: no markup, nothing that a terminal would obey."""
    return escape(printable(text, letters_max=TEXT_LETTERS_MAX))
