"""A source gets back no more than it paid."""

import json
from typing import Any

import pytest
from settled_world import World
from typer.testing import CliRunner

from amos.protocol.transfer import REFUND, sign_transfer
from amos_cli.output import Exit
from amos_ledger.close_period import accounts_at
from amos_ledger.registry import publish
from amos_ledger.scrub import scrub
from amos_ledger.settle_period import settle_period
from amos_ledger.transferring import Order, Repeated, SourcePaidLess, TransferRefused, transfer
from amos_tools.cli import app

MICRO = 1_000_000
"""In the settled ledger, `other` paid the 1,000 EUR that November was settled with, `subscription` 450 for December."""


def back(world: World, source: str, amount_micro: int, debit: str = "payee/ann", **facts: Any) -> None:
    order: dict[str, Any] = {"currency": "EUR", "reason": "cancelled", "overdraw": True} | facts
    transfer(world.folder, Order(REFUND, debit=debit, credit=f"income/{source}", amount_micro=amount_micro, **order))


def test_a_source_that_paid_nothing_gets_nothing_back(ledger: World) -> None:
    words = ["--from", "ann", "--amount", "1.50", "--currency", "EUR", "--reason", "cancelled", "--json"]
    asked = ["pool", "refund", *words, "--source", "sync", "--ledger", str(ledger.path)]
    with ledger.folder.open_store() as store:
        size = store.size()
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == Exit.FINDING
    assert json.loads(done.stdout)["refusal"] == {
        "name": "SourcePaidLess",
        "sentence": "income/sync: expected at most 0.000000 EUR, what is left of what it paid, found 1.500000; left of"
        " others: income/other 1000.000000, income/subscription 450.000000",
        "hint": None,
    }
    with ledger.folder.open_store() as store:
        assert store.size() == size


def test_what_it_paid_goes_back_once(ledger: World) -> None:
    back(ledger, "subscription", 449 * MICRO)
    with pytest.raises(SourcePaidLess, match=r"at most 1\.000000 EUR, what is left .*, found 1\.000001; left of"):
        back(ledger, "subscription", MICRO + 1, "payee/bob")
    back(ledger, "subscription", MICRO)
    with pytest.raises(Repeated):
        back(ledger, "subscription", MICRO)
    back(ledger, "other", 1000 * MICRO)
    with pytest.raises(SourcePaidLess, match=r"found 0\.000001$"):
        back(ledger, "other", 1)


def test_it_is_what_it_paid_in_that_currency(ledger: World) -> None:
    transfer(ledger.folder, Order("income", "USD", "income/sync", "pool/communal", 5 * MICRO, "x", "2027-01"))
    january = {"debit": "pool/communal", "period": "2027-01"}
    with pytest.raises(SourcePaidLess, match=r"at most 0\.000000 EUR"):
        back(ledger, "sync", 5 * MICRO)
    with pytest.raises(SourcePaidLess, match=r"at most 0\.000000 USD.*others: income/sync 5\.000000$"):
        back(ledger, "buyout", 5 * MICRO, currency="USD", **january)
    back(ledger, "sync", 5 * MICRO, currency="USD", **january)


def test_an_older_ledger_that_gave_more_back_goes_on(ledger: World) -> None:
    """Earlier versions did not look at what the source had paid."""
    with ledger.folder.open_store() as store:
        given = Order(REFUND, "EUR", "payee/ann", "income/sync", 3 * MICRO, "x").transfer(
            store.transfers.last_number() + 1, 5
        )
        store.transfers.append(given.number, sign_transfer(given, ledger.folder.key_id, ledger.folder.sign))
        publish(ledger.folder, store)
        assert accounts_at(store, "EUR", store.size()).balances["income/sync"] == 3 * MICRO
    with pytest.raises(SourcePaidLess, match=r"income/sync: expected at most 0\.000000 EUR"):
        back(ledger, "sync", 1)
    transfer(ledger.folder, Order("income", "EUR", "income/sync", "pool/communal", 4 * MICRO, "x", "2027-01"))
    back(ledger, "sync", MICRO)
    settle_period(ledger.folder, "2027-01", None, "EUR")
    ledger.verify("ann", "2027-01")
    assert scrub(ledger.folder) == []


def test_what_is_not_there_is_told_first(ledger: World) -> None:
    """The pool that has nothing, whatever its source paid."""
    with pytest.raises(TransferRefused, match=r"^pool/communal of 2027-01: expected at most 0\.000000 EUR") as refused:
        back(ledger, "sync", 1, "pool/communal", period="2027-01")
    assert not isinstance(refused.value, SourcePaidLess)
