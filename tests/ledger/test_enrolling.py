"""Enrolments over the broker, and a device that takes another's place."""

import time
from pathlib import Path
from typing import Any

import pytest
from databases import only_sqlite
from typer.testing import CliRunner

from amos.crypto import verify
from amos.protocol import answer
from amos.protocol.receipt import parse_receipt
from amos.protocol.segment import CLOCK_INFORMATIVE
from amos.protocol.topics import ENROLLED, ENROLMENT, device_topic
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused
from amos_ledger.intake.reading import Message
from amos_ledger.ledger import Reply
from amos_ledger.limits import DETAIL_BYTES_MAX
from amos_ledger.rebuilding import rebuild_folder
from amos_ledger.scrub import scrub
from amos_tools.cli import app

NOON = 1_793_534_400
SITE = "harbour"


def send(world: Any, device: Any, data: bytes, topic: str | None = None) -> Reply:
    message = Message.of(topic or device_topic(SITE, device.key.id, ENROLMENT), data)
    (reply,) = world.ledger.take([message], NOON)
    assert isinstance(reply, Reply)
    assert answer.decode_answer(reply.answer.encode()).message_sha256 == message.sha256
    return reply


def test_an_enrolment_is_answered_with_a_receipt_for_its_entry(world: Any) -> None:
    device = world.device(enrolled=False)
    data = device.enrolment(world.operator)
    reply = send(world, device, data)
    assert reply.topic == device_topic(SITE, device.key.id, ENROLLED)
    assert (reply.answer.verdict, reply.answer.sequence) == (answer.ACCEPTED, answer.ENROLMENT_SEQUENCE)
    world.check_receipt(data, reply.answer.receipt)
    again = send(world, device, data)
    assert again.answer.verdict == answer.DUPLICATE
    world.check_receipt(data, again.answer.receipt)
    assert world.totals().log_size == 4 and world.totals().duplicates == 0
    (accepted,) = world.take(device, device.seal())
    assert accepted.verdict == answer.ACCEPTED


def test_a_device_is_known_to_the_usage_of_the_same_batch(world: Any) -> None:
    device = world.device(enrolled=False)
    batch = [
        device.message(device.seal()),
        Message.of(device_topic(SITE, device.key.id, ENROLMENT), device.enrolment(world.operator)),
    ]
    assert [reply.answer.verdict for reply in world.ledger.take(batch, NOON)] == [answer.ACCEPTED, answer.ACCEPTED]


def test_two_of_one_device_in_a_batch_get_each_its_own_receipt(world: Any) -> None:
    device = world.device(enrolled=False)
    both = [device.enrolment(world.operator, unix_s=NOON + later) for later in (0, 1)]
    topic = device_topic(SITE, device.key.id, ENROLMENT)
    replies = world.ledger.take([Message.of(topic, data) for data in both], NOON)
    for data, reply in zip(both, replies, strict=True):
        assert reply.answer.verdict == answer.ACCEPTED
        world.check_receipt(data, reply.answer.receipt)


def test_every_refusal_is_answered_and_changes_nothing(world: Any) -> None:
    device, other = world.device(enrolled=False), world.device(2, enrolled=False)
    mine = device_topic(SITE, device.key.id, ENROLMENT)
    good = device.enrolment(world.operator)
    for data, topic, said in (
        (device.enrolment(world.publisher), mine, "signature"),
        (b"", mine, "enrolment"),
        (bytes(5000), mine, "at most 2048 bytes, found 5000"),
        (good, device_topic(SITE, other.key.id, ENROLMENT), "topic: expected that of"),
        (good, device_topic("elsewhere", device.key.id, ENROLMENT), "topic: expected that of"),
        (device.enrolment(world.operator, predecessor=other.key.id), mine, "predecessor: expected an enrolled device"),
    ):
        reply = send(world, device, data, topic)
        assert reply.answer.verdict == answer.ENROLMENT_REFUSED and reply.answer.receipt is None
        assert said in (reply.answer.detail or "") and len((reply.answer.detail or "").encode()) <= DETAIL_BYTES_MAX
        assert reply.topic == topic.replace(ENROLMENT, ENROLLED)
    assert send(world, device, good, "nonsense/enrolment").topic is None
    assert world.totals().refused["enrolment refused"] == 7 and world.totals().log_size == 3
    assert send(world, device, good).answer.verdict == answer.ACCEPTED


@only_sqlite
def test_a_disk_that_refuses_is_said_and_the_same_enrolment_goes_in_later(world: Any) -> None:
    device = world.device(enrolled=False)
    data = device.enrolment(world.operator)
    database, away = world.path / "ledger.sqlite", world.path / "away"
    database.rename(away)
    reply = send(world, device, data)
    assert reply.answer.verdict == answer.UNAVAILABLE and reply.topic is not None and reply.answer.detail
    away.rename(database)
    assert send(world, device, data).answer.verdict == answer.ACCEPTED


def test_what_is_stored_and_not_published_has_no_receipt_yet(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = world.device(enrolled=False)
    data = device.enrolment(world.operator)

    def refuse(*_: object) -> None:
        raise OSError("public: disk full")

    with monkeypatch.context() as patched:
        patched.setattr(world.ledger._public, "publish", refuse)
        reply = send(world, device, data)
        assert reply.answer.verdict == answer.UNAVAILABLE and "disk full" in (reply.answer.detail or "")
    again = send(world, device, data)
    assert again.answer.verdict == answer.DUPLICATE
    parse_receipt(again.answer.receipt).check(data, world.folder.public_key, verify)


# One device in another's place.


def dated(device: Any, unix_s: int) -> bytes:
    """The next segment, begun at that time by the device's clock."""
    facts = {"clock": CLOCK_INFORMATIVE, "anchor_unix_ms": unix_s * 1000, "anchor_ms": 0}
    return bytes(device.seal(**facts))


def test_a_replacement_goes_on_in_the_place_and_retires_the_one_before(world: Any) -> None:
    old, new = world.device(1), world.device(2, enrolled=False)
    (first,) = world.take(old, dated(old, NOON - 600))
    world.enrol(new, predecessor=old.key.id, unix_s=NOON, name="player-1")
    before, after = dated(old, NOON - 60), dated(old, NOON + 60)
    late = world.take(old, before, after, dated(old, NOON + 120))
    verdicts = [item.verdict for item in (first, *late)]
    assert verdicts == [answer.ACCEPTED, answer.ACCEPTED, answer.RETIRED, answer.RETIRED]
    assert "after another device took its place" in late[1].detail
    (counted,) = world.take(new, dated(new, NOON + 60))
    assert counted.verdict == answer.ACCEPTED
    totals = world.totals()
    assert totals.evidence == 2 and not totals.quarantined and totals.refused["retired"] == 2
    by_id = {item.device_id: item for item in totals.devices}
    was, is_now = by_id[old.key.id.hex()], by_id[new.key.id.hex()]
    assert (was.successor, is_now.predecessor) == (is_now.device_id, was.device_id)
    assert (was.segments, is_now.segments, is_now.place_segments) == (2, 1, 3)
    assert is_now.place_frames == was.frames + is_now.frames > is_now.frames > 0


def test_a_place_goes_from_one_to_the_next_and_nobody_returns(world: Any) -> None:
    one, two, three = (world.device(number, enrolled=number == 1) for number in (1, 2, 3))
    world.enrol(two, predecessor=one.key.id)
    world.enrol(two, predecessor=one.key.id)
    world.enrol(two, unix_s=NOON + 1, tier=3)  # a later one need not repeat it
    for device, changes, said in (
        (three, {"predecessor": one.key.id}, "expected one not replaced yet"),
        (three, {"predecessor": two.key.id, "site": "elsewhere"}, "site: expected the predecessor's, harbour"),
        (one, {"unix_s": NOON + 9}, f"was replaced by {two.key.id.hex()}"),
        (one, {"unix_s": NOON + 9, "predecessor": two.key.id}, f"was replaced by {two.key.id.hex()}"),
        (two, {"unix_s": NOON + 9, "predecessor": three.key.id}, f"expected {one.key.id.hex()}, which it has replaced"),
    ):
        with world.folder.open_store() as store, pytest.raises(EnrolmentRefused, match=said):
            registry.enrol(world.folder, store, device.enrolment(world.operator, **changes))
    world.enrol(three, predecessor=two.key.id)
    last = {item.device_id: item for item in world.totals().devices}[three.key.id.hex()]
    assert last.predecessor == two.key.id.hex() and last.successor is None
    with world.folder.open_store() as store:
        assert store.chain.at_place(SITE, "player-3") == three.key.id
        assert store.chain.at_place(SITE, "player-2") is None
        assert store.chain.device(one.key.id).retired_unix_s == NOON


def test_status_shows_who_stands_in_whose_place(world: Any) -> None:
    from typer.testing import CliRunner

    from amos_ledger.cli import app

    old, new = world.device(1), world.device(2, enrolled=False)
    world.take(old, old.seal())
    file = world.path / "new.cose"
    file.write_bytes(new.enrolment(world.operator, predecessor=old.key.id))
    done = CliRunner().invoke(app, ["enrol", str(world.path), str(file)])
    assert f"in the place of {old.key.id.hex()}" in done.output
    out = CliRunner().invoke(app, ["status", str(world.path)]).output
    assert f"replaced by {new.key.id.hex()}" in out
    assert f"in the place of {old.key.id.hex()}: 1 segments, " in out


SOURCE = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}


RENDERED = SOURCE | {"pace": 2, "output_kind": 4}
RENDERER = 255


@pytest.mark.parametrize("tell", ["nothing", "held", "accepted"])
@pytest.mark.parametrize(
    ("first", "later", "said"),
    [
        (0, 254, None),
        (3, 0, None),
        (RENDERER, RENDERER, None),
        (
            0,
            RENDERER,
            "tier: expected a player's, as it was enrolled first, found 255; a renderer is another device",
        ),
        (
            RENDERER,
            3,
            "tier: expected a renderer's, as it was enrolled first, found 3; a player is another device",
        ),
    ],
)
def test_a_device_is_a_player_or_a_renderer_for_ever_whatever_is_known_of_its_play(
    world: Any, tell: str, first: int, later: int, said: str | None
) -> None:
    """And what it played before, and sends later, is no fault of its own."""
    device = world.device(tier=first)
    facts = {**(RENDERED if first == RENDERER else SOURCE), "tier": first}
    played = [device.seal(**facts) for _ in range(3)]
    early = {"nothing": [], "held": played[1:2], "accepted": played[:1]}[tell]
    world.take(device, *early)
    again = device.enrolment(world.operator, tier=later, unix_s=NOON + 1)
    size = world.totals().log_size
    with world.folder.open_store() as store:
        if said is None:
            assert registry.enrol(world.folder, store, again)[1]
        else:
            with pytest.raises(EnrolmentRefused, match=f"enrolment.{said}"):
                registry.enrol(world.folder, store, again)
    assert (world.totals().log_size == size) == (said is not None)
    sent = world.take(device, *(segment for segment in played if segment not in early))
    assert {item.verdict for item in sent} == {answer.ACCEPTED}
    (status,) = world.totals().devices
    assert status.segments == 3 and not world.totals().quarantined


def test_another_device_takes_the_place_as_a_renderer(world: Any) -> None:
    player, renderer = world.device(1), world.device(2, enrolled=False)
    world.enrol(renderer, predecessor=player.key.id, tier=RENDERER)
    (rendered,) = world.take(renderer, renderer.seal(**RENDERED, tier=RENDERER))
    (played,) = world.take(player, player.seal(**SOURCE))
    assert (rendered.verdict, played.verdict) == (answer.ACCEPTED, answer.ACCEPTED)


def test_what_was_played_with_more_voices_counts_after_an_enrolment_with_fewer(world: Any) -> None:
    device = world.device(voices=2)
    with world.folder.open_store() as store:
        registry.enrol(world.folder, store, device.enrolment(world.operator, voices=1, unix_s=NOON + 1))
    (accepted,) = world.take(device, device.seal([(0, 0, 1000), (1, 0, 1000)]))
    assert accepted.verdict == answer.ACCEPTED
    (refused,) = world.take(device, device.seal([(stem, 0, 1000) for stem in range(3)]))
    assert refused.verdict == answer.IMPOSSIBLE


@pytest.mark.parametrize("wrong_s", [NOON + 2 * 86_400, 2_100_000_000, 0, 1_500_000_000])
def test_one_that_a_wrong_clock_dated_is_refused(world: Any, wrong_s: int) -> None:
    """What the device is paid for at most is counted from there."""
    device = world.device(enrolled=False)
    reply = send(world, device, device.enrolment(world.operator, unix_s=wrong_s))
    assert reply.answer.verdict == answer.ENROLMENT_REFUSED
    assert "unix_s: expected from 1577836800 to" in (reply.answer.detail or "")
    assert send(world, device, device.enrolment(world.operator, unix_s=NOON + 80_000)).answer.verdict == answer.ACCEPTED


@pytest.mark.parametrize("off_s", [-60 * 365 * 86_400, 2 * 86_400])
def test_an_operator_is_told_that_a_wrong_clock_dated_it(world: Any, tmp_path: Path, off_s: int) -> None:
    size = world.totals().log_size
    (tmp_path / "it").write_bytes(
        world.device(enrolled=False).enrolment(world.operator, unix_s=max(int(time.time()) + off_s, 1))
    )
    done = CliRunner().invoke(app, ["ledger", "enrol", str(world.path), str(tmp_path / "it")])
    assert done.exit_code and "EnrolmentRefused: enrolment.unix_s: expected from" in done.output
    assert "set the clock" in done.output and world.totals().log_size == size


@pytest.mark.parametrize("wrong_s", [2_100_000_000, 1])
def test_one_that_a_log_has_already_stays(world: Any, wrong_s: int) -> None:
    device = world.device(unix_s=wrong_s)
    again = send(world, device, device.enrolment(world.operator, unix_s=wrong_s))
    assert again.answer.verdict == answer.DUPLICATE
    world.ledger.close()
    rebuild_folder(world.folder, NOON * 1000)
    assert scrub(world.folder) == []


def test_none_is_admitted_while_the_clock_is_wrong(world: Any) -> None:
    device, late = world.device(), world.device(2, enrolled=False)
    assert world.take(device, device.seal())[0].verdict == answer.ACCEPTED
    message = Message.of(device_topic(SITE, late.key.id, ENROLMENT), late.enrolment(world.operator))
    for wrong_s in (NOON - 2 * 86_400, NOON + 5 * 365 * 86_400):
        (reply,) = world.ledger.take([message], wrong_s)
        assert reply.answer.verdict == answer.UNAVAILABLE and "clock: expected from" in (reply.answer.detail or "")
