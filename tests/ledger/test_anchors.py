"""What the ledger remembers of its own words: time anchors, what its clock showed, and the roots of its receipts."""

from typing import Any

import pytest

from amos.protocol.answer import ACCEPTED, IMPOSSIBLE
from amos.protocol.topics import TIME
from amos_ledger.intake.reading import Message
from amos_ledger.limits import ANCHORS_PER_HOUR_MAX

NOON = 1_793_534_400
NOON_MS = NOON * 1000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PLAYED = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}


def ask(world: Any, device: Any, unix_ms: int) -> bool:
    """Whether the ledger told the device the time."""
    return world.ledger.date([Message.of(device.topic(TIME), bytes(16))], unix_ms) != [None]


def dated(unix_ms: int, at_ms: int) -> dict[str, Any]:
    """A minute's play that began at this moment of the ledger's time, at that one of the boot."""
    times = {"start_ms": at_ms, "end_ms": at_ms + 60_000}
    return PLAYED | times | {"clock": 2, "anchor_unix_ms": unix_ms, "anchor_ms": at_ms}


def test_an_anchor_is_remembered_by_the_next_process(world: Any) -> None:
    device = world.device()
    assert ask(world, device, NOON_MS - HOUR_MS)
    world.restart()
    (accepted,) = world.take(device, device.seal(**dated(NOON_MS - HOUR_MS, 0)))
    assert accepted.verdict == ACCEPTED


def test_an_anchor_of_one_device_is_no_anchor_of_another(world: Any) -> None:
    first, second = world.device(1), world.device(2)
    assert ask(world, first, NOON_MS - HOUR_MS)
    (refused,) = world.take(second, second.seal(**dated(NOON_MS - HOUR_MS, 0)))
    assert (refused.verdict, refused.detail.partition(":")[0]) == (IMPOSSIBLE, "anchor_never_issued")


def test_whoever_asks_without_end_is_not_told_and_fills_nothing(world: Any) -> None:
    device, other = world.device(1), world.device(2)
    told = [ask(world, device, NOON_MS + second * 1000) for second in range(ANCHORS_PER_HOUR_MAX + 5)]
    assert told == [True] * ANCHORS_PER_HOUR_MAX + [False] * 5
    assert ask(world, other, NOON_MS + 200_000)
    assert ask(world, device, NOON_MS + HOUR_MS + 1)


def test_old_anchors_are_forgotten_and_not_judged(world: Any) -> None:
    device = world.device()
    assert ask(world, device, NOON_MS - 403 * DAY_MS) and ask(world, device, NOON_MS)
    with world.folder.open_store() as store:
        anchors = store.chain.anchors
        assert anchors.issued_within(device.key.id, 0, NOON_MS) == 1
        assert anchors.issued(device.key.id, NOON_MS - 403 * DAY_MS) is None
        forged = anchors.issued(device.key.id, NOON_MS - 401 * DAY_MS)
        assert forged is not None and not forged.issued


def overlapping(world: Any, device: Any, *, back_ms: int) -> Any:
    """Two boots of ten minutes that the ledger dated to the same ones; its clock was set back by this in between."""
    assert ask(world, device, NOON_MS - 7_200_000)
    times = {"end_frame": 600 * 44_100, "delivered_frames": 600 * 44_100}
    first = dated(NOON_MS - 7_200_000, 0) | times | {"end_ms": 600_000}
    assert world.ledger.take([device.message(device.seal(**first))], NOON - 600)[0].answer.verdict == ACCEPTED
    again = NOON_MS - 7_200_000 + back_ms
    assert ask(world, device, again)
    device.frame = 0
    second = dated(again, 0) | times | {"end_ms": 600_000, "boot": 2, "session": 2}
    return world.ledger.take([device.message(device.seal(**second))], NOON)[0].answer


def test_a_ledger_whose_clock_was_set_back_condemns_nobody_for_it(world: Any) -> None:
    assert overlapping(world, world.device(), back_ms=60_000).verdict == ACCEPTED


def test_without_that_the_same_play_is_found_out(world: Any) -> None:
    device = world.device()
    assert ask(world, device, NOON_MS - 7_200_000) and ask(world, device, NOON_MS - 7_140_000)
    times = {"end_frame": 600 * 44_100, "delivered_frames": 600 * 44_100, "end_ms": 600_000}
    (accepted,) = world.take(device, device.seal(**dated(NOON_MS - 7_200_000, 0) | times))
    assert accepted.verdict == ACCEPTED
    device.frame = 0
    twice = dated(NOON_MS - 7_140_000, 0) | times | {"boot": 2, "session": 2}
    (refused,) = world.take(device, device.seal(**twice))
    assert refused.detail.startswith("times_overlap: ")


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_was_set_back_while_nobody_sent_anything_condemns_nobody(world: Any, restarts: bool) -> None:
    """The anchor is right, a day of play follows, and the clock is two hours behind when that arrives."""
    device = world.device()
    assert ask(world, device, NOON_MS - 24 * HOUR_MS)
    day = 24 * 3600 * 44_100
    played = dated(NOON_MS - 24 * HOUR_MS, 0) | {"end_frame": day, "delivered_frames": day, "end_ms": 24 * HOUR_MS}
    if restarts:
        world.restart()
    else:
        world.ledger.watch_clock(NOON_MS - 1000)
        world.ledger.watch_clock(NOON_MS - 2 * HOUR_MS)
    (reply,) = world.ledger.take([device.message(device.seal([], **played))], NOON - 7200)
    assert (reply.answer.verdict, reply.answer.detail) == (ACCEPTED, None)


def test_play_ahead_of_a_clock_that_was_set_back_is_no_finding(world: Any) -> None:
    device = world.device()
    assert ask(world, device, NOON_MS + HOUR_MS)  # the ledger's clock was an hour fast
    (accepted,) = world.take(device, device.seal(**dated(NOON_MS + HOUR_MS, 0)))  # and is right at noon
    assert accepted.verdict == ACCEPTED


def test_what_was_rolled_back_is_not_remembered_as_accepted(world: Any, monkeypatch: Any) -> None:
    """The payload of a segment that was decided about and not stored stays in memory, under its hash alone."""
    device = world.device()
    lost = device.usage(rows=[(0, 0, 1000)])
    with monkeypatch.context() as patch:
        patch.setattr("amos_ledger.store.rollups.stem_frames", lambda *_: 1 / 0)
        segment = device.seal([(0, 0, 1000)])
        assert world.take(device, segment)[0].verdict != ACCEPTED
    device.sequence, device.previous, device.frame = 0, lost.previous, 0
    assert [item.verdict for item in world.take(device, device.seal(), device.seal())] == [ACCEPTED] * 2


def test_anchors_that_a_wrong_clock_made_forget_are_not_judged(world: Any) -> None:
    device = world.device()
    assert ask(world, device, NOON_MS - HOUR_MS)
    with world.folder.open_store() as store, store.transaction():  # the ledger's clock is years ahead for a moment
        store.chain.anchors.issue(device.key.id, NOON_MS + 1000 * DAY_MS)
    assert ask(world, device, NOON_MS - HOUR_MS // 2)
    (accepted,) = world.take(device, device.seal(**dated(NOON_MS - HOUR_MS, 0)))
    assert (accepted.verdict, accepted.detail) == (ACCEPTED, None)
    (refused,) = world.take(device, device.seal(**dated(NOON_MS - HOUR_MS // 4, 60_000)))
    assert refused.detail.startswith("anchor_never_issued: ")


def test_a_root_that_was_put_back_is_counted(world: Any) -> None:
    """Whoever keeps copies of what a player remembers may choose among them, and so choose the music."""
    device, roots = world.device(), [bytes(32)]
    for session, chosen in enumerate([0, 1, 2, 1, 2], 1):
        device.frame = 0
        place = {"boot": session, "session": session, "seed_root": roots[chosen]}
        (accepted,) = world.take(device, device.seal(**dated(NOON_MS, 0) | {"clock": 1} | place))
        assert accepted.verdict == ACCEPTED
        with world.folder.open_store() as store:
            roots.append(store.root())
            found = [(odd.count, odd.whole) for odd in store.oddities() if odd.oddity == "seed_root_back"]
        assert found == ([(1, session - 1)] if session > 3 else [])
