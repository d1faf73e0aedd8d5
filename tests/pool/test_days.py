"""Days and venues of a statement as people read them: in tables, in a spreadsheet, as a picture, on paper."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser import browsing
from selenium.webdriver import Chrome
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos_ledger.settlement.statement import compact_bytes
from amos_tools.cli import app
from amos_tools.pool.days_svg import DAYS_MAX, days_svg

TITLES = ["=HYPERLINK(1)", "W" * 300, "<script>x</script>", "Ca\u202efe"]
HOUR_MS = 3_600_000
A4_WIDTH = 1032
"""In CSS pixels, less the margins."""


def show(*words: object) -> Result:
    return CliRunner().invoke(app, ["pool", "show", *map(str, words)], env={"COLUMNS": "300"})


def play(days: list[list[Any]], venues: list[list[Any]], more: list[int]) -> dict[str, Any]:
    return {"days": days, "undated_ms": 7, "sites": len(venues) + more[0], "venues": venues, "more_venues": more}


@pytest.fixture
def statement(settled: World, tmp_path: Path) -> Path:
    """With many lines, odd titles, and days of all but the last of them. Showing checks nothing."""
    whole = json.loads(statement_bytes(settled.statement("ann")))
    [line, *_rest] = whole["core"]["lines"]
    whole["core"]["lines"] = [
        line | {"title": TITLES[at % 4], "isrc": "DEA123456789", "stem": f"{at:032x}"} for at in range(20)
    ]
    told = play([["2026-10-30", HOUR_MS], ["2026-11-05", HOUR_MS, 0, 5]], [["=1+1", 9], ["", 8]], [3, 4])
    lines = [{"of": "lines", "line": at} | told for at in range(19)]
    whole["detail"] |= {"lines": lines, "left_out": 1, "venues": "region", "whole": told}
    path = tmp_path / "statement.json"
    path.write_bytes(compact_bytes(whole))
    return path


def test_tables_say_days_venues_and_what_is_left_out(statement: Path) -> None:
    done = show(statement)
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    for text in (
        "2026-11-05 │ 1:00:00.000",
        "2026-11-07",
        "undated │ 0:00:00.007",
        "(not stated)",
        "3 more",
        "5 sites",
    ):
        assert text in shown, text
    assert "2026-11-06" not in shown and "venues appear by region" in shown and "of 1 lines are left out" in shown


def test_a_spreadsheet_has_a_row_for_each_day_and_venue_and_no_formula(statement: Path, tmp_path: Path) -> None:
    assert show(statement, "--csv", tmp_path / "csv").exit_code == 0
    days, venues = (
        list(csv.DictReader(io.StringIO((tmp_path / "csv" / f"{name}.csv").read_bytes().decode(), newline="")))
        for name in ("days", "venues")
    )
    assert (len(days), len(venues)) == (20 * 4, 20 * 3)
    assert sum(int(row["play_ms"]) for row in days if row["of"] == "all") == 2 * HOUR_MS + 5 + 7
    assert {row["venue"] for row in venues} == {"'=1+1", "(not stated)", "3 more"}
    lines = csv.DictReader(io.StringIO((tmp_path / "csv" / "lines.csv").read_bytes().decode(), newline=""))
    assert [row["sites"] for row in lines] == ["5"] * 19 + [""]
    assert {row["title"] for row in days if row["of"] == "lines"} >= {"'=HYPERLINK(1)", "W" * 300}


def test_the_picture_has_a_column_for_each_day_and_a_row_for_each_stem(statement: Path) -> None:
    whole = json.loads(statement_bytes(statement))
    picture = ElementTree.fromstring(days_svg(whole["core"], whole["detail"]))
    name = "{http://www.w3.org/2000/svg}"
    bars = [item for item in picture.iter(f"{name}rect") if item.find(f"{name}title") is not None]
    assert [bar.find(f"{name}title").text[:10] for bar in bars][::8] == ["2026-10-30", "2026-11-07"]  # type: ignore[union-attr, index]
    assert float(bars[0].get("height", 0)) == float(bars[6].get("height", 0)) > float(bars[8].get("height", 0))
    assert len(list(picture.iter(f"{name}svg"))) == 1 + 19, "a label for each"
    far = {"whole": whole["detail"]["whole"] | {"days": [["1999-01-01", 5], ["2026-11-05", 5]]}, "lines": []}
    assert days_svg(whole["core"], far).count("<rect") == DAYS_MAX
    undated = {"whole": whole["detail"]["whole"] | {"days": []}, "lines": []}
    assert days_svg(whole["core"], undated) == ""


def test_the_page_is_no_wider_than_a_screen_or_a_sheet(
    statement: Path, tmp_path: Path, chromium: tuple[Path, Path, dict[str, str]]
) -> None:
    """Wide tables move within the page of a small screen, and fit on paper, however long a title is."""
    page = tmp_path / "page.html"
    assert show(statement, "--html", page).exit_code == 0
    assert "<script>x" not in page.read_text()
    with browsing(*chromium, tmp_path / "profile") as browser:
        browser.get(page.as_uri())
        for width in (360, 1440):
            _become(browser, width, "screen")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        _become(browser, A4_WIDTH, "print")
        widths = "return [...document.querySelectorAll('table')].map(table => table.offsetWidth)"
        assert max(browser.execute_script(widths)) <= A4_WIDTH * 1.25, "the browser makes it smaller by a fifth at most"


def _become(browser: Chrome, width: int, media: str) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
