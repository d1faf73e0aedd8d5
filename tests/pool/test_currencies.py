"""One period, several currencies: each is closed on its own, and in all of them the same play earns."""

import copy
import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settled_world import PUBLISHER, RATES, STEMS, World, catalogue_bytes, manifest_bytes, signer, unix_s
from statement_bytes import statement_bytes
from typer.testing import CliRunner

from amos.crypto import key_id, public_key
from amos.crypto import verify as verify_signature
from amos.protocol.closing import Closing, open_closing, sign_closing
from amos.protocol.signing import list_opt_outs, sign_opt_outs
from amos_cli.output import Exit
from amos_ledger.close_period import accounts_at
from amos_ledger.errors import LedgerError
from amos_ledger.folder import Folder
from amos_ledger.opt_outs import add_opt_outs
from amos_ledger.registry import add_pack, publish
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, transfer
from amos_tools.cli import app
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

INCOMES = {"EUR": 1000, "USD": 70, "JPY": 3}


def pool(world: World, *words: object, code: int = Exit.FINE) -> str:
    done = CliRunner().invoke(app, ["pool", *map(str, words), "--ledger", str(world.path)])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def add(world: World, period: str, currency: str, amount: object, code: int = Exit.FINE) -> str:
    return pool(world, "add-income", "--period", period, "--amount", amount, "--currency", currency, code=code)


def settle(world: World, period: str, currency: str, *words: object, code: int = Exit.FINE) -> str:
    return pool(world, "settle", "--period", period, "--currency", currency, "--unasked", *words, code=code)


def withdraw_and_catalogue(world: World) -> None:
    """What decides about play, and comes when the play is settled already."""
    by, sign = key_id(public_key(PUBLISHER)), signer(PUBLISHER)
    listed = list_opt_outs(1, unix_s(2025, 9, 1), [STEMS[0]])
    add_opt_outs(world.folder, sign_opt_outs(listed, by, sign))
    with world.folder.open_store() as store:
        add_pack(world.folder, store, manifest_bytes(RATES[0]), catalogue_bytes(2), unix_s=unix_s(2025, 9, 1))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two months of 2025 in three currencies. Between the closings of the first, play comes late, a stem that played is
    withdrawn from before it did, another catalogue is published, and money moves. Only read by tests."""
    world = World(tmp_path_factory.mktemp("currencies") / "ledger")
    for number in (0, 1):
        world.play(number, [(0, 44_100), (1, 17), (3, 9_999)], unix_s(2025, 9, 3), unix_s(2025, 9, 4))
    for currency, amount in INCOMES.items():
        add(world, "2025-09", currency, amount)
    settle(world, "2025-09", "EUR")
    withdraw_and_catalogue(world)
    world.play(1, [(2, 50_000)], unix_s(2025, 9, 20), unix_s(2025, 10, 2))
    add(world, "2025-09", "USD", 5)
    settle(world, "2025-09", "USD")
    pool(world, "pay", "ann", "--amount", 1, "--currency", "USD", "--reason", "x")
    world.play(0, [(1, 44_100)], unix_s(2025, 10, 3), unix_s(2025, 10, 4))
    for currency, amount in INCOMES.items():
        add(world, "2025-10", currency, amount)
    settle(world, "2025-10", "USD")
    settle(world, "2025-09", "JPY")
    settle(world, "2025-10", "JPY")
    settle(world, "2025-10", "EUR")
    return world


def closings(world: World) -> list[tuple[int, Closing]]:
    with world.folder.open_store() as store:
        key = world.folder.public_key
        return [(at.leaf_index, open_closing(at.entry, key, verify_signature)) for at in store.closings()]


def statements(world: World) -> list[Path]:
    return sorted((world.path / "public" / "statements").rglob("*.json.gz"))


def test_every_statement_holds(closed: World) -> None:
    audit = Audit(Published(closed.path / "audit"), closed.keys)
    for path in statements(closed):
        check_statement(statement_bytes(path), closed.keys.ledger, closed.keys.origin)
        audit.check(statement_bytes(path))
    titles = {path.parent.name for path in statements(closed)}
    assert titles == {
        *("2025-09-EUR", "2025-09-USD", "2025-09-JPY", "2025-10-EUR", "2025-10-USD", "2025-10-JPY"),
    }
    assert scrub(closed.folder) == []


def test_the_sum_of_all_closings_is_all_that_was_received(closed: World) -> None:
    given: Counter[str] = Counter()
    for path in statements(closed):
        core = json.loads(statement_bytes(path))["core"]
        given[core["currency"]] += core["amount_micro"]
    carried: Counter[str] = Counter()
    for _index, closing in closings(closed):
        carried[closing.currency] += closing.carry_out_micro - closing.carry_in_micro
    for currency, amount in INCOMES.items():
        expected = (2 * amount + (5 if currency == "USD" else 0)) * 1_000_000
        assert given[currency] + carried[currency] == expected


def test_each_segment_is_in_one_closing_of_each_currency(closed: World) -> None:
    """The first closing of a period says which; those in further currencies commit to the same, after late play too."""
    by_period: dict[str, set[tuple[object, ...]]] = {}
    counted: Counter[str] = Counter()
    for _index, closing in closings(closed):
        readings = closing.segments, closing.ticks, closing.devices_root, closing.stems_root, closing.catalogue_sha256
        by_period.setdefault(closing.period, set()).add(readings)
        counted[closing.currency] += closing.segments or 0
    assert all(len(found) == 1 for found in by_period.values())
    assert set(counted.values()) == {4}


def test_balances_run_from_period_to_period_in_each_currency(closed: World) -> None:
    for currency in INCOMES:
        cores = [json.loads(statement_bytes(path))["core"] for path in statements(closed) if path.name == "ann.json.gz"]
        mine = sorted((core["period"], core["balance"]) for core in cores if core["currency"] == currency)
        (_september, before), (_october, after) = mine
        assert after["payable"]["opening_micro"] == before["payable"]["closing_micro"]
        assert [item["kind"] for item in after["transfers"]] == (["payout"] if currency == "USD" else [])


def test_the_log_alone_gives_it_again(closed: World, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in statements(closed)}
    for period, currency in (("2025-09", "JPY"), ("2025-09", "EUR"), ("2025-10", "EUR")):
        settle_period(closed.folder, period, None, currency)
    assert {path: path.read_bytes() for path in statements(closed)} == before
    with closed.folder.open_store() as store:
        known = store.closings()
        kept = {at.title: store.transfers.earned(at.title) for at in known}
    assert all(kept.values()) and len(kept) == 6


def test_what_is_refused(closed: World) -> None:
    said = settle(closed, "2025-09", "USD", "--income", "5", code=Exit.FINDING)
    assert "expected the income it was closed with, 75.000000 USD, found 5.000000 USD" in said
    said = settle(closed, "2025-09", "CHF", "--income", "5", code=Exit.FINDING)
    assert "expected the income in a further currency added" in said
    assert "closed in EUR, found 5.000000 CHF stated" in said
    said = settle(closed, "2025-09", "CHF", code=Exit.FINDING)
    assert "NoIncome: 2025-09: expected the income of pool communal, stated or added before" in said
    for currency in INCOMES:
        said = add(closed, "2025-09", currency, 9, code=Exit.FINDING)
        assert f"found 2025-10 of pool communal closed in {currency}; name the next" in said


FORGED: list[tuple[dict[str, Any], str]] = [
    ({"segments": 9}, r"closing\.segments: expected \d, found 9"),
    ({"stems_root": bytes(32)}, r"closing\.stems_root: expected"),
    ({"devices_root": bytes(32)}, r"closing\.devices_root: expected"),
    ({"ticks": bytes(16)}, r"closing\.ticks: expected"),
    ({"catalogue_sha256": bytes(32)}, r"closing\.catalogue_sha256: expected"),
    ({"readings_of": 3}, r"closing\.readings_of: expected"),
    ({"currency": "USD"}, r"closing\.period: expected one not closed before"),
    ({"period": "2025-08"}, r"closing\.period: expected one closed before in another currency"),
    ({"version": 4, "readings_of": None}, r"closing\.period: expected one not closed before"),
]


@pytest.mark.parametrize(("changes", "said"), FORGED)
def test_a_further_closing_that_the_ledger_may_not_make_is_found(
    tmp_path: Path, closed: World, changes: dict[str, Any], said: str
) -> None:
    """Put into the log past all that the ledger checks."""
    world = copy.copy(closed)
    world.path = Path(shutil.copytree(closed.path, tmp_path / "ledger"))
    world.folder = Folder(world.path)
    closing = closings(world)[-2][1]
    for name, value in ({"currency": "CHF", "previous": closings(world)[-1][0]} | changes).items():
        setattr(closing, name, value)
    closing.income_micro = closing.pool_micro = 5
    closing.carry_in_micro = 0
    world.append(sign_closing(closing, world.folder.key_id, world.folder.sign))
    with world.folder.open_store() as store:
        publish(world.folder, store)
    audit = Audit(Published(world.path / "audit"), world.keys)
    with pytest.raises(Difference, match=said):
        audit.check(statement_bytes(statements(world)[0]))


PERIODS = ("2025-09", "2025-10")
STEPS = st.tuples(st.booleans(), st.sampled_from(PERIODS), st.sampled_from(["EUR", "USD"]))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with play in two months and nothing closed."""
    world = World(tmp_path_factory.mktemp("played") / "ledger")
    for month in (9, 10):
        world.play(0, [(0, 44_100), (1, 17)], unix_s(2025, month, 3), unix_s(2025, month, 4))
    return world.path


class Model:
    """What a ledger with play in both periods may do, as far as money goes."""

    def __init__(self) -> None:
        self.waiting: Counter[tuple[str, str]] = Counter()
        self.received: Counter[str] = Counter()
        self.closed: set[tuple[str, str]] = set()

    def add(self, period: str, currency: str, micro: int) -> bool:
        """Whether the income is taken."""
        if any(other >= period for other, also in self.closed if also == currency):
            return False
        self.waiting[period, currency] += micro
        self.received[currency] += micro
        return True

    def settle(self, period: str, currency: str) -> bool:
        """Whether the period can be settled in that currency, or is."""
        if (period, currency) in self.closed:
            return True
        begun = {other for other, _currency in self.closed}
        earlier = any(other < period for other, also in self.waiting if also == currency)
        if (period, currency) not in self.waiting or earlier or (period == PERIODS[1] and PERIODS[0] not in begun):
            return False
        if any(other > period for other, also in self.closed if also == currency):
            return False
        del self.waiting[period, currency]
        self.closed.add((period, currency))
        return True


@settings(max_examples=5, deadline=None)
@given(steps=st.lists(STEPS, min_size=4, max_size=12))
def test_in_any_order_what_was_received_is_divided_once(
    played: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, str, str]]
) -> None:
    path = Path(shutil.copytree(played, tmp_path_factory.mktemp("steps") / "ledger"))
    folder, model = Folder(path), Model()
    for number, (adding, period, currency) in enumerate(steps, 1):
        try:
            if adding:
                order = Order("income", currency, "income/sync", "pool/communal", number, "x", period, str(number))
                transfer(folder, order)
            else:
                settle_period(folder, period, None, currency)
            done = True
        except LedgerError:
            done = False
        assert done == (model.add(period, currency, number) if adding else model.settle(period, currency))
    with folder.open_store() as store:
        for currency, received in model.received.items():
            found = accounts_at(store, currency, store.size()).balances
            waiting = sum(micro for (_period, also), micro in model.waiting.items() if also == currency)
            paid = sum(micro for name, micro in found.items() if name.startswith("payee/"))
            assert (sum(found.values()), found["pool/communal"], paid) == (0, waiting, received - waiting)
    world = World.__new__(World)
    world.path, world.folder = path, folder
    audit = Audit(Published(path / "audit"), world.keys)
    for statement in statements(world):
        audit.check(statement_bytes(statement))
    assert scrub(folder) == []


def test_a_payee_reads_each_currency_on_its_own(closed: World) -> None:
    found = CliRunner().invoke(app, ["pool", "history", "ann", "--ledger", str(closed.path), "--json"])
    assert found.exit_code == Exit.FINE, found.output
    months = json.loads(found.stdout)["periods"]
    assert Counter(month["currency"] for month in months) == dict.fromkeys(INCOMES, 2)
    assert all(month["follows"] for month in months)


def test_the_copies_of_a_further_currency_are_beside_those_of_the_first(closed: World, tmp_path: Path) -> None:
    for currency, title in (("EUR", "2025-09-EUR"), ("USD", "2025-09-USD")):
        said = settle(closed, "2025-09", currency, "--out", tmp_path, "--json")
        (mine,) = (item for item in json.loads(said)["payees"] if item["payee"] == "ann")
        copied = tmp_path / title / "ann.json.gz"
        assert mine["statement"] == str(copied)
        assert copied.read_bytes() == (closed.path / "public" / "statements" / title / "ann.json.gz").read_bytes()
    keys = ["--ledger-key", closed.folder.public_key.hex()]
    done = CliRunner().invoke(app, ["verify", str(tmp_path), *keys])
    assert done.exit_code == Exit.FINE, done.output


def test_a_report_tells_the_money_of_one_currency(closed: World, tmp_path: Path) -> None:
    words = [
        "report",
        "society",
        "--period",
        "2025-09",
        "--published",
        str(closed.path / "audit"),
        "--venues",
        "region",
    ]
    keys = closed.keys
    words += ["--ledger-key", keys.ledger.hex(), "--publisher-key", keys.publisher.hex()]
    words += ["--operator-key", keys.operator.hex(), "--force", "--out", str(tmp_path / "report.csv")]
    plays = []
    for asked, currency, units in (("USD", "USD", 75), ("EUR", "EUR", 1000), (None, "EUR", 1000)):
        done = CliRunner().invoke(app, [*words, *(["--currency", asked] if asked else [])])
        assert done.exit_code == Exit.FINE, done.output
        lines = list(csv.DictReader((tmp_path / "report.csv").read_text().splitlines()))
        assert {line["currency"] for line in lines} == {currency}
        assert sum(int(line["micro_amount"]) for line in lines) == units * 1_000_000
        plays.append(sum(int(line["plays"]) for line in lines))
    assert len(set(plays)) == 1
    refused = CliRunner().invoke(app, [*words, "--currency", "CHF"])
    assert refused.exit_code == Exit.FINDING and "expected one closed in CHF" in refused.output
    assert CliRunner().invoke(app, [*words, "--currency", "eur"]).exit_code == Exit.USAGE
