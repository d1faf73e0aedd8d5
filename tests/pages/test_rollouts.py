"""Packs in rings from the operators' page: what is ordered there is signed by the desk, which alone has the key."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mosquitto_process import mosquitto_with
from pages_world import BAR, HELD, PagesWorld, rows_of
from patience import wait_until
from players_on_air import OnAir, PlayersOnAir
from rollout_examples import a_rollout
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from settled_world import OPERATOR
from typer.testing import CliRunner
from visitors import audited

from amos import crypto
from amos_mqtt.broker import broker_at
from amos_tools.cli import app
from amos_tools.fleet.orders import folder as desk_folder
from amos_tools.fleet.orders.folder import DeskFolder, Offered
from amos_tools.fleet.orders.order import Order
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.rollout.state import Phase
from amos_tools.fleet.tags.kept import read_tags, write_tags
from amos_tools.fleet.tags.tags import TAG_LETTERS_MAX, Tags
from amos_tools.simulate.week import Held, week_svg
from pack_examples import Pack as Made

FORM = {"pack": "cafe-8", "rings": "first: cafe\nall: 100 %", "soak": "1s", "take": "1h", "percent": "50"}

PLAN = {"pack": "cafe-8", "ring": [{"percent": 5}]}


def shelve(packs: Path, name: str, serial: int) -> Path:
    (packs / name).mkdir(parents=True)
    (packs / name / "manifest.cose").write_bytes(Made(serial).signed)
    return packs


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> DeskFolder:
    made = DeskFolder(tmp_path_factory.mktemp("d") / "desk")
    made.make()
    return made


@pytest.fixture(scope="module")
def ordering(tmp_path_factory: pytest.TempPathFactory, desk: DeskFolder) -> Iterator[PagesWorld]:
    """Pages with a desk's folder, at which nobody works."""
    with PagesWorld(tmp_path_factory.mktemp("pages"), desk.path) as world:
        yield world


@contextlib.contextmanager
def working(desk: DeskFolder, broker: str, packs: Path, key: Path) -> Iterator[None]:
    """The desk as a process."""
    words = ["fleet", "serve", desk.path, "--broker", broker, "--operator-key-file", key, "--packs", packs]
    command = [sys.executable, "-m", "amos_tools", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            _out, log = process.communicate(timeout=120)
    assert process.returncode == 0, log


def shows(browser: Chrome, words: str) -> None:
    def text() -> str:
        return str(browser.execute_script("return document.body.innerText"))

    wait_until(lambda: words in text(), text)


def test_an_operator_rolls_a_pack_out_to_two_rings_and_the_second_stops_by_itself(
    phone: Chrome, ordering: PagesWorld, desk: DeskFolder, tmp_path: Path, mosquitto: list[str]
) -> None:
    packs, key = shelve(tmp_path / "packs", "cafe-8", 8), tmp_path / "operator.key"
    key.write_bytes(OPERATOR)
    key.chmod(0o600)
    devices = [player.device for player in ordering.ledger.players]
    bears, refuses = OnAir("cafe", devices[HELD]), OnAir("cafe", devices[BAR], "voices: expected at most 8, found 9")
    with contextlib.ExitStack() as open_:
        port = open_.enter_context(mosquitto_with(mosquitto, tmp_path, "allow_anonymous true\n"))
        address = f"127.0.0.1:{port}"
        open_.enter_context(PlayersOnAir(broker_at(address), crypto.public_key(OPERATOR), [bears, refuses]))
        open_.enter_context(working(desk, address, packs, key))
        wait_until(lambda: desk.offered().packs, "the desk works")
        ordering.sign_in(phone, "fleet")
        phone.get(f"{ordering.url}/fleet?q=bar-1")
        Select(phone.find_element(By.ID, "act")).select_by_value("tag")
        put(phone, "value", f"Hotel, {'w' * TAG_LETTERS_MAX}")
        press(phone, "#order button")
        shows(phone, "1 of 1 changed")
        assert audited(phone) == []
        put(phone, "rings", "first: #hotel\nrest: 100 %")
        put(phone, "soak", "1s")
        put(phone, "percent", "50")
        press(phone, "form.card button")
        wait_until(lambda: desk.names() == ["cafe-8"], lambda: desk.trail(9))
        phone.get(f"{ordering.url}/rollouts/cafe-8")
        shows(phone, "ring rest stopped the roll-out of pack 8: 1 of 1 players that were heard of refuse it")
        wait_until(lambda: phone.find_elements(By.CSS_SELECTOR, "button[value=continue]"), "it may go on")
        assert audited(phone) == []
        rings = [row for row in rows_of(phone.page_source) if row[0] in ("first", "rest")]
        assert [(row[0], row[1], row[3]) for row in rings] == [
            ("first", "passed", "1 plays it"),
            ("rest", "is on", "1 refuses it"),
        ]
        assert bears.pack == Made(8).id and refuses.pack == bytes(32)
        trail, tagged = [line for line in desk.trail(99) if line["who"] == "fleet"]
        assert tagged["what"] == f"tag hotel, {'w' * TAG_LETTERS_MAX} for cafe/{bears.device.hex()}"
        assert (trail["who"], trail["what"], trail["outcome"]) == ("fleet", "roll out cafe-8", "done")
        press(phone, "button[value=continue]")
        wait_until(lambda: desk.store("cafe-8").load().phase is Phase.DONE, lambda: desk.trail(9))
        visitor, _secret = ordering.visitor("player")
        wait_until(lambda: '<option value="hotel">' in visitor.get("/fleet")[1], "the pages see the tag by themselves")
        phone.get(f"{ordering.url}/fleet")
        Select(phone.find_element(By.ID, "tag")).select_by_visible_text("hotel")
        press(phone, ".filter button")
        shows(phone, "1 player; page 1 of 1")
        assert audited(phone) == [] and "tag=hotel" in phone.current_url
        put(phone, "value", "40")
        press(phone, "#order button")
        shows(phone, "1 of 1 follow")
        assert bears.volume_q15 == 40 * 32768 // 100 and refuses.volume_q15 is None
    assert f"fleet ordered: tag hotel, {'w' * TAG_LETTERS_MAX} for cafe/{bears.device.hex()}" in ordering.said
    assert "fleet ordered: roll out cafe-8" in ordering.said and len(refuses.serials) == 1
    assert f"fleet ordered: volume 40 for cafe/{bears.device.hex()}" in ordering.said


def press(browser: Chrome, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def put(browser: Chrome, name: str, value: str) -> None:
    field = browser.find_element(By.ID, name)
    field.clear()
    field.send_keys(value)


def test_without_a_desk_nothing_is_ordered_and_it_is_said(pages: PagesWorld) -> None:
    visitor, secret = pages.visitor("admin")
    assert "know no desk that signs" in visitor.get("/rollouts")[1]
    code, page = visitor.post("/rollouts", secret=secret, **FORM)
    assert (code, "start amos pages serve with --desk" in page) == (409, True)
    assert visitor.get("/rollouts/cafe-8")[0] == visitor.post("/rollouts/cafe-8", secret=secret, act="stop")[0] == 404


def test_orders_wait_for_a_desk_that_does_not_work(
    ordering: PagesWorld, desk: DeskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, secret = ordering.visitor("fleet", "Flo")
    desk.offer(
        Offered(int(time.time()) - desk_folder.STALE_S - 5, ({"name": "cafe-8", "serial": 8, "pack_id": "8" * 64},))
    )
    assert "orders wait, and roll-outs stand still" in visitor.get("/rollouts")[1]
    assert visitor.post("/rollouts", secret=secret, **FORM)[0] == 200
    assert "Orders that wait for the desk: 1" in visitor.get("/rollouts")[1]
    (path,) = desk.waiting()
    order = desk.read(path)
    assert (order.kind, order.who) == ("rollout", "Flo")
    assert order.given["plan"] == {
        "pack": "cafe-8",
        "ring": [{"name": "first", "players": ["cafe"]}, {"name": "all", "percent": 100}],
        **{"soak": "1s", "take": "1h", "refuse_percent": 50, "silent_percent": 50, "vanish_percent": 50},
    }
    monkeypatch.setattr(desk_folder, "ORDERS_MAX", 1)
    code, page = visitor.post("/rollouts", secret=secret, **FORM)
    assert (code, "does amos fleet serve run?" in page) == (409, True)
    path.unlink()


def test_what_is_wanted_of_all_that_are_selected_is_one_order(ordering: PagesWorld, desk: DeskFolder) -> None:
    visitor, secret = ordering.visitor("fleet", "Flo")
    page = visitor.get("/fleet?q=bar&sort=name")[1]
    fields = dict(re.findall(r'name="(query|count|which)" value="([^"]*)"', page))
    shown = {"which": fields.pop("which")}
    assert fields == {"query": "q=bar&amp;sort=name", "count": "2"}
    given = {"query": "q=bar", "count": "2", "act": "pause", "value": "mon-fri 22:00-07:00, sun"} | shown
    assert visitor.post("/fleet", secret=secret, **given)[0] == 200
    (path,) = desk.waiting()
    order = desk.read(path)
    assert order.told.startswith("pause mon-fri 22:00-07:00, sun for cafe/")
    assert {*order.given["targets"]} == {f"cafe/{ordering.device_id(number)}" for number in (BAR, HELD)}
    path.unlink()
    for wrong, code, said in (
        ({"count": "3"}, 409, "expected 3 players as shown, found 2; look again"),
        ({"query": "q=nobody"}, 409, "expected 2 players as shown, found 0"),
        ({"which": "0" * 16}, 409, "expected 2 players as shown, found others; look again"),
        ({"query": "sort=x"}, 400, "sort: expected one of"),
        ({"act": "volume"}, 400, "volume: expected a whole number up to 100"),
        ({"act": "sync"}, 400, "sync: expected no value"),
        ({"act": "explode"}, 400, "direct.act: expected one of volume"),
        ({"value": "25:00-26:00"}, 400, "--pause: expected two different times"),
        ({"act": "sliders", "value": "energy=101"}, 400, "expected at most 100 percent"),
        ({"act": "forget", "value": "all"}, 400, "forget: expected one of tier"),
    ):
        answer, page = visitor.post("/fleet", secret=secret, **given | wrong)
        assert (answer, said in page) == (code, True), (wrong, page)
    player, secret = ordering.visitor("player")
    assert "Order it" not in player.get("/fleet")[1] and player.post("/fleet", secret=secret, **given)[0] == 403
    assert desk.waiting() == []


def test_tags_are_given_and_taken_away_by_all_that_are_selected(ordering: PagesWorld, desk: DeskFolder) -> None:
    bar, held = (f"cafe/{ordering.device_id(number)}" for number in (BAR, HELD))
    write_tags(desk.path, Tags({bar: ("north",), "cafe/" + "f" * 32: ("of one that is away",)}))
    ordering.sees_tags()
    visitor, secret = ordering.visitor("fleet", "Flo")
    page = visitor.get("/fleet?tag=North")[1]
    assert '<option value="north" selected>north</option>' in page and "<td>north</td>" in page
    fields = dict(re.findall(r'name="(query|count|which)" value="([^"]*)"', page))
    assert (fields["query"], fields["count"]) == ("tag=north", "1")
    assert visitor.post("/fleet", secret=secret, **fields, act="tag-sites", value="Hotel")[0] == 200
    assert visitor.post("/fleet", secret=secret, **fields, act="untag", value="north")[0] == 200
    assert visitor.post("/fleet", secret=secret, **fields, act="untag", value="a\x07")[0] == 400
    write_tags(desk.path, read_tags(desk.path).changed([bar], [], ["north"]).changed([held], ["north"], []))
    code, page = visitor.post("/fleet", secret=secret, **fields, act="restart", value="")
    assert (code, "expected 1 players as shown, found others; look again" in page) == (409, True)
    seen_to(a_worker(desk, desk.path))
    assert read_tags(desk.path).of("cafe", ordering.device_id(HELD)) == ("hotel", "north")
    assert [line["what"] for line in desk.trail(2)] == [f"untag north for {bar}", "tag hotel for cafe"]
    ordering.sees_tags()
    page = visitor.get("/fleet?tag=lost")[1]
    assert '<option value="lost" selected>lost</option>' in page and "0 players" in page and 'id="order"' not in page
    assert "<dd>hotel, north</dd>" in visitor.get(f"/fleet/{ordering.device_id(HELD)}")[1]
    code, page = visitor.get("/fleet?tag=a%07")
    assert (code, "expected no control character, found U+0007" in page) == (400, True)
    player, its = ordering.visitor("player")
    page = player.get("/fleet?tag=hotel")[1]
    assert "2 players" in page and 'id="order"' not in page
    assert player.post("/fleet", secret=its, **fields, act="tag", value="x")[0] == 403
    (desk.path / "tags.json").write_bytes(b"{")
    ordering.sees_tags()
    page = visitor.get("/fleet?tag=hotel")[1]
    assert "put a copy back, or move it away and give tags anew" in page and "0 players" in page
    (desk.path / "tags.json").unlink()
    os.mkfifo(desk.path / "tags.json")
    ordering.sees_tags()
    assert "tags.json: expected a file, found something else" in visitor.get("/fleet")[1]
    (desk.path / "tags.json").unlink()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rings": "a: #"}, "tags: tag: expected 1 to 32 letters"),
        ({"rings": "first 5 %"}, "expected NAME: 10 % or NAME: SITE, SITE/DEVICE, #TAG in each line"),
        ({"rings": "first: 500 %"}, "rings: expected a whole number up to 100"),
        ({"rings": ""}, "plan.ring: expected 1 to 32 tables"),
        ({"rings": "a: 5 %\na: 6 %"}, "expected a name for each, found one twice"),
        ({"soak": "long"}, "soak: expected a number and s, m, h, d or w"),
        ({"percent": "x"}, "percent: expected a whole number"),
        ({"percent": "0"}, "refuse_percent: expected a number from 1 to 100"),
        ({"pack": "../8"}, "expected the name of a pack that the desk offers"),
        ({"pack": ""}, "plan.pack: expected a text"),
    ],
)
def test_an_order_without_meaning_is_refused_at_once(
    ordering: PagesWorld, desk: DeskFolder, given: dict[str, str], said: str
) -> None:
    visitor, secret = ordering.visitor("fleet", "Flo")
    code, page = visitor.post("/rollouts", secret=secret, **FORM | given)
    assert (code, said in page) == (400, True), page
    assert desk.waiting() == []


def seen_to(worker: Worker) -> None:
    """Until nothing waits."""
    wait_until(lambda: worker.turn() or not worker._folder.waiting(), lambda: worker._folder.waiting())
    worker.end()


def test_one_that_is_under_way_is_stopped_and_one_that_is_over_is_not(
    ordering: PagesWorld, desk: DeskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amos_tools.fleet.desk.HEAR_S", 0.1)
    visitor, secret = ordering.visitor("fleet", "Flo")
    desk.offer(Offered())
    desk.store("r-1").save(a_rollout(1, 2))
    page = visitor.get("/rollouts/r-1")[1]
    assert "Stop it" in page and "the roll-out stands still" in page and 'data-live="2000"' in page
    code, page = visitor.post("/rollouts/r-1", secret=secret, act="stop")
    assert (code, "Orders that wait for the desk: 1" in page) == (200, True)
    seen_to(a_worker(desk, tmp_path))
    assert desk.store("r-1").is_asked_to_stop
    made = a_rollout(1)
    made.phase = Phase.DONE
    desk.store("r-1").save(made)
    assert "Stop it" not in visitor.get("/rollouts/r-1")[1]
    assert visitor.post("/rollouts/r-1", secret=secret, act="stop")[0] == 200
    seen_to(a_worker(desk, tmp_path))
    lines = [line for line in desk.trail(9) if line["who"]]
    assert [(line["who"], line["what"], line["outcome"]) for line in lines[:2]] == [
        ("Flo", "stop r-1", "refused"),
        ("Flo", "stop r-1", "done"),
    ]
    assert "r-1 is done: there is nothing to stop" in lines[0]["sentence"]
    for act, code in (("x", 400), ("", 400), ("back", 400), ("rollout", 400)):
        assert visitor.post("/rollouts/r-1", secret=secret, act=act)[0] == code
    assert visitor.post("/rollouts/r-1", act="stop")[0] == 403
    assert visitor.get("/rollouts/r-2")[0] == 404 and visitor.get("/rollouts/%3a")[0] == 404
    desk.store("r-1").path.write_text("{")
    assert "expected the state of a roll-out" in visitor.get("/rollouts")[1] and visitor.get("/rollouts/r-1")[0] == 503
    desk.store("r-1").path.unlink()


def a_worker(desk: DeskFolder, folder: Path, place: str | None = None) -> Worker:
    return Worker(desk, Packs(folder, place), broker_at("127.0.0.1:9"), OPERATOR, print)


def test_pages_need_to_write_orders_and_nothing_else(tmp_path: Path) -> None:
    made = DeskFolder(tmp_path / "desk")
    made.make()
    made.tell("Flo", "x", "done")
    made.offer(Offered(1))
    modes = {path.name: path.stat().st_mode & 0o777 for path in [made.path, *made.path.iterdir()]}
    folders = {"desk": 0o750, "orders": 0o770, "rollouts": 0o750, "weeks": 0o750}
    assert modes == folders | {"trail.jsonl": 0o640, "desk.json": 0o640}


def test_a_second_desk_at_one_folder_is_refused(tmp_path: Path) -> None:
    made = DeskFolder(tmp_path / "desk")
    made.make()
    (tmp_path / "operator.key").write_bytes(OPERATOR)
    words = ["fleet", "serve", made.path, "--broker", "127.0.0.1:9", "--operator-key-file", tmp_path / "operator.key"]
    with made.worked():
        done = CliRunner().invoke(app, [*map(str, words), "--packs", str(tmp_path)])
    assert done.exit_code == 1 and "another amos fleet serve works there" in done.output
    with made.worked():
        assert made.waiting() == [], "it is free again"


def test_the_week_of_a_pack_is_shown_as_the_desk_drew_it(ordering: PagesWorld, desk: DeskFolder) -> None:
    visitor, _secret = ordering.visitor("fleet")
    desk.draw("cafe-9", week_svg([Held(0, 60, 600, ("tide 1",))], "cafe: the week"))
    page = visitor.get("/weeks/cafe-9")[1]
    assert "Mon 01:00–10:00 tide 1" in page and "The week of cafe-9" in page
    for name in ("cafe-10", "%2e%2e", "desk.json"):
        assert visitor.get(f"/weeks/{name}")[0] == 404
    assert ordering.visitor("music")[0].get("/weeks/cafe-9")[0] == 403


@pytest.mark.parametrize(
    "facts",
    [
        {},
        [],
        {"version": 2, "kind": "continue", "who": "x", "given": {"rollout": "a"}},
        {"version": 1, "kind": "sign", "who": "x", "given": {}},
        {"version": 1, "kind": "continue", "who": "", "given": {"rollout": "a"}},
        {"version": 1, "kind": "continue", "who": "x", "given": {"rollout": "../a"}},
        {"version": 1, "kind": "rollout", "who": "x", "given": {"plan": PLAN | {"place": "https://evil.example"}}},
        {"version": 1, "kind": "direct", "who": "x", "given": {"targets": [1], "act": "sync", "value": ""}},
        {"version": 1, "kind": "direct", "who": "x", "given": {"targets": ["a"], "act": "sync", "value": "1"}},
        {"version": 1, "kind": "direct", "who": "x", "given": {"targets": ["a"], "act": "volume", "value": "101"}},
    ],
)
def test_a_file_that_is_no_order_is_refused_and_the_desk_works_on(desk: DeskFolder, tmp_path: Path, facts: Any) -> None:
    worker = a_worker(desk, shelve(tmp_path, "p", 1))
    (desk.path / "orders" / "1.json").write_text(json.dumps(facts))
    seen_to(worker)
    assert desk.waiting() == [] and desk.trail(1)[0]["outcome"] == "refused"


def test_what_is_no_file_among_orders_holds_no_desk_up(tmp_path: Path) -> None:
    made = DeskFolder(tmp_path / "desk")
    made.make()
    orders = made.path / "orders"
    os.mkfifo(orders / "0.json")
    (orders / "1.json").mkdir()
    (orders / "2.json").symlink_to(orders / "0.json")
    (orders / "3.json").write_bytes(b"{}")
    a_worker(made, tmp_path).turn()
    assert made.waiting() == [] and [line["outcome"] for line in made.trail(9)] == ["refused"]


def test_an_order_whose_trail_cannot_be_written_is_seen_to_again(
    desk: DeskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, full = DeskFolder.tell, [True]

    def told(*facts: Any) -> None:
        if full:
            full.clear()
            raise OSError(28, "No space left on device")
        tell(*facts)

    monkeypatch.setattr(DeskFolder, "tell", told)
    monkeypatch.setattr("amos_tools.fleet.orders.work.AGAIN_S", 0.01)
    desk.put(Order("continue", "Flo", {"rollout": "away"}))
    seen_to(a_worker(desk, tmp_path))
    assert not full and desk.waiting() == [] and desk.trail(1)[0]["outcome"] == "refused"


@pytest.mark.parametrize("order", [Order("stop", "Flo", {"rollout": "away"}), None], ids=["stop", "none"])
def test_a_full_disk_ends_no_desk(
    desk: DeskFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order | None
) -> None:
    """What the desk does itself, not on a thread that may wait: stops, what is no order, and that it works."""

    def full(*_facts: Any) -> None:
        raise OSError(28, "No space left on device")

    said: list[str] = []
    worker = Worker(desk, Packs(tmp_path, None), broker_at("127.0.0.1:9"), OPERATOR, said.append)
    if order is None:
        (desk.path / "orders" / "9.json").write_bytes(b"{}")
    else:
        desk.put(order)
    monkeypatch.setattr("amos_tools.fleet.orders.work.AGAIN_S", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(DeskFolder, "tell", full)
        patch.setattr(DeskFolder, "offer", full)
        worker.turn()
        assert len(desk.waiting()) == 1 and len(said) == 2
        assert all("No space left on device; it is tried again" in line for line in said)
    seen_to(worker)
    assert desk.waiting() == [] and desk.trail(1)[0]["outcome"] == "refused"


def test_a_pack_that_the_desk_does_not_offer_is_refused_before_anybody_is_asked(
    desk: DeskFolder, tmp_path: Path
) -> None:
    packs = shelve(tmp_path, "p", 1)
    (packs / "q").mkdir()
    (packs / "q" / "manifest.cose").write_bytes(b"x")
    worker = Worker(
        desk, Packs(packs, "https://packs.example/"), broker_at("127.0.0.1:9"), OPERATOR, lambda _line: None
    )
    desk.put(Order("rollout", "Flo", {"plan": {"pack": "away", "ring": [{"percent": 5}]}}))
    desk.put(Order("continue", "Flo", {"rollout": "away"}))
    seen_to(worker)
    said = [line["sentence"] for line in desk.trail(2)]
    assert "No such file" in said[0] and "expected one that the desk offers, found 'away'" in said[1]
    assert [pack["name"] for pack in desk.offered().packs] == ["p"]
    assert Packs(packs, "https://packs.example/").named("p").place == "https://packs.example/p"
