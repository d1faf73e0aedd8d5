"""A device's key gives way to the next: which key signs which segment, and what a stolen old key is still good for."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from typer.testing import CliRunner

from amos.protocol import answer
from amos.protocol.handover import Handover, handover_message
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.segment import CLOCK_INFORMATIVE, LOST_STORAGE
from amos_ledger import registry
from amos_ledger.errors import EnrolmentRefused
from amos_tools.cli import app
from amos_tools.verify.audit import Audit
from amos_tools.verify.errors import Difference
from amos_tools.verify.keys import Keys
from amos_tools.verify.lines import LineReader
from amos_tools.verify.log import Target, walk
from amos_tools.verify.opened import Entries, key_table, open_entries, survey
from amos_tools.verify.published import Published
from signed_usage import sign_usage

NOON = 1_793_534_400


def verdicts(world: Any, device: Any, *segments: bytes) -> list[int]:
    return [found.verdict for found in world.take(device, *segments)]


def refused(world: Any, data: bytes) -> str:
    before = world.totals().log_size
    with world.folder.open_store() as store, pytest.raises(EnrolmentRefused) as found:
        registry.enrol(world.folder, store, data)
    assert world.totals().log_size == before
    return str(found.value)


def by_old_key(device: Any, **changes: Any) -> bytes:
    """A segment by the device's first key, wherever it stands in the chain; the device's own play goes on without."""
    return bytes(sign_usage(device.usage(**changes), device.key.sign))


def check_log(world: Any) -> None:
    """The verifier, which shares no code with the ledger, comes to the same."""
    keys = Keys(world.folder.public_key, world.publisher.public, world.operator.public, world.folder.trust.origin)
    Audit(Published(world.path / "audit"), keys)


def test_what_the_old_key_signed_before_still_comes_and_the_new_key_goes_on(world: Any) -> None:
    device = world.device()
    first, unsynced = device.seal(), device.seal()
    assert verdicts(world, device, first) == [answer.ACCEPTED]
    receipt = world.take(device, first)[0].receipt
    device.rotate()
    fresh = device.seal()
    # The courier brings all of it before the operator has enrolled the new key: it asks again later.
    found = world.take(device, unsynced, fresh)
    assert [one.verdict for one in found] == [answer.ACCEPTED, answer.UNKNOWN_DEVICE]
    assert found[1].detail.startswith("key_unknown: ") and device.signer.id.hex() in found[1].detail
    world.enrol(device)
    assert verdicts(world, device, fresh, device.seal()) == [answer.ACCEPTED] * 2
    again = world.take(device, first, unsynced, fresh)
    assert [one.verdict for one in again] == [answer.DUPLICATE] * 3 and again[0].receipt == receipt
    totals = world.totals()
    assert (totals.accepted, totals.evidence, totals.quarantined) == (4, 0, [])
    check_log(world)


def test_unsynced_segments_of_the_old_key_come_after_the_enrolment_too(world: Any) -> None:
    device = world.device()
    old = [device.seal() for _ in range(3)]
    device.rotate()
    fresh = device.seal()
    world.enrol(device)
    assert verdicts(world, device, fresh) == [answer.GAP]
    assert verdicts(world, device, *reversed(old))[-1] == answer.ACCEPTED
    assert world.totals().accepted == 4


def test_a_stolen_old_key_adds_nothing_and_condemns_nobody(world: Any) -> None:
    device = world.device()
    assert verdicts(world, device, device.seal(), device.seal()) == [answer.ACCEPTED] * 2
    device.rotate()
    world.enrol(device)
    forged = by_old_key(device)
    found = world.take(device, forged)
    assert found[0].verdict == answer.RETIRED and found[0].detail.startswith("key_handed_over: ")
    own = device.seal()
    another = by_old_key(device, sequence=3, previous=sha256(b"").digest())
    held = by_old_key(device, sequence=9)
    assert verdicts(world, device, own, another, held, forged) == [answer.ACCEPTED] + [answer.RETIRED] * 3
    totals = world.totals()
    assert (totals.accepted, totals.evidence, totals.quarantined) == (3, 3, [])
    said = CliRunner().invoke(app, ["ledger", "status", str(world.path)]).output
    assert "evidence, key_handed_over: 3" in said, "an operator sees that an old key is in use"


def test_what_a_stolen_key_had_held_gives_way_to_the_device_s_own(world: Any) -> None:
    device = world.device()
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]
    below, forged = by_old_key(device, sequence=3), by_old_key(device, sequence=5)
    missing = device.seal()
    own = device.seal()  # the same number as one that the thief had held: that stays a fork, as before any rotation
    assert verdicts(world, device, forged) == [answer.GAP]
    assert below != own
    device.seal()
    device.rotate()
    world.enrol(device)
    assert world.totals().evidence == 1
    fresh = device.seal()
    assert verdicts(world, device, missing, own, device.sealed[3], fresh) == [answer.ACCEPTED] * 4
    assert world.totals().quarantined == []


def test_a_loss_that_a_stolen_key_declared_is_taken_back(world: Any) -> None:
    device = world.device()
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]
    device.seal()
    # It waits for 2, and says that 3 is lost, which the device has.
    loss = {"lost_first": 3, "lost_last": 3, "lost_reason": LOST_STORAGE, "previous": bytes(32)}
    assert verdicts(world, device, by_old_key(device, sequence=4, **loss)) == [answer.GAP]
    device.rotate()
    world.enrol(device)
    third, fourth = device.seal(), device.seal()
    assert verdicts(world, device, device.sealed[1], fourth) == [answer.ACCEPTED, answer.GAP]
    assert verdicts(world, device, third) == [answer.ACCEPTED] * 2
    check_log(world)


def test_the_new_key_signs_nothing_from_before(world: Any) -> None:
    device = world.device()
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]
    unsynced = device.usage()
    device.seal()
    device.rotate()
    world.enrol(device)
    found = world.take(device, sign_usage(unsynced, device.signer.sign, device.signer.id))
    assert found[0].verdict == answer.RETIRED and found[0].detail.startswith("key_not_yet: ")
    assert verdicts(world, device, device.sealed[1]) == [answer.ACCEPTED], "the nearest legal neighbour"


def test_keys_change_again_also_before_the_first_change_is_enrolled(world: Any) -> None:
    device = world.device()
    first = device.seal()
    device.rotate(1)
    second = device.seal()
    device.rotate(2)
    third = device.seal()
    world.enrol(device)
    assert verdicts(world, device, first, second, third) == [answer.ACCEPTED] * 3
    device.rotate(3)
    device.rotate(4)
    world.enrol(device)
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]
    check_log(world)


def test_a_device_that_is_enrolled_only_after_its_rotation(world: Any) -> None:
    device = world.device(enrolled=False)
    first = device.seal()
    device.rotate()
    world.enrol(device)
    assert verdicts(world, device, first, device.seal()) == [answer.ACCEPTED] * 2


def test_enrolled_anew_with_the_same_keys_and_never_with_fewer(world: Any) -> None:
    device = world.device()
    before = device.enrolment(world.operator, unix_s=NOON + 9)
    device.rotate()
    world.enrol(device)
    world.enrol(device, name="elsewhere", unix_s=NOON + 5)
    assert "expected a history with key" in refused(world, before)
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]


def signed_by(signer: Any, device_id: bytes, first: int, said: int, key: bytes) -> Handover:
    return Handover(first_sequence=first, public_key=key, signature=signer.sign(handover_message(device_id, said, key)))


FORGED: dict[str, tuple[Callable[[Any, Any, bytes], Handover], str]] = {
    "by another key": (lambda device, other, key: signed_by(other.key, device.key.id, 3, 3, key), "key before"),
    "by the new key": (lambda device, _other, key: signed_by(device.signer, device.key.id, 3, 3, key), "key before"),
    "for another device": (lambda device, other, key: signed_by(device.key, other.key.id, 3, 3, key), "key before"),
    "for another sequence": (lambda device, _other, key: signed_by(device.key, device.key.id, 3, 4, key), "key before"),
    "for another key": (
        lambda device, other, key: Handover(
            first_sequence=3,
            public_key=key,
            signature=device.key.sign(handover_message(device.key.id, 3, other.key.public)),
        ),
        "key before",
    ),
    "from a sequence that is accepted on": (
        lambda device, _other, key: signed_by(device.key, device.key.id, 2, 2, key),
        "first sequence above 2",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_handovers_are_refused_beside_the_right_one(name: str, world: Any) -> None:
    device, other = world.device(), world.device(2)
    assert verdicts(world, device, device.seal(), device.seal()) == [answer.ACCEPTED] * 2
    right = device.rotate()
    make, said = FORGED[name]
    forged = make(device, other, right.public_key)
    assert said in refused(world, device.enrolment(world.operator, handovers=[forged]))
    world.enrol(device)
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]


def test_a_replayed_handover_brings_no_old_key_back(world: Any) -> None:
    device = world.device()
    device.rotate(1)
    device.seal()
    first = device.enrolment(world.operator, unix_s=NOON + 100)
    device.rotate(2)
    world.enrol(device)
    assert "expected a history with key" in refused(world, first)
    other = world.device(2)
    stolen = {"version": 2, "first_key": device.key.public, "handovers": device.handovers}
    with pytest.raises(Exception, match="device_id: expected the key id of first_key"):
        other.enrolment(world.operator, **stolen, public_key=device.signer.public)
    two_keys = [*device.handovers[:1], device.rotate(3, by=device.key)]
    assert "key before" in refused(world, device.enrolment(world.operator, handovers=two_keys, unix_s=NOON + 200))


def test_only_who_holds_the_new_key_is_enrolled_with_it(world: Any) -> None:
    device = world.device()
    device.rotate()
    stolen = device.enrolment(world.operator, possession=device.key.sign(b"amos/1/identify\x00" + bytes(16)))
    assert "possession" in refused(world, stolen)


def test_a_rotated_device_is_revoked_and_replaced_as_any(world: Any) -> None:
    device = world.device(unix_s=NOON - 900)
    first = device.seal(clock=CLOCK_INFORMATIVE, anchor_unix_ms=(NOON - 300) * 1000, anchor_ms=0)
    device.rotate()
    world.enrol(device, unix_s=NOON - 800)
    assert verdicts(world, device, first) == [answer.ACCEPTED]
    said = Revocation(version=1, device_id=device.key.id, unix_s=NOON - 100)
    with world.folder.open_store() as store:
        registry.revoke(world.folder, store, sign_revocation(said, world.operator.id, world.operator.sign))
    later = device.seal(clock=CLOCK_INFORMATIVE, anchor_unix_ms=NOON * 1000, anchor_ms=device.frame // 44)
    assert verdicts(world, device, later) == [answer.RETIRED]
    device.rotate(2)
    assert "was revoked" in refused(world, device.enrolment(world.operator))
    successor = world.device(2, predecessor=device.key.id)
    assert verdicts(world, successor, successor.seal()) == [answer.ACCEPTED]
    check_log(world)


def entries_of(world: Any) -> list[bytes]:
    with world.folder.open_store() as store:
        return [entry for _index, entry in store.entries(0, store.size())]


def test_the_verifier_finds_a_segment_by_a_key_that_was_not_in_force(world: Any) -> None:
    """As a ledger that lies would have it: entries that its own intake would never have taken."""
    device = world.device()
    assert verdicts(world, device, device.seal()) == [answer.ACCEPTED]
    usage = device.usage()
    device.rotate()
    world.enrol(device)
    entries = entries_of(world)
    keys = Keys(world.folder.public_key, world.publisher.public, world.operator.public, world.folder.trust.origin)
    good = sign_usage(usage, device.signer.sign, device.signer.id)

    def walked(*more: bytes) -> int:
        every = (*entries, *more)
        surveyed = survey(Entries(0, every, {}))
        said = open_entries(Entries(0, every, key_table(surveyed.keys))).said
        target, lines = len(entries) + 9, LineReader(keys.origin or "", keys).lines()
        found = walk(
            zip(every, said, strict=True),
            keys.origin or "",
            [Target(target, target, "2026-11", lambda reading: None)],
            keys.publisher,
            lines,
        )
        return found.segments

    assert walked(good) == 2
    for entry, said in (
        (sign_usage(usage, device.key.sign), "one that key"),
        (sign_usage(usage, device.signer.sign), "signature"),
        (sign_usage(usage, device.key.sign, device.signer.id), "signature"),
    ):
        with pytest.raises(Difference, match=said):
            walked(entry)
    device.rotate(2, first=2)
    with pytest.raises(Difference, match="first sequence"):
        walked(good, device.enrolment(world.operator))
    with pytest.raises(Difference, match="keys known"):
        walked(world.device(1, enrolled=False).enrolment(world.operator))
