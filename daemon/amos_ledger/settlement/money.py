"""Money as integers: micro-units of a currency (one millionth of a euro, dollar or yen). Pure, no floats.

The micro-unit is the account. A bank pays whole minor units (cents): those are shown beside the account and never
stand for it.
"""

from typing import NamedTuple

from amos.protocol.closing import currency_fault

MICRO = 1_000_000
"""Micro-units of one unit of currency."""

INCOME_UNITS_MAX = 10**12
"""A trillion units of currency: any larger income is a typing error, and 10^18 micro-units fit 64 bits."""

_DECIMALS_MAX = 6
_MINOR_DIGITS = {
    **dict.fromkeys(
        ["CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"], 0
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
"""ISO 4217: digits of the minor unit where it is not a hundredth."""


class MoneyError(ValueError):
    """An amount or a currency that cannot be accounted for."""


class MinorUnits(NamedTuple):
    """An account of micro-units as a bank sees it: `whole` minor units of `digits` decimals, and `rest_micro` left."""

    digits: int
    whole: int
    rest_micro: int


def parse_currency(text: str) -> str:
    """The code. Raises `MoneyError` for other than three capital letters (which, `amos_ledger.currencies` knows)."""
    fault = currency_fault(text)
    if fault:
        raise MoneyError(fault)
    return text


def parse_income(text: str, name: str = "income") -> int:
    """Micro-units of a decimal like "1000.00". Raises `MoneyError`, which calls it `name`; rounds nothing."""
    whole, point, decimals = text.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (point and not (decimals.isascii() and decimals.isdigit())):
        raise MoneyError(f"{name}: expected a decimal number like 1000.00, not negative, found {text[:40]!r}")
    if len(decimals) > _DECIMALS_MAX:
        raise MoneyError(f"{name}: expected at most {_DECIMALS_MAX} decimals, found {len(decimals)} in {text[:40]!r}")
    # The length is looked at first: Python refuses to turn thousands of digits into an integer.
    if len(whole) > 40 or int(whole) * MICRO + int(decimals.ljust(_DECIMALS_MAX, "0")) > INCOME_UNITS_MAX * MICRO:
        raise MoneyError(f"{name}: expected at most {INCOME_UNITS_MAX}, found {text[:40]!r}")
    return int(whole) * MICRO + int(decimals.ljust(_DECIMALS_MAX, "0"))


def decimal(amount_micro: int) -> str:
    """The exact amount in units of currency, always with six decimals: "333.333334"."""
    return f"{amount_micro // MICRO}.{amount_micro % MICRO:06}"


def signed_decimal(amount_micro: int) -> str:
    """As `decimal`, of an amount that may be below 0."""
    return decimal(amount_micro) if amount_micro >= 0 else f"-{decimal(-amount_micro)}"


def minor_units(amount_micro: int, currency: str) -> MinorUnits:
    """How many whole minor units the account holds, and the micro-units that stay on it."""
    digits = _MINOR_DIGITS.get(currency, 2)
    micro_per_minor = MICRO // 10**digits
    return MinorUnits(digits, amount_micro // micro_per_minor, amount_micro % micro_per_minor)
