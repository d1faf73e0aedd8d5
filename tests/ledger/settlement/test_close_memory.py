"""A close of a million stems with three shares each is to take at most a gigabyte: what one stem more takes."""

import gc
import tracemalloc
from hashlib import sha256

import pytest

from amos_ledger import sorted_runs
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement import core_texts
from amos_ledger.settlement.meter import meter
from amos_ledger.settlement.metered_result import MeteredResult, MeterTerms
from amos_ledger.settlement.metered_statement import Counts
from amos_ledger.settlement.played import Key, Played
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rights_columns import Said, WorkSaid

BYTES_A_STEM = 800
FEW, MANY, STEMS_A_PAYEE = 500, 2_500, 10
RATE_HZ, DEVICE = 44_100, b"d" * 16
AT_A_TIME = 128


def close(stems: int) -> MeteredResult:
    ids = [sha256(b"%d" % number).digest()[:16] for number in range(stems)]
    payees = stems // STEMS_A_PAYEE
    ppm = 500_000, 300_000, 200_000
    works = (
        WorkSaid(
            *(stem_id, f"Stem number {number}", "An Artist", "DEABC2600001"),
            [(f"payee-{(number + at) % payees:06}", ppm[at]) for at in range(3)],
        )
        for number, stem_id in enumerate(ids)
    )
    rights = RightsHistory([(None, Said(1, works), b"")])
    with PlayedSums(rights.stem_ids) as sums:
        for number, stem_id in enumerate(ids):
            played = Played(RATE_HZ * (60 + number % 997), 3, 1_793_923_200, 1_793_923_999)
            sums.add({Key(stem_id, DEVICE, 1, 0, 0, 1, RATE_HZ).packed(): played})
        readings = meter(sums, [(DEVICE, 1)], [RATE_HZ], rights)
    return MeteredResult(MeterTerms("2026-11", "EUR", 10**15, 0, None, {}, []), readings, rights, Counts())


def kept_bytes(stems: int) -> int:
    """Of the result, from which statements are made."""
    tracemalloc.start()
    try:
        result = close(stems)
        assert sum(result.amounts) == 10**15
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_stem_more_takes_less_than_a_kilobyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_runs, "ROWS_AT_A_TIME", AT_A_TIME)
    monkeypatch.setattr(core_texts, "ENTRIES_AT_A_TIME", AT_A_TIME)
    monkeypatch.setattr(core_texts, "PAYEES_AT_A_TIME", 8)
    kept_bytes(FEW)  # what is made once
    few, many = kept_bytes(FEW), kept_bytes(MANY)
    assert (many - few) / (MANY - FEW) < BYTES_A_STEM
