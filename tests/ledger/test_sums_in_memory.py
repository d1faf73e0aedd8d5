"""What is added up while a period is settled or verified waits in memory for some thousand keys, and then on disk; and
days and sites are those of the last time that the segments were read."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amos_ledger import detail_work, readings_work, sorted_runs
from amos_ledger.detail_work import DailySums
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement.judging import DayPlay
from amos_ledger.settlement.played import Amounts, Key, Played
from amos_tools.verify.sums import Amount, Kind, Sums

KEYS, FEW, MANY, GROWN = 500, 4000, 12_000, 1.2
STEM, DEVICE, OTHER = b"s" * 16, b"d" * 16, b"e" * 16
HZ = 48_000
STEMS = np.array([number.to_bytes(16, "big") for number in range(MANY)], "S16")
"""In order, and made before anything is measured."""


class FewSegments:
    """As `PeriodUsage` says where devices are."""

    def __init__(self, *devices: bytes) -> None:
        self.devices = [*devices]

    def sites(self) -> dict[bytes, tuple[int, str]]:
        return {device_id: (0, f"site {device_id[:1].decode()}") for device_id in self.devices}


def store_with(*devices: bytes) -> Any:
    return SimpleNamespace(period_usage=FewSegments(*devices))


def usage_of(device_id: bytes) -> Any:
    return SimpleNamespace(device_id=device_id, rate_hz=HZ)


def peak_bytes(work: Callable[[int], None], keys: int) -> int:
    gc.collect()  # what earlier tests left, whose ends take memory too
    tracemalloc.start()
    try:
        work(keys)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def settled(keys: int) -> None:
    with PlayedSums(STEMS) as sums:
        for number in range(keys):
            key = Key(number.to_bytes(16, "big"), DEVICE, 1, 0, 0, 1, HZ).packed()
            sums.add({key: Played(10**6 + number, 1000, 10**9 + number, 2 * 10**9 + number)})
        assert sum(parts.count for parts in sums.parts()) == keys


def settled_plain(keys: int) -> None:
    with PlayedSums(STEMS) as sums:
        device, kind = sums.device(DEVICE), sums.kind((1, 0, 0, 1, HZ))
        for first in range(0, keys, 50):
            numbers = np.arange(first, min(first + 50, keys))
            same = np.zeros(len(numbers), np.int64)
            sums.add_cells(numbers, same + device, same + kind, Amounts(numbers, same, same, same))
        assert sum(parts.count for parts in sums.parts()) == keys


def told_by_day(keys: int) -> None:
    with DailySums(store_with(DEVICE)) as daily:
        daily.begin(STEMS)
        for number in range(keys):
            daily.add(1, usage_of(DEVICE), [DayPlay(number.to_bytes(16, "big"), 1, 0, 20_000, 10**6 + number)])
        assert daily.play((bytes(16), 1, 0), HZ).days == {20_000: 10**6}


def verified(keys: int) -> None:
    sums = Sums(KEYS)
    for number in range(keys):
        kind = Kind(number.to_bytes(16, "big"), DEVICE, 1, 0, 0, 1, HZ)
        sums.add(kind, Amount(10**6 + number, 1000, 10**9 + number, 2 * 10**9 + number))
    assert sum(1 for _ in sums.by_device()) == keys
    sums.database.close()


@contextmanager
def few_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(readings_work, "KEYS_IN_MEMORY", KEYS)
        patched.setattr(sorted_runs, "ROWS_IN_MEMORY", KEYS)
        patched.setattr(sorted_runs, "ROWS_AT_A_TIME", KEYS // 8)
        patched.setattr(detail_work, "KEYS_IN_MEMORY", KEYS)
        yield


@pytest.mark.parametrize("work", [settled, settled_plain, told_by_day, verified])
def test_what_is_added_up_takes_as_much_memory_with_many_keys_as_with_few(
    work: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with few_rows(monkeypatch):
        work(10)  # what is made once
        few, many = (peak_bytes(work, keys) for keys in (FEW, MANY))
    assert many < GROWN * few


def test_what_is_read_again_counts_once() -> None:
    with DailySums(store_with(DEVICE)) as daily:
        daily.begin(np.array([STEM], "S16"))
        daily.add(7, usage_of(DEVICE), [DayPlay(STEM, 1, 0, 20_000, HZ)])
        assert daily.play((STEM, 1, 0), HZ).days == {20_000: HZ}
        daily.add(8, usage_of(DEVICE), [DayPlay(STEM, 1, 0, 20_001, HZ)])

        daily.begin(np.array([STEM], "S16"))
        daily.add(7, usage_of(DEVICE), [DayPlay(STEM, 1, 0, 20_000, HZ)])

        found = daily.play((STEM, 1, 0), 2 * HZ)
    assert (found.days, found.sites) == ({20_000: 2 * HZ}, {"site d": 2 * HZ})


def test_a_device_is_found_that_was_enrolled_while_segments_are_read() -> None:
    store = store_with(DEVICE)
    with DailySums(store) as daily:
        daily.begin(np.array([STEM], "S16"))
        daily.add(7, usage_of(DEVICE), [DayPlay(STEM, 1, 0, 20_000, 1)])
        store.period_usage.devices.append(OTHER)

        daily.add(8, usage_of(OTHER), [DayPlay(STEM, 1, 0, 20_000, 2)])

        assert daily.play((STEM, 1, 0), HZ).sites == {"site d": 1, "site e": 2}
