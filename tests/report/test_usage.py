"""Usage lines are the closing's own figures, taken apart; of an open period, those that it would come to."""

import json
from copy import deepcopy
from fractions import Fraction

import pytest
from settled_world import PUBLISHER, STEMS, World, manifest_bytes
from statement_bytes import statement_bytes

from amos.crypto import public_key, verify
from amos.protocol.manifest import open_manifest
from amos.protocol.record import UNIX_S_MAX
from amos_tools.report.usage import FROZEN_LATE, PAYABLE, PeriodUsage, milliseconds, placements_of
from amos_tools.verify.log import Reading


def test_lines_add_up_to_the_statements_frames(november: PeriodUsage, settled: World) -> None:
    told: dict[tuple[str, int, str], dict[tuple[int, int], int]] = {}
    for key, line in november.lines.items():
        frames = told.setdefault((key.stem_id.hex(), key.rights, key.standing), {})
        frames[key.rate_hz, key.tier] = frames.get((key.rate_hz, key.tier), 0) + line.frames
    stated: dict[tuple[str, int, str], dict[tuple[int, int], int]] = {}
    for payee in ("ann", "bob", "cy-dee"):
        core = json.loads(statement_bytes(settled.statement(payee)))["core"]
        for line in [*core["lines"], *core["unpaid"]]:
            frames = {}
            for item in line["frames"]:
                key_of = (item["rate_hz"], item["tier"])
                frames[key_of] = frames.get(key_of, 0) + item["frames"]
            stated[line["stem"], line["rights"], line.get("account") or line["reason"]] = frames
    assert told == stated
    assert {stem for stem, _rights, _standing in told} == {stem_id.hex() for stem_id in STEMS}
    assert {standing for _stem, _rights, standing in told} == {PAYABLE, FROZEN_LATE, "post_opt_out"}
    assert told[STEMS[1].hex(), 1, "post_opt_out"] == {(44_100, 0): 44_100}


def test_time_adds_up_to_the_pools(november: PeriodUsage, settled: World) -> None:
    pool = json.loads(statement_bytes(settled.statement("ann")))["core"]["pool"]
    earning = [
        (key.rate_hz, line.frames) for key, line in november.lines.items() if key.standing in (PAYABLE, FROZEN_LATE)
    ]
    assert milliseconds(earning) == Fraction(pool["play_ms"])
    late = [(key.rate_hz, line.frames) for key, line in november.lines.items() if key.standing == "post_opt_out"]
    assert milliseconds(late) == Fraction(pool["unpaid_ms"]["post_opt_out"]) == 1000


def test_an_open_period_tells_the_same_use_and_no_money(november: PeriodUsage, open_november: PeriodUsage) -> None:
    assert open_november.money is None and november.money is not None
    assert {key: line.frames for key, line in open_november.lines.items()} == {
        key: line.frames for key, line in november.lines.items()
    }
    assert open_november.evidence != november.evidence
    assert {work.title for work in open_november.works.values()} == {work.title for work in november.works.values()}


def test_placements_are_the_lines_one_by_one(november: PeriodUsage) -> None:
    assert sum(item.frames for item in november.placements) == sum(line.frames for line in november.lines.values())
    assert sum(item.begins for item in november.placements) == sum(line.plays for line in november.lines.values())
    assert {item.site for item in november.placements} == {"cafe", "harbour"}
    undated = [item for item in november.placements if item.started_ms is None]
    assert {item.status for item in undated} == {"by_reception"} and len(undated) == 2


@pytest.mark.parametrize("played", [UNIX_S_MAX, UNIX_S_MAX - 2, -1])
def test_a_time_that_no_calendar_has_is_no_time(made: World, played: int) -> None:
    """Of what stands before the first batch entry nothing is known to be odd, so the walk believes its clock."""
    anchor_ms = 0 if played >= 0 else 1000
    segment = deepcopy(made.players[0]).play([(0, 3 * 44_100)], max(played, 0), start_ms=0, anchor_ms=anchor_ms)
    reading = Reading(1, segment, None, "by_clock", frozenset(), played, False, None, 0, "cafe")  # type: ignore[arg-type]
    manifest = open_manifest(manifest_bytes(44_100), public_key(PUBLISHER), verify)
    [item] = placements_of(reading, manifest, lambda *_: (1, PAYABLE))
    assert (item.started_ms, item.ended_ms, item.frames) == (None, None, 3 * 44_100)


def test_a_stem_lasts_as_long_as_the_longest_of_the_variants_played(november: PeriodUsage) -> None:
    """The world's two packs have the same frames at different rates, as variants have different frames at one."""
    rates: dict[bytes, set[int]] = {}
    for key in november.lines:
        rates.setdefault(key.stem_id, set()).add(key.rate_hz)
    assert {44_100, 48_000} in rates.values()
    assert november.seconds_of == {stem_id: Fraction(1 << 28, min(found)) for stem_id, found in rates.items()}
