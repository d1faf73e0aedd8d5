"""Cores spelled without objects are the cores, to the byte; and lines add up to what each payee gets."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from amos.protocol.record import UNIX_S_MAX
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement.meter import meter
from amos_ledger.settlement.metered_result import MeteredResult, MeterTerms
from amos_ledger.settlement.metered_statement import Counts
from amos_ledger.settlement.played import Key, Played
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rights_columns import Said, WorkSaid
from amos_ledger.settlement.statement import core_bytes

STEMS = 6
SPLITS = ([("ann", 1_000_000)], [("bob", 333_333), ("ann", 666_667)], [("cy-dee", 0), ("bob", 1_000_000)])
TITLES = ("Plain", "100 %d % %%", 'He said "no"\\', "Ærlig \U0001f3b5\u2028", "")

stems, devices = (st.sampled_from([bytes([number]) * 16 for number in range(many)]) for many in (STEMS, 4))
keys = st.builds(
    Key, stems, devices, st.sampled_from([1, 2]), st.integers(0, 6), st.integers(0, 3), st.integers(0, 255),
    st.sampled_from([1, 44_100, 48_000, 191_999]),
)  # fmt: skip
frames = st.one_of(st.integers(1, 10**9), st.just(44_100), st.integers(2**45, 2**50))
seconds = st.one_of(st.none(), st.integers(0, UNIX_S_MAX))
plays = st.builds(Played, frames, st.integers(0, 2**40), seconds, seconds)


def catalogue(serial: int) -> tuple[int, Said, bytes]:
    works = []
    for number in range(STEMS):
        texts = TITLES[number % len(TITLES)], TITLES[(number + 1) % len(TITLES)]
        isrc = None if number % 2 else "DEABC2600001"
        works.append(WorkSaid(bytes([number]) * 16, *texts, isrc, SPLITS[(number + serial) % len(SPLITS)]))
    return serial, Said(serial, works), b"%d" % serial


@given(st.dictionaries(keys, plays, max_size=30), st.integers(0, 10**18))
def test_cores_are_spelled_as_they_are(played: dict[Key, Played], income_micro: int) -> None:
    rights = RightsHistory([catalogue(1), catalogue(2)])
    with PlayedSums(rights.stem_ids) as sums:
        sums.add({key.packed(): found for key, found in played.items()})
        numbered = [(device_id, 1) for device_id in sorted({key.device_id for key in played})]
        readings = meter(sums, numbered, {key.rate_hz for key in played}, rights)
    terms = MeterTerms("2026-11", "EUR", income_micro, 0, None, {}, [])
    result = MeteredResult(terms, readings, rights, Counts())
    for number, amount_micro in enumerate(result.amounts):
        core: Any = result.core(number)
        assert result.core_bytes(number) == core_bytes(core)
        assert sum(line["amount_micro"] for line in core["lines"]) == amount_micro
    earning = any(key.standing < 2 for key in played)
    assert sum(result.amounts) == (income_micro if earning else 0)
