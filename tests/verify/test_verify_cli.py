"""The commands as an operator meets them: one line for every fault, no traceback, exit codes."""

import json
import re
import time

import pytest
import typer
from settled_world import set_clock
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos.crypto import public_key
from amos.protocol.checkpoint_host import Checkpoint, sign_checkpoint
from amos_ledger.settle_period import settle_period
from amos_tools.pool.cli import app as pool
from amos_tools.verify.cli import verify

SETTLE = ["settle", "--income", "1000.00", "--currency", "EUR"]


def run(app: typer.Typer, *words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def verifier() -> typer.Typer:
    app = typer.Typer()
    app.command()(verify)
    return app


@pytest.fixture
def past(november, monkeypatch, dates):
    """November is over."""
    monkeypatch.setattr(time, "time", lambda: float(dates(2026, 12, 5)))
    set_clock(november.folder, dates(2026, 12, 5))
    return november


@pytest.fixture
def pinned(november, tmp_path):
    path = tmp_path / "keys.json"
    keys = november.keys
    names = {name: getattr(keys, name).hex() for name in ("ledger", "publisher", "operator")}
    path.write_text(json.dumps({**names, "origin": keys.origin}))
    return path


def test_settle_prints_the_payout_and_verify_says_yes(past, verifier, pinned, tmp_path) -> None:
    out = tmp_path / "copies"
    result = run(pool, *SETTLE, "--period", "2026-11", "--ledger", past.path, "--out", out)
    assert result.exit_code == 0, result.output
    assert "1000.000000" in result.output and "cy-dee" in result.output
    again = run(pool, *SETTLE, "--period", "2026-11", "--ledger", past.path, "--out", out)
    assert again.output == result.output
    assert sorted(path.name for path in (out / "2026-11-EUR").iterdir()) == [
        "ann.json.gz",
        "bob.json.gz",
        "cy-dee.json.gz",
    ]
    for words in ([past.statement("ann")], [past.folder.public / "statements" / "2026-11-EUR"]):
        checked = run(verifier, *words, "--keys", pinned)
        assert checked.exit_code == 0, checked.output
        assert checked.output.startswith("yes: ann earns ")
    elsewhere = run(verifier, out / "2026-11-EUR" / "bob.json.gz", "--keys", pinned, "--published", past.path / "audit")
    assert elsewhere.output.startswith("yes: bob earns ")


def test_json_of_both(past, verifier, pinned) -> None:
    data = json.loads(run(pool, *SETTLE, "--period", "2026-11", "--ledger", past.path, "--json").output)
    assert sum(item["amount_micro"] for item in data["payees"]) == data["pool_micro"] == 10**9
    files = [item["statement"] for item in data["payees"]]
    checked = json.loads(run(verifier, *files, "--keys", pinned, "--json").output)
    assert checked["verified"] is True
    assert [item["amount_micro"] for item in checked["statements"]] == [item["amount_micro"] for item in data["payees"]]


def test_a_running_month_needs_to_be_told(november, monkeypatch, dates) -> None:
    monkeypatch.setattr(time, "time", lambda: float(dates(2026, 11, 22)))
    set_clock(november.folder, dates(2026, 11, 22))
    words = [*SETTLE, "--period", "2026-11", "--ledger", november.path]
    refused = run(pool, *words)
    assert refused.exit_code == 1
    assert "PeriodRunning: 2026-11: expected a month that is over" in refused.stderr
    closed = run(pool, *words, "--close-now")
    assert closed.exit_code == 0 and "notice: 2026-11 is not over" in closed.output
    assert run(pool, *words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--period", "2026-13", "--income", "1", "--currency", "EUR"], "PeriodError: period: expected"),
        (["--period", "2026-11", "--income", "-1", "--currency", "EUR"], "MoneyError: income: expected"),
        (["--period", "2026-11", "--income", "1.1234567", "--currency", "EUR"], "at most 6 decimals"),
        (["--period", "2026-11", "--income", "1", "--currency", "euro"], "MoneyError: currency: expected"),
    ],
)
def test_settle_refuses_in_one_line(past, words: list[str], said: str) -> None:
    result = run(pool, "settle", *words, "--ledger", past.path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_settle_without_a_ledger(past, tmp_path) -> None:
    result = run(pool, *SETTLE, "--period", "2026-11", "--ledger", tmp_path)
    assert result.exit_code == 1 and result.stderr.startswith("NotALedger: ")


def test_settle_with_another_income_later(past) -> None:
    words = ["--period", "2026-11", "--currency", "EUR", "--ledger", past.path]
    assert run(pool, "settle", "--income", "5", *words).exit_code == 0
    result = run(pool, "settle", "--income", "6", *words)
    assert result.exit_code == 1 and "PeriodClosed" in result.stderr


def test_an_empty_period_says_where_the_pool_goes(past) -> None:
    result = run(pool, *SETTLE, "--period", "2026-10", "--ledger", past.path)
    assert result.exit_code == 0 and "go to the account carry, for a later month" in result.output


def test_a_key_is_64_digits_and_nothing_between_them(past, verifier, pinned) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    spaced = past.folder.public_key.hex(" ")
    result = run(verifier, past.statement("ann"), "--keys", pinned, "--ledger-key", spaced)
    assert result.exit_code == 2 and "keys.ledger: expected 64 hexadecimal digits" in result.stderr


def test_show_prints_a_statement_and_obeys_nothing_in_it(past) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    result = run(pool, "show", past.statement("ann"))
    assert result.exit_code == 0
    assert "Títle [0] ?[2J" in result.output and "\x1b" not in result.output
    assert "micro-units per millisecond" in result.output


@pytest.mark.parametrize("text", ["", "hello", "{1", "{}", '{\n "core": {},\n "proof": {}\n}\n', "[]"])
def test_show_refuses_in_one_line(tmp_path, text: str) -> None:
    path = tmp_path / "statement.json"
    path.write_text(text)
    result = run(pool, "show", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"NotAStatement: {path}: ")
    assert not re.search(r"Expecting|char \d|Errno|Error:", result.stderr), "no words of Python's or of its JSON reader"


def test_verify_says_no_and_where(past, verifier, pinned) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    path = past.statement("ann")
    whole = json.loads(statement_bytes(path))
    amount = whole["core"]["amount_micro"]
    path.write_bytes(
        statement_bytes(path).replace(f'"amount_micro":{amount}'.encode(), f'"amount_micro":{amount + 1}'.encode())
    )
    alone = run(verifier, path, "--keys", pinned)
    assert (alone.exit_code, alone.stderr.startswith(f"no: {path}: core.amount: expected ")) == (1, True)
    result = run(verifier, path, "--keys", pinned, "--full")
    assert result.exit_code == 1
    assert result.stderr == f"no: {path}: core.amount_micro: expected {amount}, found {amount + 1}\n"
    data = json.loads(run(verifier, path, "--keys", pinned, "--full", "--json").stdout)
    assert data["verified"] is False and data["refusal"]["name"] == "Difference"
    assert data["difference"] == {"field": "core.amount_micro", "expected": str(amount), "found": str(amount + 1)}


def test_verify_without_what_it_needs(past, verifier, pinned, tmp_path) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    statement = past.statement("ann")
    copy = tmp_path / "copy.json"
    copy.write_bytes(statement_bytes(statement))
    bad_keys = tmp_path / "bad.json"
    bad_keys.write_text("{")
    short = ["--ledger-key", "00", "--publisher-key", "00" * 32, "--operator-key", "00" * 32]
    (tmp_path / "empty").mkdir()
    for code, words, said in (
        (1, [tmp_path / "empty", "--ledger-key", "00" * 32], "empty: expected statements (*.json.gz or *.json), found"),
        (1, [tmp_path / "empty"], "empty: expected statements"),
        (2, [statement, "--full", "--ledger-key", "00" * 32], "keys.publisher: expected the publisher's public key"),
        (2, [statement], "keys.ledger: expected the ledger's public key"),
        (2, [statement, *short], "keys.ledger: expected 64 hexadecimal digits, found '00'"),
        (1, [statement, "--keys", bad_keys], "bad.json: expected JSON"),
        (1, [copy, "--full", "--keys", pinned], "expected a public folder around it"),
        (1, [copy, "--keys", pinned, "--published", tmp_path], "checkpoint: expected a readable file"),
        (1, [past.folder.public / "tile", "--keys", pinned], "expected statements"),
    ):
        result = run(verifier, *words)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.output
        assert said in result.stderr


def test_a_checkpoint_kept_is_compared_with_and_without_statements(past, verifier, pinned, tmp_path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((past.folder.public / "checkpoint").read_bytes())
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    since = ["--keys", pinned, "--since", kept]
    alone = run(verifier, *since, "--published", past.path / "audit")
    line = "  since the checkpoint kept, of 13 entries, entries were only added\n"
    assert alone.exit_code == 0 and alone.output.startswith("yes: the log begins with") and line in alone.output
    both = run(verifier, past.statement("ann"), *since)
    assert both.exit_code == 0 and both.output.startswith("yes: ann earns ") and line in both.output
    facts = json.loads(run(verifier, *since, "--published", past.path / "audit", "--json").output)
    assert (facts["verified"], facts["statements"]) == (True, []) and line.strip() in facts["checked"]


def test_a_split_view_since_a_checkpoint_kept_is_said(past, verifier, pinned, tmp_path) -> None:
    kept = tmp_path / "kept"
    other = Checkpoint(past.keys.origin, 3, b"\xab" * 32)
    kept.write_bytes(sign_checkpoint(other, past.folder.public_key, past.folder.sign))
    words = ["--keys", pinned, "--since", kept, "--published", past.path / "audit"]
    said = run(verifier, *words)
    assert said.exit_code == 1 and said.stderr.startswith(f"no: {kept}: since.root: expected ")
    assert json.loads(run(verifier, *words, "--json").stdout)["difference"]["field"] == "since.root"
    for incomplete in ([], ["--since", kept], ["--published", past.path / "audit"]):
        refused = run(verifier, "--keys", pinned, *incomplete)
        assert refused.exit_code == 2 and "expected a STATEMENT, or --since" in refused.stderr


def test_keys_by_hand_win_over_the_file(past, verifier, pinned) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    words = [past.statement("ann"), "--keys", pinned]
    assert run(verifier, *words, "--ledger-key", past.keys.ledger.hex()).exit_code == 0
    assert run(verifier, *words, "--ledger-key", public_key(b"x" * 32).hex()).exit_code == 1


def test_a_folder_of_all_periods_is_checked_period_by_period(past, verifier, pinned) -> None:
    settle_period(past.folder, "2026-11", 10**9, "EUR")
    folder = past.statement("ann").parent.parent
    checked = run(verifier, folder, "--keys", pinned, "--json")
    assert checked.exit_code == 0 and len(json.loads(checked.stdout)["statements"]) >= 2
