"""From accepted segments to statements that a stranger can check, on a real ledger's folder."""

import json
import sys
from subprocess import run

import pytest
from statement_bytes import statement_bytes

from amos.protocol.ledger_limits import PPM
from amos_ledger import close_period
from amos_ledger import settle_period as settling
from amos_ledger.close_period import EarlierPeriodOpen, NoCatalogue, PoolTooLarge
from amos_ledger.errors import PeriodClosed, StorageFailed
from amos_ledger.folder import init_folder
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, transfer
from amos_places.folder import FolderPlace
from amos_tools.pages.statements import Books
from amos_tools.pool.history import history

NOVEMBER = ("2026-11", 1_000_000_000, "EUR")


def amounts(settled: settling.Settled) -> dict[str, int]:
    return dict(zip(settled.closed.result.payees, settled.closed.result.amounts, strict=True))


def add(world, currency: str, amount_micro: int, period: str) -> None:
    transfer(world.folder, Order("income", currency, "income/enterprise", "pool/communal", amount_micro, "x", period))


def files(world) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (world.folder.public / "statements" / "2026-11-EUR").iterdir()}


def test_a_period_is_settled_and_every_statement_verifies(november) -> None:
    settled = settle_period(november.folder, *NOVEMBER)
    paid = amounts(settled)
    assert sum(paid.values()) == 1_000_000_000
    # By hand: frames x ppm, seconds at 44,100 Hz and 48,000 Hz on the common multiple 7,056,000.
    a, b = 7_056_000 // 44_100, 7_056_000 // 48_000
    stems = [44_100 * a + 38 * b, 10_001 * a + 48_007 * b, 99_999 * a + 4_735 * b]
    shares = {
        "ann": stems[0] * PPM + stems[1] * 333_333,
        "bob": stems[1] * 666_667 + stems[2] * 500_000,
        "cy-dee": stems[2] * 500_000,
    }
    for payee, share in shares.items():
        assert abs(paid[payee] * sum(stems) * PPM - share * 1_000_000_000) < sum(stems) * PPM
        verified = november.verify(payee)
        assert (verified.amount_micro, verified.period, verified.currency) == (paid[payee], "2026-11", "EUR")
    core = json.loads(statement_bytes(november.statement("ann")))["core"]
    assert sum(line["amount_micro"] for line in core["lines"]) == core["amount_micro"] == paid["ann"]
    assert core["pool"]["segments"] == 6
    assert core["pool"]["segments_by_reception"] == 1


def test_settling_again_changes_nothing(november) -> None:
    first = settle_period(november.folder, *NOVEMBER)
    before = files(november)
    again = settle_period(november.folder, *NOVEMBER)
    assert first.closed.fresh and not again.closed.fresh
    assert (again.closed.entry, again.closed.leaf_index) == (first.closed.entry, first.closed.leaf_index)
    assert files(november) == before


@pytest.mark.parametrize(
    ("income", "currency", "said"),
    [
        (1_000_000_001, "EUR", r"expected the income it was closed with, 1000\.000000 EUR"),
        (1_000_000_000, "USD", r"expected the income in a further currency added .* closed in EUR"),
    ],
)
def test_a_closed_period_never_reopens(november, income: int, currency: str, said: str) -> None:
    settle_period(november.folder, *NOVEMBER)
    before = files(november)
    with pytest.raises(PeriodClosed, match=said):
        settle_period(november.folder, "2026-11", income, currency)
    assert files(november) == before


def test_late_usage_goes_to_the_next_period_and_is_told(november, dates) -> None:
    settle_period(november.folder, *NOVEMBER)
    old = files(november)
    november.play(0, [(3, 12_345)], dates(2026, 11, 20), dates(2026, 12, 2))
    november.play(0, [(0, 500)], dates(2026, 12, 3), dates(2026, 12, 4))
    assert files(november) == old
    settle_period(november.folder, "2026-12", 7, "EUR")
    core = json.loads(statement_bytes(november.statement("cy-dee", "2026-12")))["core"]
    assert core["pool"]["segments_late"] == 1
    assert [part["accrual"] for line in core["lines"] for part in line["frames"]] == ["late"]
    assert november.verify("cy-dee", "2026-12").amount_micro == core["amount_micro"]
    assert november.verify("ann").period == "2026-11"


def test_a_clock_that_is_years_behind_is_not_believed_even_where_its_month_is_closed(november, dates) -> None:
    settle_period(november.folder, "2024-11", 1, "EUR")
    november.play(0, [(3, 12_345)], dates(2024, 11, 20), dates(2026, 11, 20))
    settle_period(november.folder, *NOVEMBER)
    core = json.loads(statement_bytes(november.statement("cy-dee")))["core"]
    assert (core["pool"]["segments_late"], core["pool"]["segments_by_reception"]) == (0, 2)
    november.verify("cy-dee")


def test_an_empty_period_is_carried_to_the_next_of_its_currency(november, dates) -> None:
    assert amounts(settle_period(november.folder, "2026-10", 333, "EUR")) == {}
    settle_period(november.folder, "2026-09", 1, "USD")
    settled = settle_period(november.folder, *NOVEMBER)
    closing = settled.closed.result.closing
    assert (closing.carry_in_micro, closing.pool_micro, closing.carry_out_micro) == (333, 1_000_000_333, 0)
    assert sum(amounts(settled).values()) == 1_000_000_333
    november.verify("bob")


def test_periods_are_closed_in_order(november, dates) -> None:
    november.play(0, [(0, 5)], dates(2026, 12, 1), dates(2026, 12, 2))
    with pytest.raises(EarlierPeriodOpen, match="found usage of 2026-11"):
        settle_period(november.folder, "2026-12", 1, "EUR")


def test_play_of_a_month_that_was_passed_over_is_settled_after_later_months(november, dates) -> None:
    """A player that was off the network since October, when nothing else was played, comes back in December."""
    settle_period(november.folder, *NOVEMBER)
    add(november, "USD", 1_000_000, "2026-11")
    settle_period(november.folder, "2026-11", None, "USD")
    november.play(0, [(3, 12_345)], dates(2026, 10, 20), dates(2026, 12, 2))
    november.play(0, [(0, 500)], dates(2026, 12, 3), dates(2026, 12, 4))
    with pytest.raises(EarlierPeriodOpen, match="found usage of 2026-10; settle that first, with --income 0"):
        settle_period(november.folder, "2026-12", 7_000_000, "EUR")
    add(november, "EUR", 5_000_000, "2026-10")
    add(november, "USD", 3_000_000, "2026-10")
    assert sum(amounts(settle_period(november.folder, "2026-10", None, "EUR")).values()) == 5_000_000
    assert sum(amounts(settle_period(november.folder, "2026-10", None, "USD")).values()) == 3_000_000
    with pytest.raises(PeriodClosed, match="found 2026-11 of pool communal closed in EUR"):
        add(november, "EUR", 1, "2026-10")
    december = settle_period(november.folder, "2026-12", 7_000_000, "EUR")
    assert sum(amounts(december).values()) == 7_000_000
    for period in ("2026-10", "2026-11", "2026-12"):
        november.verify("cy-dee" if period != "2026-12" else min(amounts(december)), period)
    with november.folder.open_store() as store:
        assert store.periods() == ["2026-10", "2026-11", "2026-12"]
    months = history("cy-dee", november.folder.public / "statements")
    assert [month.period for month in months] == ["2026-11", "2026-11", "2026-10", "2026-10"], "as balances run"
    assert all(month.follows for month in months)
    for before, after in ((months[0], months[2]), (months[1], months[3])):
        assert before.currency == after.currency and before.closing_micro == after.opening_micro
    last = {month.currency: month.period for month in Books(months[::-1], []).latest}
    assert last == {"EUR": "2026-10", "USD": "2026-10"}, "the balance is what was settled last"


@pytest.mark.parametrize("period", ["2026-09", "2026-10"])
def test_a_month_without_play_is_not_settled_after_later_ones(november, dates, period: str) -> None:
    settle_period(november.folder, "2026-10", 1, "EUR")
    settle_period(november.folder, *NOVEMBER)
    november.play(0, [(3, 12_345)], dates(2026, 10, 20), dates(2026, 12, 2))  # late, and of a closed month
    with pytest.raises(PeriodClosed):
        settle_period(november.folder, period, 2, "EUR")


def test_a_ledger_without_a_catalogue_cannot_settle(tmp_path, november) -> None:
    bare = init_folder(tmp_path / "bare", "bare.example", november.keys.operator, november.keys.publisher)
    with pytest.raises(NoCatalogue, match="expected one published"):
        settle_period(bare, *NOVEMBER)


def test_a_pool_beyond_the_account_is_refused(november) -> None:
    settle_period(november.folder, "2026-10", 10**18, "EUR")
    with pytest.raises(PoolTooLarge, match="expected at most"):
        settle_period(november.folder, "2026-11", 1, "EUR")


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4, 5, 6])
def test_a_crash_after_the_closing_is_repaired_by_settling_again(november, monkeypatch, fails_at: int) -> None:
    calls = []
    write = FolderPlace.write

    def failing(self, name, data):
        calls.append(name)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        write(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(FolderPlace, "write", failing)
        with pytest.raises(StorageFailed, match="No space left"):
            settle_period(november.folder, *NOVEMBER)
    settled = settle_period(november.folder, *NOVEMBER)
    assert not settled.closed.fresh
    for payee in amounts(settled):
        november.verify(payee)


def test_usage_that_arrives_meanwhile_is_settled_too(november, monkeypatch, dates) -> None:
    work_out = close_period.work_out_readings
    arrivals = [[(3, 48_000)]]

    def slow(*args):
        result = work_out(*args)
        if arrivals:
            november.play(1, arrivals.pop(), dates(2026, 11, 7), dates(2026, 11, 8))
        return result

    monkeypatch.setattr(close_period, "work_out_readings", slow)
    settled = settle_period(november.folder, *NOVEMBER)
    assert settled.closed.result.segments == 7
    november.verify("cy-dee")


def test_usage_that_never_stops_arriving_cannot_keep_a_period_open(november, monkeypatch, dates) -> None:
    work_out = close_period.work_out_readings
    unlocked = list(range(1, close_period._ATTEMPTS + 1))

    def slow(*args):
        result = work_out(*args)
        if unlocked:
            november.play(1, [(3, 48)], dates(2026, 11, unlocked.pop()), dates(2026, 11, 8))
        return result

    monkeypatch.setattr(close_period, "work_out_readings", slow)
    settled = settle_period(november.folder, *NOVEMBER)
    assert settled.closed.result.segments == 6 + close_period._ATTEMPTS
    november.verify("cy-dee")


def test_statements_verify_after_the_log_has_grown(november, dates) -> None:
    settle_period(november.folder, *NOVEMBER)
    for day in range(1, 29):
        november.play(day % 2, [(day % 4, 100 + day)], dates(2026, 12, day), dates(2026, 12, 30))
    assert november.verify("ann").amount_micro > 0


def test_the_verifier_shares_no_arithmetic_and_no_storage_with_the_ledger() -> None:
    """It adds up in a temporary database of its own."""
    script = (
        "import sys, amos_tools.verify.audit\n"
        "print([name for name in sorted(sys.modules) if name.startswith(('numpy', 'amos_ledger'))])"
    )
    result = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
