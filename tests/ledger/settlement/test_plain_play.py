"""Play added up by the thousand is what judging one segment after the other gives, whatever is odd about some."""

import random
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amos.protocol.cose import TYP_OPT_OUTS, TYP_USAGE
from amos.protocol.cose import sign as sign_cose
from amos.protocol.manifest import Manifest, PackStem
from amos.protocol.opt_outs import OptOuts
from amos.protocol.segment import FLAG_BEGIN, FLAG_CONTINUE, FLAG_END, NO_SEED_ROOT, VERSION, Usage
from amos_ledger import detail_work, readings_work, sorted_runs
from amos_ledger.detail_work import DailySums
from amos_ledger.readings_work import PlayedSums
from amos_ledger.settlement import metered_result, pack_tables, plain_play
from amos_ledger.settlement.apportionment import SettlementError
from amos_ledger.settlement.judging import DAY_S, Settled
from amos_ledger.settlement.metered_result import MeterTerms
from amos_ledger.settlement.plain_play import PlainPlay
from amos_ledger.settlement.rights import RightsHistory
from amos_ledger.settlement.rights_columns import Said, WorkSaid
from amos_ledger.settlement.standing import FAR_DATED, FLAGS, UNDATED, OptOutHistory
from amos_ledger.store.entries import usage_in

BEGAN_S, PERIOD = 1_793_577_600, "2026-11"
"""2026-11-02 00:00 UTC."""
STEMS = [bytes([number]) * 16 for number in range(1, 12)]
DEVICES = [bytes([100 + number]) * 15 + b"\0" for number in range(6)]
PACKS = {
    b"p" * 32: (44_100, [*STEMS[:9], STEMS[0]], 2**37),  # one stem under two indexes
    b"q" * 31 + b"\0": (48_000, STEMS[3:], BEGAN_S + 3 * DAY_S),
}
WITHDRAWN, SINCE_S = STEMS[4], BEGAN_S + 2 * DAY_S
CLOSED = {"2026-08": 40, "2026-09": 60, "2026-10": 200}


def manifest(pack: bytes) -> Manifest | None:
    if pack not in PACKS:
        return None
    rate_hz, stems, lease_s = PACKS[pack]
    facts: dict[str, Any] = {"sha256": bytes(32), "size_bytes": 4, "codec": 0, "frames": 1 << 28, "channels": 2}
    facts |= {"role": 0, "gain_q15": 32767, "artist_id": bytes(16), "lease_end_unix_s": lease_s}
    return Manifest(
        version=1, serial=1, name="x", rate_hz=rate_hz, board_class="any", voices=8, score_sha256=bytes(32),
        score_bytes=1, lease_end_unix_s=2**37, stems=[PackStem(stem_id=stem, **facts) for stem in stems],
    )  # fmt: skip


MANIFESTS = {pack: manifest(pack) for pack in PACKS}


def rights_of(stems: Sequence[bytes] = STEMS) -> RightsHistory:
    """Splits of some stems change twice in the days that are played."""

    def works(changed: Sequence[int]) -> list[WorkSaid]:
        splits = [[("ann", 10**6)], [("bob", 10**6)]]
        return [WorkSaid(stem, "t", "a", None, splits[number in changed]) for number, stem in enumerate(stems)]

    said = ((None, []), (BEGAN_S + DAY_S + 4000, [1, 3]), (BEGAN_S + 2 * DAY_S, [3, 5, 8]))
    return RightsHistory((since_s, Said(serial, works(changed)), b"") for serial, (since_s, changed) in enumerate(said))


class Histories:
    """Segments as any player may seal them, by chance of this seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def segments(self, count: int) -> Iterator[Settled]:
        chance = self._chance
        for index in range(30, 30 + 2 * count, 2):
            flags = frozenset(chance.sample(FLAGS, 1)) if chance.random() < 0.1 else frozenset[str]()
            yield Settled(index, self._entry(), flags, None if index < 40 else BEGAN_S + 5 * DAY_S)

    def _entry(self) -> bytes:
        chance = self._chance
        pack = chance.choice([*PACKS])
        rate_hz, stems, _lease_s = PACKS[pack]
        rows = sorted(chance.randrange(7200 * rate_hz) for _ in range(chance.choice([0, 1, 2, 40])))
        frames = [chance.randrange(1, 60 * rate_hz) for _ in rows]
        began_ms = chance.choice([-70 * DAY_S, 0, DAY_S, DAY_S, 2 * DAY_S, 4 * DAY_S]) * 1000
        began_ms += chance.randrange(DAY_S) * 1000 + BEGAN_S * 1000
        kinds = [FLAG_BEGIN | FLAG_END, FLAG_CONTINUE | FLAG_END]
        dated = chance.random() < 0.9
        first, own_ms = chance.randrange(2**40), chance.randrange(2**34)
        usage = Usage(
            version=VERSION, device_id=chance.choice(DEVICES), sequence=1, previous=bytes(32), boot=1, session=1,
            start_state=bytes(32), first_frame=first, end_frame=first + 8000 * rate_hz, rate_hz=rate_hz,
            start_ms=own_ms, end_ms=own_ms + 8_000_000, clock=chance.choice([1, 2]) if dated else 0,
            anchor_unix_ms=began_ms - own_ms % 77_777 if dated else None,
            anchor_ms=own_ms - own_ms % 77_777 if dated else None,
            pack=pack, score=bytes(32), tier=chance.choice([1, 2, 255]),
            stems=array("H", [chance.randrange(len(stems)) for _ in rows]),
            starts=array("I", [at - before for before, at in zip([0, *rows], rows, strict=False)]),
            frames=array("I", frames), flags=array("B", [chance.choice(kinds) for _ in rows]),
            input_starts=array("I"), input_kinds=array("B"), input_values=array("i"), delivered_frames=0, underruns=0,
            silent_frames=0, pcm_sha256=bytes(32), reason=1, output_kind=1, pace=1, seed_root=NO_SEED_ROOT,
        )  # fmt: skip
        return bytes(sign_cose(usage.encode(), TYP_USAGE, usage.device_id, lambda _: bytes(64)))


class Enrolled:
    """As the store says where devices are."""

    def sites(self) -> dict[bytes, tuple[int, str]]:
        return {device_id: (0, f"site {device_id[0] % 4}") for device_id in DEVICES}


class Stored:
    period_usage = Enrolled()


def added_up(segments: Sequence[Settled], rights: RightsHistory, opt_outs: list[bytes]) -> dict[str, Any]:
    """All that a closing and the days of statements are made of."""
    terms = MeterTerms(PERIOD, "EUR", 1, 0, None, CLOSED, [], opt_outs, {DEVICES[0]: 50}, BEGAN_S)
    store: Any = Stored()
    with PlayedSums(rights.stem_ids) as sums, DailySums(store) as daily:
        how = terms, rights, segments, MANIFESTS.get, usage_in, sums, daily
        counts, rates_hz = metered_result._add_up(*how)
        columns = [np.concatenate(column) for column in zip(*map(columns_of_parts, sums.parts()), strict=True)]
        lines = [(stem, serial, standing) for stem in STEMS for serial in range(3) for standing in range(7)]
        play = {line: daily.play(line, 7_056_000) for line in lines}
        parts = [[*map(str, column.tolist())] for column in columns]
        return {"parts": parts, "counts": counts, "rates": rates_hz, "play": play}


def columns_of_parts(parts: Any) -> list[Any]:
    return [parts.stems, parts.devices, *parts.integers()]


WITHDRAWAL = OptOuts(version=1, serial=1, issued_unix_s=SINCE_S, ids=WITHDRAWN)
LISTS = [bytes(sign_cose(WITHDRAWAL.encode(), TYP_OPT_OUTS, bytes(16), lambda _: bytes(64)))]


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    def work(*how: Any) -> dict[str, Any]:
        with monkeypatch.context() as patched:
            patched.setattr(PlainPlay, "take", lambda _self, segments: list(segments))
            return added_up(*how)

    return work


@pytest.mark.parametrize("opt_outs", [[], LISTS])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_judging_one_by_one_gives(seed: int, opt_outs: list[bytes], one_by_one: Any) -> None:
    segments, rights = [*Histories(seed).segments(120)], rights_of()
    assert added_up(segments, rights, opt_outs) == one_by_one(segments, rights, opt_outs)


@pytest.mark.parametrize("cells", [10, 30])
def test_whatever_has_to_be_given_away_in_between(cells: int, monkeypatch: pytest.MonkeyPatch, one_by_one: Any) -> None:
    segments, rights = [*Histories(7).segments(150)], rights_of()
    expected = one_by_one(segments, rights, LISTS)
    monkeypatch.setattr(plain_play, "CELLS", cells)
    monkeypatch.setattr(plain_play, "CELLS_AT_A_TIME", 4)
    monkeypatch.setattr(pack_tables, "PLACES_MAX", 12)
    monkeypatch.setattr(metered_result, "SEGMENTS_AT_A_TIME", 7)
    monkeypatch.setattr(metered_result, "BYTES_AT_A_TIME", 4000)
    for module in (readings_work, detail_work):
        monkeypatch.setattr(module, "KEYS_IN_MEMORY", 5)
    monkeypatch.setattr(sorted_runs, "ROWS_IN_MEMORY", 16)
    monkeypatch.setattr(sorted_runs, "ROWS_AT_A_TIME", 5)
    assert added_up(segments, rights, LISTS) == expected


def plain_of(rights: RightsHistory, sums: PlayedSums) -> PlainPlay:
    return PlainPlay(rights, OptOutHistory(), MANIFESTS.get, lambda indexes, _began_s: 0 * indexes, sums, None)


def test_most_segments_are_plain() -> None:
    """Else it would be of no use."""
    segments, rights = [*Histories(1).segments(400)], rights_of()
    with PlayedSums(rights.stem_ids) as sums:
        plain = plain_of(rights, sums)
        left = plain.take(segments)
    odd = [item for item in segments if item.flags or usage_in(item.entry).clock == 0]
    late = [item for item in segments if item not in odd and item in left]
    assert [item for item in left if item in odd] == odd
    assert all(usage_in(item.entry).pack == b"q" * 31 + b"\0" for item in late)
    assert len(late) < len(segments) // 4 and sum(plain.accruals.values()) == len(segments) - len(left)


@pytest.mark.parametrize("flag", [FAR_DATED, UNDATED])
def test_what_is_flagged_is_left(flag: str) -> None:
    segments = [replace(item, flags=frozenset((flag,))) for item in Histories(3).segments(5)]
    rights = rights_of()
    with PlayedSums(rights.stem_ids) as sums:
        plain = plain_of(rights, sums)
        assert plain.take(segments) == segments


def test_a_stem_without_splits_and_a_pack_without_manifest_are_named() -> None:
    segments = [*Histories(4).segments(60)]
    with pytest.raises(SettlementError, match="expected its splits in a catalogue, found none"):
        added_up(segments, rights_of(STEMS[:6]), [])
    strange = replace(segments[3], entry=segments[3].entry.replace(b"p" * 32, b"r" * 32).replace(b"q" * 31, b"r" * 31))
    with pytest.raises(SettlementError, match="expected the manifest of its pack"):
        added_up([*segments[:3], strange], rights_of(), [])
