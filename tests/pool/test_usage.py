"""Command lines of `amos pool` that have no meaning end with exit code 2, and change nothing."""

from pathlib import Path

import pytest
from settled_world import World
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_tools.cli import app
from amos_tools.pool import accounts_cli

SETTLE = ["settle", "--period", "2026-12", "--currency", "EUR"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([*SETTLE, "--unasked", "--broker", "localhost"], "unasked: expected without --heads and --broker"),
        ([*SETTLE, "--unasked", "--heads", "mirror"], "unasked: expected without --heads and --broker"),
        ([*SETTLE, "--heads", ""], "heads: expected a folder or an address, found ''"),
        ([*SETTLE, "--tls-ca", __file__], "expected with --broker, of which they are"),
        ([*SETTLE, "--income", "-1"], "income: expected a decimal number"),
        (["settle", "--period", "2026-1", "--currency", "EUR"], "period: expected a year and month"),
        (["settle", "--period", "2026-12", "--currency", "eur"], "currency: expected three capital letters"),
        (["balance", "Ann!", "--currency", "EUR"], "payee: expected a payee"),
        (["balance", "--currency", "XXX"], "currency: expected one that money is paid in"),
        (["history", "Ann!"], "payee: expected 1 to 64 of the letters"),
        (["history", ""], "payee: expected 1 to 64 of the letters"),
        (["prove", "ab", "1", "--out", "proof.json"], "DEVICE: expected its 32 hexadecimal digits"),
        (["prove", "ab" * 16, "0", "--out", "proof.json"], "SEQUENCE"),
    ],
)
def test_what_has_no_meaning(settled: World, tmp_path: Path, words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, ["pool", *words, "--ledger", str(settled.path)])
    assert done.exit_code == Exit.USAGE, done.output
    assert sentence in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("named", "account"),
    [("carry", "carry"), ("carry/inns", "carry/inns"), ("ann", "payee/ann"), ("payee/carry", "payee/carry")],
)
def test_a_payee_called_as_an_account_is_reached(named: str, account: str) -> None:
    assert accounts_cli._kept("to", named) == account
