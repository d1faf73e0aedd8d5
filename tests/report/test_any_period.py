"""Any period with any metadata: what goes into a report comes out of it, and every sum is kept."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from dsr_reader import read_report
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cells import pieces, rows_of

from amos.protocol.catalogue import Composer, Share, Work
from amos.protocol.ledger_limits import PPM
from amos_ledger.settlement.venues import Venue, Venues
from amos_tools.report.dsr import Parties, dsr_message
from amos_tools.report.dsr_records import units
from amos_tools.report.society import COLUMNS, society_report
from amos_tools.report.terms import Terms
from amos_tools.report.usage import Earning, LineKey, Money, PeriodUsage, UsageLine

PARTIES = Parties("PADPIDA1A", "Us", "PADPIDA1B", "Them", "BackgroundMusic")
TEXTS = st.sampled_from(["=1+1", "@a", "a|b\\c", "\t-", "'x", "two\nlines", "\n ", "\x1b[2J", "‮abc", "　"]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12
)
PAYEES = ("ann", "bob", "cy")
SITES = ("cafe", "harbour", "bar")
STATED = {"cafe": Venue("=Café", "BE", "DE"), "harbour": Venue("", "BE", "SE")}
POLICIES = st.sampled_from(["name", "region", "pseudonym"]).map(lambda policy: Venues(policy, b"k" * 32, STATED))


@st.composite
def works(draw: st.DrawFn, number: int) -> Work:
    payees = draw(st.lists(st.sampled_from(PAYEES), min_size=1, max_size=3, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, PPM), min_size=len(payees) - 1, max_size=len(payees) - 1)))
    ppm = [end - start for start, end in zip([0, *cuts], [*cuts, PPM], strict=True)]
    who = st.builds(lambda name, ipi: Composer(name=name, ipi=ipi), TEXTS, st.sampled_from([None, "1" * 11]))
    composers = st.lists(who, max_size=3)
    return Work(
        stem_id=bytes([number]) * 16,
        title=draw(TEXTS),
        artist=draw(TEXTS),
        isrc=draw(st.sampled_from([None, "QZES72600001"])),
        splits=[Share(payee=payee, ppm=part) for payee, part in zip(payees, ppm, strict=True)],
        composers=draw(composers) or None,
        publisher=draw(st.none() | TEXTS),
        label=draw(st.none() | TEXTS),
    )


@st.composite
def periods(draw: st.DrawFn) -> PeriodUsage:
    """Stems played anywhere, and what their payees got, as a closing would say it."""
    catalogue = {work.stem_id: work for work in [draw(works(number)) for number in range(1, 4)]}
    keys = st.builds(
        LineKey,
        st.sampled_from(sorted(catalogue)),
        st.sampled_from([b"d" * 16, b"e" * 16]),
        st.sampled_from(SITES),
        st.sampled_from([0, 2]),
        st.sampled_from([8_000, 44_100, 48_000]),
        st.sampled_from(["by_clock", "late"]),
        st.sampled_from([1, 2]),
        st.sampled_from(["payable", "post_opt_out"]),
    )
    lines = st.builds(UsageLine, st.integers(1, 10**7), st.integers(0, 99))
    played = draw(st.dictionaries(keys, lines, min_size=1, max_size=12))
    # The second catalogue gives every stem to one payee.
    splits = {
        (stem_id, 1): {share.payee: share.ppm for share in work.splits if share.ppm}
        for stem_id, work in catalogue.items()
    }
    splits |= {(stem_id, 2): {"cy": PPM} for stem_id in catalogue}
    amounts: dict[Earning, dict[str, int]] = {}
    for earning in sorted({(key.stem_id, key.rights, key.standing) for key in played if key.standing == "payable"}):
        amounts[earning] = {payee: draw(st.integers(0, 10**12)) for payee in splits[earning[:2]]}
    pool = sum(sum(by_payee.values()) for by_payee in amounts.values())
    lengths = dict.fromkeys(catalogue, Fraction(441, 44_100))
    return PeriodUsage(
        *("2026-11", "communal"),
        played,
        (),
        catalogue,
        splits,
        Money("EUR", pool, amounts),
        b"r" * 32,
        frozenset(),
        lengths,
    )


def rows(usage: PeriodUsage, terms: Terms) -> list[dict[str, Any]]:
    return rows_of(society_report(usage, terms).data, COLUMNS)


@given(usage=periods(), venues=POLICIES)
@settings(max_examples=40, deadline=None)
def test_the_society_report_keeps_every_sum_and_every_text(usage: PeriodUsage, venues: Venues) -> None:
    assert usage.money is not None
    found = rows(usage, Terms(venues, territory="NO"))
    assert sum(int(row["micro_amount"]) for row in found) == usage.money.pool_micro
    assert sum(int(row["plays"]) for row in found) == sum(line.plays for line in usage.lines.values())
    assert len({row["line_id"] for row in found}) == len(found)
    for stem_id, work in usage.works.items():
        own = [row for row in found if row["stem"] == stem_id.hex()]
        assert {(row["title"], row["artist"], row["publisher"], row["label"]) for row in own} <= {
            (work.title, work.artist, work.publisher or "", work.label or "")
        }
        assert all(pieces(row["composer"]) == ([who.name for who in work.composers or []] or [""]) for row in own)
        for earning in [(stem_id, rights, standing) for rights in (1, 2) for standing in ("payable", "post_opt_out")]:
            exact = sum(
                (Fraction(line.frames * 1000, key.rate_hz) for key, line in usage.lines.items()
                 if (key.stem_id, key.rights, key.standing) == earning),
                Fraction(0),
            )  # fmt: skip
            mine = [row for row in own if (row["catalogue_serial"], row["standing"]) == (str(earning[1]), earning[2])]
            assert sum(int(row["ms"]) for row in mine) == int(exact)


@given(usage=periods(), venues=POLICIES)
@settings(max_examples=15, deadline=None)
def test_reports_of_payees_divide_that_of_everybody(usage: PeriodUsage, venues: Venues) -> None:
    whole = {row["line_id"]: int(row["micro_amount"]) for row in rows(usage, Terms(venues))}
    parts = dict.fromkeys(whole, 0)
    for payee in PAYEES:
        for row in rows(usage, Terms(venues, payee=payee)):
            parts[row["line_id"]] += int(row["micro_amount"])
    assert parts == whole


@given(usage=periods())
@settings(max_examples=40, deadline=None)
def test_the_dsr_message_holds_whatever_the_metadata(usage: PeriodUsage) -> None:
    assert usage.money is not None
    terms = Terms(Venues("name", stated=STATED), territory="NO")
    report = read_report(dsr_message(usage, terms, PARTIES, 0).data)
    assert sum((Decimal(cells[16][0]) for cells in report.summaries.values()), Decimal(0)) == units(
        usage.money.pool_micro
    )
    plays = sum(int(use.cells[5][0]) for block in report.blocks for use in block.uses)
    assert plays == sum(line.plays for line in usage.lines.values())
