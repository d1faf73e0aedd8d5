"""The operator's key gives way to another: what couriers keep of it, bring, and act on then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sync_journals import OPERATOR_SEED, FakePlayer
from sync_players import LEDGER_KEY, LEDGER_SEED
from test_courier import SEED_A, SITE, Venue, hurried, venue  # noqa: F401 (fixtures)
from test_ledger_line import LINE as LEDGERS_LINE
from test_ledger_line import SEEDS as LEDGER_SEEDS
from test_ledger_line import rotation as made

from amos.crypto import public_key
from amos.protocol import topics
from amos.protocol.errors import ProtocolError
from amos.protocol.rotation import OPERATOR
from amos_sync.directives import Directives
from amos_sync.ledger_line import LedgerLine
from amos_sync.limits import ROTATIONS_OF_A_NUMBER_MAX
from amos_sync.operator_line import OperatorLine
from amos_sync.spool import Spool
from protocol_examples import Party, a_directive, signed_directive

SEEDS = [OPERATOR_SEED, b"P" * 32, b"Q" * 32]
KEYS = [public_key(seed) for seed in SEEDS]
STRANGER = b"S" * 32


def rotation(old: bytes, new: bytes, number: int, receipt_by: bytes = LEDGER_SEED) -> bytes:
    return made(old, new, number, OPERATOR, receipt_by)


LINE = [rotation(SEEDS[0], SEEDS[1], 1), rotation(SEEDS[1], SEEDS[2], 2)]
STOLEN = rotation(SEEDS[0], STRANGER, 1, STRANGER)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made_spool = Spool(tmp_path / "spool")
    yield made_spool
    made_spool.close()


def line_of(spool: Spool, ledger_key: bytes | None = LEDGER_KEY, pinned: bytes | None = KEYS[0]) -> OperatorLine:
    return OperatorLine(spool, LedgerLine(spool, ledger_key), pinned)


def test_it_keeps_the_line_in_its_order_over_a_restart(spool: Spool) -> None:
    line = line_of(spool)
    assert line.keys() == KEYS[:1]
    assert [line.came(data) for data in (LINE[1], LINE[0], LINE[0])] == [True, True, False]
    spool.commit()
    for again in (line, line_of(spool), line_of(spool, None)):
        assert again.to_bring() == LINE and again.keys() == KEYS[2:]
    assert LedgerLine(spool, LEDGER_KEY).to_bring() == [], "they are not the ledger's"


def test_what_is_no_rotation_of_an_operator_is_not_kept(spool: Spool) -> None:
    line = line_of(spool)
    for wrong in (b"", LINE[0][:-1], LEDGERS_LINE[0]):
        with pytest.raises(ProtocolError):
            line.came(wrong)
    assert line.to_bring() == [] and line.keys() == KEYS[:1]


@pytest.mark.parametrize("first", [True, False])
def test_a_stolen_old_key_appoints_nobody_where_the_ledger_is_known(spool: Spool, first: bool) -> None:
    line, unsure = line_of(spool), line_of(spool, None)
    for data in (STOLEN, LINE[0]) if first else (LINE[0], STOLEN):
        line.came(data)
    assert line.to_bring()[0] == LINE[0] and line.keys() == [KEYS[1]]
    spool.commit()
    unsure = line_of(spool, None)
    assert set(unsure.to_bring()) == {LINE[0], STOLEN}, "players decide"
    assert set(unsure.keys()) == {KEYS[1], public_key(STRANGER)}


@pytest.mark.parametrize("ledger_key", [None, LEDGER_KEY])
def test_what_the_broker_retains_displaces_no_true_one(spool: Spool, ledger_key: bytes | None) -> None:
    line = line_of(spool, ledger_key)
    assert all(line.came(data) for data in LINE)
    for at in range(9):
        line.came(rotation(SEEDS[0], bytes([100 + at]) * 32, 1, STRANGER))
        line.came(rotation(bytes([at]) * 32, STRANGER, 2, STRANGER))
    spool.commit()
    for again in (line, line_of(spool, ledger_key)):
        brought = again.to_bring()
        assert set(LINE) <= set(brought) and len(brought) <= 2 * ROTATIONS_OF_A_NUMBER_MAX
        assert ledger_key is None or brought == LINE


def test_the_receipt_of_the_ledgers_next_key_takes_the_place_of_the_first(spool: Spool) -> None:
    ledger = LedgerLine(spool, LEDGER_KEY)
    line = OperatorLine(spool, ledger, KEYS[0])
    anew = rotation(SEEDS[0], SEEDS[1], 1, LEDGER_SEEDS[1])
    assert line.came(anew) and line.keys() == KEYS[:1], "the key that vouches is not known yet"
    assert line.came(LINE[0]) and line.to_bring() == [LINE[0]]
    assert ledger.came(LEDGERS_LINE[0])
    assert line.to_bring() == [anew] and line.keys() == [KEYS[1]]


def test_what_came_before_the_key_that_signed_it_is_believed_then() -> None:
    device = bytes(16)
    directives = Directives(KEYS[0])
    assert directives.came(device, signed_directive(a_directive(device, 1), Party(ord("P"))))
    assert directives.wanted(device) is None
    directives.follow([KEYS[1]])
    assert directives.wanted(device) is not None
    directives.follow([KEYS[2]])
    assert directives.wanted(device) is None


def test_a_player_follows_and_takes_what_the_new_key_signed_and_no_more_by_the_old(
    venue: Venue,  # noqa: F811
    hurried: None,  # noqa: F811
) -> None:
    player: FakePlayer = venue.player(SEED_A, 2).player
    ledger = venue.start_ledger()
    topic = topics.device_topic(SITE, player.device_id, topics.DIRECTIVE)
    told = [topics.operator_rotation_topic(number) for number in (1, 2)]

    def directed(serial: int, party: Party, **wanted: object) -> bytes:
        return signed_directive(a_directive(player.device_id, serial, **wanted), party)

    old, new = Party(2), Party(ord("Q"))
    assert (old.public_key, new.public_key) == (KEYS[0], KEYS[2])
    try:
        ledger.publish(topic, directed(1, old, tier=2), retain=True)
        courier = venue.start(ledger_key=LEDGER_KEY, operator_key=KEYS[0])

        def courier_wants(serial: int) -> bool:
            wanted = courier.directives.wanted(player.device_id)
            return wanted is not None and wanted.serial == serial

        venue.run(lambda: player.directives.serial == 1)
        ledger.publish(topic, directed(2, new, tier=3), retain=True)  # before the rotations are heard
        venue.run(lambda: "signature" in (player.directives.refused or ""))
        for name, data in zip(told, LINE, strict=True):
            ledger.publish(name, data, retain=True)
        venue.run(lambda: player.directives.serial == 2)
        assert (player.tier, player.directives.operator.key) == (3, KEYS[2])
        venue.run(lambda: courier_wants(2))  # the courier follows as well
        ledger.publish(topic, directed(3, old, tier=4), retain=True)
        venue.run(lambda: "signature" in (player.directives.refused or ""))
        assert (player.tier, player.directives.serial) == (3, 2)
        assert courier_wants(2), "what holds at the player holds for its courier"
        assert venue.heard("follows the operator's key")
    finally:
        for name in told:
            ledger.publish(name, b"", retain=True)  # the broker is shared
