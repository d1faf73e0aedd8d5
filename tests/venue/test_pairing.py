"""A player that is new at a venue is paired there by a code of the operator's, and its play counts."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from at_the_page import filled_in, press, put, scan, sign_in, text_of
from noise_pack import OPERATOR
from paired_world import SITE, PairedWorld
from patience import wait_until
from sealed_usage import sealed_usage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from typer.testing import CliRunner
from venue_world import VenueWorld
from visitors import as_wide_as_a_phone, audited, speak

from amos import crypto
from amos.protocol.segment import TIER_RENDERER
from amos.score.inputs import (
    INPUT_ANNOUNCE,
    INPUT_BLOCK_MANY,
    INPUT_CLOCK,
    INPUT_DISLIKE,
    INPUT_PAUSE,
    INPUT_SKIP,
    INPUT_SLIDER,
    INPUT_VOLUME,
)
from amos_tools.cli import app


@pytest.fixture(scope="module")
def phone(chromium: tuple[Path, Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with as_wide_as_a_phone(chromium, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, venue_pack: Path, mosquitto: list[str]) -> Iterator[PairedWorld]:
    made = PairedWorld(tmp_path, venue_pack, mosquitto)
    yield made
    made.close()


def test_a_walk_on_a_phone_pairs_a_player_and_ends_in_its_signed_log(
    phone: Chrome, world: PairedWorld, venue_pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = sealed_usage(monkeypatch)
    world.serve_ledger()
    venue = world.venue(venue_pack)
    try:
        with world.working():
            venue.until(lambda player: player["stems"] and player["stems"][0]["title"])
            drawn = world.draw("--name", "bar", "--tier", str(TIER_RENDERER), "--venue-page", venue.url)
            code, link = drawn["code"], drawn["link"]
            sign_in(phone, venue)
            assert "A new player is here" in text_of(phone) and audited(phone) == []
            speak(phone, "de")
            phone.refresh()
            wrong = "000 000" if code != "000000" else "000 001"
            put(phone, "Code des Betreibers", wrong)
            press(phone, "Koppeln", "Kein solcher Code wartet auf dieses Lokal.")
            assert audited(phone) == [] and filled_in(phone) == wrong
            speak(phone, "en")
            scan(phone, link)
            wait_until(lambda: filled_in(phone) == code, lambda: phone.page_source)
            assert "The code is filled in." in text_of(phone) and audited(phone) == []
            press(phone, "Pair", "The player is paired; its play counts from here on.")
            assert "Paired as bar." in text_of(phone) and not phone.find_elements(By.NAME, "code")
            assert code not in phone.current_url
            scan(phone, link)
            wait_until(lambda: "No new player waits here." in text_of(phone), lambda: text_of(phone))
            assert phone.find_element(By.ID, "code-waits").get_attribute("role") == "status"
            phone.get(f"{venue.url}/?")
            put(phone, "Volume in dB", "-9")
            press(phone, "Set volume")
            wait_until(lambda: "-9 dB" in text_of(phone), lambda: text_of(phone))
            press(phone, "Ban")
            press(phone, "Skip")
            press(phone, "Announce closing time")
            put(phone, "intensity", "0.75")
            press(phone, "Set")
            put(phone, "Minutes of silence", "10")
            press(phone, "Pause")
            wait_until(lambda: "Silent until" in text_of(phone), lambda: text_of(phone))
            press(phone, "Go on")
            wait_until(lambda: "playing" in text_of(phone), lambda: text_of(phone))
            device_id = venue.shown()["device_id"]
            own = ["--operator-key-file", str(world.key), *world.words("amos.operator"), "--sync"]
            assert CliRunner().invoke(app, ["fleet", "direct", f"{SITE}/{device_id}", *own]).exit_code == 0
            wait_until(lambda: "Receipted up to segment 1, last on" in text_of(phone), lambda: text_of(phone))
            wait_until(lambda: "Paired as" not in text_of(phone), "it is new no more")
    finally:
        speak(phone, "en")
        venue.stop()
    assert world.enrolled(device_id)
    inputs: list[tuple[int, int]] = []
    for usage in sealed:
        assert usage.device_id.hex() == device_id
        inputs += zip(usage.input_kinds, usage.input_values, strict=True)
    given = [row for row in inputs if row[0] not in (INPUT_CLOCK, INPUT_BLOCK_MANY)]
    assert given[0] == (INPUT_VOLUME, 11627) and given[1][0] == INPUT_DISLIKE and given[1][1] > 0
    assert given[2:] == [
        (INPUT_SKIP, 0),
        (INPUT_ANNOUNCE, 0),
        (INPUT_SLIDER, 24576),
        (INPUT_PAUSE, 1),
        (INPUT_PAUSE, 0),
    ]


def test_the_command_line_pairs_as_the_page_does(
    world: PairedWorld, venue_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = world.player_alone(venue_pack)
    toml = world.settings(player.link)

    def pair(code: str, *words: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(app, ["courier", "pair", str(toml), code, *words, "--json"])
        return done.exit_code, json.loads(done.stdout)

    try:
        assert pair("12345")[0] == 2
        with monkeypatch.context() as patch:
            patch.setattr("amos_sync.pairing.ANSWER_MS", 2_000)
            code, found = pair("123456")
            assert code == 3 and found["refusal"]["name"] in ("DeskSilent", "BrokerAway")
        monkeypatch.setattr("amos_sync.pairing.ANSWER_MS", 60_000)
        world.serve_ledger()
        with world.working():
            drawn = world.draw("--name", "bar", "--tier", str(TIER_RENDERER))["code"]
            code, found = pair("000000" if drawn != "000000" else "000001")
            assert (code, found["refusal"]["name"]) == (1, "CodeWrong")
            assert pair(drawn) == (0, {"site": SITE, "name": "bar"})
            assert pair(drawn, "--player", player.link) == (0, {"site": SITE, "name": "bar"})
            code, found = pair(drawn, "--player", "unix:/elsewhere")
            assert (code, found["refusal"]["name"]) == (1, "PlayerUnclear")
    finally:
        player.stop()
    code, found = pair(drawn)
    assert (code, found["refusal"]["name"]) == (3, "PortMissing")


def test_a_link_waits_for_who_has_to_sign_in_first_and_presses_no_button(phone: Chrome, venue: VenueWorld) -> None:
    phone.delete_all_cookies()
    phone.get("about:blank")
    phone.get_log("browser")  # of other tests
    scan(phone, f"{venue.url}/#pair=004821")
    wait_until(lambda: phone.current_url == f"{venue.url}/signin#again=004821", lambda: phone.current_url)
    wait_until(lambda: phone.execute_script("return document.forms[0].action.includes('again')"), "the form knows it")
    phone.find_element(By.ID, "token").send_keys("wrong", "\n")
    wait_until(lambda: "lets nobody in" in text_of(phone), lambda: text_of(phone))
    phone.find_element(By.ID, "token").send_keys(venue.token, "\n")
    wait_until(lambda: filled_in(phone) == "004821", lambda: (phone.current_url, phone.page_source))
    assert "The code is filled in." in text_of(phone) and venue.shown()["is_new"]
    phone.execute_script("location.hash = '#pair=123456'")
    wait_until(lambda: filled_in(phone) == "123456", "another one was scanned at this page")
    scan(phone, f"{venue.url}/signin#pair=765432")
    wait_until(lambda: filled_in(phone) == "765432", "who is signed in sees no other page than theirs")
    for other in ("#pair=12345", "#pair=1234567", "#pair=<b>", "#123456", ""):
        phone.get(f"{venue.url}/?{other}")
        wait_until(lambda: phone.find_elements(By.CLASS_NAME, "live"), lambda: phone.page_source)
        assert filled_in(phone) == "" and "filled in." not in text_of(phone)
    log = [entry for entry in phone.get_log("browser") if entry["level"] == "SEVERE"]
    assert all("favicon" in entry["message"] or "401" in entry["message"] for entry in log), log


def test_what_a_venue_lacks_is_named_by_the_api(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A courier that knows no operator, and one whose broker is away."""
    code, found = venue.do("pair", {"code": "123456"})
    assert (code, found["refusal"]["name"]) == (409, "OperatorKeyMissing") and "--operator-key" in str(found)
    for body, said in (
        ({"code": "12345"}, "code: expected six digits, found 12345"),
        ({"code": 123456}, "code: expected six digits"),
        ({"code": "123456", "site": "x"}, "body: expected code alone, found 'site'"),
        ({}, "code: expected six digits"),
    ):
        code, found = venue.do("pair", body)
        assert code == 400 and said in found["refusal"]["sentence"]
    assert venue.ask(f"/api/v1/players/{'0' * 32}/pair", {"code": "123456"})[0] == 404
    assert venue.ask(f"/api/v1/players/{'0' * 32}/pair", {"code": "123456"}, token=None)[0] == 401
    monkeypatch.setattr("amos_sync.pairing.ANSWER_MS", 400)
    line = "amos_sync.operator_line.OperatorLine.keys"
    monkeypatch.setattr(line, lambda _line: [crypto.public_key(OPERATOR)])
    began = time.monotonic()
    code, found = venue.do("pair", {"code": "123456"})
    assert (code, found["refusal"]["name"]) == (409, "BrokerAway")
    assert venue.do("inputs", {"kind": "skip"})[0] == 200 and time.monotonic() - began < 10
    assert venue.shown()["is_new"] and venue.shown()["called"] is None


def test_one_code_at_a_time_is_tried_and_nobody_else_waits(venue: VenueWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_sync.pairing.ANSWER_MS", 60_000)
    line = "amos_sync.operator_line.OperatorLine.keys"
    monkeypatch.setattr(line, lambda _line: [crypto.public_key(OPERATOR)])
    first = venue.venue._desk.pair(venue.shown()["device_id"], "123456")
    code, found = venue.do("pair", {"code": "123456"})
    assert (code, found["refusal"]["name"]) == (429, "PairingBusy")
    assert venue.do("inputs", {"kind": "skip"})[0] == 200 and not first.done(), "the courier's loop waits for nobody"
    venue.venue._desk._pairs._under_way[1]._end_ms = 0  # type: ignore[index]
    assert first.result(60).name == "BrokerAway"
    gone = venue.venue._desk.pair("f" * 32, "123456")
    assert gone.result(60).name == "PlayerAway"
    given = venue.venue._desk.pair("f" * 32, "123456")
    given.cancel()
    assert venue.venue._desk.pair("f" * 32, "123456") is not None
