"""Codes that are taken back, forms that come twice, and the link that a phone at the venue opens."""

import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from noise_pack import OPERATOR
from pairing_world import BAR, CAFE, DeskWorld, NewPlayer
from scanned import read_in_terminal
from typer.testing import CliRunner

from amos.protocol.pairing_host import EXPIRED, PAIRED, UNAVAILABLE, USED
from amos_cli.output import UsageError
from amos_mqtt.broker import broker_at
from amos_tools.cli import app
from amos_tools.device.deliver import DeliveryError
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order, OrderError, pair_order
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.pairing import book
from amos_tools.fleet.pairing.book import Book, PairingNowError, read_codes
from amos_tools.fleet.pairing.codes import Code
from amos_tools.fleet.pairing.enroller import Enroller
from amos_tools.fleet.pairing.venue_link import checked_page, venue_link
from amos_tools.fleet.pairing.words import code_facts
from amos_web.in_terminal import picture_lines

ONE, TWO = NewPlayer(11), NewPlayer(12)
TICKET = "0123456789abcdef"
LINK = "http://amos.local:8080/#pair="


@pytest.fixture
def world(tmp_path: Path) -> DeskWorld:
    return DeskWorld(tmp_path)


def test_one_that_is_taken_back_pairs_nobody_and_is_called_expired(world: DeskWorld) -> None:
    code, other = world.draw(), world.draw()
    world.book.end(code.ticket, CAFE, "Kim")
    assert world.give(ONE, code.code).verdict == EXPIRED and world.place_of(ONE) is None
    world.restart()
    assert world.give(ONE, code.code).verdict == EXPIRED
    world.book.end(code.ticket, CAFE, "Flo")
    kept = {kept.ticket: (kept.ended_by, kept.state(time.time())) for kept in read_codes(world.folder).codes}
    assert kept == {code.ticket: ("Kim", "ended"), other.ticket: ("", "open")}
    assert world.give(ONE, other.code).verdict == PAIRED


def test_one_that_a_player_has_is_not_taken_back(world: DeskWorld) -> None:
    code, late = world.draw(), world.draw()
    assert world.give(ONE, code.code).verdict == PAIRED
    with pytest.raises(FleetError, match=f"code {code.code} is used: there is nothing to take back"):
        world.book.end(code.ticket, CAFE, "Kim")
    with pytest.raises(FleetError, match=f"there is no such code for {BAR}"):
        world.book.end(late.ticket, BAR, "Kim")
    assert world.give(ONE, code.code).verdict == PAIRED and world.give(TWO, late.code).verdict == PAIRED


def without_a_ledger(self: Enroller, *_of: object) -> str:
    raise DeliveryError("no answer of the ledger")


def half_paired(world: DeskWorld, monkeypatch: Any) -> Code:
    """A code that this player gave while the ledger was away."""
    code = world.draw()
    with monkeypatch.context() as patch:
        patch.setattr(Enroller, "enrol", without_a_ledger)
        assert world.give(ONE, code.code).verdict == UNAVAILABLE
    world.restart()  # and so it is tried again at once
    (kept,) = read_codes(world.folder).codes
    assert (kept.device_id, kept.called) == (ONE.device_id.hex(), "")
    return code


def test_one_that_waits_for_the_ledger_is_a_players_until_it_is_taken_back(world: DeskWorld, monkeypatch: Any) -> None:
    code = half_paired(world, monkeypatch)
    facts = code_facts(read_codes(world.folder), read_codes(world.folder).codes[0], time.time())
    assert (facts["state"], facts["code"]) == ("waiting", code.code)
    assert world.give(TWO, code.code).verdict == USED
    world.book.end(code.ticket, CAFE, "Kim")
    assert world.book.judge(CAFE, code.code, ONE.device_id.hex())[0] == EXPIRED
    world.restart()
    assert world.give(ONE, code.code).verdict == world.give(TWO, code.code).verdict == EXPIRED
    assert world.place_of(ONE) is None
    assert world.give(ONE, world.draw().code).verdict == PAIRED


def test_one_that_waits_for_the_ledger_pairs_its_player_when_that_is_back(world: DeskWorld, monkeypatch: Any) -> None:
    code = half_paired(world, monkeypatch)
    assert world.give(ONE, code.code).verdict == PAIRED and world.place_of(ONE) == (CAFE, "player")


def test_none_is_taken_back_while_its_player_is_enrolled(world: DeskWorld, monkeypatch: Any) -> None:
    code, enrol = world.draw(), Enroller.enrol

    def meanwhile(self: Enroller, *given: Any) -> str:
        with pytest.raises(PairingNowError):
            world.book.end(code.ticket, CAFE, "Kim")
        return enrol(self, *given)

    monkeypatch.setattr(Enroller, "enrol", meanwhile)
    assert world.give(ONE, code.code).verdict == PAIRED
    with pytest.raises(FleetError, match=f"code {code.code} is used"):
        world.book.end(code.ticket, CAFE, "Kim")


def test_one_that_is_taken_back_after_it_was_judged_enrols_nobody(world: DeskWorld, monkeypatch: Any) -> None:
    code, judge = world.draw(), Book.judge

    def then_ended(self: Book, *given: str) -> Any:
        judged = judge(self, *given)
        self.end(code.ticket, CAFE, "Kim")
        return judged

    monkeypatch.setattr(Book, "judge", then_ended)
    assert world.give(ONE, code.code).verdict == EXPIRED and world.place_of(ONE) is None
    assert read_codes(world.folder).codes[0].ended_by == "Kim"


def test_the_desk_takes_one_back_as_soon_as_its_player_is_enrolled_no_more(tmp_path: Path) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    book = Book(desk.path)
    code = replace(book.draw(CAFE, "", 0, 7, TICKET, "Flo"), device_id=ONE.device_id.hex())
    book.put(code)
    worker = Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append, book)
    desk.put(Order("end", "Kim", {"site": CAFE, "ticket": TICKET}))
    with book.pairs(code) as is_good:
        worker.turn()
        assert is_good and desk.trail(9) == [] and len(desk.waiting()) == 1
    worker.turn()
    worker.end()
    (line,) = desk.trail(9)
    assert (line["outcome"], desk.waiting()) == ("done", []) and read_codes(desk.path).codes[0].ended_by == "Kim"
    assert "what the desk sent to the ledger before, that may still take" in line["sentence"]


def test_the_trail_says_which_was_taken_back_and_what_came_before(tmp_path: Path) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    draws, ends = pair_order("Flo", CAFE, ticket=TICKET), Order("end", "Kim", {"site": CAFE, "ticket": TICKET})
    for order in (draws, ends, ends, draws):
        desk.put(order)
        seen_to(desk)
    (code,) = read_codes(desk.path).codes
    assert [line["sentence"] for line in desk.trail(3)] == [
        "it was drawn before; it is ended, taken back by Kim",
        f"code {code.code} was taken back before, by Kim",
        f"code {code.code} pairs nobody from here on",
    ]
    done = CliRunner().invoke(app, ["fleet", "pair", str(desk.path), "--end", code.code])
    assert (done.exit_code, done.output) == (0, f"{code.code} for {CAFE} was taken back before, by Kim\n")


def test_a_full_disk_takes_nothing_back(world: DeskWorld, monkeypatch: Any) -> None:
    code = world.draw()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(book, "write_whole", full)
        world.book.end(code.ticket, CAFE, "Kim")
    assert world.give(ONE, code.code).verdict == PAIRED


def test_codes_that_an_older_desk_drew_are_good(world: DeskWorld) -> None:
    code = world.draw()
    path = world.folder / book.NAME
    facts = json.loads(path.read_text())
    assert facts["version"] == 2
    del facts["codes"][0]["ended_by"]
    path.write_text(json.dumps(facts | {"version": 1}))
    world.restart()
    assert world.give(ONE, code.code).verdict == PAIRED
    assert json.loads(path.read_text())["version"] == 2


def test_a_form_that_comes_twice_draws_one_code(tmp_path: Path) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    for name in ("bar", "bar", "hall"):
        desk.put(pair_order("Kim", CAFE, name, ticket=TICKET))
    seen_to(desk)
    (code,) = read_codes(desk.path).codes
    assert (code.name, code.ticket) == ("bar", TICKET)
    last, second, first = desk.trail(9)
    assert first["outcome"] == second["outcome"] == "done" and last["outcome"] == "refused"
    assert second["sentence"] == f"it was drawn before; {first['sentence']}"
    assert f"this form drew a code for {CAFE} before; open the page anew" in last["sentence"]


def seen_to(desk: DeskFolder) -> None:
    """All that waits, by a desk that pairs players."""
    worker = Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append, Book(desk.path))
    while desk.waiting():
        worker.turn()
    worker.end()


@pytest.mark.parametrize(
    ("given", "said"),
    [({"ticket": "x"}, "end.ticket"), ({"site": "../x"}, "end.site"), ({"code": "123456"}, "end.code: expected no")],
)
def test_an_end_without_meaning_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(OrderError, match=said):
        Order("end", "Kim", {"site": CAFE, "ticket": TICKET} | given)


def test_the_command_takes_one_back(tmp_path: Path) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    drawn = [Book(desk.path).draw(site, "", 0, 7, ticket, "Flo") for site, ticket in ((CAFE, TICKET), (BAR, "0" * 16))]
    words = ["fleet", "pair", str(desk.path), "--wait-s", "120", "--end"]

    def ended(code: str, *more: str) -> tuple[int, str]:
        with working(desk):
            done = CliRunner().invoke(app, [*words, code, *more])
        return done.exit_code, done.output

    assert ended(drawn[0].code) == (0, f"{drawn[0].code} pairs nobody at {CAFE} from here on\n")
    (line,) = desk.trail(9)
    assert (line["what"], line["outcome"]) == (f"take back a code for {CAFE}", "done")
    assert line["sentence"] == f"code {drawn[0].code} pairs nobody from here on"
    exit_code, said = ended("x", CAFE)
    assert exit_code == 1 and "end: expected one of the codes that are good, none; found 'x'" in said
    exit_code, said = ended("x")
    assert exit_code == 1 and f"that are good, {drawn[1].code}; found 'x'" in said
    again = json.loads(ended(drawn[0].code, "--json")[1])
    assert (again["state"], again["code"], again["link"]) == ("ended", "", None)
    done = CliRunner().invoke(app, [*words, drawn[1].code, "--wait-s", "0"])
    assert done.exit_code == 3 and "no desk took it back yet, and the order waits" in done.output
    seen_to(desk)
    assert read_codes(desk.path).codes[1].ended_by


@contextmanager
def working(desk: DeskFolder) -> Iterator[None]:
    """The desk sees to what comes as long as inside."""
    stopped = threading.Event()

    def until_stopped() -> None:
        while not stopped.wait(0.01):
            seen_to(desk)

    thread = threading.Thread(target=until_stopped)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(60)


def test_a_link_has_the_code_where_no_server_is_sent_it(tmp_path: Path, monkeypatch: Any) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    page = "https://{site}.cafes.example:8443/"
    with working(desk):
        done = [
            CliRunner().invoke(app, ["fleet", "pair", str(desk.path), CAFE, "--wait-s", "120", *more])
            for more in ([], ["--venue-page", page, "--json"], ["--venue-page", "https://cafes.example/#x"])
        ]
    assert [each.exit_code for each in done] == [0, 0, 2], [each.output for each in done]
    first, second = read_codes(desk.path).codes
    assert done[0].stdout.splitlines()[1] == f"or by a phone there: {LINK}{first.code}"
    assert json.loads(done[1].stdout)["link"] == f"https://{CAFE}.cafes.example:8443/#pair={second.code}"
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert read_in_terminal(picture_lines(f"{LINK}{first.code}")) == [f"{LINK}{first.code}"]
    monkeypatch.setitem(sys.modules, "amos_web.qr", None)
    assert picture_lines(LINK) == [], "without the extra"


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("encoding", "environment", "shown"),
    [
        *(("utf-8", {}, True), ("latin-1", {}, False), ("ascii", {}, False), ("cp437", {}, True)),
        *(("utf-8", {"TERM": "dumb"}, False), ("utf-8", {"NO_COLOR": "1"}, False), ("utf-8", {"NO_COLOR": ""}, True)),
    ],
)
def test_a_picture_is_for_terminals_that_can_show_it(
    encoding: str, environment: dict[str, str], shown: bool, monkeypatch: Any
) -> None:
    for name, value in ({"TERM": "xterm", "NO_COLOR": ""} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal(encoding))
    lines = picture_lines(LINK)
    print(*lines, sep="\n")
    assert bool(lines) is shown


@pytest.mark.parametrize(
    "page",
    [
        *("", "amos.local", "ftp://amos.local", "http://a/b", "http://a?b", "http://a#b", "http://{sites}"),
        *("http://h:99999999", "http://h:65536", "http://h:0", "http://h:", "http://:::", "http://..", "http://.h"),
        *("http://{site}:80{site}", "http://[::1", "http://[1.2]", "http://a[::1]", "http://h:{site}", "http://h..i"),
        *("http://a b", "http://kim:secret@a", "http://" + "a" * 200),
    ],
)
def test_a_page_of_venues_that_is_none_is_refused(page: str) -> None:
    with pytest.raises(UsageError, match=r"venue-page: expected http\(s\)://HOST:PORT"):
        checked_page(page)


@pytest.mark.parametrize("page", ["http://h:65535", "https://{site}.h/", "http://a-{site}_b.h.:80", "http://10.0.0.1"])
def test_a_page_of_venues_may_be_any_server(page: str) -> None:
    assert checked_page(page) == page.rstrip("/")


def test_pages_of_venues() -> None:
    assert venue_link(checked_page("http://[fd00::1]:80/"), CAFE, "004821") == "http://[fd00::1]:80/#pair=004821"
