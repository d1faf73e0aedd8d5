"""Cut the power at every operation of a life, with every kind of remains, and check what the next boot finds.

`make sweep` runs every case; the ordinary suite a seeded sample.
"""

import random

import pytest
from journal_cuts import cases, check_boot, check_frames, cut_again, go_on
from journal_life import RecordingDevice, usage_of, whole_life

from amos.journal.journal import JournalError
from amos.protocol.segment import SEAL_PACK, SEAL_POWER_LOSS

SAMPLE = 0.025


def test_the_life_has_what_the_sweep_is_to_meet() -> None:
    device = RecordingDevice()
    life = whole_life(device)
    usages = [usage_of(segment) for segment in life.promise.sealed.values()]
    for usage in usages:
        check_frames(usage)
    reasons = [usage.reason for usage in usages]
    assert len(usages) >= 20 and reasons.count(SEAL_PACK) == 2 and reasons.count(SEAL_POWER_LOSS) == 1
    assert len({usage.pack for usage in usages}) == 3
    assert life.journal._rows.head > life.journal._rows.count
    assert life.journal._zone.head > life.journal._zone.count
    assert life.journal._ring.generation > 6


def sweep(share: float) -> int:
    """Try that share of the cases, and of second cuts within some of them; how many there were."""
    chance, tried = random.Random(8), 0
    for operation, number, find, promise in cases():
        if chance.random() >= share:
            continue
        try:
            found = find()
            check_boot(found, promise)
            go_on(found, promise)
            tried += 1
            if tried % 8 == 0:
                for second in range(0, 24, 3):
                    tried += cut_again(find(), promise, second, tried)
        except Exception as error:
            raise AssertionError(f"operation {operation}, outcome {number}: {error!r}") from error
    return tried


def fail_every(step: int) -> int:
    """Let calls fail, having done their work or not; the player stops, and starts again without a power cut."""
    tried = 0
    operations = RecordingDevice()
    whole_life(operations)
    for operation in range(0, operations.operations, step):
        for persist in (False, True):
            device = RecordingDevice()
            device.fail_at, device.persist = operation, persist
            with pytest.raises(JournalError):
                whole_life(device)
            promise = device.promise.snapshot()
            device.fail_at = None
            check_boot(device, promise)
            go_on(device, promise)
            tried += 1
    return tried


def test_a_sample_of_power_cuts() -> None:
    assert sweep(SAMPLE) > 250


def test_a_sample_of_failing_calls() -> None:
    assert fail_every(13) > 50


@pytest.mark.sweep
def test_every_power_cut() -> None:
    tried = sweep(1)
    failed = fail_every(1)
    print(f"\n{tried} power cuts and {failed} failing calls, no violation")
    assert tried > 8000 and failed > 700
