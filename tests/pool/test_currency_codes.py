"""Money enters in currencies of ISO 4217; what a log has in any other is still accounted for, and verified."""

import json
from pathlib import Path

import pytest
from settled_world import World, play_november
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos_cli.output import Exit
from amos_ledger import currencies
from amos_ledger.currencies import check_paid_in
from amos_ledger.settlement.money import MoneyError
from amos_tools.cli import app
from amos_tools.verify.audit import Audit
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

INVENTED = "EUO"
OF_IT = ["--currency", INVENTED]


def pool(world: World, *words: object) -> Result:
    done = CliRunner().invoke(app, ["pool", *map(str, words), "--ledger", str(world.path)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def size(world: World) -> int:
    with world.folder.open_store() as store:
        return store.size()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A November in which something was played, not settled; only read."""
    world = World(tmp_path_factory.mktemp("codes") / "ledger")
    play_november(world)
    return world


@pytest.mark.parametrize("code", ["EUR", "USD", "JPY", "KWD", "CHF", "XAF", "XCD", "XCG", "XOF", "XPF"])
def test_money_is_paid_in_it(code: str) -> None:
    check_paid_in(code)


@pytest.mark.parametrize("code", ["EUO", "EUE", "AAA", "XXX", "XTS", "XAU", "XDR", "XBA", "CLF", "CHE", "DEM", "eur"])
def test_nobody_is_paid_in_it(code: str) -> None:
    with pytest.raises(MoneyError, match=f"^currency: expected .* found '?{code}'?$"):
        check_paid_in(code)


SETTLE = ["settle", "--period", "2026-11", "--income", "5", "--close-now", "--unasked"]


@pytest.mark.parametrize(
    "words",
    [
        SETTLE,
        ["add-income", "--period", "2026-11", "--amount", "5"],
        ["correct", "--from", "ann", "--to", "bob", "--amount", "5", "--reason", "x"],
        ["pay", "ann", "--amount", "5", "--reason", "x"],
        ["balance"],
    ],
)
def test_no_command_lets_one_in(world: World, words: list[str], tmp_path: Path) -> None:
    before = size(world)
    more = ["--out", str(tmp_path / "out")] if words is SETTLE else []
    done = pool(world, *words, *OF_IT, *more)
    assert done.exit_code == Exit.USAGE and "by ISO 4217 of 20" in " ".join(done.output.split()), done.output
    assert size(world) == before and not (tmp_path / "out").exists()


def test_the_demo_says_so_before_it_begins(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--workdir", str(tmp_path / "demo"), *OF_IT])
    assert done.exit_code == Exit.USAGE and INVENTED in done.output, done.output
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["demo.lock"]


def test_what_was_closed_in_another_is_settled_again_moved_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "ledger")
    play_november(world)
    with monkeypatch.context() as before:
        before.setattr(currencies, "check_paid_in", lambda _currency: None)
        closed = pool(world, *SETTLE, *OF_IT, "--json")
    again = pool(world, *SETTLE, *OF_IT, "--json")
    assert again.exit_code == Exit.FINE and json.loads(again.stdout)["payees"] == json.loads(closed.stdout)["payees"]
    moved = pool(world, "correct", "--from", "ann", "--to", "bob", "--amount", "0.5", "--reason", "x", *OF_IT)
    assert moved.exit_code == Exit.FINE, moved.output
    assert json.loads(pool(world, "balance", *OF_IT, "--json").stdout)["balances_micro"]["payee/ann"]
    data = statement_bytes(world.folder.public / "statements" / f"2026-11-{INVENTED}" / "ann.json.gz")
    verified = Audit(Published(world.folder.path / "audit"), world.keys).check(data)
    assert verified.amount_micro == json.loads(data)["core"]["amount_micro"] > 0
    assert check_statement(data, world.keys.ledger).amount_micro == verified.amount_micro
