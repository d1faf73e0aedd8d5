"""What is put right may leave a payee owing, and only where somebody said so: the log keeps it for good."""

import pytest
from settled_world import World
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_ledger.close_period import accounts_at
from amos_ledger.transferring import Order, PayeeWouldOwe, transfer
from amos_tools.cli import app

MONEY = ["--currency", "EUR", "--reason", "x"]


def pool(world: World, *words: object, code: int = Exit.FINE) -> str:
    done = CliRunner().invoke(app, ["pool", *map(str, words), *MONEY, "--unasked", "--ledger", str(world.path)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def balance(world: World, payee: str) -> int:
    with world.folder.open_store() as store:
        return accounts_at(store, "EUR", store.size()).balances[f"payee/{payee}"]


@pytest.mark.parametrize(
    "words",
    [["correct", "--to", "bob"], ["correct"], ["refund", "--source", "other"]],
    ids=["payee", "carry", "refund"],
)
def test_more_than_is_there_is_taken_only_by_word(ledger: World, words: list[str]) -> None:
    had = balance(ledger, "ann")
    amount = f"{(had + 5_000_001) / 1e6:.6f}"
    said = pool(ledger, *words, "--from", "ann", "--amount", amount, code=Exit.FINDING)
    assert said.startswith(f"PayeeWouldOwe: payee/ann: expected at most {had / 1e6:.6f} EUR"), said
    assert "with --overdraw the payee owes 5.000001" in said and balance(ledger, "ann") == had
    pool(ledger, *words, "--from", "ann", "--amount", amount, "--overdraw")
    assert balance(ledger, "ann") == -5_000_001
    again = pool(ledger, *words, "--from", "ann", "--amount", amount, code=Exit.FINDING)
    assert again.startswith("Repeated: "), "what was made is told as that"


def test_all_that_is_there_and_what_somebody_owes_already(ledger: World) -> None:
    had = balance(ledger, "ann")
    transfer(ledger.folder, Order("correction", "EUR", "payee/ann", "carry", had, "all of it"))
    assert balance(ledger, "ann") == 0
    with pytest.raises(PayeeWouldOwe, match=r"expected at most 0\.000000 EUR.* owes 0\.000001,"):
        transfer(ledger.folder, Order("correction", "EUR", "payee/ann", "carry", 1, "and one"))
    transfer(ledger.folder, Order("correction", "EUR", "payee/ann", "carry", 1, "and one", overdraw=True))
    with pytest.raises(PayeeWouldOwe, match=r"expected at most -0\.000001 EUR.* owes 0\.000003,"):
        transfer(ledger.folder, Order("correction", "EUR", "payee/ann", "carry", 2, "two more"))
    transfer(ledger.folder, Order("correction", "EUR", "carry", "payee/ann", 1, "back"))
    assert balance(ledger, "ann") == 0
