"""`amos report` as an operator meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
from dsr_reader import read_report
from reported_world import INCOME_MICRO, PERIOD, publish
from settled_world import World
from typer.testing import CliRunner, Result

from amos_tools.cli import app
from amos_tools.vault import Vault, parse_facts

PARTIES = ("--sender", "Amos Café", "--sender-dpid", "PADPIDA2026010101A")
PARTIES += ("--recipient", "Society", "--recipient-dpid", "PADPIDA2026010102B")


def run(*words: str | Path) -> Result:
    """The command's result; an exception other than a clean exit fails the test."""
    result = CliRunner().invoke(app, ["report", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def source(world: World, keys: Path) -> tuple[str | Path, ...]:
    """Where the log is, and whom to believe."""
    pinned = {name: getattr(world.keys, name).hex() for name in ("ledger", "publisher", "operator")}
    keys.write_text(json.dumps(pinned | {"origin": world.keys.origin}))
    return "--published", world.folder.path / "audit", "--keys", keys


@pytest.fixture
def closed(settled: World, tmp_path: Path) -> tuple[str | Path, ...]:
    return "--period", PERIOD, *source(settled, tmp_path / "keys.json")


@pytest.fixture
def still_open(opened: World, tmp_path: Path) -> tuple[str | Path, ...]:
    return "--period", PERIOD, *source(opened, tmp_path / "keys.json")


@pytest.fixture
def venue_key(tmp_path: Path) -> Path:
    (tmp_path / "venues.key").write_bytes(b"k" * 32)
    return tmp_path / "venues.key"


def test_society_writes_the_same_again_and_says_what_it_comes_to(
    closed: tuple[str, ...], tmp_path: Path, venue_key: Path
) -> None:
    out = tmp_path / "society.csv"
    first = run("society", *closed, "--out", out, "--venue-key-file", venue_key, "--json")
    facts = json.loads(first.output)
    assert (facts["closed"], facts["amount_micro"], facts["currency"]) == (True, INCOME_MICRO, "EUR")
    assert (facts["lines"], facts["unpaid_ms"]) == (9, 1000)
    data = out.read_bytes()
    assert data.count(b"\r\n") == 10 and facts["report_id"].encode() in data and b"cafe" not in data
    again = run("society", *closed, "--out", out, "--venue-key-file", venue_key)
    assert out.read_bytes() == data
    assert f"report {facts['report_id']} of 2026-11, 15 plays" in again.output
    assert "1000.000007 EUR of a pool of 1000.000007" in again.output


def test_of_an_open_period_it_tells_use_and_says_that_it_is_no_money(
    still_open: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "society.csv"
    result = run("society", *still_open, "--out", out, "--venues", "name")
    assert "2026-11 is open: it tells use so far, and no money" in result.output
    facts = json.loads(run("society", *still_open, "--out", out, "--venues", "name", "--json").output)
    assert facts["amount_micro"] is None


def test_playlog(closed: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "log.csv"
    facts = json.loads(run("playlog", *closed, "--out", out, "--venues", "region", "--json").output)
    assert (facts["plays"], facts["lines"]) == (15, 15) and out.read_bytes().count(b"\r\n") == 16


def test_dsr_names_its_file_and_says_what_using_it_needs(closed: tuple[str, ...], tmp_path: Path) -> None:
    words = ("dsr", *closed, *PARTIES, "--out", tmp_path / "out", "--territory", "DE", "--created", "1796083200")
    result = run(*words)
    assert result.exit_code == 0, result.output
    [file] = (tmp_path / "out").iterdir()
    assert file.name.endswith("_BackgroundMusic_2026-11_DE_1of1_20261201T000000.tsv")
    report = read_report(file.read_bytes())
    assert "implementation licence, free of charge: https://ddex.net/" in result.output
    assert f"{len(report.summaries)} summaries, 4 blocks" in result.output
    assert json.loads(run(*words, "--json").output)["blocks"] == 4


def test_dsr_of_an_open_period_is_refused(still_open: tuple[str, ...], tmp_path: Path) -> None:
    result = run("dsr", *still_open, *PARTIES, "--out", tmp_path / "out", "--territory", "DE")
    assert (result.exit_code, result.stderr.split(":")[0]) == (1, "PeriodOpen")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("--sender-dpid", "DPIDA1"), "BadParty"),
        (("--sender", "a\tb"), "UsageError"),
        (("--service", "Background Music"), "BadParty"),
        (("--territory", "Germany"), "BadVenueList"),
        (("--period", "2026-13"), "PeriodError"),
        (("--created", "253402300800"), "UsageError"),
    ],
)
def test_what_has_no_meaning_in_a_dsr_is_refused(
    closed: tuple[str, ...], tmp_path: Path, words: tuple[str, str], name: str
) -> None:
    result = run("dsr", *closed, *PARTIES, "--out", tmp_path / "out", "--territory", "DE", *words)
    assert result.exit_code in (1, 2) and result.stderr.startswith((f"{name}: ", "UsageError: "))
    assert not (tmp_path / "out").exists()


def test_pseudonyms_need_a_key(closed: tuple[str, ...], tmp_path: Path) -> None:
    result = run("society", *closed, "--out", tmp_path / "a.csv")
    assert result.exit_code == 2 and "expected --venue-key-file for pseudonyms" in result.stderr


def test_a_file_of_another_kind_is_not_written_over(closed: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "notes.csv"
    out.write_text("mine\n")
    words = ("society", *closed, "--out", out, "--venues", "name")
    assert (run(*words).exit_code, out.read_text()) == (1, "mine\n")
    assert run(*words, "--force").exit_code == 0 and out.read_bytes().startswith(b"report_id,")


def test_a_log_that_was_changed_is_no_ground_for_a_report(world: World, tmp_path: Path) -> None:
    publish(world)
    words = source(world, tmp_path / "keys.json")
    for bundle in (world.folder.path / "audit").rglob("*"):
        if bundle.is_file() and "entries" in bundle.parts:
            data = bytearray(bundle.read_bytes())
            data[-1] ^= 1
            bundle.write_bytes(data)
    result = run("society", "--period", PERIOD, *words, "--out", tmp_path / "a.csv", "--venues", "name")
    assert result.exit_code == 1 and result.stderr.startswith("Difference: ")
    assert not (tmp_path / "a.csv").exists()


def test_a_month_of_nothing_is_a_report_without_lines(still_open: tuple[str, ...], tmp_path: Path) -> None:
    words = [*still_open[2:], "--period", "2025-01", "--out", tmp_path / "a.csv", "--venues", "name", "--json"]
    facts = json.loads(run("society", *words).output)
    assert (facts["lines"], facts["play_ms"], facts["closed"]) == (0, 0, False)


def test_registry_in_both_forms(tmp_path: Path) -> None:
    texts = {"title": "=Fog", "artist": "Ada", "splits": "ada=1000000", "role": "pads", "opt_in": "yes"}
    with Vault.init(tmp_path / "vault") as vault:
        vault.import_samples(np.ones((4000, 1), np.int16), parse_facts("a.wav", texts | {"training": "no"}))
        vault.import_samples(np.ones((4001, 1), np.int16), parse_facts("b.wav", texts | {"opt_in": "no"}))
    told, rows = tmp_path / "registry.json", tmp_path / "registry.csv"
    result = run("registry", "--vault", tmp_path / "vault", "--out", told)
    assert result.output == f"{told}: 1 stems\n"
    [stem] = json.loads(told.read_text())["stems"]
    assert (stem["title"], stem["training"], stem["ai_use"]) == ("=Fog", "not_allowed", "undeclared")
    facts = json.loads(run("registry", "--vault", tmp_path / "vault", "--out", rows, "--csv", "--json").output)
    assert facts == {"file": str(rows), "stems": 1} and b",'=Fog," in rows.read_bytes()
    assert run("registry", "--vault", tmp_path / "vault", "--out", told).exit_code == 0
    assert run("registry", "--vault", tmp_path / "vault", "--out", told, "--csv").exit_code == 1


@pytest.mark.parametrize("kind", ["society", "playlog", "dsr"])
@pytest.mark.parametrize(("payee", "said"), [("an", "found an; the nearest is ann"), ("../\x1b", "found ../?")])
def test_a_payee_whom_nobody_named_is_no_empty_report(
    closed: tuple[str, ...], tmp_path: Path, kind: str, payee: str, said: str
) -> None:
    out, more = tmp_path / "out", PARTIES if kind == "dsr" else ["--venues", "name"]
    refused = run(kind, *closed, "--out", out, *more, "--payee", payee)
    assert refused.exit_code == 1 and refused.output.startswith("PayeeUnknown: payee: expected one that a catalogue")
    assert said in refused.output and not out.exists()


def test_a_message_about_something_else_of_the_same_second_is_not_written_over(
    closed: tuple[str, ...], tmp_path: Path
) -> None:
    words = ["dsr", *closed, "--out", tmp_path / "dsr", *PARTIES, "--territory", "DE", "--created", "1796083200"]
    assert run(*words).exit_code == run(*words).exit_code == 0
    (path,) = (tmp_path / "dsr").iterdir()
    data = path.read_bytes()
    refused = run(*words, "--payee", "ann")
    assert refused.exit_code == 1 and "--force" in refused.output and path.read_bytes() == data
    assert run(*words, "--payee", "ann", "--force").exit_code == 0 and path.read_bytes() != data


@pytest.mark.parametrize("option", ["--rights-type", "--use-type", "--commercial-model", "--message-version"])
def test_a_cell_that_has_to_be_filled_is(closed: tuple[str, ...], tmp_path: Path, option: str) -> None:
    refused = run("dsr", *closed, "--out", tmp_path / "dsr", *PARTIES, option, "")
    assert refused.exit_code == 2 and f"{option}: expected 1 to 200 bytes" in refused.output
