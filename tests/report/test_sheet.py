"""Cells that spreadsheets leave alone, and that come back as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cells import pieces, plain, table_of

from amos_cli.sheet import csv_bytes, safe
from amos_tools.report.sheet import listed, utc_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HOSTILE = ['=cmd|" /C calc"!A0', "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''", "'"]


@given(rows=st.lists(st.lists(TEXTS | st.sampled_from(HOSTILE), min_size=2, max_size=4), max_size=5))
def test_every_table_comes_back_and_no_cell_begins_a_formula(rows: list[list[str]]) -> None:
    found = table_of(csv_bytes(("a", "b"), rows))
    assert found[0] == ["a", "b"]
    assert [[plain(cell) for cell in row] for row in found[1:]] == rows
    assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for row in found for cell in row)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_get_one_apostrophe(text: str) -> None:
    assert safe(text) == "'" + text and plain(safe(text)) == text


def test_ordinary_texts_stay() -> None:
    assert [safe(text) for text in ("", "Fog", "a=b", "7", "Ärger")] == ["", "Fog", "a=b", "7", "Ärger"]


def test_lines_end_as_rfc_4180_says_and_quotes_are_doubled() -> None:
    assert csv_bytes(("a", "b"), [['x"y', "1,2"]]) == b'a,b\r\n"x""y","1,2"\r\n'


def test_moments() -> None:
    assert utc_text(1_793_822_400_007) == "2026-11-04T20:00:00.007Z"
    assert utc_text(None) == ""
    assert utc_text(-1) == "1969-12-31T23:59:59.999Z"


@given(texts=st.lists(TEXTS | st.text("\\|", max_size=5), min_size=1, max_size=5))
def test_a_list_in_a_cell_comes_back(texts: list[str]) -> None:
    assert pieces(listed(texts)) == texts
