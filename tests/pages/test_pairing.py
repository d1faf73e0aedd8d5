"""The operators' page of codes: an order draws one, the page shows it, and what became of it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pages_world import PagesWorld, rows_of
from patience import wait_until
from scanned import read_on_page
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from settled_world import OPERATOR
from visitors import audited, prefer, speak

from amos_mqtt.broker import broker_at
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.pairing.book import Book, read_codes
from amos_tools.fleet.pairing.codes import WRONG_MAX
from amos_web.words import LANGUAGES

DEVICE = "ab" * 16


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> DeskFolder:
    made = DeskFolder(tmp_path_factory.mktemp("d") / "desk")
    made.make()
    return made


@pytest.fixture(scope="module")
def worker(desk: DeskFolder) -> Worker:
    return Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append, Book(desk.path))


@pytest.fixture(scope="module")
def world(desk: DeskFolder, tmp_path_factory: pytest.TempPathFactory) -> PagesWorld:  # type: ignore[misc]
    with PagesWorld(tmp_path_factory.mktemp("pages"), desk.path) as made:
        yield made


def seen_to(worker: Worker, desk: DeskFolder) -> None:
    wait_until(lambda: worker.turn() or not desk.waiting(), lambda: desk.waiting())


def text_of(browser: Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))


def test_a_code_is_drawn_with_a_button_and_its_end_is_seen(
    phone: Chrome, world: PagesWorld, desk: DeskFolder, worker: Worker
) -> None:
    worker.turn()
    world.sign_in(phone, "fleet")
    phone.get(f"{world.url}/fleet")
    phone.execute_script("document.querySelector('a[href=\"/pairing\"].tall').click()")
    wait_until(lambda: "There is no code." in text_of(phone), lambda: text_of(phone))
    assert audited(phone) == []
    for name, value in (("site", "harbour-cafe"), ("name", "bar")):
        phone.execute_script("document.getElementById(arguments[0]).value = arguments[1]", name, value)
    phone.execute_script("document.querySelector('form.card button').click()")
    wait_until(lambda: "Orders that wait for the desk: 1" in text_of(phone), lambda: text_of(phone))
    seen_to(worker, desk)
    (code,) = read_codes(desk.path).codes
    assert (code.site, code.name, code.who, code.until_unix_s - code.made_unix_s) == (
        *("harbour-cafe", "bar", "fleet"),
        7 * 86_400,
    )
    wait_until(lambda: code.code in text_of(phone), lambda: text_of(phone))
    for language in LANGUAGES:
        speak(phone, language)
        phone.get(f"{world.url}/pairing?site=station-bar")
        assert audited(phone) == [] and ("Einen Code ziehen" in text_of(phone)) == (language == "de")
        assert phone.execute_script("return document.getElementById('site').value") == "station-bar"
    speak(phone, "en")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_code_is_a_picture_that_a_phone_reads_and_is_taken_back_with_a_button(
    phone: Chrome, world: PagesWorld, desk: DeskFolder, worker: Worker, scheme: str
) -> None:
    book = worker._book
    assert book is not None
    worker.turn()
    ticket = {"light": "a" * 16, "dark": "b" * 16}[scheme]
    code = book.draw("ferry", "deck", 0, 7, ticket, "Flo")
    world.sign_in(phone, "admin")
    prefer(phone, scheme)
    try:
        phone.get(f"{world.url}/pairing")
        phone.execute_script(f"document.querySelector('a[href=\"/pairing/{ticket}\"]').click()")
        wait_until(lambda: "A code for ferry" in text_of(phone), lambda: text_of(phone))
        assert f"{code.code[:3]} {code.code[3:]}" in text_of(phone) and "it is called deck" in text_of(phone)
        for language in LANGUAGES:
            speak(phone, language)
            phone.refresh()
            assert audited(phone) == [] and ("Das Bild scannen" in text_of(phone)) == (language == "de")
        assert read_on_page(phone, ".qr") == [f"http://amos.local:8080/#pair={code.code}"]
        speak(phone, "en")
        phone.get(f"{world.url}/pairing/{ticket}")
        phone.execute_script("document.querySelector('main form button').click()")
        wait_until(lambda: desk.waiting(), lambda: text_of(phone))
        seen_to(worker, desk)
        line = desk.trail(1)[0]
        assert (line["who"], line["what"], line["outcome"]) == ("admin", "take back a code for ferry", "done")
        phone.get(f"{world.url}/pairing/{ticket}")
        assert "taken back by admin" in text_of(phone) and code.code not in phone.page_source
        assert not phone.find_elements(By.CSS_SELECTOR, ".qr, main form") and audited(phone) == []
    finally:
        speak(phone, "en")
        prefer(phone, "light")


def test_one_that_waits_for_the_ledger_is_said_so_and_taken_back_with_a_button(
    phone: Chrome, world: PagesWorld, desk: DeskFolder, worker: Worker
) -> None:
    book = worker._book
    assert book is not None
    worker.turn()
    code = book.draw("quay", "", 0, 7, "d" * 16, "Flo")
    book.put(replace(code, device_id=DEVICE))
    world.sign_in(phone, "admin")
    try:
        for language, said in (("de", "koppelt allein den Player abababab"), ("en", "pairs player abababab alone")):
            speak(phone, language)
            phone.get(f"{world.url}/pairing/{'d' * 16}")
            assert said in text_of(phone) and "nobody any more" not in text_of(phone)
            assert not phone.find_elements(By.CSS_SELECTOR, ".qr") and audited(phone) == []
        phone.execute_script("document.querySelector('main form button').click()")
        wait_until(lambda: desk.waiting(), lambda: text_of(phone))
        seen_to(worker, desk)
        assert book.judge("quay", code.code, DEVICE)[1] is None
        phone.get(f"{world.url}/pairing/{'d' * 16}")
        assert "taken back by admin" in text_of(phone)
    finally:
        speak(phone, "en")


def test_what_the_desk_refuses_is_shown_where_it_was_ordered(world: PagesWorld, desk: DeskFolder) -> None:
    visitor, secret = world.visitor("fleet", "Noa")
    another, _its = world.visitor("fleet", "Ida")
    given = {"site": "dock", "tier": "0", "days": "7"}
    refused = "a code for a new player at dock: FleetError: this desk pairs nobody"
    bookless = Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append)
    assert visitor.post("/pairing", secret=secret, ticket="e" * 16, **given)[0] == 200
    seen_to(bookless, desk)
    assert refused in visitor.get("/pairing")[1] and refused not in another.get("/pairing")[1]
    desk.tell("Noa", "restart for dock", "done")
    assert refused in visitor.get("/pairing")[1], "another order changes nothing"
    assert visitor.post("/pairing", secret=secret, ticket="e" * 16, **given)[0] == 200
    seen_to(Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append, Book(desk.path)), desk)
    assert refused not in visitor.get("/pairing")[1]


def test_a_button_pressed_twice_draws_one_code(world: PagesWorld, desk: DeskFolder, worker: Worker) -> None:
    visitor, secret = world.visitor("fleet", "Flo")
    tickets = [re.findall('name="ticket" value="([0-9a-f]{16})"', visitor.get("/pairing")[1]) for _each in range(2)]
    (first,), (second,) = tickets
    assert first != second
    given = {"site": "kiosk", "tier": "0", "days": "7", "secret": secret}
    for ticket in (first, first, second):
        assert visitor.post("/pairing", ticket=ticket, **given)[0] == 200
    seen_to(worker, desk)
    assert [code.ticket for code in read_codes(desk.path).codes if code.site == "kiosk"] == [first, second]


def test_who_may_not_pair_ends_no_code(world: PagesWorld, desk: DeskFolder, worker: Worker) -> None:
    book = worker._book
    assert book is not None
    book.draw("pier", "", 0, 7, "c" * 16, "Flo")
    address = f"/pairing/{'c' * 16}"
    music, secret = world.visitor("music")
    assert music.get(address)[0] == music.post(address, secret=secret)[0] == 403
    fleet, secret = world.visitor("fleet", "Flo")
    assert fleet.post(address)[0] == 403 and desk.waiting() == []
    assert fleet.get("/pairing/x")[0] == fleet.post("/pairing/x", secret=secret)[0] == 404
    assert fleet.post(address, secret=secret)[0] == 200 and len(desk.waiting()) == 1
    seen_to(worker, desk)


def test_what_became_of_each_is_shown_and_a_used_code_no_more(
    world: PagesWorld, desk: DeskFolder, worker: Worker
) -> None:
    book = worker._book
    assert book is not None
    used = book.draw("cafe", "", 0, 7, "0" * 16, "Flo")
    book.put(replace(used, device_id=DEVICE, called="player-2"))
    late = book.draw("bistro", "", 0, 7, "1" * 16, "Flo")
    book.put(replace(late, until_unix_s=late.made_unix_s))
    locked = book.draw("bar", "", 0, 7, "2" * 16, "Flo")
    for _each in range(WRONG_MAX):
        book.judge("bar", "999999" if locked.code != "999999" else "999998", DEVICE)
    visitor, _secret = world.visitor("admin")
    rows = {row[0]: row for row in rows_of(visitor.get("/pairing")[1])}
    assert rows["cafe"][1:3] == ["", "used"] and rows["cafe"][4:6] == ["player-2", "Flo"]
    assert rows["bistro"][1:3] == ["", "expired"]
    assert rows["bar"][1:3] == [locked.code, "good"] and "too many wrong codes: locked until" in rows["bar"][6]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"site": ""}, "pair.site: expected a text of the form"),
        ({"site": "Harbour"}, "pair.site: expected a text of the form"),
        ({"tier": "300"}, "pair.tier: expected a number from 0 to 255"),
        ({"tier": "x"}, "tier: expected a whole number, found"),
        ({"days": ""}, "days: expected a whole number"),
        ({"days": "31"}, "pair.days: expected a number from 1 to 30"),
        ({"name": "a b"}, "pair.name: expected a text of the form"),
    ],
)
def test_an_order_without_meaning_is_refused_and_draws_nothing(
    world: PagesWorld, desk: DeskFolder, given: dict[str, str], said: str
) -> None:
    visitor, secret = world.visitor("fleet", "Flo")
    code, page = visitor.post("/pairing", secret=secret, **({"site": "cafe", "tier": "0", "days": "7"} | given))
    assert (code, said in page) == (400, True), page
    assert desk.waiting() == []


def test_whoever_may_not_order_draws_no_code(world: PagesWorld, pages: PagesWorld, desk: DeskFolder) -> None:
    given = {"site": "cafe", "tier": "0", "days": "7"}
    music, secret = world.visitor("music")
    assert music.post("/pairing", secret=secret, **given)[0] == music.get("/pairing")[0] == 403
    assert "Pair a new player" not in music.get("/fleet")[1]
    fleet, _secret = world.visitor("fleet", "Flo")
    assert fleet.post("/pairing", **given)[0] == 403 and desk.waiting() == []
    visitor, secret = pages.visitor("admin")
    assert "know no desk that signs" in visitor.get("/pairing")[1]
    code, page = visitor.post("/pairing", secret=secret, **given)
    assert (code, "start amos pages serve with --desk" in page) == (409, True)


def test_a_file_of_codes_that_is_none_is_said(world: PagesWorld, desk: DeskFolder) -> None:
    path = desk.path / "pairing.json"
    kept = path.read_bytes() if path.exists() else None
    path.write_bytes(b"[]")
    visitor, _secret = world.visitor("admin")
    code, page = visitor.get("/pairing")
    assert code == 503 and "expected what amos fleet serve writes there" in page
    path.unlink() if kept is None else path.write_bytes(kept)


def test_a_desk_that_does_not_work_is_said(world: PagesWorld, desk: DeskFolder, tmp_path: Path) -> None:
    offered = desk.path / "desk.json"
    kept = offered.read_bytes() if offered.exists() else None
    offered.unlink(missing_ok=True)
    visitor, _secret = world.visitor("admin")
    assert "no code is drawn, and venues get no answer" in visitor.get("/pairing")[1]
    if kept is not None:
        offered.write_bytes(kept)
