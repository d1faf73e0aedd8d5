"""Cut the power at every operation of a life, with every kind of remains, and check what the next boot finds.

`make sweep` runs every case; the ordinary suite a seeded sample.
"""

import random

import pytest
from journal_cuts import cases, check_boot, check_frames, cut_again, go_on, moments, without_superblocks
from journal_life import Recording, usage_of, whole_life

from amos.journal.journal import JournalError
from amos.protocol.segment import SEAL_PACK, SEAL_POWER_LOSS

SAMPLE = 0.02
BLOCKS = (1, 4)
"""Sequence numbers reserved at once: each by itself, and so few that a life needs many blocks."""

SECOND_CUTS = (-4, -3, -2, -1, *range(0, 24, 3))
"""At which operation of the next life: of the ring, or, below 0, of the reservation. Each serves in its turn."""


def test_the_life_has_what_the_sweep_is_to_meet() -> None:
    media = Recording()
    life = whole_life(media)
    usages = [usage_of(segment) for segment in life.promise.sealed.values()]
    for usage in usages:
        check_frames(usage)
    reasons = [usage.reason for usage in usages]
    assert len(usages) >= 20 and reasons.count(SEAL_PACK) == 2 and reasons.count(SEAL_POWER_LOSS) == 1
    assert len({usage.pack for usage in usages}) == 3
    assert life.journal._rows.head > life.journal._rows.count
    assert life.journal._zone.head > life.journal._zone.count
    assert life.journal._ring.generation > 6
    assert life.promise.receipted > 12 and life.promise.memory is not None
    assert sum(not of_ring and sector is not None for of_ring, sector, *_ in media.log) > 30


def sweep(share: float, block: int, beside_the_key: float = 0) -> int:
    """Try that share of the cases, and of second cuts within some of them; how many there were. Of cuts within writes
    beside the key, that share of its own.
    """
    chance, tried = random.Random(8), 0
    for operation, number, of_ring, find, promise in cases(block):
        if chance.random() >= max(share, 0 if of_ring else beside_the_key):
            continue
        try:
            found = find()
            check_boot(found, promise, block)
            go_on(found, promise, block)
            tried += 1
            if tried % 8 == 0:
                for second in SECOND_CUTS[tried // 8 % 4 :: 4]:
                    tried += cut_again(find(), promise, second, tried, block)
        except Exception as error:
            raise AssertionError(f"operation {operation}, outcome {number}: {error!r}") from error
    return tried


def rescue_every(step: int, block: int) -> int:
    """At each operation, both superblocks turn to garbage with the cut; how many times."""
    tried = 0
    for operation, (media, promise) in enumerate(moments(block)):
        if operation % step or not promise.sessions:
            continue  # before, there are too few records to tell a ring by, and nothing to lose
        for landed in (False, True):
            try:
                found = without_superblocks(media, [landed] * len(media.unsynced), operation)
                check_boot(found, promise, block)
                go_on(found, promise, block)
                tried += 1
            except Exception as error:
                raise AssertionError(f"operation {operation}, landed {landed}: {error!r}") from error
    return tried


def fail_every(step: int, block: int) -> int:
    """Let calls fail, having done their work or not; the player stops, and starts again without a power cut."""
    tried = 0
    recorded = Recording()
    whole_life(recorded, block)
    counts = {True: 0, False: 0}
    for operation, (of_ring, *_rest) in enumerate(recorded.log):
        counts[of_ring] += 1
        if operation % step:
            continue
        for persist in (False, True):
            media = Recording()
            device = media.ring if of_ring else media.reserved
            device.fail_at, device.persist = counts[of_ring] - 1, persist
            with pytest.raises((JournalError, OSError)):
                whole_life(media, block)
            promise = media.promise.snapshot()
            device.fail_at = None
            check_boot(media, promise, block)
            go_on(media, promise, block)
            tried += 1
    return tried


@pytest.mark.parametrize("block", BLOCKS)
def test_a_sample_of_power_cuts(block: int) -> None:
    assert sweep(SAMPLE / len(BLOCKS), block) > 100


@pytest.mark.parametrize("block", BLOCKS)
def test_a_sample_of_failing_calls(block: int) -> None:
    assert fail_every(23, block) > 30


@pytest.mark.parametrize("block", BLOCKS)
def test_a_sample_of_cuts_that_spoil_both_superblocks(block: int) -> None:
    assert rescue_every(29, block) > 20


@pytest.mark.sweep
def test_every_failing_call_and_every_moment_for_both_superblocks() -> None:
    rescued, failed = rescue_every(1, 1), fail_every(1, 1)
    print(f"\n{rescued} rescues without superblocks, {failed} failing calls, no violation")
    assert rescued > 800 and failed > 900


@pytest.mark.sweep
def test_every_power_cut_beside_the_key_where_numbers_are_reserved_in_blocks() -> None:
    """The ring's own writes do not differ: a part of them."""
    block = BLOCKS[-1]
    tried = sweep(0.05, block, beside_the_key=1)
    rescued, failed = rescue_every(5, block), fail_every(5, block)
    print(f"\nin blocks of {block}: {tried} power cuts, {rescued} rescues, {failed} failing calls, no violation")
    assert tried > 1000 and rescued > 150 and failed > 150


@pytest.mark.sweep
def test_every_power_cut() -> None:
    tried = sweep(1, 1)
    print(f"\n{tried} power cuts, no violation")
    assert tried > 15_000
