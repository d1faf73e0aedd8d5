"""The money of a ledger: balances as its log gives them, and transfers between accounts (SPEC section 16).

Contract: when `transfer` returns, the transfer is an entry of the log, durably. Balances follow from the log alone.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial

from amos.crypto import key_id
from amos.protocol.closing import Closing
from amos.protocol.errors import LocalError
from amos.protocol.rotation import LEDGER
from amos.protocol.transfer import INCOME, Transfer, sign_transfer
from amos_ledger.errors import LedgerError, PeriodClosed, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.registry import publish
from amos_ledger.settlement.accounts import OF_PAYEE, AccountOverdrawn, Accounts, Earned
from amos_ledger.settlement.rights import decode_catalogue
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store

EarnedIn = Callable[[Closing], list[Earned]]
"""What a closing gave."""


class TransferRefused(LedgerError):
    """A transfer that the accounts cannot take."""


def accounts(
    store: Store, currency: str, closings: list[tuple[int, Closing]], earned_in: EarnedIn, size: int
) -> Accounts:
    """The accounts of that currency after the first `size` entries of the log. `closings` are all, by leaf index."""
    result = Accounts()
    events: list[tuple[int, Transfer | Closing]] = [*store.transfers.said(size), *closings]
    for index, event in sorted(events, key=lambda item: item[0]):
        if index >= size or event.currency != currency:
            continue
        if isinstance(event, Transfer):
            result.move(index, event)
        else:
            result.close(event, earned_in(event))
    return result


def incomes_of(store: Store, period: str, size: int) -> set[str]:
    """The currencies of the incomes for the period's pool in the first `size` entries of the log."""
    return {
        moved.currency
        for _index, moved in store.transfers.said(size)
        if moved.kind == INCOME and moved.period == period
    }


def _check_pool(store: Store, moved: Transfer) -> None:
    """Income is for a period that is open, whose pool is of one currency: it is closed once."""
    if moved.kind != INCOME or moved.period is None:
        return
    if moved.period in store.closed_periods():
        raise PeriodClosed(f"{moved.period}: expected an open period, found one that is closed; name the next")
    others = incomes_of(store, moved.period, store.size()) - {moved.currency}
    if others:
        raise TransferRefused(
            f"{moved.period}: expected income in {min(others)}, as was added to its pool, found {moved.currency}"
        )


def _payees(named: Iterable[str]) -> set[str]:
    prefixes = tuple(OF_PAYEE.values())
    return {account.partition("/")[2] for account in named if account.startswith(prefixes)}


def _check_names(store: Store, moved: Transfer, found: Accounts) -> None:
    """Each payee has money, or a share in some catalogue: what goes to a name misspelt, nobody can claim."""
    unknown = _payees((moved.debit, moved.credit)) - _payees(found.balances)
    for _since, data in reversed(store.documents.catalogues(store.size()) if unknown else []):
        unknown -= {share.payee for work in decode_catalogue(data).works for share in work.splits}
    if unknown:
        raise TransferRefused(f"payee: expected one that a catalogue names, found {min(unknown)}")


def transfer(
    folder: Folder,
    kind: str,
    accounts_of: Callable[[Store, str], Accounts],
    currency: str,
    between: tuple[str, str],
    amount_micro: int,
    reason: str,
    period: str | None = None,
) -> tuple[int, Transfer]:
    """Move so much from the first account to the second; (leaf index, transfer). `accounts_of` gives the balances.

    Raises `TransferRefused`, `PeriodClosed` for income of a period that is closed, `StorageFailed`.
    """
    try:
        with checked_store(folder) as store:
            with store.transaction():
                moved = Transfer(
                    version=1,
                    number=store.transfers.last_number() + 1,
                    unix_s=int(time.time()),
                    kind=kind,
                    currency=currency,
                    debit=between[0],
                    credit=between[1],
                    amount_micro=amount_micro,
                    period=period,
                    reason=reason,
                )
                found = accounts_of(store, currency)
                _check_pool(store, moved)
                found.check(moved)
                _check_names(store, moved, found)
                key = store.rotations.line(LEDGER, store.public_key).present
                entry = sign_transfer(moved, key_id(key), partial(folder.sign_by, key))
                index = store.transfers.append(moved.number, entry)
            publish(folder, store)
    except (LocalError, AccountOverdrawn) as error:
        raise TransferRefused(str(error)) from None
    except (OSError, *DATABASE_ERRORS) as error:
        raise StorageFailed(f"{folder.path}: {error}") from None
    return index, moved
