"""Directives on their way: to the player that each is for, whatever the broker retains, and back in its status."""

import time
from pathlib import Path
from typing import Any

import pytest
from sync_journals import FakePlayer
from test_courier import SEED_A, SEED_B, SITE, Venue, venue  # noqa: F401 (a fixture)
from test_courier_packs import Pack, shelve, web  # noqa: F401 (a fixture)
from test_courier_packs import Venue as PackVenue
from test_courier_packs import venue as pack_venue  # noqa: F401 (a fixture)

from amos.protocol import topics
from amos.protocol.link import Status
from amos_sync import session
from amos_sync.directed_packs import DirectedPacks
from amos_sync.directives import STICK, Directives
from protocol_examples import Party, a_directive, signed_directive

OPERATOR, STRANGER = Party(2), Party(6)
DEVICE = bytes(range(16))


def topic(player: FakePlayer) -> str:
    return topics.device_topic(SITE, player.device_id, topics.DIRECTIVE)


def signed(player: FakePlayer, serial: int, party: Party = OPERATOR, **wanted: object) -> bytes:
    return signed_directive(a_directive(player.device_id, serial, **wanted), party)


def test_a_directive_reaches_its_player_and_the_status_says_so(venue: Venue) -> None:  # noqa: F811
    one, other = venue.player(SEED_A, 1).player, venue.player(SEED_B, 1, name="q").player
    ledger = venue.start_ledger()
    ledger.publish(topic(one), signed(one, 1, tier=2), retain=True)
    venue.start()
    venue.run(lambda: one.directives.serial == 1)
    assert (one.tier, other.directives.serial) == (2, None)
    ledger.publish(topic(one), signed(one, 2, tier=3), retain=True)
    venue.run(lambda: one.directives.serial == 2 and venue.heard("took a directive"))
    assert one.tier == 3


def test_what_a_broker_makes_up_brings_back_or_sends_elsewhere_changes_nothing(venue: Venue) -> None:  # noqa: F811
    one, other = venue.player(SEED_A, 1).player, venue.player(SEED_B, 1, name="q").player
    ledger = venue.start_ledger()
    courier = venue.start()
    ledger.publish(topic(one), signed(one, 5, tier=5), retain=True)
    venue.run(lambda: one.directives.serial == 5)
    for data, said in (
        (signed(one, 9, STRANGER, tier=9), "signature"),
        (signed(one, 4, tier=4), "expected 5 or more, found 4"),
        (signed(other, 9, tier=9), "directive.device_id"),
        (b"garbage", "refused a directive"),
    ):
        ledger.publish(topic(one), data, retain=True)
        venue.run(lambda said=said: said in (one.directives.refused or "") or venue.heard(said))  # type: ignore[misc]
        assert (one.directives.serial, one.tier, other.directives.serial) == (5, 5, None)
    ledger.publish(topic(one), signed(one, 6, tier=6), retain=True)
    venue.run(lambda: one.directives.serial == 6)
    ledger.publish(topic(one), b"", retain=True)
    venue.run(lambda: not courier.directives.of(one.device_id))
    assert one.directives.serial == 6, "what is withdrawn at the broker holds on"


def test_a_directed_pack_alone_is_brought(pack_venue: PackVenue, tmp_path: Path) -> None:  # noqa: F811
    player, common = pack_venue.player, Pack(1)
    directed = Pack(2, "abcdefx")
    pack_venue.start(shelve(tmp_path / "packs", common))
    pack_venue.ledger.publish(topic(player), signed(player, 1, pack=directed.id), retain=True)
    pack_venue.run(lambda: player.directives.serial == 1)
    shelve(tmp_path / "packs", directed)
    pack_venue.run(lambda: player.plays() == directed.id)


def test_a_pack_comes_after_the_directive_that_names_it(
    pack_venue: PackVenue,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the pack is at hand already and the directive comes in the middle of a look: the player would refuse
    the pack, and be offered it again ten minutes later."""
    player, first, second = pack_venue.player, Pack(1), Pack(2, "abcdefx")
    courier = pack_venue.start(shelve(tmp_path / "packs", first))
    assert courier.directives.came(player.device_id, signed(player, 1, pack=first.id))
    pack_venue.run(lambda: player.plays() == first.id and player.directives.serial == 1)
    shelve(tmp_path / "packs", second)
    pack_venue.run(lambda: courier.packs.common is not None and courier.packs.common.pack.pack_id == second.id)
    came, pull_page = [], session.Session._pull_page

    def meanwhile(talk: session.Session, status: Status) -> Any:
        if not came:
            came.append(courier.directives.came(player.device_id, signed(player, 2, pack=second.id)))
        return pull_page(talk, status)

    monkeypatch.setattr(session.Session, "_pull_page", meanwhile)
    pack_venue.run(lambda: player.plays() == second.id)
    assert came == [True] and not pack_venue.heard("does not take")


def test_a_courier_that_knows_the_operator_fetches_a_pack_from_where_the_directive_says(
    pack_venue: PackVenue,  # noqa: F811
    web: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    player, directed = pack_venue.player, Pack(3)
    shelve(tmp_path / "web" / "three", directed)
    wanted = {"pack": directed.id, "pack_place": web + "three", "pack_from_unix_s": int(time.time()) + 2}
    pack_venue.ledger.publish(topic(player), signed(player, 1, **wanted), retain=True)
    pack_venue.start(tmp_path / "absent", operator_key=OPERATOR.public_key)
    pack_venue.run(lambda: player.directives.serial == 1)
    assert player.plays() == bytes(32), "not before its moment"
    pack_venue.run(lambda: player.plays() == directed.id)
    assert time.time() >= wanted["pack_from_unix_s"]


def test_what_comes_when_the_talk_is_past_its_place_does_not_wait_for_the_next_poll(
    venue: Venue,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "POLL_MS", 3_600_000)
    player = venue.player(SEED_A, 0).player
    courier = venue.start()
    (device,) = courier.devices
    # The first look is asked for: directives were handed over before it, and the pause comes after it.
    venue.run(lambda: device.session is not None and device.session.device_id is not None)
    assert device.session is not None and device.session.status is None
    assert courier.directives.came(player.device_id, signed(player, 1))
    device.wake()
    venue.run(lambda: player.directives.serial == 1)


def test_what_the_player_refused_does_not_keep_it_from_its_pack(
    pack_venue: PackVenue,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Nobody told this courier the operator's key, so that only the player can tell what is the operator's."""
    player, common = pack_venue.player, Pack(1)
    forged = signed(player, 1, STRANGER, pack=bytes(32), pack_place="http://127.0.0.1:1/")
    pack_venue.ledger.publish(topic(player), forged, retain=True)
    courier = pack_venue.start(tmp_path / "packs")
    pack_venue.run(lambda: "signature" in (player.directives.refused or ""))
    shelve(tmp_path / "packs", common)
    pack_venue.run(lambda: player.plays() == common.id)
    assert courier.directives.wanted(player.device_id) is None
    pack_venue.ledger.publish(topic(player), b"", retain=True)


def test_a_directed_pack_that_nobody_may_fetch_is_said_once_and_lasts(
    pack_venue: PackVenue,  # noqa: F811
    tmp_path: Path,
) -> None:
    player, directed = pack_venue.player, Pack(2, "abcdefx")
    courier = pack_venue.start(shelve(tmp_path / "packs", Pack(1)))
    wanted = signed(player, 1, pack=directed.id, pack_place="https://packs.example/two/")
    pack_venue.ledger.publish(topic(player), wanted, retain=True)
    pack_venue.run(lambda: pack_venue.heard("start it with --operator-key, or put the pack at --packs"))
    for _turn in range(20):
        courier.turn(10)
    said = [sentence for sentence in pack_venue.said if "--operator-key" in sentence]
    assert len(said) == 1 and directed.id.hex()[:16] in said[0], said
    assert said[0] in [fault.sentence for fault in courier.notes.faults.present()]
    shelve(tmp_path / "packs", directed)
    pack_venue.run(lambda: player.plays() == directed.id)
    pack_venue.run(lambda: not [each for each in courier.notes.faults.present() if "--operator-key" in each.sentence])
    pack_venue.ledger.publish(topic(player), b"", retain=True)


@pytest.mark.parametrize("known", [OPERATOR.public_key, None])
def test_what_a_stick_brings_takes_nothing_from_what_holds(known: bytes | None) -> None:
    """Forged, and an older one of the operator's, from another stick."""
    directives = Directives(known)
    held, older = (signed_directive(a_directive(DEVICE, serial, tier=serial), OPERATOR) for serial in (5, 4))
    forged = signed_directive(a_directive(DEVICE, 9), STRANGER)
    assert directives.came(DEVICE, held)
    directives.offered(DEVICE, held, True)
    for data in (forged, older):
        assert directives.came(DEVICE, data, STICK)
        assert directives.of(DEVICE) == [held, data]
        directives.offered(DEVICE, data, False)
        found = directives.wanted(DEVICE)
        assert found is not None and found.serial == 5


@pytest.mark.parametrize("place", ["file:///etc", "/etc", "http://user:password@x.example/", "x" * 256])
def test_a_place_that_is_no_web_servers_is_not_looked_at(place: str, tmp_path: Path) -> None:
    directives = Directives(OPERATOR.public_key)
    wanted = a_directive(DEVICE, 1, pack=bytes(32), pack_place=place)
    assert directives.came(DEVICE, signed_directive(wanted, OPERATOR))
    packs = DirectedPacks(None, directives, tmp_path, None, True, lambda: None)
    assert packs.of(DEVICE) is None and not packs.waits(DEVICE)


def test_nobody_but_the_operator_has_a_courier_fetch_anything(tmp_path: Path) -> None:
    wanted = a_directive(DEVICE, 1, pack=bytes(32), pack_place="http://127.0.0.1:1/")
    for key, is_taken in ((OPERATOR.public_key, False), (None, False), (None, True)):
        directives = Directives(key)
        data = signed_directive(wanted, STRANGER)
        assert directives.came(DEVICE, data), "the player decides"
        assert directives.wanted(DEVICE) is None
        directives.offered(DEVICE, data, is_taken)
        assert (directives.wanted(DEVICE) is not None) == is_taken
        packs = DirectedPacks(None, directives, tmp_path, None, key is not None, lambda: None)
        assert packs.of(DEVICE) is None and not packs.waits(DEVICE)
        assert not packs._caches
    assert not directives.came(DEVICE, bytes(2049)) and directives.of(DEVICE) == []
    assert directives.wanted(DEVICE) is None
