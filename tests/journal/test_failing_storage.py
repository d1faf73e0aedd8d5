"""Storage fails once or for some tries, with a power cut after it or not, and is taken up again without a restart."""

import random

import pytest
from journal_cuts import check_boot, check_frames, go_on
from journal_life import DEVICE, SALT, Life, Media, Recording, usage_of, whole_life

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.errors import JournalError, JournalFault
from amos.journal_keeper import JournalKeeper

TRIES_MAX = 20


def keeper_of(media: Media, block: int) -> JournalKeeper:
    keeper = JournalKeeper(media.ring, media.reserved, DEVICE, block, lambda _count: SALT, lambda _line: None)
    keeper.journal.begin_boot()
    return keeper


def taken_up_again(media: Media) -> int:
    """Reopen both media until they let that be done; how many tries it took."""
    for tries in range(1, TRIES_MAX):
        try:
            media.reserved.reopen()
            media.ring.reopen()
        except OSError:
            continue
        return tries
    raise AssertionError("storage that works again is not taken up")


def fail_and_go_on(of_ring: bool, operation: int, fails: int, persist: bool, block: int) -> int:
    """A life whose storage fails at `operation` so many times; then, with the power cut or not, what comes after."""
    media = Recording()
    device = media.ring if of_ring else media.reserved
    device.fail_at, device.fail_until, device.persist = operation, operation + fails, persist
    with pytest.raises((JournalError, OSError)):
        whole_life(media, block)
    promise = media.promise.snapshot()
    tries = taken_up_again(media)
    assert media.unsynced == []
    chance = random.Random(operation)
    for found in (media.copy(), media.after_power_cut([chance.random() < 0.5 for _ in media.unsynced])):
        check_boot(found, promise, block)
        go_on(found, promise, block)
    return tries


@pytest.mark.parametrize("block", [1, 4])
@pytest.mark.parametrize("fails", [1, 3])
def test_a_failure_is_got_over_without_a_restart(fails: int, block: int) -> None:
    recorded = Recording()
    whole_life(recorded, block)
    counts, tried, most = {True: 0, False: 0}, 0, 0
    for number, (of_ring, *_rest) in enumerate(recorded.log):
        counts[of_ring] += 1
        if number % 41 == fails:
            for persist in (False, True):
                most = max(most, fail_and_go_on(of_ring, counts[of_ring] - 1, fails, persist, block))
                tried += 1
    assert tried >= 20 and (most > 1) == (fails > 1)


def test_what_a_failed_sync_dropped_is_written_again_before_anything_rests_on_it() -> None:
    device = MemorySectorDevice(16)
    device.write(3, b"a" * 512)
    device.fail_at, device.fail_until = 1, 2
    with pytest.raises(OSError, match="sync failed"):
        device.sync()
    device.sync()  # says that all is well
    assert device.after_power_cut(lambda _index: False).read(3, 1) == bytes(512)
    device.reopen()
    assert device.after_power_cut(lambda _index: False).read(3, 1) == b"a" * 512


@pytest.mark.parametrize("of_ring", [True, False])
def test_the_keeper_goes_on_and_uses_no_number_twice(of_ring: bool) -> None:
    media = Media()
    keeper = keeper_of(media, 1)
    life = Life.__new__(Life)
    life.promise, life.journal, life.pack, life.frame, life._since = Recording().promise, keeper.journal, 1, 0, None
    life.segment(2, 3)
    life.open()
    life.second(3, ends=False)
    device = media.ring if of_ring else media.reserved
    device.fail_at, device.fail_until = device.operations, device.operations + 3
    with pytest.raises(JournalFault, match="storage failed"):
        life.segment(2, 3) if not of_ring else life.second(3, ends=True)
    failed = keeper.journal
    for _try in range(3):
        try:
            keeper.begin_again()
        except JournalFault:
            assert keeper.journal is failed
            continue
    journal = keeper.journal
    assert journal is not failed and journal.boot > failed.boot and journal.failed_writes >= 1
    assert journal.last_sequence >= failed.last_sequence and journal.lost is None
    for sequence in journal.segments:
        check_frames(usage_of(journal.read(sequence, 0, 1 << 16)))


def test_a_wiped_medium_with_its_reservation_is_not_gone_on_with() -> None:
    media = Media()
    keeper = keeper_of(media, 1)
    media.ring.sectors, media.reserved.sectors = {}, {}
    with pytest.raises(JournalFault, match="put back the storage that was here"):
        keeper.begin_again()
