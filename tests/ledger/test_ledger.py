"""Intake on a real store: what is kept, what is answered, what is published; nothing twice, nothing lost."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest
from accrued import leaves, rolled_frames
from databases import only_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amos.crypto import verify
from amos.protocol import answer
from amos.protocol.batch import batch_unix_s
from amos.protocol.checkpoint_host import open_checkpoint
from amos.protocol.errors import ProtocolError
from amos.protocol.receipt import parse_receipt
from amos.protocol.segment import LOST_STORAGE
from amos_ledger import clerk, limits
from amos_ledger.intake.reading import Message

NOON = 1_793_534_400


def verdicts(answers: list[Any]) -> list[tuple[int | None, str]]:
    return sorted((item.sequence, answer.VERDICTS[item.verdict]) for item in answers)


def one(answers: list[Any]) -> Any:
    (only,) = answers
    return only


def test_a_batch_is_accepted_receipted_and_rolled_up(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(3)]
    answers = world.take(device, *segments)
    assert verdicts(answers) == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    for item in answers:
        world.check_receipt(segments[item.sequence - 1], item.receipt)
        assert item.message_sha256 == device.message(segments[item.sequence - 1]).sha256
    frames = sum(device.usage().played_frames() - 3 + sequence for sequence in range(3))
    totals = world.totals()
    assert (totals.accepted, totals.frames, totals.held, totals.refused) == (3, frames, 0, {})
    with world.folder.open_store() as store:
        assert rolled_frames(store, "2026-11") == frames
        assert leaves(store, "2026-11") == [5, 6, 7]
        assert [entry for _, entry in store.entries(5, 8)] == segments
        assert next(store.entries(0, 1))[1] == b"amos-ledger/1 ledger.example/amos\n"


def test_a_receipt_vouches_for_its_segment_only(world: Any) -> None:
    device = world.device()
    first, second = device.seal(), device.seal()
    receipt = {item.sequence: item.receipt for item in world.take(device, first, second)}[1]
    with pytest.raises(ProtocolError):
        parse_receipt(receipt).check(second, world.folder.public_key, verify)
    with pytest.raises(ProtocolError):
        parse_receipt(receipt).check(first, device.key.public, verify)


def test_old_receipts_stay_good_and_a_resend_gets_the_original_bytes(world: Any) -> None:
    device = world.device()
    receipts = {}
    for _ in range(20):
        segment = device.seal()
        receipts[segment] = one(world.take(device, segment)).receipt
    for segment, receipt in receipts.items():
        again = one(world.take(device, segment))
        assert (again.verdict, again.receipt) == (answer.DUPLICATE, receipt)
        world.check_receipt(segment, receipt)
    assert (world.totals().accepted, world.totals().duplicates) == (20, 20)


def test_the_same_message_twice_in_a_batch_counts_once(world: Any) -> None:
    device = world.device()
    segment = device.seal()
    first, second = world.take(device, segment, segment)
    assert {first.verdict, second.verdict} == {answer.ACCEPTED, answer.DUPLICATE}
    assert first.receipt == second.receipt
    assert world.totals().accepted == 1


def test_a_gap_is_held_and_accepted_when_the_missing_one_comes(world: Any) -> None:
    device = world.device()
    first, second, third = device.seal(), device.seal(), device.seal()
    held = world.take(device, third, second)
    assert verdicts(held) == [(2, "gap"), (3, "gap")]
    assert {item.detail for item in held} == {"waits for sequence 1"}
    assert verdicts(world.take(device, third)) == [(3, "gap")]
    assert world.totals().held == 2
    answers = world.take(device, first)
    assert verdicts(answers) == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    for item in answers:
        world.check_receipt(device.sealed[item.sequence - 1], item.receipt)
        assert item.message_sha256 == device.message(device.sealed[item.sequence - 1]).sha256
    assert (world.totals().accepted, world.totals().held) == (3, 0)


@given(order=st.permutations(range(7)), resent=st.lists(st.integers(0, 6), max_size=5))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_order_and_any_resending_ends_with_each_segment_once(world: Any, order: Any, resent: list[int]) -> None:
    with world.folder.open_store() as store:
        number = len(store.totals().devices)
        size = store.size()
    device = world.device(number)
    segments = [device.seal() for _ in range(7)]
    got = set()
    for index in [*order, *resent]:
        got |= {item.sequence for item in world.take(device, segments[index]) if item.receipt}
    assert got == set(range(1, 8))
    with world.folder.open_store() as store:
        entries = [entry for _, entry in store.entries(size + 1, store.size())]
        assert [entry for entry in entries if batch_unix_s(entry) is None] == segments


def test_a_declared_loss_closes_the_gap_and_a_found_segment_is_taken_back(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(3)]
    world.take(device, segments[0])
    last = device.seal(lost_first=2, lost_last=3, lost_reason=LOST_STORAGE, previous=bytes(32))
    assert verdicts(world.take(device, last)) == [(4, "accepted")]
    assert verdicts(world.take(device, segments[2])) == [(3, "accepted")]
    assert verdicts(world.take(device, segments[1])) == [(2, "accepted")]
    assert world.totals().accepted == 4


def test_held_segments_go_on_when_a_later_one_declares_the_loss(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(3)]
    world.take(device, segments[0], segments[2])
    device.seal()
    later = device.seal(lost_first=2, lost_last=4, lost_reason=LOST_STORAGE)
    assert verdicts(world.take(device, later)) == [(3, "accepted"), (5, "accepted")]
    assert world.totals().held == 0


def test_a_loss_before_segments_that_are_whole_lets_those_go_on(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(4)]
    world.take(device, segments[0])
    assert verdicts(world.take(device, segments[3], segments[2])) == [(3, "gap"), (4, "gap")]
    declaring = device.seal(lost_first=2, lost_last=2, lost_reason=LOST_STORAGE)
    answers = world.take(device, declaring)
    assert verdicts(answers) == [(3, "accepted"), (4, "accepted"), (5, "accepted")]
    assert (world.totals().accepted, world.totals().held) == (4, 0)


def test_a_fork_keeps_both_and_quarantines(world: Any) -> None:
    device, twin = world.device(), world.device(enrolled=False)
    stored = device.seal()
    forked = twin.seal([])
    world.take(device, stored)
    refused = one(world.take(twin, forked))
    assert refused.verdict == answer.FORK and refused.detail.startswith("sequence 1: accepted is ")
    assert one(world.take(twin, forked)).verdict == answer.FORK
    assert one(world.take(device, device.seal())).verdict == answer.QUARANTINED
    assert one(world.take(device, stored)).verdict == answer.DUPLICATE
    totals = world.totals()
    assert (totals.accepted, totals.evidence, len(totals.quarantined)) == (1, 2, 1)
    assert totals.refused == {"fork": 2, "quarantined": 1}
    assert totals.quarantined[0].quarantine.startswith("fork: sequence 1: ")
    with world.folder.open_store() as store:
        assert stored in [entry for _, entry in store.entries(0, store.size())]


def test_a_quarantine_turns_what_is_held_into_evidence_and_says_so(world: Any) -> None:
    device, twin = world.device(), world.device(enrolled=False)
    for player in (device, twin):
        player.seal()
    held, forked = device.seal(), twin.seal([])
    assert one(world.take(device, held)).verdict == answer.GAP
    answers = world.take(twin, forked)
    assert verdicts(answers) == [(2, "fork"), (2, "quarantined")]
    assert {item.message_sha256 for item in answers} == {
        device.message(held).sha256,
        device.message(forked).sha256,
    }
    assert (world.totals().held, world.totals().evidence) == (0, 2)


def test_a_chain_that_names_another_predecessor_is_a_fork(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())
    refused = one(world.take(device, device.seal(previous=b"x" * 32)))
    assert refused.verdict == answer.FORK and refused.detail.startswith("previous: expected ")


def test_over_the_cap_is_evidence_and_quarantine_and_never_counted(world: Any) -> None:
    device = world.device()
    refused = one(world.take(device, device.seal([(9, 0, 1)])))
    assert (refused.verdict, refused.detail) == (
        answer.IMPOSSIBLE,
        "stem_not_in_pack: stems: expected below the pack's 4, found 9",
    )
    totals = world.totals()
    assert (totals.accepted, totals.frames, totals.evidence, len(totals.quarantined)) == (0, 0, 1, 1)


def test_evidence_of_one_device_is_bounded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_ledger.store.chain.EVIDENCE_SEGMENTS_MAX", 3)
    device = world.device()
    world.take(device, device.seal([(9, 0, 1)]))
    answers = [one(world.take(device, device.seal())) for _ in range(4)]
    assert {item.verdict for item in answers} == {answer.QUARANTINED}
    assert answers[-1].detail.endswith("not kept, there is evidence enough")
    assert world.totals().evidence == 3


def test_held_segments_of_one_device_are_bounded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amos_ledger.intake.decision.HELD_SEGMENTS_MAX", 2)
    device = world.device()
    segments = [device.seal() for _ in range(4)]
    assert verdicts(world.take(device, *segments[1:])) == [(2, "gap"), (3, "gap"), (4, "unavailable")]
    assert verdicts(world.take(device, segments[0])) == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    assert verdicts(world.take(device, segments[3])) == [(4, "accepted")]


def test_an_unknown_device_is_accepted_once_it_is_enrolled(world: Any) -> None:
    device = world.device(enrolled=False)
    segment = device.seal()
    refused = one(world.take(device, segment))
    assert (refused.verdict, refused.device_id, refused.sequence) == (answer.UNKNOWN_DEVICE, device.key.id, None)
    world.enrol(device)
    assert one(world.take(device, segment)).verdict == answer.ACCEPTED
    assert world.totals().refused == {"unknown device": 1}


def test_an_unknown_pack_is_held_until_it_is_published(world: Any, make_pack: Any) -> None:
    pack = make_pack(world.publisher, 2)
    device = world.device()
    device.pack = pack.id
    segments = [device.seal(), device.seal()]
    assert verdicts(world.take(device, *segments)) == [(1, "unknown pack"), (2, "gap")]
    assert world.answers(world.ledger.tick()) == []
    world.publish(pack)
    answers = world.answers(world.ledger.tick())
    assert verdicts(answers) == [(1, "accepted"), (2, "accepted")]
    for item in answers:
        world.check_receipt(segments[item.sequence - 1], item.receipt)
    assert world.answers(world.ledger.tick()) == []


def test_what_is_held_survives_a_restart(world: Any) -> None:
    device = world.device()
    first, second = device.seal(), device.seal()
    world.take(device, second)
    assert world.restart() == []
    assert verdicts(world.take(device, first)) == [(1, "accepted"), (2, "accepted")]


def test_garbage_among_good_messages_costs_nothing(world: Any) -> None:
    device = world.device()
    good = device.seal()
    bad = good[:-1] + bytes([good[-1] ^ 1])
    garbage = [Message.of("x", b""), Message.of(device.topic(), b"\x00garbage"), device.message(bad)]
    replies = world.ledger.take([*garbage, device.message(good)], NOON)
    found = [(reply.topic is None, answer.VERDICTS[reply.answer.verdict]) for reply in replies]
    assert sorted(found) == [
        (False, "accepted"),
        (False, "bad signature"),
        (False, "malformed"),
        (True, "malformed"),
    ]
    assert world.totals().refused == {"malformed": 2, "bad signature": 1}
    assert not world.totals().quarantined


def test_details_of_a_stranger_s_making_fit_the_answer(world: Any) -> None:
    replies = world.ledger.take([Message.of("amos/1/" + "é" * 240, b"")], NOON)
    assert len(replies[0].answer.detail.encode()) <= limits.DETAIL_BYTES_MAX
    assert replies[0].answer.encode()


def test_a_mistake_of_ours_costs_one_message(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(3)]
    poison = sha256(segments[1]).digest()
    keep = clerk._keep

    def failing(store: Any, reading: Any, *rest: Any) -> str:
        if reading.sha256 == poison:
            raise ZeroDivisionError("by a bug")
        return keep(store, reading, *rest)

    monkeypatch.setattr(clerk, "_keep", failing)
    assert sorted(item.verdict for item in world.take(device, *segments)) == sorted(
        [answer.ACCEPTED, answer.UNAVAILABLE, answer.GAP]
    )
    monkeypatch.undo()
    assert verdicts(world.take(device, segments[1])) == [(2, "accepted"), (3, "accepted")]


# When the disk refuses.


@only_sqlite
def test_a_full_disk_is_unavailable_and_recovers_by_itself(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(2)]
    world.take(device, segments[0])
    store = world.ledger._opened()
    (pages,) = store._database.one("PRAGMA page_count")
    store._database.run(f"PRAGMA max_page_count = {pages}")
    big = [device.seal() for _ in range(40)]
    answers = world.take(device, segments[1], *big)
    assert {(item.verdict, item.detail) for item in answers} == {
        (answer.UNAVAILABLE, "database or disk is full"),
    }
    assert len(answers) == 41 and world.ledger.trouble == "database or disk is full"
    assert {item.verdict for item in world.take(device, segments[1], *big)} == {answer.ACCEPTED}
    assert world.ledger.trouble is None
    assert world.totals().accepted == 42


@only_sqlite
def test_a_database_that_is_gone_is_unavailable_and_never_made_anew(world: Any) -> None:
    device = world.device()
    segment = device.seal()
    world.take(device, segment)
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        (world.path / name).rename(world.path / f"{name}.away")
    refused = one(world.take(device, segment))
    assert refused.verdict == answer.UNAVAILABLE and "No such file" in refused.detail
    assert one(world.take(device, segment)).verdict == answer.UNAVAILABLE
    assert not (world.path / "ledger.sqlite").exists()
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        (world.path / f"{name}.away").rename(world.path / name)
    assert one(world.take(device, segment)).verdict == answer.DUPLICATE


def test_a_public_directory_that_cannot_be_written_delays_receipts(world: Any) -> None:
    device = world.device()
    segment = device.seal()
    tiles = world.folder.public / "tile"
    tiles.rename(world.folder.public / "away")
    tiles.write_text("in the way")
    refused = one(world.take(device, segment))
    assert refused.verdict == answer.UNAVAILABLE and refused.detail.startswith("stored, and not yet published: ")
    assert one(world.take(device, segment)).verdict == answer.UNAVAILABLE
    tiles.unlink()
    (world.folder.public / "away").rename(tiles)
    (late,) = world.answers(world.ledger.tick())
    assert late.verdict == answer.ACCEPTED
    world.check_receipt(segment, late.receipt)
    assert one(world.take(device, segment)).receipt == late.receipt


def store_has(world: Any) -> tuple[int, int]:
    """Counts of entries and of signed heads."""
    with closing(sqlite3.connect(world.path / "ledger.sqlite")) as connection:
        (counts,) = connection.execute("SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM head)")
    return counts  # type: ignore[no-any-return]


@only_sqlite
def test_an_older_store_put_in_place_signs_nothing(world: Any) -> None:
    device = world.device()
    world.take(device, device.seal())
    world.ledger.close()
    with sqlite3.connect(world.path / "ledger.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = (world.path / "ledger.sqlite").read_bytes()
    world.take(device, device.seal())
    world.ledger.close()
    with sqlite3.connect(world.path / "ledger.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (world.path / "ledger.sqlite").write_bytes(older)
    store_has_before = store_has(world)
    published = (world.folder.public / "checkpoint").read_bytes()
    refused = one(world.take(device, device.seal()))
    assert refused.verdict == answer.UNAVAILABLE and "put the newer store back" in world.ledger.trouble
    assert (world.folder.public / "checkpoint").read_bytes() == published
    assert store_has(world) == store_has_before, "nothing was appended, and no head signed"


@only_sqlite
def test_late_usage_goes_to_the_next_open_period(world: Any) -> None:
    device = world.device()
    first, second = device.seal(), device.seal()
    world.take(device, first)
    with world.folder.open_store() as store:
        store.append_closing("2026-11", b"closing")
        assert [(item.title, item.entry) for item in store.closings()] == [("2026-11", b"closing")]
    world.take(device, second)
    with world.folder.open_store() as store:
        assert [leaves(store, period) for period in ("2026-11", "2026-12")] == [[5], [7]]
        sql = "SELECT leaf_index, received_unix_s, late FROM usage WHERE period = '2026-12'"
        assert sqlite3.connect(world.path / "ledger.sqlite").execute(sql).fetchall() == [(7, NOON, 1)]
        assert rolled_frames(store, "2026-11", "2026-12") == world.totals().frames


def test_the_published_checkpoint_is_over_the_whole_log(world: Any) -> None:
    device = world.device()
    for _ in range(3):
        world.take(device, device.seal(), device.seal())
    note = (world.folder.public / "checkpoint").read_bytes()
    head = open_checkpoint(note, world.folder.trust.origin, world.folder.public_key, verify)
    with world.folder.open_store() as store:
        assert (head.size, head.root) == (store.size(), store.root())
