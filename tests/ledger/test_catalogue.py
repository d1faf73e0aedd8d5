"""A catalogue by which nobody could be paid for what was played never comes into force."""

from typing import Any

import pytest

from amos_ledger.errors import PackRefused


def serial_in_force(world: Any) -> int | None:
    with world.folder.open_store() as store:
        serial: int | None = store.documents.latest_serial()
    return serial


def test_one_that_lacks_a_played_stem_is_refused_when_published(world: Any, make_pack: Any) -> None:
    device = world.device()
    world.take(device, device.seal([(3, 0, 9)]))
    size = world.totals().log_size
    with pytest.raises(
        PackRefused, match=r"catalogue\.works: expected every stem of which there is play, found none with"
    ):
        world.publish(make_pack(world.publisher, number=2, stems=2, serial=2))
    assert world.totals().log_size == size
    world.publish(make_pack(world.publisher, number=3, stems=4, serial=2))
    assert world.totals().log_size == size + 2


def test_one_that_lacks_stems_that_nobody_played_is_in_force(world: Any, make_pack: Any) -> None:
    device = world.device()
    world.take(device, device.seal([(1, 0, 9)]))
    world.publish(make_pack(world.publisher, number=2, stems=2, serial=2))
    assert serial_in_force(world) == 2


def test_an_older_one_is_in_force_no_more_and_may_lack_them(world: Any, make_pack: Any) -> None:
    world.publish(make_pack(world.publisher, number=2, serial=3))
    device = world.device()
    world.take(device, device.seal([(3, 0, 9)]))
    size = world.totals().log_size
    world.publish(make_pack(world.publisher, number=3, stems=2, serial=2))
    assert world.totals().log_size == size + 2 and serial_in_force(world) == 3
