"""Segments that nobody has any more are declared lost by the operator, and what waits for them goes on."""

from typing import Any

import pytest

from amos.protocol.answer import ACCEPTED, GAP
from amos.protocol.loss import Loss, sign_loss
from amos_ledger.errors import LossRefused
from amos_ledger.losing import declare_loss


def word(world: Any, device: Any, first: int, last: int, **changes: Any) -> bytes:
    facts = {"version": 1, "device_id": device.key.id, "first": first, "last": last, "unix_s": 1} | changes
    return sign_loss(Loss(**facts), world.operator.id, world.operator.sign)


def test_what_waits_goes_on_and_the_next_segment_is_accepted(world: Any) -> None:
    device = world.device()
    segments = [device.seal() for _ in range(6)]
    world.take(device, segments[0])
    assert [answer.verdict for answer in world.take(device, *segments[3:5])] == [GAP, GAP]
    _loss, released, fresh = declare_loss(world.folder, word(world, device, 2, 3))
    assert (released, fresh) == (2, True)
    assert declare_loss(world.folder, word(world, device, 2, 3))[1:] == (0, False)
    answers = world.answers(world.ledger.tick())
    assert [(answer.sequence, answer.verdict) for answer in answers] == [(4, ACCEPTED), (5, ACCEPTED)]
    for segment, answer in zip(segments[3:5], answers, strict=True):
        world.check_receipt(segment, answer.receipt)
    assert world.take(device, segments[5])[0].verdict == ACCEPTED
    assert world.take(device, segments[1])[0].verdict == ACCEPTED, "one that turns up after all counts"


def test_losses_that_are_refused(world: Any) -> None:
    device, stranger = world.device(), world.device(2, enrolled=False)
    forged = word(world, device, 1, 2)
    for bad in (b"junk", forged[:-1] + bytes([forged[-1] ^ 1]), word(world, stranger, 1, 2)):
        with pytest.raises(LossRefused):
            declare_loss(world.folder, bad)
