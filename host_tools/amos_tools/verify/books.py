"""What a closing finds on the accounts of its currency, from all that stands before it in the log (SPEC section 12)."""

from collections.abc import Callable, Iterable, Mapping

from amos.protocol.closing import Closing
from amos_tools.verify.light_accounts import (
    ACCOUNTS_OF,
    Accounts,
    Transfer,
    balance_part,
    carry_account,
    effect,
    touches,
)

Credits = Mapping[str, tuple[int, int]]
"""Payee → (amount, what of it is frozen late) that a closing gave."""


class Books:
    """Balances as the last closing in this currency left them, and the transfers since."""

    def __init__(
        self,
        currency: str,
        transfers: Iterable[tuple[int, Transfer]],
        closings: Iterable[tuple[int, Closing]],
        credits_of: Callable[[int, Closing], Credits],
    ) -> None:
        """`transfers` and `closings` before this one, by leaf index. Raises `Difference` for more than there was."""
        self._accounts = Accounts()
        self._since: list[tuple[int, Transfer]] = []
        mine = [(at, moved) for at, moved in transfers if moved["currency"] == currency]
        events: list[tuple[int, Transfer | Closing]] = [*mine, *closings]
        for at, event in sorted(events, key=lambda item: item[0]):
            if not isinstance(event, Closing):
                self._accounts.move(f"entry {at}: transfer", event)
                self._since.append((at, event))
            elif event.currency == currency:
                self._close(event, credits_of(at, event))

    def _close(self, closing: Closing, given: Credits) -> None:
        self._accounts.credit(
            carry_account(closing.pool or "communal"), closing.carry_out_micro - closing.carry_in_micro
        )
        for payee, (amount, frozen) in given.items():
            self._accounts.credit(f"payee/{payee}", amount - frozen)
            self._accounts.credit(f"frozen-late/{payee}", frozen)
        self._since = []

    def payees(self) -> set[str]:
        """Of whom an account was touched since."""
        accounts = {moved[side] for _at, moved in self._since for side in ("debit", "credit")}
        return {
            account.removeprefix(prefix)
            for account in accounts
            for prefix in ACCOUNTS_OF.values()
            if account.startswith(prefix)
        }

    def balance(self, payee: str, amount: int, frozen: int) -> dict[str, object]:
        """The part `balance` of a payee's statement, to whom the closing gives this."""
        moved = [item for item in self._since if touches(item[1], payee)]
        opening = {
            name: self._accounts.balances.get(prefix + payee, 0)
            - sum(effect(transfer, prefix + payee) for _at, transfer in moved)
            for name, prefix in ACCOUNTS_OF.items()
        }
        return balance_part(opening, moved, amount, frozen, payee)
