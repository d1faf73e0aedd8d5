"""Tables at 60 and 80 columns, and in a pipe: no digit is cut off, and none stands apart from its number."""

import re
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from amos_cli.table import print_table
from amos_tools.boards import board_names, load_board
from amos_tools.cli import app
from amos_tools.simulate.report import print_report

PROJECT = Path(__file__).resolve().parents[2]


def figures() -> Table:
    table = Table("stem", "title", "artist", "in play", "split", "credited, EUR", title="Ilse: 2026-11, 13.015021 EUR")
    table.add_row("0a1b2c3d", "A long quiet title of words", "Ilse Maren", "12:34:56.789", "33.3333 %", "13.015021")
    table.add_row("4e5f6a7b", "Rain", "Ilse Maren", "1:00:00.000", "66.6667 %", "1013.015021")
    return table


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 120, 200])
def test_no_width_cuts_a_number(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(figures())
    shown = capsys.readouterr().out
    for whole in ("0a1b2c3d", "12:34:56.789", "33.3333 %", "13.015021", "1013.015021", "4e5f6a7b"):
        assert whole in shown, shown
    assert "…" not in shown
    if columns >= 60:
        assert max(map(len, shown.splitlines())) <= columns


def test_a_pipe_has_every_row_on_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(figures())
    assert "A long quiet title of words" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_the_boards_at_any_width_show_every_figure(columns: str) -> None:
    result = CliRunner().invoke(app, ["boards"], env={"COLUMNS": columns})
    assert result.exit_code == 0 and "…" not in result.output
    for name in board_names():
        board = load_board(name)
        for whole in (name, str(board["audio.rate_hz"]), str(board["memory.heap_bytes"] >> 10)):
            assert whole in result.output


@pytest.mark.parametrize("columns", ["60", "80"])
def test_a_report_at_any_width_shows_every_figure(columns: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    row = {"frames": 1, "ms": 123_456_789, "plays": 98_765, "repeats": 0, "shortest_return_ms": 7_654_321}
    stem = {"title": "A quiet title", "artist": "Ilse Maren", "role": "pads"} | row
    section = {"name": "dawn", "visits": 4_321, "frames": 1, "ms": 123_456_789}
    print_report({"ms": 123_456_789, "sections": [section], "stems": [stem], "artists": [stem]})
    shown = capsys.readouterr().out
    for whole in ("123,456,789", "98765", "4321", "7654.3 s", "100.0%"):
        assert whole in shown
    assert "…" not in shown


def test_every_table_is_printed_here() -> None:
    """A console of its own would cut its table at the width of a terminal."""
    sources = [path for folder in ("daemon", "host_tools") for path in (PROJECT / folder).rglob("*.py")]
    of_its_own = [path for path in sources if re.search(r"\bConsole\((?!stderr=True)", path.read_text())]
    assert of_its_own == [PROJECT / "daemon" / "amos_cli" / "table.py"]
