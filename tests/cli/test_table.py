"""Tables at 60 and 80 columns, and in a pipe: no digit is cut off, and none stands apart from its number."""

import pytest
from rich.table import Table

from amos_cli.table import print_table


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
