"""`amos pool`: money between accounts, and what is on them. Every transfer is an entry of the log with its reason."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from amos.protocol.closing import COMMUNAL
from amos.protocol.ledger_limits import TITLE_BYTES_MAX
from amos.protocol.printable_host import printable
from amos.protocol.transfer import (
    BANK,
    CARRIES,
    CARRY,
    CORRECTION,
    DERIVED,
    FROZEN_LATE,
    HELD,
    HOLD,
    INCOME,
    PAYEE,
    PAYOUT,
    POOLS,
    REFERENCE_BYTES_MAX,
    REFUND,
    RELEASE,
    SOURCE,
    SOURCES,
    account_of_pool,
    carry_of,
    is_name,
)
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import folder_option
from amos_cli.table import print_table
from amos_cli.text import shown_line
from amos_ledger.close_period import accounts_at
from amos_ledger.command import Unasked
from amos_ledger.currencies import check_currency
from amos_ledger.errors import BrokerUnusable, LedgerError
from amos_ledger.folder import Folder
from amos_ledger.outside import ask_served
from amos_ledger.settlement.accounts import OF_PAYEE
from amos_ledger.settlement.money import MoneyError, parse_currency, parse_income, signed_decimal
from amos_ledger.settlement.periods import PeriodError, parse_period
from amos_ledger.transferring import Order, transfer
from amos_mqtt.broker import BrokerSettingError

LedgerOption = Annotated[Path, folder_option(help="The ledger's folder.")]
Amount = Annotated[str, typer.Option("--amount", metavar="DECIMAL", help="Above 0: 12.50, at most 6 decimals.")]
Currency = Annotated[str, typer.Option(metavar="CODE", help="ISO 4217, like EUR.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; the payees concerned read it.")]
Period = Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Which period it is about.")]
Reference = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Yours for this transfer; it moves once. Default: from what it says."),
]
Again = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="2 makes a second transfer that says the same.")]
Overdraw = Annotated[
    bool, typer.Option("--overdraw", help="Also more than the payee has, who then owes it: later earnings pay it back.")
]
Kept = "PAYEE|carry|carry/POOL|pool/POOL"
Pool = Annotated[str, typer.Option("--pool", metavar="NAME", help="Which pool; one of its own by amos pool open.")]
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
    pool: Pool = COMMUNAL,
    source: Annotated[str, typer.Option("--source", help=f"One of {', '.join(SOURCES)}.")] = "subscription",
    reason: Reason = "income",
    reference: Reference = None,
    again: Again = 1,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Put income into a period's pool; `amos pool settle` without --income divides what was put in."""
    with _refused(as_json):
        between = _source(source), account_of_pool(pool_name("pool", pool))
        order = _order(INCOME, currency, between, amount, reason, period, reference, again)
        _move(ledger, order, unasked, as_json)


def correct(
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    from_: Annotated[
        str,
        typer.Option("--from", metavar=Kept, help="Who was credited too much; pool/POOL: whose income it is not."),
    ] = CARRY,
    to: Annotated[
        str, typer.Option("--to", metavar=Kept, help="Who was credited too little; pool/POOL: whose income it is.")
    ] = CARRY,
    period: Period = None,
    reference: Reference = None,
    again: Again = 1,
    overdraw: Overdraw = False,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Put right what a closed period gave: from one payee to another, or to or from what is carried. Or, before a
    period is closed, move its income from pool to pool."""
    with _refused(as_json):
        if from_ == to:
            raise UsageError(f"to: expected another than --from, found {printable(to)} in both")
        debit = _income("from", from_, period)
        if debit is not None and not to.startswith(POOLS):
            raise UsageError(f"to: expected pool/NAME, as --from is one, found {printable(to)}")
        if debit is None and to.startswith(POOLS):
            raise UsageError(f"to: expected a payee, carry or carry/POOL, as --from is one, found {printable(to)}")
        between = debit or _kept("from", from_), _income("to", to, period) or _kept("to", to)
        order = _order(CORRECTION, currency, between, amount, reason, period, reference, again, overdraw)
        _move(ledger, order, unasked, as_json)


def refund(
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    from_: Annotated[
        str, typer.Option("--from", metavar=Kept, help="Whose money is given back; pool/POOL: income not divided yet.")
    ] = CARRY,
    source: Annotated[str, typer.Option("--source", help=f"One of {', '.join(SOURCES)}.")] = "subscription",
    period: Period = None,
    reference: Reference = None,
    again: Again = 1,
    overdraw: Overdraw = False,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Give income back to where it came from; of a period that is not closed, from its pool."""
    with _refused(as_json):
        between = _income("from", from_, period) or _kept("from", from_), _source(source)
        order = _order(REFUND, currency, between, amount, reason, period, reference, again, overdraw)
        _move(ledger, order, unasked, as_json)


def hold(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    period: Period = None,
    reference: Reference = None,
    again: Again = 1,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Hold some of a payee's money while it is in dispute."""
    with _refused(as_json):
        name = _payee("payee", payee)
        order = _order(HOLD, currency, (PAYEE + name, HELD + name), amount, reason, period, reference, again)
        _move(ledger, order, unasked, as_json)


def release(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    period: Period = None,
    reference: Reference = None,
    again: Again = 1,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Let go what was held."""
    with _refused(as_json):
        name = _payee("payee", payee)
        order = _order(RELEASE, currency, (HELD + name, PAYEE + name), amount, reason, period, reference, again)
        _move(ledger, order, unasked, as_json)


def pay(
    payee: Payee,
    amount: Amount,
    currency: Currency,
    reason: Reason,
    ledger: LedgerOption,
    frozen_late: Annotated[bool, typer.Option("--frozen-late", help="From what is frozen late.")] = False,
    period: Period = None,
    reference: Reference = None,
    again: Again = 1,
    unasked: Unasked = False,
    as_json: AsJson = False,
) -> None:
    """Note that a payee was paid."""
    with _refused(as_json):
        account = (FROZEN_LATE if frozen_late else PAYEE) + _payee("payee", payee)
        order = _order(PAYOUT, currency, (account, BANK), amount, reason, period, reference, again)
        _move(ledger, order, unasked, as_json)


def balance(
    ledger: LedgerOption,
    currency: Currency,
    payee: Annotated[str | None, typer.Argument(metavar="[PAYEE]", help="Only this one's accounts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what is on the accounts, all of them together 0, and what waits in each pool for its period's closing."""
    with _refused(as_json):
        parse_currency(currency)
        if payee is not None:
            _payee("payee", payee)
        folder = Folder(ledger)
        with folder.open_store() as store:
            check_currency(store, currency)
            accounts = accounts_at(store, currency, store.size())
    found = accounts.balances
    own = None if payee is None else {prefix + payee for prefix in OF_PAYEE.values()}
    shown = {name: found[name] for name in sorted(found) if (found[name] and own is None) or name in (own or ())}
    waiting = sorted(accounts.incomes.items()) if payee is None else []
    if as_json:
        facts: dict[str, object] = {"currency": currency, "balances_micro": shown}
        if payee is None:
            names = ("pool", "period", "amount_micro")
            facts["open_incomes"] = [dict(zip(names, (*of, micro), strict=True)) for of, micro in waiting]
        return print_json(facts)
    table = Table(title=f"Accounts in {currency}")
    table.add_column("account")
    table.add_column(f"balance, {currency}", justify="right")
    for name, micro in shown.items():
        table.add_row(name, signed_decimal(micro))
    print_table(table)
    if waiting:
        print_table(_waiting_table(currency, waiting))


def _waiting_table(currency: str, waiting: list[tuple[tuple[str, str], int]]) -> Table:
    table = Table(title="Income of open periods")
    for name in ("pool", "period"):
        table.add_column(name)
    table.add_column(f"income, {currency}", justify="right")
    for of, micro in waiting:
        table.add_row(*of, signed_decimal(micro))
    return table


_COMMANDS: dict[str, Callable[..., None]] = {
    "add-income": add_income,
    "correct": correct,
    "refund": refund,
    "hold": hold,
    "release": release,
    "pay": pay,
    "balance": balance,
}


def _income(option: str, name: str, period: str | None) -> str | None:
    """The account of a pool, None where it is another. Raises `UsageError`."""
    if not name.startswith(POOLS):
        return None
    account = account_of_pool(pool_name(option, name.removeprefix(POOLS)))
    if period is None:
        raise UsageError("period: expected the one whose income is taken, found none")
    return account


def _kept(option: str, name: str) -> str:
    """A payee's account, or what a pool carries; a payee named as that is payee/NAME. Raises `UsageError`."""
    if name == CARRY:
        return CARRY
    pool = name.removeprefix(CARRIES)
    return carry_of(pool_name(option, pool)) if pool != name else PAYEE + _payee(option, name.removeprefix(PAYEE))


def pool_name(option: str, name: str) -> str:
    """The name, if a pool can have it. Raises `UsageError`."""
    if not is_name(name):
        raise UsageError(f"{option}: expected 1 to 64 of the letters a-z, digits, - and _, found {printable(name)!r}")
    return name


def _payee(option: str, name: str) -> str:
    """The name, if a catalogue can have it. Raises `UsageError`."""
    if not is_name(name):
        raise UsageError(f"{option}: expected a payee as in a catalogue, found {printable(name)!r}")
    return name


def _source(name: str) -> str:
    """The account. Raises `UsageError`."""
    if name not in SOURCES:
        raise UsageError(f"source: expected one of {', '.join(SOURCES)}, found {printable(name)!r}")
    return SOURCE + name


def _refused(as_json: bool) -> AbstractContextManager[None]:
    return refusals(
        LedgerError,
        OSError,
        usage=(MoneyError, PeriodError, BrokerSettingError),
        unreachable=(BrokerUnusable,),
        as_json=as_json,
    )


def _order(
    kind: str,
    currency: str,
    between: tuple[str, str],
    amount: str,
    reason: str,
    period: str | None,
    reference: str | None,
    again: int,
    overdraw: bool = False,
) -> Order:
    """What the words ask for. Raises `UsageError`, `MoneyError`, `PeriodError`."""
    if period is not None:
        parse_period(period)
    amount_micro = parse_income(amount, "amount")
    if not amount_micro:
        raise MoneyError("amount: expected above 0")
    parse_currency(currency)
    shown_line("reason", reason, TITLE_BYTES_MAX)
    if reference is not None:
        shown_line("reference", reference, REFERENCE_BYTES_MAX)
        if again != 1:
            raise UsageError("again: expected with no --reference, which tells one transfer from another by itself")
        if reference.startswith(DERIVED):
            raise UsageError(f"reference: expected one that does not begin with {DERIVED}, as those of the ledger do")
    return Order(kind, currency, *between, amount_micro, reason, period, reference, again, overdraw)


def _move(ledger: Path, order: Order, unasked: bool, as_json: bool) -> None:
    """Move the money, and say so. Raises `LedgerError`."""
    folder = Folder(ledger)
    ask_served(folder, unasked)
    index, moved = transfer(folder, order)
    if as_json:
        names = ("number", "kind", "debit", "credit", "currency", "amount_micro", "period", "reference")
        return print_json({name: getattr(moved, name) for name in names} | {"index": index})
    typer.echo(
        f"transfer {moved.number}: {signed_decimal(moved.amount_micro)} {moved.currency} from {moved.debit} to"
        f" {moved.credit}, entry {index} of the log"
    )
