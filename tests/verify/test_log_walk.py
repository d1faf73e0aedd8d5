"""The log as the verifier walks it: what intake lets through passes, what it would have refused is found."""

import hashlib

import pytest

from amos.crypto import key_id, public_key
from amos.crypto import sign as sign_with
from amos.protocol.answer import ACCEPTED, GAP
from amos.protocol.cose import TYP_MANIFEST, TYP_USAGE, sign
from amos.protocol.enrolment import Enrolment, open_enrolment, sign_enrolment
from amos.protocol.revocation import Revocation, sign_revocation
from amos.protocol.segment import TIER_RENDERER
from amos_ledger.registry import enrol, revoke
from amos_ledger.settle_period import settle_period
from amos_tools.verify.errors import Difference

OPERATOR = b"o" * 32
NOVEMBER = ("2026-11", 1_000_000_000, "EUR")
ROWS = [(0, 1000)]


def test_a_declared_loss_and_a_segment_found_again_pass(november, dates) -> None:
    played, received = dates(2026, 11, 9), dates(2026, 11, 10)
    player = november.players[0]
    lost = [player.play(ROWS, played), player.play(ROWS, played)]
    after = player.play(ROWS, played, lost_first=player.sequence - 1, lost_last=player.sequence, lost_reason=1)
    assert november.send(0, after, received) == [ACCEPTED]
    november.play(0, ROWS, played, received)
    assert november.send(0, lost[0], received) == [ACCEPTED]
    settled = settle_period(november.folder, *NOVEMBER)
    assert settled.closed.result.segments == 9
    assert november.verify("ann").payee == "ann"


def test_a_loss_declared_after_a_whole_segment_passes(november, dates) -> None:
    played, received = dates(2026, 11, 9), dates(2026, 11, 10)
    player = november.players[0]
    player.play(ROWS, played)
    player.play(ROWS, played)
    whole = player.play(ROWS, played)
    assert november.send(0, whole, received) == [GAP]
    lost = {"lost_first": player.sequence - 2, "lost_last": player.sequence - 1, "lost_reason": 2}
    assert november.send(0, player.play(ROWS, played, **lost), received)[0] == ACCEPTED
    settle_period(november.folder, *NOVEMBER)
    assert november.verify("ann").payee == "ann"


def test_a_gap_that_intake_holds_is_no_part_of_the_log(november, dates) -> None:
    player = november.players[0]
    player.play(ROWS, dates(2026, 11, 9))
    assert november.send(0, player.play(ROWS, dates(2026, 11, 9)), dates(2026, 11, 10)) == [GAP]
    settle_period(november.folder, *NOVEMBER)
    november.verify("ann")


def stranger_enrolled(world, dates) -> bytes:
    """An enrolment by the wrong operator."""

    record = open_enrolment(world.players[0].enrolment(), world.keys.operator, lambda *_: True)
    assert isinstance(record, Enrolment)

    return sign_enrolment(record, key_id(public_key(b"m" * 32)), lambda message: sign_with(b"m" * 32, message))


def unenrolled(world, dates) -> bytes:
    player = type(world.players[0])(b"z" * 32, "nobody", 44_100)
    return player.play(ROWS, dates(2026, 11, 9))


def skipped(world, dates) -> bytes:
    world.players[0].play(ROWS, dates(2026, 11, 9))
    return world.players[0].play(ROWS, dates(2026, 11, 9))


def repeated(world, dates) -> bytes:
    world.players[0].sequence -= 1
    return world.players[0].play(ROWS, dates(2026, 11, 9))


def unchained(world, dates) -> bytes:
    return world.players[0].play(ROWS, dates(2026, 11, 9), previous=hashlib.sha256(b"other").digest())


def overlapping(world, dates) -> bytes:
    world.players[0].end_frame -= 10
    return world.players[0].play(ROWS, dates(2026, 11, 9))


def excessive(world, dates) -> bytes:
    return world.players[0].play([(0, 1000)] * 5, dates(2026, 11, 9))


def resigned(world, dates) -> bytes:
    """A usage segment with the device's name and another's signature."""
    payload = unchained(world, dates)
    return sign(payload, TYP_USAGE, world.players[0].device, lambda _message: bytes(64))


def another(world):
    return type(world.players[0])(b"z" * 32, "another", 44_100)


def replacing_nobody(world, dates) -> bytes:
    return another(world).enrolment(predecessor=b"n" * 16)


def replacing_elsewhere(world, dates) -> bytes:
    return another(world).enrolment(predecessor=world.players[0].device, site="elsewhere")


def renderers(world, dates) -> bytes:
    source = {"version": 2, "output_kind": 1, "pace": 1, "seed_root": bytes(32)}
    return world.players[0].play(ROWS, dates(2026, 11, 9), tier=TIER_RENDERER, **source)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (renderers, "entry 13: usage.tier: expected a player's, as the device is enrolled, found 255"),
        (
            lambda world, _dates: world.players[0].enrolment(unix_s=9, tier=TIER_RENDERER),
            "entry 13: enrolment.tier: expected a player's, as the device was enrolled before, found 255",
        ),
        (stranger_enrolled, "entry 13: signature: expected one that verifies"),
        (replacing_nobody, "entry 13: enrolment.predecessor: expected one enrolled and not replaced"),
        (replacing_elsewhere, "entry 13: enrolment.site: expected cafe, found elsewhere"),
        (unenrolled, "entry 13: usage.device_id: expected one enrolled before"),
        (skipped, "entry 13: usage.sequence: expected 4, found 5"),
        (repeated, "entry 13: usage.sequence: expected one that comes once, found 3"),
        (unchained, "entry 13: usage.previous: expected"),
        (overlapping, "entry 13: usage boot, session, first frame"),
        (excessive, "entry 13: usage.frames: expected at most 4 voices x 1000 frames, found 5000"),
        (resigned, "entry 13: signature: expected one that verifies"),
        (lambda *_: b"amos", "entry 13: expected a message of its format"),
        (lambda *_: b"", "entry 13: expected a message of its format"),
        (lambda *_: sign(b"", TYP_MANIFEST, bytes(16), lambda _m: bytes(64)), "entry 13: typ: expected"),
    ],
)
def test_what_intake_would_have_refused_is_found_in_the_log(november, dates, entry, said: str) -> None:
    november.append(entry(november, dates))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference) as caught:
        november.verify("ann")
    assert str(caught.value).startswith(said)


def replaced(november) -> tuple:
    """(the first player, the one that has replaced it, one more that nobody knows)."""
    old, new = november.players[0], another(november)
    with november.folder.open_store() as store:
        enrol(november.folder, store, new.enrolment(predecessor=old.device))
        enrol(november.folder, store, new.enrolment(unix_s=2))
    return old, new, type(old)(b"t" * 32, "third", 44_100)


def test_a_device_in_another_s_place_passes(november) -> None:
    replaced(november)
    settle_period(november.folder, *NOVEMBER)
    assert november.verify("ann").payee == "ann"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            lambda _november, old, _new, third: third.enrolment(predecessor=old.device),
            "enrolment.predecessor: expected one enrolled and not replaced",
        ),
        (
            lambda november, _old, new, _third: new.enrolment(predecessor=november.players[1].device),
            "enrolment.predecessor: expected ",
        ),
        (
            lambda _november, old, _new, _third: old.enrolment(unix_s=9),
            "enrolment.device_id: expected one that nothing has replaced",
        ),
    ],
)
def test_a_place_given_twice_or_taken_back_is_found(november, entry, said: str) -> None:
    november.append(entry(november, *replaced(november)))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference) as caught:
        november.verify("ann")
    assert str(caught.value).startswith(f"entry 15: {said}")


def revoked(device: bytes, unix_s: int = 5, seed: bytes = OPERATOR) -> bytes:
    said = Revocation(version=1, device_id=device, unix_s=unix_s)
    return sign_revocation(said, key_id(public_key(seed)), lambda message: sign_with(seed, message))


def test_a_revoked_device_and_its_successor_pass(november) -> None:
    old, new = november.players[0], another(november)
    with november.folder.open_store() as store:
        revoke(november.folder, store, revoked(old.device, 5))
        revoke(november.folder, store, revoked(old.device, 4))
        enrol(november.folder, store, new.enrolment(predecessor=old.device))
        revoke(november.folder, store, revoked(old.device, 3))
    settle_period(november.folder, *NOVEMBER)
    assert november.verify("ann").payee == "ann"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (lambda _november, _device: revoked(b"n" * 16), "revocation.device_id: expected one enrolled before"),
        (lambda _november, device: revoked(device, 5), "revocation.unix_s: expected before 5, found 5"),
        (lambda _november, device: revoked(device, 1, b"m" * 32), "signature: expected one that verifies"),
        (
            lambda november, _device: november.players[0].enrolment(unix_s=9),
            "enrolment.device_id: expected one that is not revoked",
        ),
    ],
)
def test_a_revocation_that_intake_would_have_refused_is_found(november, entry, said: str) -> None:
    device = november.players[0].device
    november.append(revoked(device), entry(november, device))
    settle_period(november.folder, *NOVEMBER)
    with pytest.raises(Difference) as caught:
        november.verify("ann")
    assert str(caught.value).startswith(f"entry 14: {said}")
