"""Money moved between accounts: a signed entry of the log (SPEC section 16).

Contract: when `transfer` returns, the transfer is an entry of the log, durably.
"""

import time
from functools import partial

from amos.crypto import key_id
from amos.protocol.errors import LocalError
from amos.protocol.rotation import LEDGER
from amos.protocol.transfer import INCOME, Transfer, sign_transfer
from amos_ledger.accounts import incomes_of
from amos_ledger.close_period import accounts_at
from amos_ledger.errors import LedgerError, PeriodClosed, StorageFailed
from amos_ledger.folder import Folder
from amos_ledger.heads import checked_store
from amos_ledger.registry import publish
from amos_ledger.settlement.accounts import AccountOverdrawn, Accounts, payees_of
from amos_ledger.settlement.rights import decode_catalogue
from amos_ledger.store.failures import DATABASE_ERRORS
from amos_ledger.store.store import Store


class TransferRefused(LedgerError):
    """A transfer that the accounts cannot take."""


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


def _check_names(store: Store, moved: Transfer, found: Accounts) -> None:
    """Each payee has money, or a share in some catalogue: what goes to a name misspelt, nobody can claim."""
    unknown = payees_of((moved.debit, moved.credit)) - payees_of(found.balances)
    for _since, data in reversed(store.documents.catalogues(store.size()) if unknown else []):
        unknown -= {share.payee for work in decode_catalogue(data).works for share in work.splits}
    if unknown:
        raise TransferRefused(f"payee: expected one that a catalogue names, found {min(unknown)}")


def transfer(
    folder: Folder,
    kind: str,
    currency: str,
    between: tuple[str, str],
    amount_micro: int,
    reason: str,
    period: str | None = None,
) -> tuple[int, Transfer]:
    """Move so much from the first account to the second; (leaf index, transfer).

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
                found = accounts_at(store, currency, store.size())
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
