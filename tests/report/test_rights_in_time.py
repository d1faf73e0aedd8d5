"""Splits that change within the month: each play is reported by those that held when it sounded."""

from decimal import Decimal

from dsr_reader import read_report
from report_cells import rows_of
from reported_world import BY_NAME, INCOME_MICRO, PERIOD, credited, play_harbour, publish, usage_of
from settled_world import RATES, STEMS, World, manifest_bytes, unix_s

from amos_ledger.registry import add_pack
from amos_ledger.settle_period import settle_period
from amos_tools.report.dsr import Parties, dsr_message
from amos_tools.report.dsr_records import units
from amos_tools.report.society import COLUMNS, society_report
from amos_tools.report.terms import Terms
from amos_tools.report.usage import PeriodUsage

FOG = STEMS[0].hex()


def changed(world: World) -> None:
    """The first stem goes from Ann to Bob and Cy; it is played by the hour before, and by the hour after."""
    moment = unix_s(2026, 11, 10, 12)
    with world.folder.open_store() as store:
        catalogue = credited(3, [("bob", 250_000), ("cy-dee", 750_000)])
        add_pack(world.folder, store, manifest_bytes(RATES[0]), catalogue, unix_s=moment)
    for played in (moment - 3600, moment + 3600):
        play_harbour(world, [(0, 44_100)], played, moment + 7200)


def settled_usage(world: World) -> PeriodUsage:
    settle_period(world.folder, PERIOD, INCOME_MICRO, "EUR")
    return usage_of(world)


def test_a_stem_has_a_line_for_each_splits(world: World) -> None:
    changed(world)
    publish(world)
    still_open = usage_of(world)
    usage = settled_usage(world)
    assert usage.lines == still_open.lines and usage.money is not None
    rows = rows_of(society_report(usage, BY_NAME).data, COLUMNS)
    fog = [row for row in rows if (row["stem"], row["venue"]) == (FOG, "harbour")]
    assert [(row["catalogue_serial"], row["ms"], row["plays"]) for row in fog] == [
        ("1", "1280", "2"),
        ("3", "1000", "1"),
    ]
    assert sum(int(row["micro_amount"]) for row in rows) == INCOME_MICRO
    shares = {}
    for payee in ("ann", "bob", "cy-dee"):
        own = rows_of(society_report(usage, Terms(BY_NAME.venues, payee=payee)).data, COLUMNS)
        shares |= {(row["catalogue_serial"], payee): row["share_ppm"] for row in own if row["stem"] == FOG}
    assert shares == {("1", "ann"): "1000000", ("3", "bob"): "250000", ("3", "cy-dee"): "750000"}


def test_the_dsr_message_tells_each_share_of_its_time(world: World) -> None:
    changed(world)
    usage = settled_usage(world)
    message = dsr_message(usage, BY_NAME, Parties("PADPIDA1A", "Us", "PADPIDA1B", "Them", "Music"), 0)
    report = read_report(message.data)
    assert sum(Decimal(cells[16][0]) for cells in report.summaries.values()) == units(INCOME_MICRO)
    [fog] = [block for block in report.blocks if block.resource[3] == [FOG]]
    parts = [[(part[3][0], part[6][0]) for part in use.parts] for use in fog.uses]
    assert parts == [[("ann", "100")], [("ann", "100")], [("bob", "25"), ("cy-dee", "75")]]
