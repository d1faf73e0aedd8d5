"""What is not plausible in a month's play: each kind found where it is, and not where it is not."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audited import audited
from settled_world import OPERATOR, PUBLISHER, World, unix_s
from typer.testing import CliRunner

from amos.crypto import public_key
from amos.protocol.segment import CLOCK_SYNCHRONISED, CLOCK_UNKNOWN, TIER_RENDERER
from amos_tools.audit.readings import Reading, Seen, day_of
from amos_tools.audit.stem_share import suspicions
from amos_tools.audit.watched import DAY_MS, HOUR_MS, Odd, Watched
from amos_tools.cli import app

RATE_HZ = 44_100
NOON_S = unix_s(2026, 11, 2, 12)
PACK = bytes(32)


def seen(hours: float = 1, at_h: float = 0, **changes: Any) -> Seen:
    """A segment of so many hours, that begins so many hours after noon of the second, in two stems at once."""
    frames = round(hours * 3600 * RATE_HZ)
    facts = Seen(
        **{"device_id": bytes(16), "sequence": 1, "boot": 1, "session": 1, "first_frame": 0, "end_frame": frames},
        **{"rate_hz": RATE_HZ, "start_ms": round(at_h * HOUR_MS), "end_ms": round((at_h + hours) * HOUR_MS)},
        **{"clock": CLOCK_SYNCHRONISED, "unix_ms": 1000 * NOON_S + round(at_h * HOUR_MS), "tier": 0, "pack": PACK},
        **{"score": PACK, "start_state": PACK, "seed_root": None, "reason": 1, "stems": ((0, frames), (1, frames))},
    )
    return replace(facts, **changes)


def reading(item: Seen) -> Reading:
    began = NOON_S if item.unix_ms is None else item.unix_ms // 1000
    return Reading(1, b"", item, began, item.unix_ms is not None)


def watch(*segments: Seen) -> dict[Odd, int]:
    watched = Watched()
    for item in segments:
        watched.take(reading(item))
    return {item.odd: item.concerned_ms for item in watched.suspicions()}


def test_a_venue_that_plays_ten_hours_a_day_is_plausible() -> None:
    assert watch(*(seen(10, 24 * day, boot=day) for day in range(28))) == {}


def test_faster_than_real_time() -> None:
    fast = seen(2, end_ms=HOUR_MS)
    assert watch(fast) == {Odd.FASTER: 2 * HOUR_MS}, "half of the stem-time of two stems"
    assert watch(replace(fast, tier=TIER_RENDERER)) == {}
    assert watch(seen(2, end_ms=2 * HOUR_MS - 1500)) == {}, "an output that swallows a second"


def test_twice_at_once() -> None:
    first, second = seen(2), seen(2, 1, sequence=2)
    assert watch(first, second)[Odd.OVERLAP] == 2 * HOUR_MS, "an hour of two stems"
    after_restart = replace(second, boot=2, start_ms=0, end_ms=2 * HOUR_MS)
    assert watch(first, after_restart)[Odd.OVERLAP] == 2 * HOUR_MS
    assert watch(first, seen(2, 2, sequence=2)) == {}


def test_never_silent() -> None:
    days = [seen(23.8, 24 * day - 12, boot=day) for day in range(1, 4)]
    assert watch(*days) == {Odd.ALWAYS_ON: round(3 * 2 * 23.8 * HOUR_MS)}
    assert watch(*days[:2]) == {}


def test_no_clock() -> None:
    lost = [seen(1, hour, clock=CLOCK_UNKNOWN, unix_ms=None) for hour in range(7)]
    assert watch(*lost) == {Odd.NO_CLOCK: 14 * HOUR_MS}
    assert watch(*lost[:5]) == {}, "some hours after a restart"


def test_a_clock_that_jumps() -> None:
    later = seen(1, 1)
    assert later.unix_ms is not None
    assert watch(seen(1), replace(later, unix_ms=later.unix_ms + HOUR_MS))[Odd.JUMP] == 2 * HOUR_MS
    assert watch(seen(1), replace(later, unix_ms=later.unix_ms + 30_000)) == {}, "a clock that was set right"


def test_silent_then_much() -> None:
    usual = [seen(2, 24 * day, boot=day) for day in range(3)]
    assert watch(*usual, seen(10, 24 * 12, boot=9)) == {Odd.BURST: 20 * HOUR_MS}
    assert watch(*usual, seen(10, 24 * 6, boot=9)) == {}, "a weekend"
    assert watch(*usual, seen(3, 24 * 12, boot=9)) == {}, "a holiday"


def test_a_stem_far_above_what_others_play() -> None:
    frames = 10 * 3600 * RATE_HZ
    even = tuple((stem, frames // 10) for stem in range(10))
    fleet = {bytes([number]) * 16: Watched() for number in range(5)}
    for device_id, watched in fleet.items():
        looped = ((0, frames * 9 // 10), *((stem, frames // 90) for stem in range(1, 10)))
        watched.take(reading(seen(10, stems=looped if device_id == bytes(16) else even)))
    found = list(suspicions(fleet, {}))
    assert [(device_id, item.odd) for device_id, item in found] == [(bytes(16), Odd.STEM)]
    assert found[0][1].concerned_ms == 8 * HOUR_MS and "stem 0: 9 h, 90.0% instead of 10.0%" in found[0][1].detail
    assert not list(suspicions(dict(list(fleet.items())[:3]), {})), "too few others to know what is usual"


def test_the_day_of_a_moment() -> None:
    assert (day_of(NOON_S), day_of(None), day_of(-1)) == ("2026-11-02", "", "")
    assert DAY_MS == 24 * HOUR_MS


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A ledger that logged a player which is too fast, past its own intake, and one which is not."""
    found = World(tmp_path / "ledger")
    found.play(1, [(stem, 5400 * 48_000) for stem in range(2)], NOON_S, NOON_S + 30_000)
    found.append(found.players[0].play([(0, 5400 * 44_100)], NOON_S, start_ms=0, end_ms=HOUR_MS, anchor_ms=0))
    found.play(1, [], NOON_S + 6000, NOON_S + 30_000)
    audited(found.folder)
    return found


def run(world: World, *words: str) -> Any:
    keys = {"ledger": world.folder.public_key, "publisher": public_key(PUBLISHER), "operator": public_key(OPERATOR)}
    named = [f"--{name}-key={key.hex()}" for name, key in keys.items()]
    place = f"--ledger={world.folder.path / 'audit'}"
    return CliRunner().invoke(app, ["audit", "plausibility", place, "--period=2026-11", *named, *words])


def test_the_report_tells_what_is_at_risk(world: World) -> None:
    result = run(world, "--income=1000", "--json")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert (told["devices"], told["segments"], told["played_ms"]) == (2, 3, 4.5 * HOUR_MS)
    (finding,) = told["findings"]
    assert (finding["finding"], finding["site"], finding["name"]) == ("faster", "cafe", "bar-0")
    assert (finding["concerned_ms"], finding["share_ppm"], finding["at_risk_micro"]) == (
        HOUR_MS // 2,
        111_111,
        111_111_111,
    )
    text = run(world, "--income=1000")
    assert "faster than real time" in text.stdout and "111.111111" in text.stdout and "11.11 %" in text.stdout
    assert text.stdout.endswith("1 findings in 2026-11: 2 devices, 3 segments, 4.5 h of stems\n")


def test_an_income_that_is_none(world: World) -> None:
    for wrong in ("ten", "-1", "1.1234567", "1e3"):
        result = run(world, f"--income={wrong}")
        assert result.exit_code == 2 and "--income" in result.stderr
