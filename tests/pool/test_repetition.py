"""An order that is given twice moves once, unless it says that it is meant."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settled_world import World
from typer.testing import CliRunner

from amos.protocol.transfer import Transfer, derived_reference
from amos_cli.output import Exit
from amos_ledger import transferring
from amos_ledger.folder import Folder
from amos_ledger.public import Public
from amos_ledger.settlement.references import AlreadyMade, OutOfTurn, References
from amos_ledger.transferring import Order, Repeated, transfer
from amos_tools.cli import app

MONEY = ["--amount", "1.50", "--currency", "EUR", "--reason", "as agreed"]
ORDERS = {
    "add-income": ["--period", "2027-01"],
    "correct": ["--from", "ann", "--to", "bob"],
    "refund": ["--from", "ann"],
    "hold": ["ann"],
    "release": ["ann"],
    "pay": ["ann"],
}


def ask(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["pool", *words, *MONEY, "--ledger", str(world.path), "--json"])
    return done.exit_code, json.loads(done.stdout)


def made(world: World) -> int:
    with Folder(world.path).open_store() as store:
        return store.transfers.last_number()


def test_every_order_moves_once(ledger: World) -> None:
    for name, words in ORDERS.items():
        assert ask(ledger, name, *words)[0] == Exit.FINE
    before = made(ledger)
    for name, words in ORDERS.items():
        code, said = ask(ledger, name, *words)
        assert code == Exit.FINDING and said["refusal"]["name"] == "Repeated"
        assert "expected one not made before, found transfer" in said["refusal"]["sentence"]
        assert "--again 2 makes another" in said["refusal"]["sentence"]
    assert made(ledger) == before


def test_a_second_one_that_is_meant_moves_once_too(ledger: World) -> None:
    assert ask(ledger, "pay", "ann")[0] == Exit.FINE
    code, said = ask(ledger, "pay", "ann", "--again", "3")
    assert code == Exit.FINDING and "again: expected 2" in said["refusal"]["sentence"]
    assert ask(ledger, "pay", "ann", "--again", "2")[0] == Exit.FINE
    code, said = ask(ledger, "pay", "ann", "--again", "2")
    assert code == Exit.FINDING and "--again 3 makes another" in said["refusal"]["sentence"]


def test_a_reference_is_of_one_transfer(ledger: World) -> None:
    code, said = ask(ledger, "pay", "ann", "--reference", "RF18 5390")
    assert (code, said["reference"]) == (Exit.FINE, "RF18 5390")
    code, said = ask(ledger, "hold", "bob", "--reference", "RF18 5390")
    assert code == Exit.FINDING
    assert "reference: expected one that no transfer has, found that of transfer" in said["refusal"]["sentence"]
    assert ask(ledger, "pay", "ann", "--reference", "RF18 5391")[0] == Exit.FINE


def test_what_was_paid_out_in_full_is_told_as_made(ledger: World) -> None:
    """Not as more than there is, which would send the operator to look for the money."""
    every = [*MONEY[:1], "80", *MONEY[2:]]
    words = ["pool", "release", "ann", *every, "--ledger", str(ledger.path)]
    assert CliRunner().invoke(app, words).exit_code == Exit.FINE
    assert "expected one not made before" in CliRunner().invoke(app, words).output


def said(number: int, reason: str, reference: str | None = None) -> Transfer:
    return Transfer(
        **{"version": 1 if reference is None else 2, "number": number, "unix_s": number, "kind": "hold"},
        **{"currency": "EUR", "debit": "payee/ann", "credit": "held/ann", "amount_micro": 5, "period": None},
        **{"reason": reason, "reference": reference},
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), max_size=20))
def test_no_two_have_one_reference(orders: list[tuple[str, int]]) -> None:
    """Whatever is asked for, in any order: those that are made are numbered without a gap, the rest is refused."""
    log: list[tuple[int, Transfer]] = []
    for reason, occurrence in orders:
        moved = said(len(log) + 1, reason)
        before = sum(other.reason == reason for _index, other in log)
        try:
            moved.reference = References(log).derived(moved, occurrence)
        except (AlreadyMade, OutOfTurn) as error:
            assert isinstance(error, AlreadyMade) == (occurrence <= before) and occurrence != before + 1
        else:
            assert occurrence == before + 1
            log.append((len(log), moved))
    references = [moved.reference for _index, moved in log]
    assert len(set(references)) == len(references)


def test_those_of_before_references_count(ledger: World) -> None:
    """A ledger that was brought to this version knows what it moved before."""
    log = [(7, said(1, "a")), (9, said(2, "a"))]
    found = References(log)
    with pytest.raises(AlreadyMade, match=r"found transfer 2, 0\.000005 EUR .* \(entry 9\); --again 3"):
        found.derived(said(3, "a"), 2)
    assert found.derived(said(3, "a"), 3) == derived_reference(said(3, "a"), 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add-income", "--period", "2027-01", "--source", "gift"], "source: expected one of subscription"),
        (["refund", "--source", ""], "source: expected one of subscription"),
        (["refund", "--from", "Ann!"], "from: expected a payee as in a catalogue, found 'Ann!'"),
        (["correct", "--from", "ann", "--to", "ann"], "to: expected another than --from, found ann in both"),
        (["correct"], "to: expected another than --from, found carry in both"),
        (["correct", "--to", "a/b"], "to: expected a payee"),
        (["correct", "--to", "ann", "--period", "2026-13"], "period: expected a year and month"),
        (["hold", "x" * 65], "payee: expected a payee"),
        (["release", ""], "payee: expected a payee"),
        (["pay", "ann", "--frozen-late", "--reason", ""], "reason: expected 1 to 256 bytes of text, found 0"),
        (["pay", "ann", "--reason", " "], "reason: expected 1 to 256 bytes of text"),
        (["pay", "ann", "--reason", "é" * 129], "reason: expected 1 to 256 bytes of text, found 258"),
        (["pay", "ann", "--reason", "a\tb"], "reason: expected printable text on one line"),
        (["pay", "ann", "--reference", ""], "reference: expected 1 to 64 bytes"),
        (["pay", "ann", "--reference", "a\x85b"], "reference: expected printable text on one line"),
        (["pay", "ann", "--reference", "auto-1"], "reference: expected one that does not begin with auto-"),
        (["pay", "ann", "--reference", "a", "--again", "2"], "again: expected with no --reference"),
        (["pay", "ann", "--amount", "0"], "amount: expected above 0"),
        (["pay", "ann", "--again", "0"], "again"),
    ],
)
def test_what_has_no_meaning_is_a_fault_of_the_command_line(settled: World, words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, ["pool", *words[:1], *MONEY, *words[1:], "--ledger", str(settled.path)])
    assert done.exit_code == Exit.USAGE, done.output
    assert sentence in " ".join(done.output.split())


def test_a_correction_is_about_a_closed_period(ledger: World) -> None:
    """Only what a closing gave can be wrong, held, or paid."""
    for name in ("correct", "refund", "hold", "release", "pay"):
        code, found = ask(ledger, name, *ORDERS[name], "--period", "2027-01")
        assert code == Exit.FINDING
        assert found["refusal"]["sentence"] == "2027-01: expected a closed period, found one that gave nothing yet"
        assert ask(ledger, name, *ORDERS[name], "--period", "2026-11")[0] == Exit.FINE


def test_whoever_is_cut_off_before_it_is_published_gives_the_order_again(
    ledger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused as made, and published then."""

    def killed(*_words: object) -> None:
        raise KeyboardInterrupt

    order = Order("payout", "EUR", "payee/ann", "bank", 5, "as agreed")
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(transferring, "publish", killed)
        transfer(Folder(ledger.path), order)
    before = made(ledger)
    with pytest.raises(Repeated):
        transfer(Folder(ledger.path), order)
    assert made(ledger) == before
    folder = Folder(ledger.path)
    with folder.open_store() as store:
        head = Public(folder).last()
        assert head is not None and head.size == store.size()
