"""The accounts of one currency: what transfers and closings move between them (SPEC section 12, "Accounts"). Pure.

Every move takes from one account what it gives to another, so all of them together are always 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from amos.protocol.closing import COMMUNAL, Closing
from amos.protocol.transfer import (
    CORRECTION,
    FROZEN_LATE,
    HELD,
    PAYEE,
    POOLS,
    REFUND,
    SOURCE,
    Transfer,
    account_of_pool,
    carry_of,
    pools_of,
)
from amos_ledger.settlement.money import signed_decimal

Earned = tuple[str, int, int]
"""(payee, micro-units that a closing gave, those of them that are frozen late)."""

OF_PAYEE = {"payable": PAYEE, "frozen_late": FROZEN_LATE, "held": HELD}
"""Name in a statement → the prefix of the account."""


class AccountOverdrawn(ValueError):
    """More would be taken from an account than is there."""


@dataclass(frozen=True)
class Books:
    """What a closing finds: balances by account as the closing before left them, the transfers since, each with its
    leaf index, and what is left of the incomes of each (pool, open period) that has any."""

    opening: Mapping[str, int] = field(default_factory=dict)
    since: Sequence[tuple[int, Transfer]] = ()
    incomes: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def balance(self, account: str) -> int:
        """Micro-units on the account after the transfers."""
        return self.opening.get(account, 0) + self.moved.get(account, 0)

    def touching(self, payee: str) -> Sequence[tuple[int, Transfer]]:
        """The transfers from or to an account of this payee."""
        return self._of_payee.get(payee, ())

    def payees(self) -> Set[str]:
        """Of whom an account was touched since."""
        return self._of_payee.keys()

    @cached_property
    def moved(self) -> Counter[str]:
        """What the transfers gave to each account, less what they took."""
        found: Counter[str] = Counter()
        for _index, moved in self.since:
            found[moved.debit] -= moved.amount_micro
            found[moved.credit] += moved.amount_micro
        return found

    @cached_property
    def _of_payee(self) -> Mapping[str, Sequence[tuple[int, Transfer]]]:
        found: dict[str, list[tuple[int, Transfer]]] = {}
        for item in self.since:
            for payee in sorted(payees_of([item[1].debit, item[1].credit])):
                found.setdefault(payee, []).append(item)
        return found


def payees_of(accounts: Iterable[str]) -> set[str]:
    """Of whom there is one among these accounts."""
    prefixes = tuple(OF_PAYEE.values())
    return {account.partition("/")[2] for account in accounts if account.startswith(prefixes)}


def incomes_in(moved: Transfer) -> list[tuple[str, str, int]]:
    """(pool, period, micro-units by which its income grows) of each pool that the transfer puts into or takes from."""
    given_micro = {moved.debit: -moved.amount_micro, moved.credit: moved.amount_micro}
    return [
        (pool, moved.period or "", given_micro[account_of_pool(pool)]) for pool in pools_of(moved.debit, moved.credit)
    ]


class Accounts:
    """Balances while the log is gone through.

    opening  as the last closing left them, and `since` the transfers after it
    incomes  micro-units by (pool, period), above 0, of those that are not closed
    """

    def __init__(self) -> None:
        self.balances: Counter[str] = Counter()
        self.opening: dict[str, int] = {}
        self.since: list[tuple[int, Transfer]] = []
        self.incomes: dict[tuple[str, str], int] = {}

    def move(self, index: int, moved: Transfer) -> None:
        """The transfer at that leaf. Raises `AccountOverdrawn`."""
        self.check(moved)
        self.balances[moved.debit] -= moved.amount_micro
        self.balances[moved.credit] += moved.amount_micro
        self.since.append((index, moved))
        for pool, period, amount_micro in incomes_in(moved):
            left_micro = self.incomes.pop((pool, period), 0) + amount_micro
            if left_micro:
                self.incomes[pool, period] = left_micro

    def check(self, moved: Transfer) -> None:
        """Raise `AccountOverdrawn` for a transfer of more than there is. Who was credited too much may come to owe;
        what comes from outside has no bound. Of a pool there is what was put in for the period."""
        owing = moved.kind in (CORRECTION, REFUND) and moved.debit.startswith(PAYEE)
        there, whose = self.balances[moved.debit], moved.debit
        if moved.debit.startswith(POOLS):
            there = self.incomes.get((moved.debit.removeprefix(POOLS), moved.period or ""), 0)
            whose = f"{moved.debit} of {moved.period}"
        if not owing and not moved.debit.startswith(SOURCE) and there < moved.amount_micro:
            most, found = signed_decimal(there), signed_decimal(moved.amount_micro)
            raise AccountOverdrawn(f"{whose}: expected at most {most} {moved.currency}, found {found}")

    def close(self, closing: Closing, earned: Iterable[Earned]) -> None:
        """What the closing divides: the incomes of its pool and period, or the one that it states, and what was
        carried."""
        pool = closing.pool or COMMUNAL
        logged = self.incomes.pop((pool, closing.period), None)
        if logged is None:
            self.balances[SOURCE + "other"] -= closing.income_micro
        else:
            self.balances[account_of_pool(pool)] -= logged
        self.balances[carry_of(pool)] += closing.carry_out_micro - closing.carry_in_micro
        for payee, amount_micro, frozen_late_micro in earned:
            self.balances[PAYEE + payee] += amount_micro - frozen_late_micro
            self.balances[FROZEN_LATE + payee] += frozen_late_micro
        self.opening, self.since = dict(self.balances), []

    def books(self) -> Books:
        """What a closing would find."""
        return Books(dict(self.opening), tuple(self.since), dict(self.incomes))
