"""Money moved between accounts: a signed entry of the log (SPEC section 16).

Contract: when `transfer` returns, the transfer is an entry of the log, durably.
"""

import time
from dataclasses import dataclass
from functools import partial

from amos.crypto import key_id
from amos.protocol.errors import LocalError
from amos.protocol.rotation import LEDGER
from amos.protocol.transfer import (
    CARRIES,
    INCOME,
    PAYEE,
    POOLS,
    REFUND,
    SOURCE,
    Transfer,
    derived_reference,
    pools_of,
    sign_transfer,
    version_between,
)
from amos_ledger.close_period import accounts_at
from amos_ledger.closings import check_open, is_late_month, latest_in
from amos_ledger.currencies import check_currency
from amos_ledger.errors import LedgerError, PeriodClosed, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.registry import publish
from amos_ledger.settlement.accounts import AccountOverdrawn, Accounts, payees_of
from amos_ledger.settlement.money import decimal, signed_decimal
from amos_ledger.settlement.references import AlreadyMade, OutOfTurn, References
from amos_ledger.settlement.rights import decode_catalogue
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


class TransferRefused(LedgerError):
    """A transfer that the accounts cannot take."""


class SourcePaidLess(TransferRefused):
    """A refund of more than its source paid."""


class PayeeWouldOwe(TransferRefused):
    """A transfer that takes more from a payee than is there, and nobody said that it may."""


class Repeated(TransferRefused):
    """A transfer that was made already; a retry may take it for done."""


@dataclass(frozen=True)
class Order:
    """What is to be moved, from `debit` to `credit`.

    reference   the caller's own for it, None: one that follows from the rest
    occurrence  which of those that say the same this one is
    overdraw    whether a payee may owe money by it, which is not in the entry
    """

    kind: str
    currency: str
    debit: str
    credit: str
    amount_micro: int
    reason: str
    period: str | None = None
    reference: str | None = None
    occurrence: int = 1
    overdraw: bool = False

    def transfer(self, number: int, unix_s: int) -> Transfer:
        """As an entry says it; where the order has no reference, with the one of its first occurrence."""
        facts = {name: getattr(self, name) for name in _SAID}
        version = version_between(self.debit, self.credit)
        result = Transfer(version=version, number=number, unix_s=unix_s, **facts, reference=self.reference)
        result.reference = self.reference or derived_reference(result, 1)
        return result


_SAID = ("kind", "currency", "debit", "credit", "amount_micro", "reason", "period")


def _check_period(store: Store, moved: Transfer) -> None:
    """What a pool takes in, and what is taken back from it, is of a period that is not closed for it in this currency,
    nor is a later one, but where the month's play came later. All else puts right, holds or pays what a closing gave,
    so that a period which it names is closed."""
    if moved.period is None:
        return
    pools = pools_of(moved.debit, moved.credit)
    if not pools and moved.period not in store.closed_periods():
        raise TransferRefused(f"{moved.period}: expected a closed period, found one that gave nothing yet")
    hint = "name the next" if moved.kind == INCOME else "what it gave is put right from payee to payee"
    for pool in pools:
        latest = latest_in(store, moved.currency, pool)
        if latest is not None and latest >= moved.period and not is_late_month(store, moved.period, pool):
            raise PeriodClosed(
                f"{moved.period}: expected an open period, found {latest} of pool {pool} closed in {moved.currency};"
                f" {hint}"
            )


def _check_pools(store: Store, moved: Transfer) -> None:
    """Each pool is open. Raises `PoolRefused`."""
    for account in (moved.debit, moved.credit):
        for prefix in (POOLS, CARRIES):
            if account.startswith(prefix):
                check_open(store, account.removeprefix(prefix))


def _check_names(store: Store, moved: Transfer, found: Accounts) -> None:
    """Each payee has money, or a share in some catalogue: what goes to a name misspelt, nobody can claim."""
    unknown = payees_of((moved.debit, moved.credit)) - payees_of(found.balances)
    for _since, data in reversed(store.documents.catalogues(store.size()) if unknown else []):
        unknown -= {share.payee for work in decode_catalogue(data).works for share in work.splits}
    if unknown:
        raise TransferRefused(f"payee: expected one that a catalogue names, found {min(unknown)}")


def _check_owing(order: Order, found: Accounts) -> None:
    """What a correction or a refund takes from a payee is there, or was meant to be owed. The accounts allow that, for
    what was credited in error may be paid out. Raises `PayeeWouldOwe`."""
    there_micro = found.balances[order.debit]
    if order.debit.startswith(PAYEE) and there_micro < order.amount_micro and not order.overdraw:
        owed = signed_decimal(order.amount_micro - there_micro)
        raise PayeeWouldOwe(
            f"{order.debit}: expected at most {signed_decimal(there_micro)} {order.currency}, which is there, found"
            f" {decimal(order.amount_micro)}; with --overdraw the payee owes {owed}, which later earnings pay back"
        )


def _check_source(moved: Transfer, found: Accounts) -> None:
    """What goes back to a source, it paid, for whatever pool and period. Accounts do not refuse more: logs of earlier
    versions may hold it. Raises `SourcePaidLess`."""
    if moved.kind != REFUND:
        return
    left_micro = {name: -micro for name, micro in found.balances.items() if name.startswith(SOURCE) and micro < 0}
    most_micro = left_micro.pop(moved.credit, 0)
    if most_micro < moved.amount_micro:
        others = ", ".join(f"{name} {decimal(micro)}" for name, micro in sorted(left_micro.items()))
        raise SourcePaidLess(
            f"{moved.credit}: expected at most {decimal(most_micro)} {moved.currency}, what is left of what it paid,"
            f" found {decimal(moved.amount_micro)}" + (f"; left of others: {others}" if others else "")
        )


def transfer(folder: Folder, order: Order) -> tuple[int, Transfer]:
    """Move what the order says; (leaf index, transfer).

    Raises `TransferRefused`, of which a `Repeated` says that the log has this transfer, a `SourcePaidLess` that the
    source of a refund paid less, and a `PayeeWouldOwe` that only `overdraw` takes so much; `PeriodClosed` for income of
    a period that is closed, put in or taken back; `StorageFailed`; `MoneyError` for a currency that nobody is paid in.
    """
    try:
        with checked_store(folder) as store:
            try:
                index, moved = _append(folder, store, order)
            except AlreadyMade:
                publish(folder, store)  # whoever was killed before this gives the order again
                raise
            publish(folder, store)
    except AlreadyMade as error:
        raise Repeated(str(error)) from None
    except (LocalError, AccountOverdrawn, OutOfTurn) as error:
        raise TransferRefused(str(error)) from None
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None
    return index, moved


def _append(folder: Folder, store: Store, order: Order) -> tuple[int, Transfer]:
    with store.transaction():
        size = store.size()
        moved = order.transfer(store.transfers.last_number() + 1, int(time.time()))
        references = References(store.transfers.said(size))
        # What was made already is told as that, though its money is gone or its period closed by then.
        if order.reference is None:
            moved.reference = references.derived(moved, order.occurrence)
        else:
            moved.reference = references.named(order.reference)
        check_currency(store, order.currency)
        found = accounts_at(store, order.currency, size)
        _check_pools(store, moved)
        _check_period(store, moved)
        found.check(moved)
        _check_names(store, moved, found)
        _check_source(moved, found)
        _check_owing(order, found)
        key = store.rotations.line(LEDGER, store.public_key).present
        entry = sign_transfer(moved, key_id(key), partial(folder.sign_by, key))
        return store.transfers.append(moved.number, entry), moved
