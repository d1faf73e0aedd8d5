"""What a venue, a player or a broker might try with codes that are used, unfinished or wrong."""

import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from noise_pack import OPERATOR
from pairing_world import BAR, CAFE, OPERATOR_KEY, DeskWorld, NewPlayer

from amos import crypto
from amos.protocol import topics
from amos.protocol.link import IDENTIFY_CONTEXT, OK, Response
from amos.protocol.link_courier_proof import Proof
from amos.protocol.pairing_host import (
    EXPIRED,
    LOCKED,
    PAIRED,
    REFUSED,
    UNAVAILABLE,
    UNPROVEN,
    USED,
    VERDICTS,
    WRONG,
    Pairing,
    PairingAnswer,
)
from amos_mqtt.broker import broker_at
from amos_tools.device.enrolling import Ledger, enrol
from amos_tools.device.place import Place
from amos_tools.device.records import Records
from amos_tools.fleet.pairing import answerer, book
from amos_tools.fleet.pairing.answerer import AGAIN_S, WAITED_S_MAX, Asked
from amos_tools.fleet.pairing.book import read_codes
from amos_tools.fleet.pairing.codes import WRONG_MAX

ONE, TWO = NewPlayer(11), NewPlayer(12)
UNPAIRED = "000000"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: Any) -> DeskWorld:
    monkeypatch.setattr(book, "_number", iter(f"{number:06}" for number in range(500_000, 500_100)).__next__)
    return DeskWorld(tmp_path)


def enrolled_by_operator(world: DeskWorld, player: NewPlayer, place: Place) -> None:
    """As `amos device provision` and `replace` do."""
    nonce = secrets.token_bytes(32)
    said = {"device_id": player.device_id, "public_key": player.public_key, "board": "linux", "voices": 8}
    signature = crypto.sign(player.seed, IDENTIFY_CONTEXT + nonce)
    proof = Proof(Response(id=0, code=OK, signature=signature, **said), nonce)
    records = Records(world.enroller.records, OPERATOR_KEY)
    enrol(place, proof, OPERATOR, records, world.enroller.ledger, 8, [].append)


def in_ledger(world: DeskWorld, player: NewPlayer) -> Any:
    """(index, bytes) of the enrolment in force."""
    with world.ledger.open_store() as store:
        return store.chain.enrolment(player.device_id)


def test_a_used_code_undoes_nothing_that_the_operator_did_since(world: DeskWorld) -> None:
    request = ONE.asks(world.draw(name="bar").code)
    assert world.answer(ONE, request).verdict == PAIRED
    enrolled_by_operator(world, ONE, Place(CAFE, "bar", 7))
    kept = in_ledger(world, ONE)
    world.restart()
    answer = world.answer(ONE, request)
    assert (answer.verdict, answer.name) == (PAIRED, "bar") and in_ledger(world, ONE) == kept
    fresh = Pairing.decode(request)
    fresh.board = "other"
    assert world.answer(ONE, fresh.encode()).verdict == PAIRED and in_ledger(world, ONE) == kept
    assert len([line for line in world.told if line[2] == "done"]) == 1


def test_a_used_code_is_never_open_again(world: DeskWorld) -> None:
    code = world.draw(name="bar").code
    assert world.give(ONE, code).verdict == PAIRED
    enrolled_by_operator(world, TWO, Place(CAFE, "bar", 0, predecessor=ONE.device_id))
    assert world.give(ONE, code).verdict == PAIRED
    assert world.give(NewPlayer(13), code).verdict == USED and world.place_of(TWO) == (CAFE, "bar")


def test_one_s_own_used_or_refused_code_in_between_ends_no_count(world: DeskWorld) -> None:
    used = world.draw(name="bar").code
    assert world.give(ONE, used).verdict == PAIRED
    taken = world.draw(name="bar").code
    for own, player, verdict in ((used, ONE, PAIRED), (taken, TWO, REFUSED)):
        world.draw()  # ends a lock
        for _each in range(WRONG_MAX - 1):
            assert world.give(ONE, UNPAIRED).verdict == WRONG
            assert world.give(player, own).verdict == verdict
        assert world.give(ONE, UNPAIRED).verdict == LOCKED
    assert [line[2] for line in world.told].count("refused") == 1, "what was told already fills no trail"


def test_verdicts_without_a_try_fill_neither_the_trail_nor_the_disk(world: DeskWorld, monkeypatch: Any) -> None:
    code = world.draw().code
    assert world.give(ONE, code).verdict == PAIRED and world.give(TWO, code).verdict == USED
    told = list(world.told)
    monkeypatch.setattr(book, "write_whole", lambda *_: pytest.fail("nothing changed"))
    for _each in range(5):
        assert world.give(TWO, code).verdict == USED and world.give(ONE, code).verdict == PAIRED
    assert world.told == told


def without_ledger(tmp_path: Path, monkeypatch: Any) -> tuple[DeskWorld, list[str]]:
    """A desk whose ledger does not answer, and the sites whose enrolments it brought there in vain."""
    world, brought = DeskWorld(tmp_path, broker=broker_at("127.0.0.1:9")), []
    monkeypatch.setattr("amos_tools.fleet.pairing.enroller.LEDGER_S", 0.05)

    def counted(place: Place, *rest: Any) -> Any:
        brought.append(place.site)
        return enrol(place, *rest)

    monkeypatch.setattr("amos_tools.fleet.pairing.enroller.enrol", counted)
    return world, brought


def test_a_ledger_that_does_not_answer_holds_nobody_up_for_each_repeat(tmp_path: Path, monkeypatch: Any) -> None:
    world, brought = without_ledger(tmp_path, monkeypatch)
    now_s = [time.monotonic()]
    monkeypatch.setattr(answerer, "_now_s", lambda: now_s[0])
    code, other = world.draw().code, world.draw(BAR).code
    assert [world.give(ONE, code).verdict for _each in range(5)] == [UNAVAILABLE] * 5 and brought == [CAFE]
    assert world.give(TWO, other, BAR).verdict == UNAVAILABLE and brought == [CAFE, BAR]
    now_s[0] += AGAIN_S
    assert world.give(ONE, code).verdict == UNAVAILABLE and brought == [CAFE, BAR, CAFE]


def test_an_unfinished_code_is_over_in_its_time_too(tmp_path: Path, monkeypatch: Any) -> None:
    world, _brought = without_ledger(tmp_path, monkeypatch)
    code, now_s = world.draw(days=1).code, time.time()
    assert world.give(ONE, code).verdict == UNAVAILABLE
    world.enroller = replace(world.enroller, ledger=Ledger(world.ledger.public_key, tmp_path / "ledger"))
    world.restart()
    monkeypatch.setattr(time, "time", lambda: now_s + 86_401)
    assert world.give(ONE, code).verdict == EXPIRED and world.place_of(ONE) is None
    assert [kept.state(time.time()) for kept in read_codes(tmp_path).codes] == ["expired"]


def test_a_desk_without_records_moves_no_player_from_another_site(world: DeskWorld) -> None:
    assert world.give(ONE, world.draw(BAR).code, BAR).verdict == PAIRED
    world.enroller = replace(world.enroller, records=world.folder / "none")
    world.restart()
    answer = world.give(ONE, world.draw().code)
    assert answer.verdict == REFUSED and world.place_of(ONE) == (BAR, "player")
    assert BAR not in (answer.detail or ""), "no venue's business"
    assert f"is player at {BAR}" in world.told[-1][3], "the trail says it to the operator"


def sent_by(world: DeskWorld) -> list[tuple[str, str]]:
    """(topic, verdict) of each answer, once there are some."""
    sent: list[tuple[str, str]] = []

    def publish(topic: str, data: bytes) -> None:
        sent.append((topic, VERDICTS[PairingAnswer.decode(data).verdict]))

    world.desk._client.publish = publish  # type: ignore[assignment, method-assign]
    return sent


def topic_of(player: NewPlayer, site: str, leaf: str = topics.PAIRING) -> str:
    return topics.device_topic(site, player.device_id, leaf)


def test_who_sends_a_stolen_request_elsewhere_first_spoils_no_answer(world: DeskWorld) -> None:
    request, sent = ONE.asks(world.draw().code), sent_by(world)
    for site in (BAR, CAFE, CAFE):
        world.desk._came(Asked(topic_of(ONE, site), request))
    at_bar, own = (topic_of(ONE, site, topics.PAIRED) for site in (BAR, CAFE))
    assert sent == [(at_bar, VERDICTS[UNPROVEN]), (own, "paired"), (own, "paired")]


def test_a_request_for_which_nobody_waits_any_more_is_left(world: DeskWorld, monkeypatch: Any) -> None:
    request, sent = ONE.asks(world.draw().code), sent_by(world)
    asked = Asked(topic_of(ONE, CAFE), request)
    monkeypatch.setattr(answerer, "_now_s", lambda: asked.came_s + WAITED_S_MAX + 0.1)
    world.desk._came(asked)
    assert sent == [] and world.place_of(ONE) is None


def test_a_code_that_the_disk_did_not_take_is_none(world: DeskWorld, monkeypatch: Any) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for _each in range(WRONG_MAX):
        world.give(ONE, UNPAIRED)
    with monkeypatch.context() as patch:
        patch.setattr(book, "write_whole", full)
        with pytest.raises(OSError, match="No space left"):
            world.draw()
    assert world.book._codes.codes == [] and world.give(ONE, UNPAIRED).verdict == LOCKED
    assert read_codes(world.folder).codes == []
