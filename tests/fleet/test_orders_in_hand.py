"""Orders that are given up, or end something, while the desk works: nobody is told what is not so."""

import threading
from pathlib import Path
from typing import Any

import pytest
from noise_pack import OPERATOR
from typer.testing import CliRunner

from amos_cli.output import Exit
from amos_mqtt.broker import broker_at
from amos_tools.cli import app
from amos_tools.fleet.errors import FleetError, UnreachableError
from amos_tools.fleet.orders import ask
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order, pair_order, tag_order
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.pairing.book import Book, read_codes
from amos_tools.fleet.tags.kept import read_tags

CAFE = "harbour-cafe"
TAG = tag_order("Kim", [CAFE], ["hotel"], [])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeskFolder:
    made = DeskFolder(tmp_path / "desk")
    made.make()
    monkeypatch.setattr(ask, "IN_HAND_S", 0.0)
    return made


def a_worker(desk: DeskFolder) -> Worker:
    return Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, [].append, Book(desk.path))


def see_to(worker: Worker, desk: DeskFolder) -> None:
    """All that waits."""
    while desk.waiting():
        worker.turn()
    worker.end()


def put_and(monkeypatch: pytest.MonkeyPatch, then: Any) -> None:
    """What is put from here on, `then(desk, path)` finds before whoever put it looks again."""
    put = DeskFolder.put

    def put_then(self: DeskFolder, order: Order) -> Path:
        path = put(self, order)
        then(self, path)
        return path

    monkeypatch.setattr(DeskFolder, "put", put_then)


def test_an_order_is_taken_in_hand_or_back_and_never_both(desk: DeskFolder) -> None:
    path = desk.put(TAG)
    taken = desk.take(path)
    assert taken is not None and desk.waiting() == [taken] and desk.take(taken) == taken
    assert not desk.take_back(path) and not desk.is_done(path)
    taken.unlink()
    assert desk.is_done(path)
    path = desk.put(TAG)
    assert desk.take_back(path) and desk.take(path) is None and desk.waiting() == []


def test_who_gives_up_what_is_in_hand_is_told_so(desk: DeskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put_and(monkeypatch, DeskFolder.take)
    said = "the desk has it in hand; trail.jsonl there tells what becomes of it"
    with pytest.raises(UnreachableError, match=said):
        ask.ordered(desk, TAG, 0.0)
    done = CliRunner().invoke(app, ["fleet", "pair", str(desk.path), CAFE, "--wait-s", "0"])
    assert done.exit_code == Exit.UNREACHABLE and said in done.output
    assert len(desk.waiting()) == 2
    see_to(a_worker(desk), desk)  # a desk that was ended with them in hand sees to them when it works again
    assert read_tags(desk.path).of(CAFE, "0" * 32) == ("hotel",) and len(read_codes(desk.path).codes) == 1


def test_what_the_desk_sees_to_at_the_last_moment_is_told(desk: DeskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = ask.waited

    def too_late(at: DeskFolder, path: Path, wait_s: float) -> bool:
        was_done = waited(at, path, wait_s)
        if at.waiting():
            see_to(a_worker(at), at)
        return was_done

    monkeypatch.setattr(ask, "waited", too_late)
    assert ask.ordered(desk, TAG, 0.0) == "1 of 1 changed"
    done = CliRunner().invoke(app, ["fleet", "pair", str(desk.path), CAFE, "--wait-s", "0"])
    (code,) = read_codes(desk.path).codes
    assert done.exit_code == 0 and done.output.startswith(f"{code.code} pairs one new player")


def test_a_code_that_is_drawn_is_told_of_although_the_trail_is_not_written(
    desk: DeskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(at: DeskFolder, path: Path) -> None:
        Book(at.path).draw(**at.read(path).given, who="Kim")
        at.take(path)

    put_and(monkeypatch, drawn)
    done = CliRunner().invoke(app, ["fleet", "pair", str(desk.path), CAFE, "--wait-s", "0"])
    assert done.exit_code == 0 and "pairs one new player" in done.output


@pytest.mark.parametrize("moment", ["read", "take"])
def test_what_is_taken_back_while_the_desk_looks_is_not_done(
    desk: DeskFolder, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path, act = desk.put(TAG), getattr(DeskFolder, moment)

    def taken_back(self: DeskFolder, at: Path) -> Any:
        assert self.take_back(at)
        return act(self, at)

    monkeypatch.setattr(DeskFolder, moment, taken_back)
    worker = a_worker(desk)
    worker.turn()
    worker.end()
    assert not path.exists() and desk.trail(9) == [] and not (desk.path / "tags.json").exists()


def test_the_end_of_a_code_waits_for_no_player(desk: DeskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()

    def directs(*_of: object) -> str:
        assert heard.wait(60)
        return "1 of 1 follow"

    monkeypatch.setattr(Worker, "_direct", directs)
    order = pair_order("Kim", CAFE)
    Book(desk.path).draw(**order.given, who="Kim")
    worker = a_worker(desk)
    desk.put(Order("direct", "Flo", {"targets": [CAFE], "act": "restart", "value": ""}))
    worker.turn()
    waits = desk.put(TAG)
    desk.put(Order("end", "Kim", {"site": CAFE, "ticket": order.given["ticket"]}))
    worker.turn()
    (line,) = desk.trail(9)
    assert (line["what"], line["outcome"]) == (f"take back a code for {CAFE}", "done")
    assert len(desk.waiting()) == 2 and desk.take_back(waits), "what waits behind can be taken back"
    heard.set()
    see_to(worker, desk)
    assert [line["what"] for line in desk.trail(9)] == [f"restart for {CAFE}", f"take back a code for {CAFE}"]


def test_what_a_full_disk_holds_up_is_tried_again_after_a_while(
    desk: DeskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def full(*_of: object) -> None:
        raise OSError(28, "No space left on device")

    worker = Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), OPERATOR, said.append, Book(desk.path))
    desk.put(Order("end", "Kim", {"site": CAFE, "ticket": "0" * 16}))
    monkeypatch.setattr(DeskFolder, "tell", full)
    for _turn in range(3):
        worker.turn()
    worker.end()
    assert len(said) == 1 and "it is tried again in 10 s" in said[0]


def test_a_refusal_is_named_once(desk: DeskFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put_and(monkeypatch, lambda at, _path: see_to(a_worker(at), at))
    end = Order("end", "Kim", {"site": CAFE, "ticket": "0" * 16})
    with pytest.raises(FleetError, match=f"\\Athere is no such code for {CAFE}\\Z"):
        ask.ordered(desk, end, 0.0)
    assert desk.trail(1)[0]["sentence"] == f"FleetError: there is no such code for {CAFE}"
