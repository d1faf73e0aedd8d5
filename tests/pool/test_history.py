"""A payee's history over all periods."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos_cli.output import Exit
from amos_tools.cli import app


def history(*words: object) -> Result:
    return CliRunner().invoke(app, ["pool", "history", *map(str, words)], env={"COLUMNS": "300"})


def facts(*words: object) -> Any:
    done = history(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["periods"]


@pytest.mark.parametrize("payee", ["ann", "bob", "cy-dee"])
def test_months_add_up(settled: World, payee: str) -> None:
    months = facts(payee, "--ledger", settled.folder.path)
    assert months[0]["period"] == "2026-11"
    known = 0
    for month in months:
        assert month["opening_micro"] == known
        known = month["opening_micro"] + month["transfers_micro"] + month["earned_micro"]
        assert (
            month["closing_micro"]
            == known
            == sum(month[f"{name}_micro"] for name in ("payable", "frozen_late", "held"))
        )
        core = json.loads(statement_bytes(settled.statement(payee, month["period"])))["core"]
        assert month["earned_micro"] == core["amount_micro"]
        assert month["follows"]


def test_a_table_has_a_row_for_each_month(settled: World) -> None:
    done = history("ann", "--ledger", settled.folder.path)
    assert done.exit_code == 0
    assert "2026-11" in done.output and "2026-12" in done.output and "missing" not in done.output


def test_statements_that_a_payee_keeps(settled: World, tmp_path: Path) -> None:
    """In folders by period as they came, or one alone; of another payee nothing is read."""
    shutil.copytree(settled.folder.public / "statements", tmp_path / "kept")
    assert facts("ann", "--statements", tmp_path / "kept")[0]["earned_micro"] > 0
    shutil.copy(settled.statement("bob"), tmp_path / "kept" / "ann.json")
    assert len(facts("ann", "--statements", tmp_path / "kept")) == 2
    assert len(facts("ann", "--statements", tmp_path / "kept" / "2026-12-EUR")) == 1


def test_a_balance_that_does_not_follow_is_told(settled: World, tmp_path: Path) -> None:
    shutil.copytree(settled.folder.public / "statements", tmp_path / "kept")
    path = tmp_path / "kept" / "2026-11-EUR" / "ann.json.gz"
    data = statement_bytes(path)
    opening = json.loads(data)["core"]["balance"]["held"]["closing_micro"]
    path.write_bytes(
        data.replace(b'"held":{"closing_micro":%d' % opening, b'"held":{"closing_micro":%d' % (opening + 1))
    )
    done = history("ann", "--statements", tmp_path / "kept")
    assert "2026-12: opens with another balance" in done.output


def test_a_statement_that_is_missing_before_the_first_is_told(settled: World, tmp_path: Path) -> None:
    shutil.copytree(settled.folder.public / "statements", tmp_path / "kept")
    (tmp_path / "kept" / "2026-11-EUR" / "ann.json.gz").unlink()
    assert [month["follows"] for month in facts("ann", "--statements", tmp_path / "kept")] == [False]
    done = history("ann", "--statements", tmp_path / "kept")
    assert "2026-12: opens with a balance, and is the first; one is missing" in done.output


def test_what_has_no_meaning_is_refused(settled: World, tmp_path: Path) -> None:
    assert history("ann").exit_code == Exit.USAGE
    both = ["--ledger", settled.folder.path, "--statements", tmp_path]
    assert history("ann", *both).exit_code == Exit.USAGE
    assert history("nobody", "--ledger", settled.folder.path).exit_code == Exit.FINDING
    for payee in ("../ann", "*"):
        assert history(payee, "--ledger", settled.folder.path).exit_code == Exit.USAGE
    (tmp_path / "ann.json").write_text("{}")
    assert history("ann", "--statements", tmp_path).exit_code == Exit.FINDING
