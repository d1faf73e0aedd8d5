"""Opt-out lists and time anchors on their way: to every player, whatever broker and file say in between."""

import hashlib
import threading
import time
from pathlib import Path

import pytest
from scripted_broker import Conversation, ScriptedBroker
from sync_players import LEDGER_KEY, FakePlayer, PlayerThread, sealed
from test_courier import SEED_A, SEED_B, Venue, venue  # noqa: F401 (a fixture)

from amos.protocol import topics
from amos.protocol.limits import OPT_OUTS_BYTES_MAX
from amos.protocol.segment import CLOCK_INFORMATIVE, CLOCK_RELATIVE, CLOCK_SYNCHRONISED, CLOCK_UNKNOWN
from amos_sync import limits
from amos_sync.anchors import Anchors
from amos_sync.opt_outs import FILE_LOOK_MS, Offered, OptOutLists

DEVICE, OTHER = bytes(16), bytes(15) + b"\x01"
DAY_MS = limits.ANCHOR_AGAIN_MS


@pytest.mark.parametrize("clock", [CLOCK_UNKNOWN, CLOCK_INFORMATIVE, CLOCK_SYNCHRONISED, CLOCK_RELATIVE])
def test_an_anchor_is_due_after_connecting_and_by_the_clock(clock: int) -> None:
    anchors = Anchors()
    assert anchors.due(DEVICE, clock, 5)
    anchors.asked(DEVICE, 5)
    wait_ms = DAY_MS if clock == CLOCK_SYNCHRONISED else limits.ANCHOR_RETRY_MS
    assert not anchors.due(DEVICE, clock, 5 + wait_ms - 1) and anchors.due(DEVICE, clock, 5 + wait_ms)
    anchors.forget(DEVICE)
    assert anchors.due(DEVICE, clock, 6)


def test_an_anchor_is_handed_over_once_and_only_to_who_asked() -> None:
    anchors = Anchors()
    assert not anchors.came(DEVICE, b"unasked") and anchors.take(DEVICE) is None
    anchors.asked(DEVICE, 0)
    assert anchors.waiting(DEVICE, limits.ANCHOR_WAIT_MS - 1) and not anchors.waiting(DEVICE, limits.ANCHOR_WAIT_MS)
    assert anchors.came(DEVICE, b"one") and not anchors.came(OTHER, b"one")
    assert anchors.take(DEVICE) == b"one" and anchors.take(DEVICE) is None
    assert not anchors.came(DEVICE, b"again") and not anchors.waiting(DEVICE, 1)


def test_lists_come_from_the_file_as_it_is_and_from_the_broker(tmp_path: Path) -> None:
    now = [0]
    path = tmp_path / "opt-outs.cose"
    lists = OptOutLists(path, lambda: now[0])
    assert lists.lists() == []
    for content, expected in ((b"one", [b"one"]), (b"", []), (bytes(OPT_OUTS_BYTES_MAX + 1), []), (b"two", [b"two"])):
        path.write_bytes(content)
        now[0] += FILE_LOOK_MS
        assert lists.lists() == expected
    lists.came(topics.OPT_OUTS, b"three")
    path.unlink()
    assert lists.lists() == [b"two", b"three"], "not looked for again so soon"
    now[0] += FILE_LOOK_MS
    lists.came(topics.DELEGATED_OPT_OUTS, b"four")
    lists.came(topics.OPT_OUTS, bytes(OPT_OUTS_BYTES_MAX + 1))
    lists.brought(topics.DELEGATED_OPT_OUTS, b"five")
    assert lists.lists() == [b"four", b"five"], "each kind takes the place of its own"


def test_each_list_is_offered_once_and_a_refused_one_later_again() -> None:
    offered = Offered()
    lists = [b"forged", b"true"]
    assert offered.next(lists, 0) == b"forged"
    offered.done(b"forged", "signature", 0)
    assert offered.next(lists, 0) == b"true"
    offered.done(b"true", None, 0)
    assert offered.next(lists, limits.OFFER_AGAIN_MS - 1) is None
    assert offered.next(lists, limits.OFFER_AGAIN_MS) == b"forged"
    for number in range(1000):
        offered.done(b"%d" % number, "no", 0)
        offered.done(b"%d" % number, None, 0)
    assert len(offered._taken) <= 64 and len(offered._refused) <= 64


def test_players_get_the_time_after_connecting(venue: Venue) -> None:  # noqa: F811
    lines = [venue.player(SEED_A, 3), venue.player(SEED_B, 3, "serial", "tty")]
    venue.start_ledger()
    before_ms = time.time_ns() // 1_000_000
    venue.start(ledger_key=LEDGER_KEY)
    # A courier that has nothing else to do waits three seconds for an anchor, which a busy machine may need alone.
    venue.run(lambda: all(line.player.anchored for line in lines))
    venue.run_until_idle()
    venue.assert_all_home(3)
    for line in lines:
        (unix_ms,) = line.player.anchored
        assert before_ms <= unix_ms <= time.time_ns() // 1_000_000
        assert len(line.player.nonces) == 1


def test_a_player_is_asked_once_where_it_is_there_before_the_broker(tmp_path: Path) -> None:
    """A broker that is slow to accept is none that a stick has to stand in for."""
    accepts = threading.Event()

    def slow(talk: Conversation) -> None:
        accepts.wait(60)
        talk.accept()
        talk.stay()

    with ScriptedBroker(slow) as broker:
        venue = Venue(tmp_path, broker.port)
        line = venue.player(SEED_A, 0)
        courier = venue.start()
        try:
            venue.run(lambda: courier.devices[0].session is not None and courier.devices[0].session.settled)
            assert line.player.nonces == [] and not courier.mqtt.up
            accepts.set()
            venue.run(lambda: len(line.player.nonces) == 1)
            assert courier.mqtt.up
        finally:
            accepts.set()
            venue.end()


def test_a_forged_anchor_costs_nothing_but_time(venue: Venue) -> None:  # noqa: F811
    line = venue.player(SEED_A, 2)
    ledger = venue.start_ledger()
    ledger.forge = lambda anchor: anchor[:-1] + bytes((anchor[-1] ^ 1,))
    venue.start(ledger_key=LEDGER_KEY)
    venue.run(lambda: venue.heard("refused a time anchor"))
    venue.run_until_idle()
    venue.assert_all_home(2)
    assert line.player.anchored == []


def test_lists_of_file_and_broker_reach_every_player_past_a_forged_one(
    venue: Venue,  # noqa: F811
    tmp_path: Path,
) -> None:
    lines = [venue.player(SEED_A, 1), venue.player(SEED_B, 1, "serial", "tty")]
    ledger = venue.start_ledger()
    # Retained by a broker that lies, and too long for a place in the queue.
    ledger.publish(topics.OPT_OUTS, b"evil" + bytes(OPT_OUTS_BYTES_MAX - 4), retain=True)
    path = tmp_path / "list"
    path.write_bytes(b"good from the file")
    courier = venue.start(opt_outs=path)
    venue.run(lambda: all(line.player.opt_outs for line in lines) and venue.heard("refused an opt-out list"))
    dropped = courier.mqtt.dropped
    ledger.publish(topics.OPT_OUTS, bytes(OPT_OUTS_BYTES_MAX + 1))
    large = b"good" + bytes(OPT_OUTS_BYTES_MAX - 4)
    ledger.publish(topics.OPT_OUTS, large, retain=True)
    venue.run(lambda: all(line.player.opt_outs[-1] == large for line in lines))
    assert courier.mqtt.dropped == dropped + 1
    path.write_bytes(b"good, newer")
    venue.run(lambda: all(line.player.opt_outs[-1] == b"good, newer" for line in lines))
    venue.run_until_idle()
    venue.assert_all_home(1)
    ledger.publish(topics.OPT_OUTS, b"", retain=True)
    assert [len(line.player.opt_outs) for line in lines] == [3, 3], "each list once a connection"


class OldPlayer(FakePlayer):
    """One that knows neither challenges nor lists."""


def test_an_older_player_is_served_all_the_same(venue: Venue) -> None:  # noqa: F811
    seed = SEED_A[:16] + hashlib.sha256(str(venue.folder).encode()).digest()[:16]
    line = PlayerThread(OldPlayer(seed, sealed(seed, 4)), f"unix:{venue.folder}/old")
    del line.link._verbs[16]
    venue.players.append(line)
    venue.start_ledger()
    venue.start(ledger_key=LEDGER_KEY)
    venue.run_until_idle()
    venue.assert_all_home(4)
    assert line.player.nonces == [] and not venue.heard("trying again")
