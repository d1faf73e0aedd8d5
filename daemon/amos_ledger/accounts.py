"""The money of a ledger: balances as its log alone gives them (SPEC section 12, "Accounts")."""

from collections import Counter
from collections.abc import Callable

from amos.protocol.closing import Closing
from amos.protocol.transfer import Transfer
from amos_ledger.settlement.accounts import Accounts, Earned, incomes_in
from amos_ledger.store.store import Store

EarnedIn = Callable[[Closing], list[Earned]]
"""What a closing gave."""


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


def incomes_of(store: Store, period: str, size: int, pool: str) -> set[str]:
    """The currencies in which the first `size` entries of the log leave an income for that pool and period."""
    found: Counter[str] = Counter()
    for _index, moved in store.transfers.said(size):
        for of_pool, of_period, amount_micro in incomes_in(moved):
            if (of_pool, of_period) == (pool, period):
                found[moved.currency] += amount_micro
    return {currency for currency, left_micro in found.items() if left_micro}
