"""`amos vault optout` and `amos vault frozen` tell what withdrawn stems have earned, and later months leave it so."""

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from five_stems import ANNS, BOBS, part
from plain_period import PlainPeriod, file_bytes
from typer.testing import CliRunner, Result

from amos.protocol.signing import list_delegated, sign_delegated
from amos_tools.cli import app
from amos_tools.vault import Vault

NOVEMBER, DECEMBER = "2026-11", "2026-12"


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, ["vault", *map(str, words)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def facts(*words: str | Path) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def stems(tmp_path: Path, good: dict[str, str]) -> tuple[bytes, bytes]:
    """Two in a vault."""
    (tmp_path / "in").mkdir()
    for at in (1, 2):
        soundfile.write(tmp_path / "in" / f"{at}.wav", [at / 99, -at / 99] * 2000, 44_100)
        (tmp_path / "in" / f"{at}.json").write_text(json.dumps(good | {"title": f"piece [{at}]"}))
    assert run("init", tmp_path / "vault").exit_code == 0
    assert run("import", tmp_path / "vault", tmp_path / "in").exit_code == 0
    with Vault(tmp_path / "vault") as opened:
        one, other = sorted(opened.stems(), key=lambda stem: stem.title)
    return one.stem_id, other.stem_id


def publish(folder: Path, stems: tuple[bytes, bytes], period: str, late: int) -> PlainPeriod:
    """A month in which the first stem has a second of play in time, and `late` frames that came late."""
    cells = {(ANNS, stems[0]): [part(44_100)], (BOBS, stems[1]): [part(44_100)]}
    if late:
        cells[BOBS, stems[0]] = [part(late, standing=1)]
    splits = {(stems[0], 1): [("ann", 750_000), ("bob", 250_000)], (stems[1], 1): [("bob", 1_000_000)]}
    made = PlainPeriod(cells=cells, splits=splits, sequences={ANNS: [1, 1], BOBS: [1, 1]}, period=period)
    for payee in made.cores:
        path = folder / "public" / "statements" / period / f"{payee}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_bytes(made.statement(payee)))
    return made


def lines_of(made: PlainPeriod, payee: str, stem: bytes, account: str) -> int:
    lines = made.cores[payee]["lines"]
    return sum(x["amount_micro"] for x in lines if (x["stem"], x["account"]) == (stem.hex(), account))


def test_what_a_withdrawal_freezes_is_told_and_later_months_only_add_to_it(
    tmp_path: Path, stems: tuple[bytes, bytes]
) -> None:
    vault, ledger = tmp_path / "vault", tmp_path / "ledger"
    november = publish(ledger, stems, NOVEMBER, 0)
    told = facts("optout", vault, stems[0].hex(), "--ledger", ledger)
    assert [stem["stem"] for stem in told["opted_out"]] == [stems[0].hex()]
    of_ann, of_bob = told["frozen"]
    assert (of_ann["payee"], of_bob["payee"], of_ann["stem"]) == ("ann", "bob", stems[0].hex())
    for item in (of_ann, of_bob):
        assert item["earned_micro"] == lines_of(november, item["payee"], stems[0], "payable") > 0
        assert item["frozen_late_micro"] == 0 and [root["period"] for root in item["closings"]] == [NOVEMBER]
    assert facts("frozen", vault, "--ledger", ledger)["frozen"] == told["frozen"]

    december = publish(ledger, stems, DECEMBER, 8820)
    later = facts("frozen", vault, stems[0].hex()[:8], "--statements", ledger / "public" / "statements")["frozen"]
    for before, after in zip(told["frozen"], later, strict=True):
        assert after["closings"][:1] == before["closings"] and len(after["closings"]) == 2
        payee = after["payee"]
        assert after["earned_micro"] - before["earned_micro"] == lines_of(december, payee, stems[0], "payable")
        assert after["frozen_late_micro"] == lines_of(december, payee, stems[0], "frozen_late") > 0
    november_alone = ledger / "public" / "statements" / NOVEMBER
    assert facts("frozen", vault, "--statements", november_alone)["frozen"] == told["frozen"]
    shown = run("frozen", vault, "--ledger", ledger).output
    assert "piece [1]" in shown and "piece [2]" not in shown
    assert shown.count(later[0]["closings"][1]["statements_root"]) == 1


def test_without_statements_it_says_where_to_look(tmp_path: Path, stems: tuple[bytes, bytes]) -> None:
    vault = tmp_path / "vault"
    assert run("frozen", vault).exit_code == 2
    assert "amos vault frozen" in run("optout", vault, stems[0].hex()).output
    assert facts("optout", vault, stems[0].hex())["frozen"] is None
    consenting = run("frozen", vault, stems[1].hex(), "--statements", tmp_path / "in")
    assert consenting.exit_code == 2 and "piece [2]" in consenting.output
    (tmp_path / "ledger").mkdir()
    assert facts("frozen", vault, "--ledger", tmp_path / "ledger")["frozen"] == [], "nothing is settled yet"


def test_what_payees_withdrew_at_the_ledger_is_told_as_well(tmp_path: Path, stems: tuple[bytes, bytes]) -> None:
    vault, ledger = tmp_path / "vault", tmp_path / "ledger"
    publish(ledger, stems, NOVEMBER, 0)
    consenting = run("frozen", vault, stems[0].hex(), "--statements", ledger / "public" / "statements")
    assert consenting.exit_code == 2 and "--ledger DIR knows what payees withdrew" in consenting.output
    listed = ledger / "public" / "delegated-opt-outs.cose"
    listed.write_bytes(
        sign_delegated(list_delegated(1, 5, stems[:1], b"signed", "ann"), bytes(16), lambda message: bytes(64))
    )
    for words in ((), (stems[0].hex(),)):
        told = facts("frozen", vault, *words, "--ledger", ledger)
        assert [stem["stem"] for stem in told["withdrawn"]] == [stems[0].hex()]
        assert [item["payee"] for item in told["frozen"]] == ["ann", "bob"]
    assert run("frozen", vault, stems[1].hex(), "--ledger", ledger).exit_code == 2
    listed.write_bytes(b"x")
    assert run("frozen", vault, "--ledger", ledger).exit_code == 1


def test_a_file_that_is_no_statement_is_refused_before_anything_is_done(
    tmp_path: Path, stems: tuple[bytes, bytes]
) -> None:
    refused = run("optout", tmp_path / "vault", stems[0].hex(), "--statements", tmp_path / "in")
    assert refused.exit_code == 1 and "NotAStatement: " in refused.output
    with Vault(tmp_path / "vault") as opened:
        assert all(stem.opt_in for stem in opened.stems())
