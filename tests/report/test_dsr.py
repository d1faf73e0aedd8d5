"""The DSR message holds by the rules of its standard, read by a reader of its own, and tells what the closing paid."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from dsr_reader import read_cells, read_report
from hypothesis import given
from hypothesis import strategies as st
from reported_world import INCOME_MICRO
from settled_world import STEMS

from amos_ledger.settlement.venues import Venue, Venues
from amos_tools.report.dsr import Message, Parties, dsr_message
from amos_tools.report.dsr_records import RECORDS, cell, duration, escaped, record, units
from amos_tools.report.errors import NothingToReport, PeriodOpen, TerritoryUnknown
from amos_tools.report.terms import Terms
from amos_tools.report.usage import PeriodUsage

GOLDEN = Path(__file__).parent / "golden" / "dsr.tsv"
PARTIES = Parties("PADPIDA2026010101A", "Amos Café", "PADPIDA2026010102B", "Society", "BackgroundMusic")
TERMS = Terms(Venues("name", stated={"cafe": Venue("Café", "BE", "DE")}), territory="NO")
CREATED = 1_796_083_200
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.text("\\|\ta ", max_size=8)


def message(usage: PeriodUsage, terms: Terms = TERMS) -> Message:
    return dsr_message(usage, terms, PARTIES, CREATED)


def told(text: str) -> str:
    """A text as a cell can tell it."""
    return re.sub("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]", " ", text).strip(" ")


@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_any_texts_come_back_from_cells(texts: list[str]) -> None:
    line = "\t".join(["HEAD", *map(cell, texts)])
    assert read_cells(line) == [["HEAD"], *([told(text)] for text in texts)]


@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_any_texts_come_back_from_the_values_of_one_cell(texts: list[str]) -> None:
    assert read_cells(cell(texts)) == [[told(text) for text in texts]]


def test_escapes_are_those_of_the_standard() -> None:
    assert (escaped("A\tB"), escaped("A|B"), escaped("A\\B")) == ("A\\\tB", "A\\\\|B", "A\\\\\\B")


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_has_all_its_cells_however_few_are_filled(kind: str) -> None:
    assert record(kind).count("\t") == len(RECORDS[kind]) - 1
    assert record(kind).startswith(kind)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "PT0S"), (999, "PT0.999S"), (61_000, "PT1M1S"), (3_600_000, "PT1H0M0S"), (3_723_004, "PT1H2M3.004S")],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text


def test_amounts_are_exact() -> None:
    assert [f"{units(micro):f}" for micro in (0, 1, 1_000_000, 10**18 + 1)] == [
        "0.000000", "0.000001", "1.000000", "1000000000000.000001"
    ]  # fmt: skip


def test_the_message_holds_and_its_royalties_are_the_pool(november: PeriodUsage) -> None:
    made = message(november)
    report = read_report(made.data)
    assert (made.lines, made.summaries, made.blocks) == (39, 8, 4)
    assert sum(Decimal(cells[16][0]) for cells in report.summaries.values()) == units(INCOME_MICRO)
    assert [block.resource[3][0] for block in report.blocks] == [stem_id.hex() for stem_id in STEMS]
    uses = [use for block in report.blocks for use in block.uses]
    assert all(sum(Decimal(part[6][0]) for part in use.parts) == 100 for use in uses)
    assert sum(int(use.cells[5][0]) for use in uses) == sum(line.plays for line in november.lines.values())
    unpaid = [use for use in uses if use.cells[10][0] == "false"]
    assert [(use.cells[4][0], use.cells[6][0]) for use in unpaid] == [(STEMS[1].hex(), "0.000000")]
    assert {(cells[6][0], cells[8][0]) for cells in report.summaries.values()} == {
        ("DE", "BackgroundMusic-tier0"), ("DE", "BackgroundMusic-tier2"), ("NO", "BackgroundMusic-tier0")
    }  # fmt: skip


def test_each_payees_summaries_are_what_the_statements_pay(november: PeriodUsage) -> None:
    assert november.money is not None
    report = read_report(message(november).data)
    for payee in ("ann", "bob", "cy-dee"):
        paid = sum(amounts.get(payee, 0) for amounts in november.money.amounts.values())
        own = [Decimal(cells[16][0]) for cells in report.summaries.values() if cells[13] == [payee]]
        assert sum(own) == units(paid)
        alone = read_report(message(november, replace(TERMS, payee=payee)).data)
        assert {cells[13][0] for cells in alone.summaries.values()} == {payee}
        assert sum(Decimal(cells[16][0]) for cells in alone.summaries.values()) == units(paid)


def test_recordings_tell_what_the_catalogue_states_and_no_more(november: PeriodUsage) -> None:
    fog, tide, *_ = (block.resource for block in read_report(message(november).data).blocks)
    assert (fog[4], fog[11]) == (["QZES72600001"], ["T0345246801"])
    assert fog[12:14] == [["Ada North", "Cy|Reed"], ["IPI::00014107338", ""]]
    assert tide[5] == ["Tide|low\ttide\\"]
    assert [tide[at] for at in (4, 11, 12, 13, 16)] == [[""]] * 5


def test_the_file_is_as_it_was(november: PeriodUsage) -> None:
    made = message(november)
    assert made.data == GOLDEN.read_bytes()
    assert made.name == (
        "DSR_PADPIDA2026010102B_PADPIDA2026010101A_BackgroundMusic_2026-11_Multi_1of1_20261201T000000.tsv"
    )


def test_another_message_has_another_id(november: PeriodUsage) -> None:
    ids = {message(november).message_id, message(november, replace(TERMS, payee="ann")).message_id}
    ids.add(dsr_message(november, TERMS, PARTIES, CREATED + 1).message_id)
    ids.add(dsr_message(november, TERMS, replace(PARTIES, recipient="Other"), CREATED).message_id)
    assert len(ids) == 4


def test_what_cannot_be_reported_is_refused(november: PeriodUsage, open_november: PeriodUsage) -> None:
    with pytest.raises(PeriodOpen, match="expected a closed period"):
        message(open_november)
    with pytest.raises(NothingToReport):
        message(november, replace(TERMS, payee="nobody"))
    with pytest.raises(TerritoryUnknown):
        message(november, replace(TERMS, territory=""))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\tann\t", "\tbob\t", 1),
        lambda text: text.replace("FOOT\t39", "FOOT\t38"),
        lambda text: text.replace("81.897628\t0.9", "81.897629\t0.9"),
        lambda text: text.replace("\nAS02.03\tBL2", "\nAS02.03\tBL1"),
        lambda text: re.sub("\nLI01.03\tBL1\t1.*", "", text),
        lambda text: text.replace("Cy\\\\|Reed", "Cy\\|Reed"),
        lambda text: text + "\n",
    ],
)
def test_the_reader_finds_what_is_wrong(spoil: object) -> None:
    text = GOLDEN.read_bytes().decode()
    assert callable(spoil)
    assert spoil(text) != text
    with pytest.raises((AssertionError, ValueError, KeyError)):
        read_report(spoil(text).encode())
