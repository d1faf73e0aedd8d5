"""The ledger's key gives way to another: what couriers keep of it, bring, and hand over then."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from sync_ledgers import FakeLedger
from sync_players import LEDGER_KEY, LEDGER_SEED
from test_courier import SEED_A, SEED_B, SITE, Venue, hurried, venue  # noqa: F401 (fixtures)
from test_lost_ledger import ORIGIN, note

from amos.crypto import key_id, public_key, sign, verify
from amos.protocol import topics
from amos.protocol.anchor import open_anchor
from amos.protocol.answer import Answer
from amos.protocol.cbor import dumps, loads
from amos.protocol.checkpoint_host import Checkpoint, add_signature, sign_checkpoint
from amos.protocol.errors import ProtocolError
from amos.protocol.merkle import leaf_hash, root_from_path
from amos.protocol.receipt import parse_receipt
from amos.protocol.rotation import LEDGER, OPERATOR, Rotation, appointment, sign_rotation
from amos.protocol.signing import sign_anchor, sign_receipt
from amos_sync.ledger_line import LedgerLine, keys_of
from amos_sync.limits import ROTATIONS_OF_A_NUMBER_MAX
from amos_sync.spool import Spool
from amos_sync.tree_heads import TreeHeads

SEEDS = [LEDGER_SEED, b"M" * 32, b"N" * 32]
KEYS = [public_key(seed) for seed in SEEDS]
STRANGER = b"S" * 32
LEAF = 7


def by(seed: bytes):  # type: ignore[no-untyped-def]
    return lambda message: sign(seed, message)


def rotation(old: bytes, new: bytes, number: int, role: int = LEDGER, receipt_by: bytes | None = None) -> bytes:
    facts = {"version": 1, "role": role, "origin": ORIGIN, "number": number, "unix_s": 9}
    facts |= {"old_key": public_key(old), "new_key": public_key(new), "until_unix_s": 9 if role == LEDGER else None}
    proof = sign(new, Rotation(possession=bytes(64), **facts).possession_message())
    entry = sign_rotation(Rotation(possession=proof, **facts), by(old))
    path = [bytes([level]) * 32 for level in range(3)]
    root = root_from_path(leaf_hash(entry), LEAF, 8, path)
    signer = receipt_by or new
    return appointment(entry, sign_receipt(8, LEAF, path, root, key_id(public_key(signer)), by(signer)))


LINE = [rotation(SEEDS[0], SEEDS[1], 1), rotation(SEEDS[1], SEEDS[2], 2)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool")
    yield made
    made.close()


def head(size: int, seed: bytes) -> bytes:
    found = Checkpoint(ORIGIN, size, sha256(b"root of %d" % size).digest())
    return sign_checkpoint(found, public_key(seed), by(seed))


def by_both(size: int) -> bytes:
    said = Checkpoint(ORIGIN, size, sha256(b"root of %d" % size).digest())
    return add_signature(head(size, SEEDS[1]), said, KEYS[0], by(SEEDS[0]))


def test_it_keeps_the_line_in_its_order_over_a_restart(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    assert [line.came(data) for data in (LINE[1], LINE[0], LINE[0])] == [True, True, False]
    spool.commit()
    again = LedgerLine(spool, None)
    assert again.to_bring() == LINE
    assert [keys_of(data) for data in LINE] == [(key_id(old), key_id(new)) for old, new in pairwise(KEYS)]


def test_what_is_no_rotation_of_a_ledger_is_not_kept(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    for wrong in (
        b"",
        LINE[0][:-1],
        rotation(SEEDS[0], SEEDS[1], 1, OPERATOR),
        rotation(SEEDS[0], SEEDS[1], 1, receipt_by=SEEDS[0]),
    ):
        with pytest.raises(ProtocolError):
            line.came(wrong)
    assert line.to_bring() == []


def test_a_forged_one_comes_after_the_true_one_and_changes_no_trust(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    forged = rotation(STRANGER, b"T" * 32, 1)
    assert line.came(forged), "it cannot tell which key a player knows"
    with pytest.raises(ProtocolError):
        line.open_head(head(9, b"T" * 32))
    assert line.came(LINE[0]) and line.to_bring() == [LINE[0], forged]
    assert line.open_head(head(9, SEEDS[1])) is not None


@pytest.mark.parametrize("pinned", [None, *KEYS])
def test_what_the_broker_retains_displaces_no_true_one(spool: Spool, pinned: bytes | None) -> None:
    """A liar at the broker retains rotations of keys of his own, one after the other, and also by a stolen old key."""
    line = LedgerLine(spool, pinned)
    assert all(line.came(data) for data in LINE)
    forged = [rotation(bytes([at]) * 32, STRANGER, number) for at in range(9) for number in (1, 2)]
    stolen = [rotation(SEEDS[0], bytes([100 + at]) * 32, 1) for at in range(9)]
    for data in (*forged, *stolen):
        line.came(data)
    spool.commit()
    for again in (line, LedgerLine(spool, pinned)):
        assert set(LINE) <= set(again.to_bring())
        assert len(again.to_bring()) <= 2 * ROTATIONS_OF_A_NUMBER_MAX
        if pinned is not None:
            assert again.keys() == KEYS[KEYS.index(pinned) :]
            assert [data for data in again.to_bring() if data in LINE] == LINE and again.to_bring()[0] == LINE[0]


def test_a_true_one_is_heard_where_forged_ones_were_first(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    for at in range(9):
        line.came(rotation(bytes([at]) * 32, STRANGER, 1))
    assert line.came(LINE[0]) and line.came(LINE[1]) and line.keys() == KEYS
    line.came(rotation(b"w" * 32, STRANGER, 1))
    assert LINE[0] in line.to_bring()


def test_a_rotation_with_another_receipt_is_the_same_one(spool: Spool) -> None:
    """Whoever holds no key can change the size and the index that a receipt names."""
    line = LedgerLine(spool, KEYS[0])
    assert line.came(LINE[0])
    entry, receipt = loads(LINE[0])
    said = dumps([8, LEAF, parse_receipt(receipt).path])
    other = dumps([entry, receipt.replace(said, dumps([12, 11, parse_receipt(receipt).path]))])
    assert other != LINE[0] and not line.came(other) and line.to_bring() == [LINE[0]]


def test_a_stolen_old_keys_heads_are_not_kept_and_do_not_stay(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    heads = TreeHeads(spool, SITE, line)
    heads.came(head(1000, SEEDS[0]), 0, 0)
    line.came(LINE[0])
    assert heads.came(head(12, SEEDS[1]), 0, 0) is None and spool.head() == head(12, SEEDS[1])
    objection = heads.came(head(2000, SEEDS[0]), 10**9, 0)
    assert spool.head() == head(12, SEEDS[1]) and objection is not None and objection.payload == spool.head()


def test_another_pinned_key_begins_with_what_is_shown(spool: Spool) -> None:
    TreeHeads(spool, SITE, LedgerLine(spool, KEYS[0])).came(head(9, SEEDS[0]), 0, 0)
    TreeHeads(spool, SITE, LedgerLine(spool, KEYS[1])).came(head(12, SEEDS[1]), 0, 0)
    assert spool.head() == head(12, SEEDS[1])


def test_heads_of_the_line_are_the_ledgers_and_an_old_keys_later_ones_are_not(spool: Spool) -> None:
    line = LedgerLine(spool, KEYS[0])
    heads = TreeHeads(spool, SITE, line)
    assert heads.came(note(5), 0, 0) is None
    with pytest.raises(ProtocolError):
        heads.came(head(12, SEEDS[1]), 0, 0)
    line.came(LINE[0])
    heads.came(head(12, SEEDS[0]), 0, 0)
    assert spool.head() == note(5), "an old key's later ones are not kept"
    both = add_signature(
        head(12, SEEDS[1]), Checkpoint(ORIGIN, 12, sha256(b"root of 12").digest()), KEYS[0], by(SEEDS[0])
    )
    assert heads.came(both, 0, 0) is None and spool.head() == both
    objection = heads.came(head(6, SEEDS[0]), 10**9, 0)
    assert objection is not None and objection.payload == both, "a ledger put back from before the rotation"


def test_a_courier_of_before_takes_a_head_with_both_signatures(spool: Spool) -> None:
    """It knows the first key, and passes the other line over."""
    heads = TreeHeads(spool, SITE, LedgerLine(spool, KEYS[0]))
    both = add_signature(
        head(12, SEEDS[1]), Checkpoint(ORIGIN, 12, sha256(b"root of 12").digest()), KEYS[0], by(SEEDS[0])
    )
    assert heads.came(both, 0, 0) is None and spool.head() == both


def in_transition(ledger: FakeLedger) -> None:
    """It says each receipt and each anchor by the old key and then by the new one."""

    def said(answer: Answer) -> list[Answer]:
        if answer.receipt is None:
            return [answer]
        segment = next(ledger.segments[name] for name, receipt in ledger.receipts.items() if receipt == answer.receipt)
        parsed = parse_receipt(answer.receipt)
        proof = (parsed.tree_size, parsed.leaf_index, parsed.path)
        root = root_from_path(leaf_hash(segment), parsed.leaf_index, parsed.tree_size, parsed.path)
        facts = {name: getattr(answer, name) for _key, name, _kind, _bound in Answer.FIELDS}
        twin = sign_receipt(*proof, root, key_id(KEYS[1]), by(SEEDS[1]))
        return [answer, Answer(**(facts | {"receipt": twin}))]

    def dated(payload: bytes) -> list[bytes]:
        anchor = open_anchor(payload, KEYS[0], verify)
        return [payload, sign_anchor(anchor, key_id(KEYS[1]), by(SEEDS[1]))]

    ledger.said, ledger.dated = said, dated


@pytest.mark.parametrize("told_later", [False, True])
def test_each_player_gets_what_the_key_signed_that_it_follows(
    venue: Venue,  # noqa: F811
    hurried: None,  # noqa: F811
    told_later: bool,
) -> None:
    new, old = venue.player(SEED_A, 4), venue.player(SEED_B, 4, "serial", "tty")
    old.player.older = True
    ledger = venue.start_ledger()
    in_transition(ledger)
    try:
        if not told_later:
            ledger.publish(topics.rotation_topic(1), LINE[0], retain=True)
        venue.start(ledger_key=LEDGER_KEY)
        if told_later:  # after receipts by the old key went into the spool, and to the players
            venue.run(lambda: new.player.last_receipted > 0)
            ledger.publish(topics.rotation_topic(1), LINE[0], retain=True)
        venue.run(lambda: new.player.ledger_key == KEYS[1])
        venue.run_until_idle()
        venue.assert_all_home(4)
        venue.run(lambda: venue.heard("does not follow the ledger's key"))
        assert old.player.ledger_key == KEYS[0]
        if not told_later:  # else a minute later
            venue.run(lambda: new.player.anchored and old.player.anchored)
    finally:
        ledger.publish(topics.rotation_topic(1), b"", retain=True)  # the broker is shared


def test_an_opt_out_list_that_was_refused_comes_again_once_the_player_follows(
    venue: Venue,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One under a delegation for the next key: it does not wait ten minutes."""
    player = venue.player(SEED_A, 1).player
    ledger, taken = venue.start_ledger(), player.take_opt_outs
    refused: list[bytes] = []

    def take(data: bytes) -> None:
        if player.ledger_key != KEYS[1]:
            refused.append(data)
            raise ProtocolError("delegation.ledger: expected another")
        taken(data)

    monkeypatch.setattr(player, "take_opt_outs", take)
    try:
        ledger.publish(topics.DELEGATED_OPT_OUTS, b"good ones of payees", retain=True)
        venue.start(ledger_key=LEDGER_KEY)
        venue.run(lambda: bool(refused))
        ledger.publish(topics.rotation_topic(1), LINE[0], retain=True)
        venue.run(lambda: player.opt_outs == [b"good ones of payees"])
    finally:
        for topic in (topics.DELEGATED_OPT_OUTS, topics.rotation_topic(1)):
            ledger.publish(topic, b"", retain=True)  # the broker is shared


def test_after_the_transition_a_player_of_before_is_named(
    venue: Venue,  # noqa: F811
    hurried: None,  # noqa: F811
) -> None:
    new, old = venue.player(SEED_A, 2), venue.player(SEED_B, 2, "serial", "tty")
    old.player.older = True
    ledger = venue.start_ledger()
    in_transition(ledger)
    both = ledger.said
    ledger.said = lambda answer: both(answer)[-1:]
    try:
        for number, data in enumerate(LINE[:1], 1):
            ledger.publish(topics.rotation_topic(number), data, retain=True)
        venue.start(ledger_key=LEDGER_KEY)
        refused = "does not follow the ledger's key: expected a known kind"
        venue.run(lambda: not new.player.segments and venue.heard(refused))
        assert len(old.player.segments) == 2, "what the ledger says by a key that it does not know is not for it"
    finally:
        ledger.publish(topics.rotation_topic(1), b"", retain=True)


def test_a_forged_rotation_keeps_no_receipt_from_a_player(
    venue: Venue,  # noqa: F811
    hurried: None,  # noqa: F811
) -> None:
    """The player followed long ago, and answers ok to whatever has a number that it is past."""
    followed = venue.player(SEED_A, 3)
    followed.player.take_rotation(LINE[0])
    ledger = venue.start_ledger()
    in_transition(ledger)
    both, ledger.said = ledger.said, lambda answer: []
    try:
        ledger.publish(topics.rotation_topic(1), LINE[0], retain=True)
        courier = venue.start()
        venue.run(lambda: venue.heard("follows the ledger's key"))
        ledger.publish(topics.rotation_topic(1), rotation(STRANGER, b"T" * 32, 1), retain=True)
        for _ in range(60):
            courier.turn(20)
        ledger.said = both
        venue.run_until_idle()
        venue.assert_all_home(3)
        assert followed.player.anchored
    finally:
        ledger.publish(topics.rotation_topic(1), b"", retain=True)


def test_an_index_beyond_all_trees_is_no_receipts(spool: Spool) -> None:
    """A path fits many indexes, and whoever holds no key may change the one that a receipt names."""
    path = [bytes([level]) * 32 for level in range(3)]
    index = (1 << 63) | 3
    root = root_from_path(leaf_hash(b"entry"), LEAF, 8, path)
    assert root_from_path(leaf_hash(b"entry"), index, index + 1, path) == root
    with pytest.raises(ProtocolError, match="at most 2"):
        parse_receipt(sign_receipt(index + 1, index, path, root, key_id(KEYS[0]), by(SEEDS[0])))
