"""Amounts: exact micro-units in, the same out, and minor units that never pass for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amos_ledger.settlement.money import MinorUnits, MoneyError, decimal, minor_units, parse_currency, parse_income


@pytest.mark.parametrize(
    ("text", "micro"),
    [("1000.00", 10**9), ("0", 0), ("0.000001", 1), ("007.5", 7_500_000), (str(10**12), 10**18)],
)
def test_income(text: str, micro: int) -> None:
    assert parse_income(text) == micro


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "1,000",
        "1_000",
        "0.0000001",
        "1000000000000.000001",
        "٣",
        "NaN",
        "9" * 5000,
    ],
)
def test_income_refused(text: str) -> None:
    with pytest.raises(MoneyError, match=r"^income: expected .* found"):
        parse_income(text)


@given(st.integers(0, 10**18))
def test_decimal_is_exact(micro: int) -> None:
    assert parse_income(decimal(micro)) == micro


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("EUR", MinorUnits(2, 33_333, 3_334)),
        ("JPY", MinorUnits(0, 333, 333_334)),
        ("KWD", MinorUnits(3, 333_333, 334)),
    ],
)
def test_minor_units(currency: str, expected: MinorUnits) -> None:
    assert minor_units(333_333_334, currency) == expected


@pytest.mark.parametrize("text", ["eur", "EURO", "E1R", "", "ÉUR"])
def test_currency_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="three capital letters"):
        parse_currency(text)
