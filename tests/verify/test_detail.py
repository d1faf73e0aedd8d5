"""Days and venues of statements of a real ledger: what is changed is named, and the log decides on which day it was."""

import copy
import json
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_cells import rows_of
from settled_world import World, unix_s
from statement_bytes import statement_bytes
from typer.testing import CliRunner, Result

from amos.protocol.answer import ACCEPTED
from amos_ledger.folder import Folder
from amos_ledger.registry import enrol
from amos_ledger.settle_period import settle_period
from amos_ledger.settlement.detail import signed_bytes
from amos_tools.cli import app
from amos_tools.report.society import COLUMNS
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.light import check_statement
from amos_tools.verify.published import Published

NOVEMBER = "2026-11"
MIDNIGHT = unix_s(2026, 11, 7)


def amos(*words: object) -> Result:
    done = CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def settle(world: World) -> None:
    settle_period(world.folder, NOVEMBER, 1_000_000_000, "EUR")


def detail_of(world: World, payee: str = "ann") -> Any:
    return json.loads(statement_bytes(world.statement(payee)))["detail"]


def copied(world: World, folder: Path) -> World:
    made = copy.copy(world)
    made.path = Path(shutil.copytree(world.path, folder))
    made.folder, made.players = Folder(made.path), copy.deepcopy(world.players)
    return made


@pytest.fixture(scope="module")
def moved(played: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Play over midnight, and a player that is enrolled at another site then."""
    world = copied(played, tmp_path_factory.mktemp("moved") / "ledger")
    rows = [(0, 176_400), (1, 88_200), (2, 88_200)]
    starts = array("I", [0, 88_200, 0])  # all but the first at midnight
    segment = world.players[0].play(rows, MIDNIGHT - 2, starts=starts)
    assert world.send(0, segment, MIDNIGHT + 60) == [ACCEPTED]
    world.play(0, [(3, 44_100)], MIDNIGHT + 3600, MIDNIGHT + 7200)
    with world.folder.open_store() as store:
        enrol(world.folder, store, world.players[0].enrolment(site="bar", unix_s=2))
    world.play(0, [(0, 22_050), (3, 44_100)], unix_s(2026, 11, 9), unix_s(2026, 11, 9, 1))
    world.play(1, [(0, 48_000)], None, unix_s(2026, 11, 10))
    settle(world)
    return world


def test_days_and_sites_are_those_of_the_log(moved: World) -> None:
    """A row counts for the day in which it began; what is not dated is told apart; the site is that of the time."""
    detail = detail_of(moved)
    first, second, third = detail["lines"]
    [run], [other], [both] = first["days"], second["days"], detail["whole"]["days"]
    assert run[0] == other[0] == both[0] == "2026-11-05"
    assert run[2:] == [4000, 0, 0, 500] and other[2:] == [0, 2000] and both[2:] == [4000, 3000, 0, 1500]
    assert (first["undated_ms"], second["undated_ms"]) == (1000, 0)
    assert detail["whole"]["sites"] == first["sites"] == 2 and second["sites"] == 1
    assert first["venues"][1][1] == 500
    of_ann = json.loads(statement_bytes(moved.statement("ann")))["core"]["lines"][2]
    assert (of_ann["devices"], third["sites"]) == (1, 2), "one player, at two sites"
    for payee in ("ann", "bob", "cy-dee"):
        moved.verify(payee)
        check_statement(statement_bytes(moved.statement(payee)), moved.keys.ledger)
    assert detail_of(moved, "bob")["whole"]["sites"] == 1, "nothing of bob's was played at the other"


def forged(world: World, change: Callable[[Any], None]) -> bytes:
    """As a ledger that lies would sign it."""
    whole = json.loads(statement_bytes(world.statement("ann")))
    detail = whole["detail"]
    del detail["signature"]
    change(detail)
    detail["signature"] = world.folder.sign(signed_bytes(whole["core"], detail)).hex()
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def ms_to_the_next_day(detail: Any) -> None:
    run = detail["whole"]["days"][0]
    run[1], run[2] = run[1] - 1, run[2] + 1


def ms_to_the_other_venue(detail: Any) -> None:
    one, other = detail["whole"]["venues"]
    one[1], other[1] = one[1] - 1, other[1] + 1


def line_left_out(detail: Any) -> None:
    detail["lines"].pop()


@pytest.mark.parametrize(
    ("change", "field"),
    [(ms_to_the_next_day, "detail.whole.days, 2026-11-05"), (ms_to_the_other_venue, "detail.whole.venues[0]")],
)
def test_what_adds_up_and_is_not_so_is_found_in_the_log(
    moved: World, change: Callable[[Any], None], field: str
) -> None:
    data = forged(moved, change)
    assert check_statement(data, moved.keys.ledger).payee == "ann"
    with pytest.raises(Difference) as found:
        Audit(Published(moved.path / "audit"), moved.keys).check(data)
    assert found.value.field == field


def more_of(key: str, value: object) -> Callable[[Any], None]:
    return lambda detail: detail["lines"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda detail: detail["whole"]["days"][0].__setitem__(1, 0), "detail.whole.days, sum"),
        (more_of("undated_ms", 2**70), "detail.lines[0].days, sum"),
        (more_of("sites", 0), "detail.lines[0].sites"),
        (more_of("sites", 1), "detail.lines[0].venues, count"),
        (more_of("more_venues", [0, 1]), "detail.lines[0].venues, sum"),
        (more_of("more_venues", [1, 0]), "detail.lines[0].venues, count"),
        (more_of("more_venues", [1]), "detail.lines[0].more_venues"),
        (more_of("venues", [["x"]]), "detail.lines[0].venues[0]"),
        (more_of("days", [["2026-11-31", 1]]), "detail.lines[0].days[0][0]"),
        (more_of("days", [["2026-11-05"]]), "detail.lines[0].days[0]"),
        (more_of("days", [["9999-12-31", 1, 1]]), "detail.lines[0].days[0]"),
        (more_of("days", [["2026-11-05", 1, 1], ["2026-11-06", 1]]), "detail.lines[0].days[1][0]"),
        (more_of("line", 1), "detail.lines[0].days, sum"),
        (lambda detail: detail["lines"].reverse(), "detail.lines[1]"),
        (more_of("of", "unpaid"), "detail.lines[0]"),
        (line_left_out, "detail.left_out"),
        (lambda detail: detail.__setitem__("venues", "colour"), "detail.venues"),
        (lambda detail: detail.__setitem__("format", "amos-statement-detail/2"), "detail.format"),
    ],
)
def test_what_does_not_add_up_is_named(moved: World, change: Callable[[Any], None], field: str) -> None:
    with pytest.raises(Difference) as found:
        check_statement(forged(moved, change), moved.keys.ledger)
    assert found.value.field == field


def test_a_statement_of_before_has_no_detail_and_is_verified(moved: World) -> None:
    whole = json.loads(statement_bytes(moved.statement("ann")))
    del whole["detail"]
    data = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    assert check_statement(data, moved.keys.ledger).payee == "ann"
    Audit(Published(moved.path / "audit"), moved.keys).check(data)


def test_the_policy_decides_how_venues_appear_in_statements_and_reports(moved: World, tmp_path: Path) -> None:
    world = copied(moved, tmp_path / "ledger")
    before = detail_of(world)["whole"]["venues"]
    assert "by pseudonym; 0 are stated" in amos("pool", "venues", "--ledger", world.path).output
    settle(world)
    assert detail_of(world)["whole"]["venues"] == before, "the same key"
    (tmp_path / "venues.csv").write_text("site,name,region\ncafe,Café Blau,DE-BE\nbar,Bar Rot,DE-BE\n")
    for policy, expected in (("name", ["Café Blau", "Bar Rot"]), ("region", ["DE-BE"])):
        words = ("--set", policy, "--venue-list", tmp_path / "venues.csv")
        assert amos("pool", "venues", "--ledger", world.path, *words).exit_code == 0
        settle(world)
        assert [name for name, _ms in detail_of(world)["whole"]["venues"]] == expected
        world.verify("ann")
        assert reported(world, tmp_path / f"{policy}.csv") == set(expected)
    assert amos("pool", "venues", "--ledger", world.path, "--set", "pseudonym").exit_code == 0
    settle(world)
    assert detail_of(world)["whole"]["venues"] == before
    assert reported(world, tmp_path / "pseudonym.csv") == {name for name, _ms in before}
    (world.path / "venues.json").write_text("{}")
    refused = amos("pool", "venues", "--ledger", world.path)
    assert refused.exit_code == 1 and "VenuePolicyUnreadable: " in refused.output


def reported(world: World, out: Path) -> set[str]:
    """Venues of ann's stems in a report for ann."""
    keys = out.with_suffix(".json")
    named = {"ledger": world.keys.ledger, "publisher": world.keys.publisher, "operator": world.keys.operator}
    keys.write_text(json.dumps({name: key.hex() for name, key in named.items()}))
    words = ["--published", world.path / "audit", "--keys", keys, "--venue-policy", world.path, "--out", out]
    done = amos("report", "society", "--period", NOVEMBER, "--payee", "ann", *words)
    assert done.exit_code == 0, done.output
    return {row["venue"] for row in rows_of(out.read_bytes(), COLUMNS)}
