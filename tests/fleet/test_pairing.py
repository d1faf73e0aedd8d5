"""The desk's answers to codes: what pairs a player, and every way in which one does not."""

import hashlib
import json
import os
import queue
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mosquitto_process import mosquitto_with
from pairing_world import BAR, CAFE, OPERATOR_KEY, DeskWorld, NewPlayer
from patience import wait_until
from typer.testing import CliRunner

from amos import crypto
from amos.edges import durable_host
from amos.protocol.pairing_host import (
    EXPIRED,
    FOREIGN,
    LOCKED,
    MALFORMED,
    PAIRED,
    REFUSED,
    UNAVAILABLE,
    UNPROVEN,
    USED,
    WRONG,
    decode_paired,
)
from amos_mqtt.broker import Login, broker_at
from amos_mqtt.client import MqttClient
from amos_mqtt.happenings import Arrival, Granted, Up
from amos_mqtt.settings import ClientSettings
from amos_tools.cli import app
from amos_tools.fleet.errors import FleetError
from amos_tools.fleet.orders.ask import user_name
from amos_tools.fleet.orders.folder import DeskFolder
from amos_tools.fleet.orders.order import Order, OrderError, pair_order
from amos_tools.fleet.orders.work import Packs, Worker
from amos_tools.fleet.pairing import answerer, book, codes
from amos_tools.fleet.pairing.answerer import Answerer
from amos_tools.fleet.pairing.book import BookError, read_codes
from amos_tools.fleet.pairing.codes import LOCK_S, TRIES_MAX, WRONG_MAX

RULES = Path(__file__).parents[2] / "boards/mosquitto/amos.acl"
ONE, TWO = NewPlayer(11), NewPlayer(12)


@pytest.fixture
def world(tmp_path: Path) -> DeskWorld:
    return DeskWorld(tmp_path)


def other_than(*taken: str) -> str:
    """A code that is none of these."""
    return next(code for code in ("000000", "000001", "000002") if code not in taken)


def test_a_code_pairs_one_player_at_one_site_once(world: DeskWorld) -> None:
    code = world.draw(name="bar").code
    assert len(code) == 6 and code.isdigit()
    answer = world.give(ONE, code)
    assert (answer.verdict, answer.name) == (PAIRED, "bar") and world.place_of(ONE) == (CAFE, "bar")
    assert world.give(ONE, code).verdict == PAIRED, "who did not hear the answer asks again"
    answer = world.give(TWO, code)
    assert (answer.verdict, answer.name) == (USED, None) and world.place_of(TWO) is None
    world.restart()
    assert (world.give(ONE, code).verdict, world.give(TWO, code).verdict) == (PAIRED, USED)
    assert ("Flo", f"pair {ONE.device_id.hex()[:8]} at {CAFE}", "done", f"it is bar at {CAFE}") in world.told


def test_who_has_no_name_gets_the_first_free_one(world: DeskWorld) -> None:
    assert [world.give(player, world.draw().code).name for player in (ONE, TWO)] == ["player", "player-2"]
    assert world.give(TWO, world.draw().code).name == "player-2", "it has one"


def test_a_code_of_another_site_is_wrong_here_and_named_at_the_desk(world: DeskWorld) -> None:
    code = world.draw(BAR).code
    assert world.give(ONE, code).verdict == WRONG and world.place_of(ONE) is None
    assert world.told[-1][:3] == ("", f"pairing at {CAFE}", "wrong") and f"It is a code of {BAR}." in world.told[-1][3]
    assert world.give(ONE, code, BAR).verdict == PAIRED


def test_one_that_is_over_is_called_expired_also_to_its_player(world: DeskWorld, monkeypatch: Any) -> None:
    code, now_s = world.draw(days=1), time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + 86_401)
    assert world.give(ONE, code.code).verdict == EXPIRED and world.place_of(ONE) is None
    monkeypatch.setattr(time, "time", lambda: now_s + 86_401 + codes.KEPT_S)
    world.draw()
    assert [kept.ticket for kept in read_codes(world.folder).codes if kept.ticket == code.ticket] == []


def test_ten_wrong_codes_lock_a_site_for_an_hour_and_say_until_when(world: DeskWorld, monkeypatch: Any) -> None:
    code, now_s = world.draw().code, int(time.time())
    monkeypatch.setattr(time, "time", lambda: now_s)
    wrong = other_than(code)
    answers = [world.give(ONE, wrong) for _each in range(WRONG_MAX + 3)]
    assert [answer.verdict for answer in answers] == [WRONG] * (WRONG_MAX - 1) + [LOCKED] * 4
    assert {answer.until_unix_s for answer in answers[WRONG_MAX - 1 :]} == {now_s + LOCK_S}
    assert world.give(ONE, code).verdict == LOCKED and world.place_of(ONE) is None
    assert len([line for line in world.told if line[2] == "locked"]) == 1, "one line of it in the trail"
    world.restart()
    assert world.give(ONE, code).verdict == LOCKED, "a restart ends no lock"
    assert world.give(TWO, world.draw(BAR).code, BAR).verdict == PAIRED, "another site is not locked"
    monkeypatch.setattr(time, "time", lambda: now_s + LOCK_S)
    assert world.give(ONE, code).verdict == PAIRED


def test_another_code_ends_the_lock_and_a_right_one_the_count(world: DeskWorld) -> None:
    code = world.draw().code
    wrong = other_than(code)
    for _each in range(WRONG_MAX - 1):
        assert world.give(ONE, wrong).verdict == WRONG
    assert world.give(ONE, code).verdict == PAIRED
    assert [world.give(ONE, wrong).verdict for _each in range(WRONG_MAX)][-1] == LOCKED
    drawn = world.draw().code
    assert world.give(TWO, drawn).verdict == PAIRED


def test_two_hundred_wrong_codes_end_what_might_be_guessed(world: DeskWorld, monkeypatch: Any) -> None:
    code, now_s = world.draw().code, [int(time.time())]
    monkeypatch.setattr(time, "time", lambda: now_s[0])
    wrong = other_than(code)
    for tries in range(TRIES_MAX):
        assert world.give(ONE, wrong).verdict in (WRONG, LOCKED)
        if tries % WRONG_MAX == WRONG_MAX - 1:
            now_s[0] += LOCK_S
    assert world.give(ONE, code).verdict == EXPIRED and world.place_of(ONE) is None


def test_a_proof_given_for_something_else_pairs_nobody(world: DeskWorld) -> None:
    code, at_bar = world.draw(), world.draw(BAR)
    good = ONE.asks(code.code)
    other = TWO.asks(code.code)
    assert world.answer(ONE, other).verdict == UNPROVEN, "of another player than the topic's"
    assert world.answer(ONE, ONE.asks(at_bar.code, BAR)).verdict == UNPROVEN, "of another site than the topic's"
    assert world.answer(ONE, ONE.asks(code.code, possession=bytes(64))).verdict == UNPROVEN
    enrolled = crypto.sign(ONE.seed, b"amos/1/identify\x00" + bytes(32))  # as enrolments have it, which are public
    assert world.answer(ONE, ONE.asks(code.code, possession=enrolled)).verdict == UNPROVEN
    assert world.answer(ONE, ONE.asks(code.code, operator_key=crypto.public_key(b"x" * 32))).verdict == FOREIGN
    assert world.answer(ONE, b"").verdict == MALFORMED and not any("malformed" in line for line in world.said)
    for garbage in (b"\xa0", bytes(600), good[:-1], good + b"\x00"):
        answer = world.answer(ONE, garbage)
        assert (answer.verdict, answer.detail) == (MALFORMED, None), "what is wrong with bytes is no venue's business"
    assert read_codes(world.folder).wrong == {}, "nothing of that is a try"
    assert world.place_of(ONE) is None and world.told == []
    assert len(world.said) == 3, "each kind is said once a minute, whoever sends how many"
    assert world.answer(ONE, good).verdict == PAIRED


def test_a_request_that_is_heard_again_pairs_its_own_player_alone(world: DeskWorld) -> None:
    code = world.draw(name="bar").code
    request = ONE.asks(code)
    assert world.answer(ONE, request).verdict == PAIRED
    records = sorted((world.folder / "enrolments").iterdir())
    before = [path.read_bytes() for path in records]
    assert world.answer(ONE, request).verdict == PAIRED and [path.read_bytes() for path in records] == before
    assert world.answer(TWO, request).verdict == UNPROVEN
    late = world.draw().code
    wrong = ONE.asks(other_than(late, code))
    world.desk._client.publish = lambda *_: True  # type: ignore[method-assign]
    topic = f"amos/1/{CAFE}/{ONE.device_id.hex()}/pairing"
    for _each in range(WRONG_MAX + 5):
        world.desk._came(answerer.Asked(topic, wrong))
    assert read_codes(world.folder).wrong[CAFE].count == 1, "the same bytes count once"


def test_a_place_that_somebody_has_is_not_taken_and_the_code_stays_good(world: DeskWorld) -> None:
    assert world.give(ONE, world.draw(name="bar").code).verdict == PAIRED
    code = world.draw(name="bar")
    answer = world.give(TWO, code.code)
    assert answer.verdict == REFUSED and answer.detail is not None and "is another player's" in answer.detail
    assert "bar at harbour-cafe is device" in world.told[-1][3]
    assert [kept.device_id for kept in read_codes(world.folder).codes if kept.ticket == code.ticket] == [""]
    answer = world.give(ONE, world.draw(BAR).code, BAR)
    assert answer.verdict == REFUSED and CAFE not in (answer.detail or "") and f"is bar at {CAFE}" in world.told[-1][3]


def test_a_ledger_that_does_not_answer_costs_nobody_the_code(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("amos_tools.fleet.pairing.enroller.LEDGER_S", 0.05)
    world = DeskWorld(tmp_path, broker=broker_at("127.0.0.1:9"))
    code = world.draw()
    answer = world.give(ONE, code.code)
    assert answer.verdict == UNAVAILABLE and "does not answer" in (answer.detail or "")
    assert world.give(TWO, code.code).verdict == USED, "its enrolment may be on its way"
    pending = (tmp_path / "enrolments" / f"{CAFE}.player.pending").read_bytes()
    there = type(world.enroller.ledger)(world.ledger.public_key, tmp_path / "ledger")
    world.enroller = type(world.enroller)(world.enroller.seed, OPERATOR_KEY, world.enroller.records, there)
    world.restart()
    assert world.give(ONE, code.code).verdict == PAIRED
    assert (tmp_path / "enrolments" / f"{CAFE}.player.cose").read_bytes() == pending, "the same enrolment goes on"


def test_a_full_disk_pairs_nobody_and_ends_nothing(world: DeskWorld, monkeypatch: Any) -> None:
    code = world.draw().code

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(book, "write_whole", full)
        answer = world.give(ONE, code)
        assert answer.verdict == UNAVAILABLE and "No space left" in world.said[-1]
        assert "desk cannot read or write" in (answer.detail or "")
        assert world.give(ONE, other_than(code)).verdict == UNAVAILABLE
    assert world.place_of(ONE) is None
    assert world.give(ONE, code).verdict == PAIRED


def test_a_trail_that_cannot_be_written_ends_no_pairing(world: DeskWorld) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    world.desk._tell = full
    assert world.give(ONE, world.draw().code).verdict == PAIRED
    assert "the trail has no line of it" in world.said[-1]


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"version": 2}', b"[" * 9999, b" " * (1 << 20) + b"{}"])
def test_a_file_of_codes_that_is_none_is_named(world: DeskWorld, kept: bytes) -> None:
    (world.folder / book.NAME).write_bytes(kept)
    with pytest.raises(BookError, match=r"pairing\.json: expected what amos fleet serve writes there"):
        read_codes(world.folder)


def test_codes_are_kept_for_the_desk_and_its_group_alone_and_counted(world: DeskWorld, monkeypatch: Any) -> None:
    drawn = world.draw()
    assert (world.folder / book.NAME).stat().st_mode & 0o777 == 0o640
    assert read_codes(world.folder).codes == [drawn]
    again = world.book.draw(CAFE, "", 0, 7, drawn.ticket, "Flo")
    assert again == drawn, "an order that is seen to twice draws one code"
    monkeypatch.setattr(codes, "CODES_MAX", 1)
    with pytest.raises(FleetError, match="codes: expected fewer than 1 of the last 30 days"):
        world.draw()


def test_no_two_codes_are_the_same_however_they_fall(world: DeskWorld, monkeypatch: Any) -> None:
    falls = iter([7, 7, 7, 8])
    monkeypatch.setattr(book.secrets, "randbelow", lambda below: next(falls) if below == 10**6 else 0)
    assert [world.draw().code, world.draw(BAR).code] == ["000007", "000008"]


def test_sites_that_somebody_makes_up_fill_nothing(world: DeskWorld, monkeypatch: Any) -> None:
    monkeypatch.setattr(codes, "SITES_MAX", 3)
    for number in range(9):
        world.give(ONE, "000000", f"site-{number}")
    assert len(read_codes(world.folder).wrong) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"site": ""}, "pair.site: expected a text of the form"),
        ({"site": "../x"}, "pair.site"),
        ({"name": "Bar"}, "pair.name"),
        ({"tier": 256}, "pair.tier: expected a number from 0 to 255"),
        ({"days": 0}, "pair.days: expected a number from 1 to 30"),
        ({"ticket": "x"}, "pair.ticket"),
    ],
)
def test_an_order_of_a_code_without_meaning_is_refused(given: dict[str, Any], said: str) -> None:
    order = pair_order("Flo", CAFE)
    with pytest.raises(OrderError, match=said):
        Order("pair", "Flo", order.given | given)


@pytest.mark.parametrize("leaf", ["status", "paired", "enrolment", "pairing/x"])
def test_what_is_on_another_topic_is_no_request(world: DeskWorld, monkeypatch: Any, leaf: str) -> None:
    """A broker may hand on all that it retains of a device to whoever subscribes to one leaf."""
    published: list[str] = []
    monkeypatch.setattr(world.desk._client, "publish", lambda topic, _data: published.append(topic))
    place = f"amos/1/{CAFE}/{ONE.device_id.hex()}"
    for payload in (b"garbage", b"", ONE.asks(world.draw().code)):
        world.desk._came(answerer.Asked(f"{place}/{leaf}", payload))
    assert published == [] and world.said == [] and world.place_of(ONE) is None
    world.desk._came(answerer.Asked(f"{place}/pairing", b""))
    assert published == [f"{place}/paired"]


def worked(desk: DeskFolder, codebook: book.Book | None) -> threading.Thread:
    """A desk that sees to one order."""
    worker = Worker(desk, Packs(desk.path, None), broker_at("127.0.0.1:9"), b"o" * 32, [].append, codebook)

    def until_seen_to() -> None:
        while not desk.waiting():
            time.sleep(0.01)
        while desk.waiting():
            worker.turn()
        worker.end()

    thread = threading.Thread(target=until_seen_to)
    thread.start()
    return thread


def test_the_command_has_the_desk_draw_one_and_lists_them(tmp_path: Path) -> None:
    desk = DeskFolder(tmp_path / "desk")
    desk.make()
    words = ["fleet", "pair", str(desk.path)]
    thread = worked(desk, book.Book(desk.path))
    done = CliRunner().invoke(app, [*words, CAFE, "--name", "bar", "--days", "2"])
    thread.join(60)
    (code,) = read_codes(desk.path).codes
    assert done.exit_code == 0 and done.stdout.startswith(f"{code.code} pairs one new player at {CAFE}, until 20")
    assert code.until_unix_s - code.made_unix_s == 2 * 86_400
    (line,) = desk.trail(9)
    assert (line["what"], line["outcome"]) == (f"a code for a new player at {CAFE}", "done")
    assert code.code not in (desk.path / "trail.jsonl").read_text()
    done = CliRunner().invoke(app, [*words, "--json"])
    (facts,) = json.loads(done.stdout)["codes"]
    assert (facts["code"], facts["state"], facts["name"], facts["site"]) == (code.code, "open", "bar", CAFE)
    assert code.code in CliRunner().invoke(app, words).stdout
    thread = worked(desk, None)
    done = CliRunner().invoke(app, [*words, CAFE])
    thread.join(60)
    assert done.exit_code == 1 and "this desk pairs nobody: start amos fleet serve with --ledger" in done.output
    done = CliRunner().invoke(app, [*words, CAFE, "--wait-s", "0"])
    assert done.exit_code == 3 and "does amos fleet serve run?" in done.output
    assert desk.waiting() == [], "no code is drawn of which nobody hears"


def test_who_is_nobody_by_name_may_ask_too(monkeypatch: Any) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert user_name() == "somebody"


def test_the_book_is_whole_or_as_before_when_power_goes(world: DeskWorld, monkeypatch: Any) -> None:
    drawn = world.draw()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(durable_host.os, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        world.draw()
    assert read_codes(world.folder).codes == [drawn]


def test_only_a_site_s_own_courier_is_heard_and_only_it_hears(
    tmp_path: Path, mosquitto: list[str], monkeypatch: Any
) -> None:
    """Real mosquitto, under the shipped access rules."""
    (tmp_path / "acl").write_text(RULES.read_text())
    (tmp_path / "acl").chmod(0o600)
    world = DeskWorld(tmp_path)
    with mosquitto_with(mosquitto, tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}\n") as port:
        desk = Answerer(
            broker_at(f"127.0.0.1:{port}", login=Login("amos.operator")),
            *(world.book, world.enroller, lambda *line: world.told.append(line), world.said.append),
        )
        desk.start()
        own, other, reader = (Listener(port, name) for name in (CAFE, BAR, "amos.reader"))
        try:
            code = world.draw(name="bar").code
            topic = f"amos/1/{CAFE}/{ONE.device_id.hex()}/pairing"
            stolen, at_bar = TWO.asks(code), f"amos/1/{BAR}/{TWO.device_id.hex()}/pairing"
            wait_until(lambda: other.say(at_bar, stolen) or other.heard, lambda: world.said, 0.2)
            assert decode_paired(other.heard[0][1]).verdict == UNPROVEN, "it is for another site"
            other.say(topic, ONE.asks(code))  # a right code and a right proof, by who is not of that site
            last = TWO.asks(code)
            other.say(at_bar, last)
            wait_until(lambda: hashes(other) & {hashlib.sha256(last).digest()}, lambda: world.said)
            assert world.place_of(ONE) is world.place_of(TWO) is None
            request = ONE.asks(code)
            own.say(topic, request)
            wait_until(lambda: own.heard, lambda: world.said)
            answer = decode_paired(own.heard[0][1])
            assert (answer.verdict, answer.name) == (PAIRED, "bar") and world.place_of(ONE) == (CAFE, "bar")
            assert answer.request_sha256 == hashlib.sha256(request).digest()
            assert hashes(other) == {hashlib.sha256(each).digest() for each in (stolen, last)} and reader.heard == []
        finally:
            desk.end()
            for each in (own, other, reader):
                each.close()


def hashes(listener: "Listener") -> set[bytes]:
    """Of the requests whose answers were heard."""
    return {decode_paired(payload).request_sha256 for _topic, payload in listener.heard}


class Listener:
    """Somebody at the broker who hears all that they may of pairing."""

    def __init__(self, port: int, name: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._woken = threading.Event()
        settings = ClientSettings(f"test-{name}", 1 << 16)
        at = broker_at(f"127.0.0.1:{port}", login=Login(name))
        self._client: MqttClient[tuple[str, bytes]] = MqttClient(at, settings, lambda *came: came, self._woken.set)
        self._client.start(0)
        self._stop = threading.Event()
        self._say: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._granted = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._granted.wait(60)

    def say(self, topic: str, payload: bytes) -> None:
        self._say.put((topic, payload))

    def _run(self) -> None:
        while not self._stop.is_set():
            for happening in self._client.poll(time.monotonic_ns() // 1_000_000):
                if isinstance(happening, Up):
                    self._client.subscribe(["amos/1/+/+/pairing", "amos/1/+/+/paired"])
                elif isinstance(happening, Granted):
                    self._granted.set()
                elif isinstance(happening, Arrival):
                    self.heard.append(happening.message)
            while not self._say.empty():
                self._client.publish(*self._say.get())
            self._woken.wait(0.05)
            self._woken.clear()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)
        self._client.stop()
