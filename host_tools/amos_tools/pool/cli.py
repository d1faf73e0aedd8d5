"""`amos pool`: settle a period, and prove that a segment was counted."""

import time
from pathlib import Path
from typing import Annotated

import typer

from amos.protocol.closing import COMMUNAL, VERSION
from amos.protocol.transfer import carry_of
from amos_cli.files import OutputRefused, write_output
from amos_cli.output import AsJson, UsageError, print_json, refusals
from amos_cli.paths import file_option, folder_option
from amos_cli.table import print_table
from amos_ledger.cli_quarantine import device_id_of
from amos_ledger.closings import statements_in
from amos_ledger.command import Unasked
from amos_ledger.currencies import check_currency
from amos_ledger.errors import BrokerUnusable, LedgerError
from amos_ledger.folder import Folder
from amos_ledger.outside import ask_outside
from amos_ledger.prove_reading import FORMAT, prove_reading
from amos_ledger.served_broker import recall
from amos_ledger.settle_period import Settled, settle_period
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.money import MoneyError, decimal, parse_currency, parse_income
from amos_ledger.settlement.periods import PeriodError, parse_period, period_at
from amos_mqtt.broker import Broker, BrokerSettingError, broker_at
from amos_tools.pool.accounts_cli import Pool, pool_name
from amos_tools.pool.accounts_cli import register as register_accounts
from amos_tools.pool.placing_cli import register as register_placing
from amos_tools.pool.show_cli import register as register_show
from amos_tools.pool.simulate import simulate_command
from amos_tools.pool.tables import payout_table
from amos_tools.pool.venues_cli import register as register_venues
from amos_tools.verify.errors import VerifyError
from amos_tools.verify.reader import read_core
from amos_tools.verify.statement_file import read_statement_file

app = typer.Typer(help="Divide a period's income by time in play.", no_args_is_help=True)
app.command("simulate")(simulate_command)


PROOF_BYTES_MAX = 64 * 1024 * 1024
"""Of a file that may be written over; a proof is some kilobytes for each stem that sounded."""


register_placing(app)
register_accounts(app)
register_show(app)
register_venues(app)


class PeriodRunning(LedgerError):
    """The month is not over, and closing it is for good."""


class PeriodToCome(LedgerError):
    """The month has not begun: whoever closes it would pay for play of before, and nothing of its own."""


@app.command()
def settle(
    period: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month, UTC.")],
    currency: Annotated[str, typer.Option(metavar="CODE", help="ISO 4217, like EUR.")],
    ledger: Annotated[Path, folder_option(help="The ledger's folder.")],
    pool: Pool = COMMUNAL,
    income: Annotated[
        str | None,
        typer.Option(
            metavar="DECIMAL",
            help="What the pool takes in: 1000.00, at most 6 decimals; default: what was added (add-income).",
        ),
    ] = None,
    close_now: Annotated[
        bool,
        typer.Option(
            "--close-now", help="Close a month that is not over; what is played in it later counts for the next."
        ),
    ] = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Close a month that has not begun; nothing will ever be played in it.")
    ] = False,
    heads: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER|URL", help="A mirror to ask first what the ledger signed; may be given again."),
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A broker to ask the same; without either, the one that it serves."),
    ] = None,
    unasked: Unasked = False,
    tls_ca: Annotated[Path | None, file_option(help="Broker's CA certificate (PEM): use TLS.")] = None,
    tls_certificate: Annotated[Path | None, file_option(help="The ledger's certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, file_option(help="Its private key (PEM).")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Copy the statements to DIR/PERIOD-CURRENCY as well.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Copy over files that are no statements.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close a period and divide its pool; the same again prints the same. A closed period never reopens."""
    kinds = (LedgerError, SettlementError, OutputRefused, OSError)
    usage = (MoneyError, PeriodError, BrokerSettingError)
    with refusals(*kinds, usage=usage, unreachable=(BrokerUnusable,), as_json=as_json):
        parse_period(period)
        income_micro = None if income is None else parse_income(income)
        parse_currency(currency)
        pool_name("pool", pool)
        _check_whom(unasked, heads, broker, [tls_ca, tls_certificate, tls_key])
        where = broker_at(broker, tls_ca, tls_certificate, tls_key) if broker is not None else None
        folder = Folder(ledger)
        if out is not None and out.exists() and not out.is_dir():
            raise OutputRefused(f"{out}: expected a folder or a free name, found a file")
        running = _is_running(folder, period, close_now, rehearsal)
        if where is None and not heads and not unasked:
            where = recall(folder)
        asked = _ask(folder, heads or [], where)
        if out is not None:
            _make_folder(folder, out, period, currency, pool)
        settled = settle_period(folder, period, income_micro, currency, pool)
        copies = _copy(settled, out, force)
    if as_json:
        return print_json(_data(settled, copies) | {"asked": asked})
    if running and settled.closed.fresh and settled.closed.result.closing.readings_of is None:
        print(
            f"notice: {period} is not over; it is closed now, and what is played in it from here on counts for the next"
        )
    _print(settled)
    print(f"  asked what the ledger signed before: {', '.join(asked) or 'nobody'}")


@app.command()
def prove(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's 32 digits (amos ledger status).")],
    sequence: Annotated[int, typer.Argument(metavar="SEQUENCE", min=1, help="Number of its segment.")],
    ledger: Annotated[Path, folder_option(help="The ledger's folder.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the proof goes.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is no such proof.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a proof that a settled segment was counted, once, in its device's row (`amos verify --segment`)."""
    with refusals(LedgerError, SettlementError, OutputRefused, OSError, as_json=as_json):
        folder = Folder(ledger)
        with folder.open_store() as store:
            period, data = prove_reading(folder, store, device_id_of(device), sequence)
        write_output(out, data, force, _is_proof)
    if as_json:
        return print_json({"device_id": device.lower(), "sequence": sequence, "period": period, "path": str(out)})
    typer.echo(f"segment {sequence} of {device.lower()} was counted in {period}: {out}")


def _check_whom(unasked: bool, heads: list[str] | None, broker: str | None, tls: list[Path | None]) -> None:
    """What is said of whom to ask has one meaning. Raises `UsageError`."""
    if unasked and (heads or broker is not None):
        raise UsageError("unasked: expected without --heads and --broker, which say whom to ask")
    if heads and not all(heads):
        raise UsageError("heads: expected a folder or an address, found ''")
    if broker is None and any(tls):
        raise UsageError("tls-ca, tls-certificate, tls-key: expected with --broker, of which they are")


def _ask(folder: Folder, mirrors: list[str], broker: Broker | None) -> list[str]:
    """Hold what others keep of the ledger's heads against its log; who was asked."""
    try:
        ask_outside(folder, mirrors, broker)
    except BrokerUnusable as error:
        raise BrokerUnusable(
            f"{error}; it keeps what this ledger signed, and a closing is for good; --heads asks a mirror in its place,"
            " --unasked nobody"
        ) from None
    return [*mirrors, *([f"the broker at {broker.name}"] if broker is not None else [])]


def _is_running(folder: Folder, period: str, close_now: bool, rehearsal: bool) -> bool:
    """Whether the month is not over, by a clock that can be right. Raises `ClockWrong`, `PeriodRunning`,
    `PeriodToCome`."""
    now_s = int(time.time())
    present = period_at(now_s)
    with folder.open_store() as store:
        store.chain.anchors.check_clock(now_s * 1000)
        is_open = period not in store.closed_periods()
    if is_open and period >= present and not close_now:
        raise PeriodRunning(f"{period}: expected a month that is over; closing is for good, --close-now does it today")
    if is_open and period > present and not rehearsal:
        raise PeriodToCome(f"{period}: expected a month that has begun; what is played in it could not count for it")
    return period >= present


def _make_folder(folder: Folder, out: Path, period: str, currency: str, pool: str) -> None:
    """Before the closing, which is for good: that the copies have a place. Raises `MoneyError`, `OSError`."""
    with folder.open_store() as store:
        check_currency(store, currency)
        (out / statements_in(store, period, currency, pool)).mkdir(parents=True, exist_ok=True)


def _copy(settled: Settled, out: Path | None, force: bool) -> dict[str, Path]:
    """Statements by payee, where the caller will look for them."""
    if out is None:
        return dict(settled.statements)
    out = out / settled.closed.result.closing.title()
    copies = {payee: out / path.name for payee, path in settled.statements.items()}
    for payee, path in settled.statements.items():
        write_output(copies[payee], path.read_bytes(), force, _is_statement)
    return copies


def _is_proof(path: Path) -> bool:
    with path.open("rb") as file:
        return f'"format":"{FORMAT}"'.encode() in file.read(PROOF_BYTES_MAX)


def _is_statement(path: Path) -> bool:
    try:
        read_core(read_statement_file(path))
    except VerifyError:
        return False
    return True


def _data(settled: Settled, files: dict[str, Path]) -> dict[str, object]:
    result = settled.closed.result
    closing = result.closing
    return {
        "period": closing.period,
        "currency": closing.currency,
        "pool": closing.pool or COMMUNAL,
        "waiting_pools": list(settled.waiting_pools),
        "income_micro": closing.income_micro,
        "carry_in_micro": closing.carry_in_micro,
        "pool_micro": closing.pool_micro,
        "carry_out_micro": closing.carry_out_micro,
        "closing_index": settled.closed.leaf_index,
        "segments": result.segments,
        "play_ms": f"{result.play_ms.numerator}/{result.play_ms.denominator}",
        "payees": [
            {"payee": payee, "amount_micro": amount_micro, "statement": str(files[payee])}
            for payee, amount_micro in zip(result.payees, result.amounts, strict=True)
        ],
    }


def _print(settled: Settled) -> None:
    result = settled.closed.result
    closing = result.closing
    carried = decimal(closing.carry_out_micro)
    of_pool = f", pool {closing.pool}" if closing.version == VERSION else ""
    title = f"Payout of {closing.period}{of_pool}"
    cores = [result.core(number) for number in range(len(result.payees))]
    print_table(payout_table(cores, title, closing.currency, carried, decimal(closing.pool_micro)))
    rate = result.rate
    print(
        f"  income {decimal(closing.income_micro)} and carry {decimal(closing.carry_in_micro)} {closing.currency},"
        f" by {result.segments} segments of {result.devices} devices"
    )
    print(f"  rate {rate.numerator}/{rate.denominator} micro-units per millisecond")
    print("  credited is exact and is what is owed, to the millionth; minor units are what a bank can move")
    if closing.carry_out_micro:
        account = carry_of(closing.pool or COMMUNAL)
        print(f"  nothing was played: {carried} {closing.currency} go to the account {account}, for a later month")
    if settled.waiting_pools:
        print(f"  still to be settled for {closing.period}: pool {', '.join(settled.waiting_pools)}")
    print(f"  closing: entry {settled.closed.leaf_index} of the log")
    print(f"  statements: {settled.folder}")
