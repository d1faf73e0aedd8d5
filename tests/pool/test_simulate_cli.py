"""`amos pool simulate`: the table, the JSON, the drawing, and what it refuses."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_tools.cli import app

SMALL = ["--players", "60", "--stems", "40", "--days", "20"]


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["pool", "simulate", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_table_and_the_json_tell_the_same() -> None:
    code, text = run(*SMALL)
    assert code == 0
    rows = [line.split("│") for line in text.splitlines() if line.startswith("│")]
    told = json.loads(run(*SMALL, "--json")[1])
    assert (told["players"], told["stems"], told["days"], told["pool_micro"]) == (60, 40, 20, 1_200_000_000)
    rules = [rule for scenario in told["scenarios"] for rule in scenario["rules"]]
    assert len(rows) == len(rules) == 16
    for row, rule in zip(rows, rules, strict=True):
        assert row[2].strip() == rule["name"] and row[3].strip() == f"{rule['gini']:.4f}"
        assert rule["carried_micro"] == 0
    fraud = [row[-2].strip() for row in rows]
    assert fraud[:4] == [""] * 4 and all(cell.endswith(" fees") for cell in fraud[4:])
    assert f"{told['counted_ms'] // 3_600_000:,} counted" in text


def test_the_pool_may_be_named() -> None:
    told = json.loads(run(*SMALL, "--income", "7.000001", "--json")[1])
    assert told["pool_micro"] == 7_000_001 and told["fee_micro"] in (116_666, 116_667)
    told = json.loads(run(*SMALL, "--income", "0", "--json")[1])
    assert {rule["times_fee"] for scenario in told["scenarios"] for rule in scenario["rules"]} == {0.0}


def test_the_drawing_is_one_file_and_the_same_again(tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for file in (first, second, second):
        assert run(*SMALL, "--out", str(file))[0] == 0
    assert first.read_bytes() == second.read_bytes()
    root = ElementTree.fromstring(first.read_text())
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}polyline")) == 8
    frauds = [bar for bar in root.findall(f"{space}rect") if bar.find(f"{space}title") is not None]
    assert len(frauds) == 12 and all(float(bar.attrib["width"]) >= 0 for bar in frauds)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    points = [
        tuple(map(float, point.split(",")))
        for line in root.findall(f"{space}polyline")
        for point in line.attrib["points"].split()
    ]
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    # Self-contained: nothing is fetched, and no script runs.
    assert "href" not in first.read_text() and "<script" not in first.read_text()


def test_the_smallest_simulation_is_drawn(tmp_path: Path) -> None:
    for seed in range(6):
        words = ["--players", "2", "--stems", "2", "--days", "1", "--seed", str(seed)]
        assert run(*words, "--out", str(tmp_path / f"{seed}.svg"))[0] == 0
        ElementTree.fromstring((tmp_path / f"{seed}.svg").read_text())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "picture.png"], "ends in .svg"),
        (["--income", "-1"], "income: expected a decimal"),
        (["--players", "1"], "--players"),
        (["--days", "0"], "--days"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_what_has_no_meaning_is_refused(words: list[str], said: str) -> None:
    code, text = run(*SMALL, *words)
    assert code == Exit.USAGE and said in text


def test_a_file_that_is_no_drawing_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.svg"
    file.write_text("mine")
    code, text = run(*SMALL, "--out", str(file))
    assert code == Exit.FINDING and "OutputRefused" in text and file.read_text() == "mine"
    assert run(*SMALL, "--out", str(file), "--force")[0] == 0 and file.read_text().startswith("<svg")
