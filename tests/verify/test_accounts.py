"""Transfers of a real ledger between two closings, verified light and full; and what a lying ledger would log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.protocol import transfer as protocol
from amos.protocol.transfer import TYP_TRANSFER, Transfer, sign_transfer
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.money import decimal
from amos_tools.cli import app
from amos_tools.verify.errors import Difference
from amos_tools.verify.light import check_statement

MONEY = ["--currency", "EUR", "--reason", "for the test"]


def pool(world: World, *words: object) -> str:
    given = ["pool", *map(str, words), "--ledger", str(world.folder.path)]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    return done.output


def balance(world: World, payee: str, period: str) -> Any:
    return json.loads(statement_bytes(world.statement(payee, period)))["core"]["balance"]


@pytest.fixture
def moved(november: World, dates: Any) -> World:
    """November settled; then a correction, a hold, a payout, and December's income in two parts."""
    settle_period(november.folder, "2026-11", 1_000_000_000, "EUR")
    pool(november, "correct", "--from", "ann", "--to", "bob", "--amount", "12.50", "--period", "2026-11", *MONEY)
    pool(november, "hold", "ann", "--amount", "80", "--reference", "hold 7", *MONEY)
    pool(november, "pay", "cy-dee", "--amount", "20", *MONEY)
    for amount in ("450", "0.000007"):
        pool(november, "add-income", "--period", "2026-12", "--amount", amount, *MONEY)
    november.play(0, [(0, 44_100), (1, 17)], dates(2026, 12, 3), dates(2026, 12, 4))
    return november


def settle_december(world: World) -> None:
    settle_period(world.folder, "2026-12", None, "EUR")


def test_balances_run_from_period_to_period(moved: World) -> None:
    settle_december(moved)
    for payee in ("ann", "bob", "cy-dee"):
        found = moved.verify(payee, "2026-12")
        check_statement(statement_bytes(moved.statement(payee, "2026-12")), moved.keys.ledger, moved.keys.origin)
        before, after = (balance(moved, payee, period) for period in ("2026-11", "2026-12"))
        assert after["payable"]["opening_micro"] == before["payable"]["closing_micro"]
        kinds = [item["kind"] for item in after["transfers"]]
        assert kinds == {"ann": ["correction", "hold"], "bob": ["correction"], "cy-dee": ["payout"]}[payee]
        assert moved.verify(payee).amount_micro + found.amount_micro > 0
    assert balance(moved, "ann", "2026-12")["held"] == {"opening_micro": 0, "closing_micro": 80_000_000}
    core = json.loads(statement_bytes(moved.statement("cy-dee", "2026-12")))["core"]
    assert (core["lines"], core["amount_micro"]) == ([], 0)


def refused(world: World, *words: object) -> str:
    done = CliRunner().invoke(app, ["pool", *map(str, words), "--ledger", str(world.folder.path)])
    assert done.exit_code in (1, 2), done.output
    return done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["correct", "--from", "ann", "--to", "bbo"], "payee: expected one that a catalogue names, found bbo"),
        (["correct", "--from", "bbo"], "payee: expected one that a catalogue names, found bbo"),
        (["refund", "--from", "subscription"], "payee: expected one that a catalogue names, found subscription"),
        (["pay", "cy-dee"], "payee/cy-dee: expected at most "),
    ],
)
def test_who_was_never_named_moves_nothing(moved: World, words: list[str], said: str) -> None:
    found = refused(moved, *words, "--amount", "5000", *MONEY)
    assert said in found.replace("\n", " ") and "micro" not in found


def test_who_settles_in_a_currency_without_income_means_another(moved: World) -> None:
    money = ["--period", "2026-12", "--currency", "USD"]
    found = refused(moved, "settle", *money, "--income", "5", "--unasked", "--close-now", "--rehearsal")
    assert "2026-12: expected to be settled in EUR, as income was added, found USD" in found
    settle_december(moved)


def test_an_amount_is_called_an_amount(moved: World) -> None:
    assert "amount: expected a decimal number" in refused(moved, "pay", "ann", "--amount", "1,50", *MONEY)


def test_who_reads_a_statement_reads_the_balance(moved: World) -> None:
    settle_december(moved)
    shown = CliRunner().invoke(app, ["pool", "show", str(moved.statement("ann", "2026-12"))])
    assert shown.exit_code == 0, shown.output
    lines = [" ".join(line.replace("│", " ").split()) for line in shown.output.splitlines()]
    assert any("correction payee/ann payee/bob for the test 12.500000" in line for line in lines)
    accounts = balance(moved, "ann", "2026-12")
    for name, own in accounts.items():
        if name != "transfers":
            before, after = (decimal(own[f"{when}_micro"]) for when in ("opening", "closing"))
            row = next(line for line in lines if line.startswith(name.replace("_", " ") + " "))
            assert row.split()[-4] == before and row.split()[-1] == after


def test_a_place_for_the_copies_is_made_before_the_closing(moved: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "2026-12-EUR").write_bytes(b"")
    given = ["settle", "--period", "2026-12", "--currency", "EUR", "--unasked", "--close-now", "--rehearsal"]
    for name in ("file", "taken"):
        refused(moved, *given, "--out", tmp_path / name)
    with moved.folder.open_store() as store:
        assert "2026-12" not in store.closed_periods()


def forged(world: World, **changes: Any) -> bytes:
    facts: dict[str, Any] = dict(
        **{
            "version": 2,
            "number": 6,
            "reference": "x-6",
            "unix_s": 5,
            "kind": "correction",
            "currency": "EUR",
            "debit": "payee/ann",
        },
        **{"credit": "payee/bob", "amount_micro": 1, "reason": "x", "period": None},
    )
    record = Transfer(**(facts | changes))
    record.fault = lambda: None  # type: ignore[method-assign]
    return sign_transfer(record, world.folder.key_id, world.folder.sign)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": 7}, r"transfer\.number: expected 6, found 7"),
        ({"number": 5}, r"transfer\.number: expected 6, found 5"),
        ({"kind": "gift"}, r"transfer\.kind: expected one of income"),
        ({"debit": "bank"}, r"transfer\.debit: expected an account of the kind correction, found bank"),
        ({"credit": "payee/ann"}, r"transfer\.credit: expected another account"),
        ({"kind": "hold", "credit": "held/bob"}, r"transfer\.credit: expected the account of ann, found held/bob"),
        ({"kind": "payout", "debit": "payee/cy-dee", "credit": "bank", "amount_micro": 2**60}, "no more than payee/cy"),
        ({"kind": "release", "debit": "held/bob", "credit": "payee/bob"}, "no more than held/bob had"),
        ({"debit": "carry"}, "no more than carry had"),
        ({"kind": "income", "debit": "income/other", "credit": "pool/communal"}, r"transfer\.period: expected the one"),
        (
            {"kind": "income", "debit": "income/other", "credit": "pool/communal", "period": "2026-11"},
            r"transfer\.period: expected one that is not closed, found 2026-11",
        ),
        (
            {"kind": "income", "debit": "income/other", "credit": "pool/communal", "period": "2026-12"},
            r"closing\.income_micro: expected 450000008, found 450000007",
        ),
        ({}, r"^core\.balance\.(payable\.closing_micro|transfers)|^core\.balance"),
        ({"amount_micro": 0}, r"transfer\.amount_micro: expected from 1"),
        ({"currency": "eur"}, r"transfer\.currency"),
        ({"reference": None}, r"transfer\.reference: expected one since version 2"),
        ({"version": 1}, r"transfer\.reference: expected one since version 2, none before, found x-6"),
        ({"version": 5}, r"transfer\.version: expected 1 to 4, found 5"),
        ({"version": 3}, r"transfer\.version: expected 4 from a pool, 3 where one of its own is named, else 2 or 1"),
        ({"reference": "two\nlines"}, r"transfer\.reference: expected text on one line"),
        ({"reference": "hold 7"}, r"transfer\.reference: expected one that no transfer before has, found hold 7"),
        ({"reason": "two\nlines"}, r"transfer\.reason"),
        ({"period": "2026-13"}, r"transfer\.period: expected a month"),
    ],
)
def test_a_transfer_that_the_ledger_may_not_make_is_found(moved: World, changes: dict[str, Any], said: str) -> None:
    """It is in the log, and the ledger's own accounts know nothing of it."""
    moved.append(forged(moved, **changes))
    settle_december(moved)
    with pytest.raises(Difference, match=said):
        moved.verify("ann", "2026-12")


def test_a_transfer_by_another_key_is_found(moved: World) -> None:
    sign: Callable[[bytes], bytes] = lambda _message: bytes(64)  # noqa: E731
    facts = {
        "version": 2,
        "number": 6,
        "reference": "x-6",
        "unix_s": 5,
        "kind": "correction",
        "currency": "EUR",
        "debit": "payee/ann",
    }
    record = Transfer(**facts, credit="payee/bob", amount_micro=1, reason="x", period=None)
    moved.append(sign_transfer(record, moved.folder.key_id, sign))
    settle_december(moved)
    with pytest.raises(Difference, match="transfer, signature: expected one by the ledger's key"):
        moved.verify("ann", "2026-12")


def test_ledger_and_verifier_name_the_same_kinds() -> None:
    from amos_tools.verify.light_accounts import TYP_TRANSFER as VERIFIERS
    from amos_tools.verify.light_accounts import WAYS

    assert set(WAYS) == set(protocol.KINDS) and VERIFIERS == TYP_TRANSFER
