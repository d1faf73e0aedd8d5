"""The society report: its lines add up to the closing, its ids are stable, and nothing in it is guessed."""

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from report_cells import rows_of
from reported_world import BY_KEY, BY_NAME, INCOME_MICRO
from settled_world import STEMS, World

from amos_ledger.settlement.venues import Venues
from amos_tools.report import society
from amos_tools.report.play_log import play_log
from amos_tools.report.society import COLUMNS, Report, society_report
from amos_tools.report.terms import Terms
from amos_tools.report.usage import FROZEN_LATE, PAYABLE, PeriodUsage, milliseconds

GOLDEN = Path(__file__).parent / "golden"


def lines(usage: PeriodUsage, terms: Terms) -> list[dict[str, str]]:
    return rows_of(society_report(usage, terms).data, COLUMNS)


@pytest.mark.parametrize("terms", [BY_NAME, BY_KEY, Terms(Venues("region"))])
def test_the_money_is_the_pool_and_the_time_each_stems(november: PeriodUsage, terms: Terms) -> None:
    rows = lines(november, terms)
    assert sum(int(row["micro_amount"]) for row in rows) == INCOME_MICRO
    for stem_id in STEMS:
        for earns in ("true", "false"):
            own = [row for row in rows if (row["stem"], row["royalty_bearing"]) == (stem_id.hex(), earns)]
            exact = milliseconds(
                (key.rate_hz, line.frames)
                for key, line in november.lines.items()
                if key.stem_id == stem_id and (key.standing in (PAYABLE, FROZEN_LATE)) == (earns == "true")
            )
            assert sum(int(row["ms"]) for row in own) == int(exact)
    assert sum(int(row["plays"]) for row in rows) == sum(line.plays for line in november.lines.values())


def test_each_stem_gets_what_its_payees_got(november: PeriodUsage) -> None:
    assert november.money is not None
    rows = lines(november, BY_NAME)
    assert {standing for _stem_id, _rights, standing in november.money.amounts} == {PAYABLE, FROZEN_LATE}
    for (stem_id, rights, standing), amounts in november.money.amounts.items():
        words = (stem_id.hex(), str(rights), standing)
        own = [row for row in rows if (row["stem"], row["catalogue_serial"], row["standing"]) == words]
        assert sum(int(row["micro_amount"]) for row in own) == sum(amounts.values())


def test_a_payees_report_tells_that_share_alone(november: PeriodUsage) -> None:
    assert november.money is not None
    total = 0
    for payee in ("ann", "bob", "cy-dee"):
        rows = lines(november, Terms(BY_NAME.venues, payee=payee))
        own = sum(amounts.get(payee, 0) for amounts in november.money.amounts.values())
        assert sum(int(row["micro_amount"]) for row in rows) == own
        assert all(int(row["share_ppm"]) == november.shares(bytes.fromhex(row["stem"]), 2)[payee] for row in rows)
        total += own
    assert total == INCOME_MICRO
    assert lines(november, Terms(BY_NAME.venues, payee="nobody")) == []


def test_one_line_for_each_stem_venue_tier_and_reason(november: PeriodUsage) -> None:
    rows = lines(november, BY_NAME)
    keys = [(row["stem"], row["venue"], row["tier"], row["standing"]) for row in rows]
    assert len(set(keys)) == len(keys) == len({row["line_id"] for row in rows})
    assert {row["venue"] for row in rows} == {"=Café, “Blau”", "harbour"}
    assert {(row["venue"], row["territory"]) for row in rows} == {("=Café, “Blau”", "DE"), ("harbour", "NO")}


def test_what_is_withdrawn_and_what_earns_nothing_is_said(november: PeriodUsage) -> None:
    rows = lines(november, BY_NAME)
    assert {row["opt_state"] for row in rows if row["stem"] == STEMS[1].hex()} == {"opted_out"}
    assert {row["opt_state"] for row in rows if row["stem"] != STEMS[1].hex()} == {"opted_in"}
    [late] = [row for row in rows if row["royalty_bearing"] == "false"]
    assert (late["standing"], late["micro_amount"], late["ms"], late["venue"]) == (
        "post_opt_out", "0", "1000", "harbour"
    )  # fmt: skip


def test_nothing_is_guessed(november: PeriodUsage) -> None:
    rows = lines(november, BY_KEY)
    fog = next(row for row in rows if row["stem"] == STEMS[0].hex())
    assert (fog["iswc"], fog["composer"], fog["ipi"]) == ("T0345246801", "Ada North|Cy\\|Reed", "00014107338|")
    gone = next(row for row in rows if row["stem"] == STEMS[3].hex())
    assert [gone[name] for name in ("isrc", "iswc", "composer", "ipi", "publisher", "label", "upc")] == [""] * 7
    assert {row["territory"] for row in rows} == {row["licence"] for row in rows} == {""}


def test_of_a_stem_that_no_catalogue_has_only_its_use_is_known(open_november: PeriodUsage) -> None:
    unknown = PeriodUsage(**{**vars(open_november), "works": {}, "splits": {}})
    found = lines(unknown, BY_NAME)
    assert len(found) == len(lines(open_november, BY_NAME))
    assert {row["title"] + row["artist"] + row["share_ppm"] for row in found} == {""}
    assert [row["ms"] for row in found] == [row["ms"] for row in lines(open_november, BY_NAME)]


def test_times_are_those_that_are_believed(november: PeriodUsage) -> None:
    rows = lines(november, BY_NAME)
    [undated] = [row for row in rows if row["venue"] == "harbour" and row["stem"] == STEMS[2].hex()]
    assert (undated["first_utc"], undated["last_utc"], undated["time_status"]) == ("", "", "by_reception")
    mixed = next(row for row in rows if row["venue"] != "harbour" and row["stem"] == STEMS[0].hex())
    assert (mixed["first_utc"], mixed["last_utc"]) == ("2026-11-05T20:00:00.000Z", "2026-11-05T20:20:00.000Z")
    assert mixed["time_status"] == "by_clock|by_reception"


def test_the_same_period_gives_the_same_bytes(november: PeriodUsage) -> None:
    assert society_report(november, BY_NAME) == society_report(november, BY_NAME)
    shuffled = dict(reversed(list(november.lines.items())))
    other = PeriodUsage(**{**vars(november), "lines": shuffled})
    assert society_report(other, BY_NAME) == society_report(november, BY_NAME)


def test_ids_of_lines_stay_when_figures_change(november: PeriodUsage, open_november: PeriodUsage) -> None:
    closed, still_open = lines(november, BY_NAME), lines(open_november, BY_NAME)
    assert [row["line_id"] for row in closed] == [row["line_id"] for row in still_open]
    assert {row["report_id"] for row in closed}.isdisjoint(row["report_id"] for row in still_open)
    assert {row["currency"] + row["micro_amount"] for row in still_open} == {""}
    assert [row["ms"] for row in closed] == [row["ms"] for row in still_open]


@pytest.mark.parametrize("report", [society_report, play_log])
def test_reports_without_lines_are_told_apart(november: PeriodUsage, report: Callable[..., Report]) -> None:
    def named(terms: Terms = BY_NAME, **changes: object) -> str:
        made = report(PeriodUsage(**{**vars(november), "lines": {}, "placements": [], **changes}), terms)
        assert made.lines == 0
        return made.report_id

    assert named() == named()
    ids = [named(), named(period="2026-12"), named(pool="inns"), named(replace(BY_NAME, payee="ann"))]
    assert len({*ids, named(replace(BY_NAME, licence="L-8")), report(november, BY_NAME).report_id}) == 6


def test_pseudonyms_hide_the_venues(november: PeriodUsage, settled: World) -> None:
    data = society_report(november, BY_KEY).data.decode()
    assert "cafe" not in data and "harbour" not in data
    assert not any(player.device.hex() in data for player in settled.players)


def test_the_file_is_as_it_was(november: PeriodUsage) -> None:
    """The root and the ids that follow from it change with each run, since the ledger makes itself a key."""
    data = society_report(november, BY_NAME).data.replace(november.evidence.hex().encode(), b"ROOT")
    data = re.sub(rb"^[0-9a-f]{16},", b"REPORT,", data, flags=re.MULTILINE)
    assert data == (GOLDEN / "society.csv").read_bytes()


def test_millisecond_parts_are_never_a_whole_one_off(november: PeriodUsage) -> None:
    from amos_tools.report.grouped import groups_of

    assert all(abs(group.exact_ms - group.ms) < 1 for group in groups_of(november, BY_NAME))
    assert any(group.exact_ms != Fraction(group.ms) for group in groups_of(november, BY_NAME))


def test_the_page_tells_of_every_column_in_its_order() -> None:
    page = (Path(society.__file__).parent / "REPORTS.md").read_text()
    table = page.split("## Society report")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == COLUMNS
