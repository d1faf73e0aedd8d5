"""Which currencies money may enter a ledger in: those of ISO 4217, and any that its log has already.

A code may leave the standard, as BGN did in 2026; what a ledger has of it is still corrected, paid out and carried on.
"""

from amos_ledger.closings import closed_currencies
from amos_ledger.settlement.money import MoneyError, parse_currency
from amos_ledger.store.store import Store

_FUNDS = {"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"}
"""Codes with minor units that are units of account all the same: ISO 4217, list of fund codes (A.2)."""


def check_currency(store: Store, currency: str) -> None:
    """That money may be in it here. Raises `MoneyError`."""
    parse_currency(currency)
    moved = {item.currency for _index, item in store.transfers.said(store.size())}
    if currency not in moved | closed_currencies(store):
        check_paid_in(currency)


def check_paid_in(currency: str) -> None:
    """That people are paid in it. Raises `MoneyError` for what ISO 4217 does not know, or keeps for metals, units of
    account, funds, tests and none."""
    import iso4217  # reads its table, for a tenth of a second

    parse_currency(currency)
    paid = {str(entry.code) for entry in iso4217.Currency if entry.exponent is not None} - _FUNDS
    if currency not in paid:
        issued = f"ISO 4217 of {iso4217.__published__}"
        raise MoneyError(f"currency: expected one that money is paid in, by {issued}, found {currency}")
