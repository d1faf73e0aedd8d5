"""`amos pool`: money between accounts, and what is on them. Every transfer is an entry of the log with its reason."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from amos.protocol.transfer import (
    BANK,
    CARRY,
    CORRECTION,
    FROZEN_LATE,
    HELD,
    HOLD,
    INCOME,
    PAYEE,
    PAYOUT,
    POOL,
    REFUND,
    RELEASE,
    SOURCE,
    SOURCES,
)
from amos_cli.output import AsJson, print_json, refusals
from amos_cli.paths import folder_option
from amos_cli.table import print_table
from amos_ledger.close_period import accounts_at
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.settlement.accounts import OF_PAYEE
from amos_ledger.settlement.money import MoneyError, parse_currency, parse_income, signed_decimal
from amos_ledger.settlement.periods import PeriodError, parse_period
from amos_ledger.transferring import transfer

LedgerOption = Annotated[Path, folder_option(help="The ledger's folder.")]
Amount = Annotated[str, typer.Option("--amount", metavar="DECIMAL", help="Above 0: 12.50, at most 6 decimals.")]
Currency = Annotated[str, typer.Option(metavar="CODE", help="ISO 4217, like EUR.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; the payees concerned read it.")]
Period = Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Which period it is about.")]
Payee = Annotated[str, typer.Argument(metavar="PAYEE", help="As in the catalogue.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `amos pool`."""
    for name, command in _COMMANDS.items():
        app.command(name)(command)


def add_income(
    period: Annotated[str, typer.Option(metavar="YYYY-MM", help="The period whose pool it is for.")],
    amount: Amount,
    currency: Currency,
    ledger: LedgerOption,
    source: Annotated[str, typer.Option("--source", help=f"One of {', '.join(SOURCES)}.")] = "subscription",
    reason: Reason = "income",
    as_json: AsJson = False,
) -> None:
    """Put income into a period's pool; `amos pool settle` without --income divides what was put in."""
    _move(ledger, INCOME, currency, (SOURCE + source, POOL), amount, reason, period, as_json)


def correct(
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    from_: Annotated[str, typer.Option("--from", metavar="PAYEE|carry", help="Who was credited too much.")] = CARRY,
    to: Annotated[str, typer.Option("--to", metavar="PAYEE|carry", help="Who was credited too little.")] = CARRY,
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Put right what a closed period gave: from one payee to another, or to or from what is carried."""
    _move(ledger, CORRECTION, currency, (_kept(from_), _kept(to)), amount, reason, period, as_json)


def refund(
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    from_: Annotated[str, typer.Option("--from", metavar="PAYEE|carry", help="Whose money is given back.")] = CARRY,
    source: Annotated[str, typer.Option("--source", help=f"One of {', '.join(SOURCES)}.")] = "subscription",
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Give income back to where it came from."""
    _move(ledger, REFUND, currency, (_kept(from_), SOURCE + source), amount, reason, period, as_json)


def hold(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Hold some of a payee's money while it is in dispute."""
    _move(ledger, HOLD, currency, (PAYEE + payee, HELD + payee), amount, reason, period, as_json)


def release(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Let go what was held."""
    _move(ledger, RELEASE, currency, (HELD + payee, PAYEE + payee), amount, reason, period, as_json)


def pay(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    frozen_late: Annotated[bool, typer.Option("--frozen-late", help="From what is frozen late.")] = False,
    period: Period = None,
    as_json: AsJson = False,
) -> None:
    """Note that a payee was paid."""
    account = (FROZEN_LATE if frozen_late else PAYEE) + payee
    _move(ledger, PAYOUT, currency, (account, BANK), amount, reason, period, as_json)


def balance(
    ledger: LedgerOption,
    currency: Currency,
    payee: Annotated[str | None, typer.Argument(metavar="[PAYEE]", help="Only this one's accounts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what is on the accounts; all of them together are 0."""
    with _refused(as_json):
        parse_currency(currency)
        folder = Folder(ledger)
        with folder.open_store() as store:
            found = accounts_at(store, currency, store.size()).balances
    own = None if payee is None else {prefix + payee for prefix in OF_PAYEE.values()}
    shown = {name: found[name] for name in sorted(found) if (found[name] and own is None) or name in (own or ())}
    if as_json:
        return print_json({"currency": currency, "balances_micro": shown})
    table = Table(title=f"Accounts in {currency}")
    table.add_column("account")
    table.add_column(f"balance, {currency}", justify="right")
    for name, micro in shown.items():
        table.add_row(name, signed_decimal(micro))
    print_table(table)


_COMMANDS: dict[str, Callable[..., None]] = {
    "add-income": add_income,
    "correct": correct,
    "refund": refund,
    "hold": hold,
    "release": release,
    "pay": pay,
    "balance": balance,
}


def _kept(name: str) -> str:
    return CARRY if name == CARRY else PAYEE + name


def _refused(as_json: bool) -> AbstractContextManager[None]:
    return refusals(LedgerError, OSError, usage=(MoneyError, PeriodError), as_json=as_json)


def _move(
    ledger: Path,
    kind: str,
    currency: str,
    between: tuple[str, str],
    amount: str,
    reason: str,
    period: str | None,
    as_json: bool,
) -> None:
    with _refused(as_json):
        if period is not None:
            parse_period(period)
        amount_micro = parse_income(amount, "amount")
        if not amount_micro:
            raise MoneyError("amount: expected above 0")
        parse_currency(currency)
        index, moved = transfer(Folder(ledger), kind, currency, between, amount_micro, reason, period)
    if as_json:
        facts = {"number": moved.number, "index": index, "kind": kind, "debit": moved.debit, "credit": moved.credit}
        return print_json(facts | {"currency": currency, "amount_micro": amount_micro, "period": period})
    typer.echo(
        f"transfer {moved.number}: {signed_decimal(amount_micro)} {currency} from {moved.debit} to {moved.credit},"
        f" entry {index} of the log"
    )
