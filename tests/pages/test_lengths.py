"""Lengths of time on pages in German: in German, and in the right number."""

import re
import time
from collections.abc import Iterator

import pytest
from german import english_lengths, texts_of
from pages_world import BAR, PagesWorld, rows_of
from rollout_examples import a_rollout

from amos_cli.durations import in_words, largest_unit
from amos_ledger.totals import Backlog
from amos_tools.fleet.orders.folder import DeskFolder, Offered
from amos_tools.fleet.pairing.book import Book
from amos_tools.fleet.rollout.state import Limits
from amos_tools.pages.fleet_rows import FleetRow
from amos_tools.pages.looking import Looked, Looking

LIMITS = Limits(soak_s=1, take_s=7200, silent_for_s=259_200, vanish_after_s=120)
DE, TICKET = {"Accept-Language": "de"}, "a" * 16
OPERATORS = (
    *("/fleet", "/fleet/{device}", "/waiting", "/rollouts", "/rollouts/r-1", "/pairing", f"/pairing/{TICKET}"),
    *("/played?period=2026-11", "/people", "/cases"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PagesWorld]:
    desk = DeskFolder(tmp_path_factory.mktemp("d") / "desk")
    desk.make()
    desk.offer(Offered(7))
    desk.store("r-1").save(a_rollout(1, 2, limits=LIMITS))
    Book(desk.path).draw("bar", "", 0, 7, TICKET, "Flo")
    with PagesWorld(tmp_path_factory.mktemp("pages"), desk.path) as made:
        yield made


@pytest.mark.parametrize("address", OPERATORS)
def test_no_german_page_of_operators_tells_one_in_english(world: PagesWorld, address: str) -> None:
    visitor, _secret = world.visitor("admin")
    code, page = visitor.get(address.format(device=world.device_id(BAR)), DE)
    assert code == 200 and english_lengths(page) == []


def test_no_german_page_of_payees_tells_one_in_english(world: PagesWorld) -> None:
    visitor, _secret = world.visitor("payee", "Ann", "ann")
    for address in ("/payee", "/cases", "/signin"):
        code, page = visitor.get(address, DE)
        assert code == 200 and english_lengths(page) == []


def test_how_long_a_ring_soaks_is_told_in_each_language(world: PagesWorld) -> None:
    visitor, _secret = world.visitor("admin")
    de = " ".join(texts_of(visitor.get("/rollouts/r-1", DE)[1], "de"))
    for told in ("das Pack 1 Sekunde lang", "oder 2 Stunden lang nicht", "3 Tage lang stumm", "2 Minuten lang nichts"):
        assert told in de
    assert "0 Sekunden / 1 Sekunde" in de
    en = " ".join(texts_of(visitor.get("/rollouts/r-1")[1], "en"))
    assert "the pack for 1 second." in en and "silent for 3 days" in en and "0 seconds / 1 second" in en
    fleet = texts_of(visitor.get("/fleet", DE)[1], "de")
    assert any(text.partition(" ")[2] in ("Tage", "Stunden", "Minuten", "Sekunden") for text in fleet)


@pytest.mark.parametrize(
    ("seconds", "en", "de"),
    [
        *((8_000, "2 hours", "2 Stunden"), (180_000, "2 days", "2 Tagen"), (31_540_000, "365 days", "365 Tagen")),
    ],
)
def test_how_long_ago_a_player_was_heard_fits_the_word_before_it(
    world: PagesWorld, monkeypatch: pytest.MonkeyPatch, seconds: int, en: str, de: str
) -> None:
    """The column is "Gehört vor", after which days are "Tagen"."""
    heard_unix_s = int(time.time()) - seconds
    first = FleetRow("cafe", "bar", "0" * 32, heard_unix_s, None, clock="synchronised")
    looked = Looked("ledger", 7.0, (first,), Backlog(1, 0, 0, 0, 0))
    monkeypatch.setattr(Looking, "looked", property(lambda _self: looked, lambda _self, _new: None), raising=False)
    page = world.visitor("admin")[0].get("/fleet", DE)[1]
    (_head, row) = rows_of(page)
    assert (row[3], row[6]) == (de, "gestellt") and "1 Eintrag im Log" in page and "1 Player; Seite 1 von 1" in page
    page = world.visitor("admin")[0].get("/fleet")[1]
    (_head, row) = rows_of(page)
    assert (row[3], row[6]) == (en, "synchronised") and "1 entry in the log" in page and "1 player; page 1 of 1" in page


def test_roles_are_told_in_german(world: PagesWorld) -> None:
    page = world.visitor("admin")[0].get("/people", DE)[1]
    assert set(re.findall(r'<option value="(\w+)">([^<]*)', page)) == {
        *(("player", "Player"), ("music", "Musik"), ("fleet", "Flotte"), ("admin", "Verwaltung")),
        ("payee", "Empfänger"),
    }
    assert "admin · Verwaltung" in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *((-5, "0 seconds"), (0, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (120, "2 minutes")),
        *((7199, "119 minutes"), (7200, "2 hours"), (172_799, "47 hours"), (172_800, "2 days")),
    ],
)
def test_the_largest_unit_of_which_there_are_two(seconds: int, said: str) -> None:
    assert in_words(seconds) == said and largest_unit(seconds)[1] == said.split()[1].rstrip("s")


def test_what_is_english_is_found_where_it_is_not_marked() -> None:
    page = '<html lang="de"><p>vor <b>3</b> days</p><p lang="en">2 hours <br>ago</p><input placeholder="1 week"></html>'
    assert english_lengths(page) == ["days", "1 week"]
