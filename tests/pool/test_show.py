"""Statements as people read them: in tables, in a spreadsheet, on paper."""

import csv
import io
import json
from base64 import b64decode
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from go_log import GoLog
from plain_period import file_bytes
from settled_world import World
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos_cli.output import Exit
from amos_tools.cli import app
from amos_tools.pool.statement_svg import STEMS_MAX, play_svg


def show(*words: object) -> Result:
    return CliRunner().invoke(app, ["pool", "show", *map(str, words)], env={"COLUMNS": "400"})


def core_of(path: Path) -> Any:
    return json.loads(statement_bytes(path))["core"]


def cells(data: str) -> Iterator[list[str]]:
    """What a reader of the CSV has: one leading apostrophe taken away."""
    for row in csv.reader(io.StringIO(data, newline=""), strict=True):
        yield [cell.removeprefix("'") for cell in row]


def test_tables_have_every_line_and_balance(settled: World) -> None:
    path = settled.statement("ann", "2026-12")
    done = show(path)
    assert done.exit_code == 0, done.output
    core = core_of(path)
    for line in core["lines"]:
        assert line["stem"][:8] in done.output
        assert f"{line['amount_micro'] // 10**6}.{line['amount_micro'] % 10**6:06}" in done.output
    for account in ("payable", "frozen_late", "held"):
        closing = core["balance"][account]["closing_micro"]
        assert f"{closing // 10**6}.{closing % 10**6:06}" in done.output
    for moved in core["balance"]["transfers"]:
        assert moved["kind"] in done.output and moved["credit"] in done.output
    assert "\x1b" not in done.output


def test_late_and_undated_play_says_why(settled: World) -> None:
    assert "dated by its arrival" in show(settled.statement("ann")).output
    assert "of an earlier month" in show(settled.statement("bob", "2026-12")).output


def test_another_client_of_logs_finds_the_closing_in_its_proof(settled: World, go_log: GoLog, tmp_path: Path) -> None:
    out = tmp_path / "ann.tlog-proof"
    done = show(settled.statement("ann"), "--tlog-proof", out)
    assert done.exit_code == 0, done.output
    closing = json.loads(statement_bytes(settled.statement("ann")))["proof"]["closing"]
    found = go_log.proven(settled.folder, out.read_bytes())
    assert found["index"] == closing["index"]
    assert b64decode(found["sha256"]) == sha256(b64decode(closing["entry"])).digest()
    assert show(settled.statement("bob"), "--tlog-proof", out).exit_code == 0
    out.write_text("mine")
    assert show(settled.statement("bob"), "--tlog-proof", out).exit_code == Exit.FINDING


def test_csv_has_the_figures_of_the_statement(settled: World, tmp_path: Path) -> None:
    path = settled.statement("ann")
    assert show(path, "--csv", tmp_path / "csv").exit_code == 0
    core = core_of(path)
    for name, lines in (("lines", core["lines"]), ("unpaid", core["unpaid"])):
        head, *rows = cells((tmp_path / "csv" / f"{name}.csv").read_bytes().decode())
        found = [dict(zip(head, row, strict=True)) for row in rows]
        assert len(found) == len(lines)
        for row, line in zip(found, lines, strict=True):
            assert (row["stem"], row["title"], row["isrc"]) == (line["stem"], line["title"], line["isrc"])
            assert Fraction(row["play_ms_exact"]) == Fraction(line["play_ms"])
            assert int(row["share_ppm"]) == line["ppm"]
            if name == "lines":
                assert int(row["amount_micro"]) == line["amount_micro"] == Fraction(row["amount"]) * 1_000_000
    assert sum(line["amount_micro"] for line in core["lines"]) == core["amount_micro"]


def test_csv_is_no_formula(settled: World, tmp_path: Path) -> None:
    whole = json.loads(statement_bytes(settled.statement("ann")))
    evil = '=HYPERLINK("http://x";"a")\r\n"b"'
    for line in whole["core"]["lines"]:
        line["title"] = evil
    path = tmp_path / "ann.json"
    path.write_bytes((json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
    assert show(path, "--csv", tmp_path).exit_code == 0
    data = (tmp_path / "lines.csv").read_bytes().decode()
    raw = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in raw for cell in row)
    assert {row[5] for row in cells(data)} == {"title", evil}
    assert data.endswith("\r\n")


class Reader(HTMLParser):
    """Tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    reader.close()
    return reader


def test_the_page_stands_alone_and_has_every_figure(settled: World, tmp_path: Path) -> None:
    path = settled.statement("ann", "2026-12")
    (tmp_path / "appeal.txt").write_text("Write to <desk>\nwithin 30 days.\n")
    out = tmp_path / "ann.html"
    assert show(path, "--html", out, "--appeal", tmp_path / "appeal.txt").exit_code == 0
    page, core = read_page(out), core_of(path)
    assert not {"script", "link", "img", "iframe", "b", "desk"} & {tag for tag, _ in page.tags}
    assert not [value for _, found in page.tags for name, value in found.items() if name in ("src", "href")]
    text = "\n".join(page.text)
    assert "Write to <desk> within 30 days." in text
    assert '=HYPERLINK("x"), <b>"for" & the test</b>' in text
    for micro in [core["amount_micro"], *(line["amount_micro"] for line in core["lines"])]:
        assert f"{micro // 10**6}.{micro % 10**6:06}" in text
    assert "@media print" in text
    svg = ElementTree.fromstring(play_svg(core))
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}rect"))) == 2 * (
        len({line["stem"] for line in core["lines"]}) + len({line["account"] for line in core["lines"]})
    )


def test_a_payee_with_many_stems_has_a_picture_of_one_size(settled: World) -> None:
    core = core_of(settled.statement("ann"))
    line = core["lines"][0]
    core["lines"] = [line | {"stem": f"{number:032x}"} for number in range(1000)]
    svg = play_svg(core)
    assert svg.count("<rect") < 2 * (STEMS_MAX + 10)
    assert f"{1000 - STEMS_MAX} more stems" in svg


def test_an_empty_statement_is_shown(settled: World, tmp_path: Path) -> None:
    """Bob had transfers alone."""
    core = core_of(settled.statement("ann"))
    core["lines"], core["unpaid"] = [], []
    assert "In play" in play_svg(core)


def test_files_of_others_are_not_written_over(settled: World, tmp_path: Path) -> None:
    path = settled.statement("ann")
    (tmp_path / "lines.csv").write_text("mine")
    (tmp_path / "page.html").write_text("mine")
    for option, name in (("--csv", ""), ("--html", "page.html")):
        assert show(path, option, tmp_path / name).exit_code == Exit.FINDING
        assert show(path, option, tmp_path / name, "--force").exit_code == 0
        assert show(settled.statement("bob"), option, tmp_path / name).exit_code == 0
    assert (tmp_path / "lines.csv").read_text() != "mine"


@pytest.mark.parametrize("text", [b"", b"\xff", b"x" * 5000])
def test_an_appeal_that_is_no_text_is_refused(settled: World, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "appeal.txt").write_bytes(text)
    assert show(settled.statement("ann"), "--appeal", tmp_path / "appeal.txt").exit_code == Exit.FINDING


def broken(core: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cores with a part of another kind."""
    for name in ("balance", "pool", "minor_units"):
        for inner in core[name]:
            yield core | {name: {key: value for key, value in core[name].items() if key != inner}}
    for changes in ({"stem": 5}, {"frames": 1}, {"play_ms": "x"}, {"account": "x"}, {"plays": "y"}, {"frames": [{}]}):
        yield core | {"lines": [{**core["lines"][0], **changes}]}


def test_what_is_no_statement_is_named(settled: World, tmp_path: Path) -> None:
    whole = json.loads(statement_bytes(settled.statement("ann")))
    path = tmp_path / "ann.json"
    for core in broken(whole["core"]):
        data = json.dumps(whole | {"core": core}, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        path.write_text(data)
        done = show(path, "--html", tmp_path / "page.html", "--csv", tmp_path)
        assert done.exit_code in (0, Exit.FINDING), done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(("part", "name"), [("minor_units", "digits"), ("balance", "unix_s")])
def test_a_huge_number_is_named(settled: World, tmp_path: Path, part: str, name: str) -> None:
    whole = json.loads(statement_bytes(settled.statement("ann", "2026-12")))
    place = whole["core"][part]
    (place["transfers"][0] if part == "balance" else place)[name] = 10**40
    path = tmp_path / "ann.json"
    path.write_bytes(file_bytes(whole))
    done = show(path)
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
    assert "NotAStatement" in done.output
