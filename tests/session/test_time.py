"""A session's own time and its date: on a running clock, on the samples, and across a handover."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from amos.edges.clock import SystemClock
from amos.edges.time_zone import read_zone
from amos.score.day_clock import clock_value
from amos.session.time import SessionTime
from amos_tools.device.run import micropython_environment

RATE_HZ = 48_000
DAY_S = 86_400
TUESDAY_S = 1_735_603_200 + DAY_S // 2  # 2024-12-31, noon


@dataclass
class FakeClock:
    """A clock that is told what time it is."""

    ms: int = 5_000
    wall_ms: int | None = None
    anchor: tuple[int, int] | None = None

    def now_ms(self) -> int:
        return self.ms

    def unix_ms(self) -> int | None:
        return self.wall_ms

    def local(self, unix_s: int) -> tuple[str, int, int]:
        days, second = divmod(unix_s, DAY_S)
        return f"day {days}", (days + 3) % 7, second


@dataclass
class Config:
    pace: str
    holidays: str = ""


def test_free_time_follows_the_samples_and_clocked_time_the_clock() -> None:
    clock = FakeClock()
    free, clocked = (SessionTime(clock, RATE_HZ, Config(pace)) for pace in ("free", "clocked"))
    clock.ms += 70
    assert free.now_ms(2 * RATE_HZ) == 7_000
    assert clocked.now_ms(2 * RATE_HZ) == 5_070


def test_the_date_rests_on_the_wall_clock_and_from_the_first_anchor_on_on_anchors_alone() -> None:
    clock = FakeClock()
    time = SessionTime(clock, RATE_HZ, Config("clocked"))
    time.date(0)
    assert time.dated is None and time.news(0, 0, True) is None
    clock.wall_ms = 1_000 * TUESDAY_S
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S, 5_000)
    clock.wall_ms = None  # set back to 1970
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S, 5_000)
    clock.wall_ms = 1_000 * TUESDAY_S + 14_000  # less than matters
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S, 5_000)
    clock.wall_ms = 1_000 * (TUESDAY_S + DAY_S)
    time.date(0)
    assert time.dated == (1_000 * (TUESDAY_S + DAY_S), 5_000)
    clock.anchor = (1_000 * TUESDAY_S + 900, 5_000)
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S + 900, 5_000)
    clock.wall_ms = 1_000 * (TUESDAY_S + 9 * DAY_S)
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S + 900, 5_000)


def test_running_free_an_anchor_is_moved_to_the_samples_time() -> None:
    clock = FakeClock(anchor=(1_000 * TUESDAY_S, 4_000))
    time = SessionTime(clock, RATE_HZ, Config("free"))
    clock.ms += 10
    time.date(RATE_HZ)  # a second of music in ten milliseconds
    assert time.dated == (1_000 * TUESDAY_S, 6_000 - 5_010 + 4_000)


def test_the_vm_is_told_at_need_and_once_a_day() -> None:
    clock = FakeClock(wall_ms=1_000 * (TUESDAY_S + DAY_S // 2 - 10))
    holiday = f"day {TUESDAY_S // DAY_S + 1}"
    time = SessionTime(clock, RATE_HZ, Config("free", holiday))
    time.date(0)
    assert time.news(0, 0, True) == clock_value(1, False, DAY_S - 10)
    assert time.news(5 * RATE_HZ, 0, False) is None
    assert time.news(5 * RATE_HZ, 6 * RATE_HZ, False) == clock_value(2, True, 1)
    assert time.news(12 * RATE_HZ, 0, False) is None
    assert time.news(12 * RATE_HZ, 0, True) == clock_value(2, True, 2)


def test_free_time_goes_on_in_the_next_session_and_clocked_time_never_stopped() -> None:
    clock = FakeClock(wall_ms=1_000 * TUESDAY_S)
    for pace, expected_ms, dated in (("free", 9_000, (1_000 * TUESDAY_S, 5_000)), ("clocked", 5_000, None)):
        config = Config(pace)
        first = SessionTime(clock, RATE_HZ, config)
        first.date(0)
        first.end(3 * RATE_HZ)
        second = SessionTime(clock, RATE_HZ, config, first)
        assert second.dated == dated
        assert second.now_ms(RATE_HZ) == expected_ms


ZONES = ["Europe/Berlin", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "America/Havana"]
ZONES += ["Africa/Cairo", "Antarctica/Troll", "Asia/Gaza", "America/Nuuk", "Asia/Kolkata", "Pacific/Apia"]


def edges(year: int) -> list[int]:
    """The Unix seconds at which a year, its leap day and its last day begin or end in Greenwich."""
    days = (1, 1), (2, 28), (3, 1), (12, 31)
    return [int(datetime(year, month, day, tzinfo=UTC).timestamp()) for month, day in days]


def turns(zone: str, year: int) -> list[int]:
    """The Unix seconds at which a zone's offset changes in a year, by this machine's data: governments change it."""
    begin = edges(year)[0]
    offsets = [
        (moment, datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset())
        for moment in range(begin, begin + 366 * DAY_S, 900)
    ]
    return [later for (_, before), (later, after) in pairwise(offsets) if before != after]


def test_there_are_zones_that_turn() -> None:
    assert any(turns(zone, 2026) for zone in ZONES)


@pytest.mark.parametrize("zone", ZONES)
def test_within_a_minute_of_each_turn_of_the_year_the_vm_knows_the_time(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    read_zone()
    found = 0
    turning = turns(zone, 2026) + turns(zone, 2028)
    for moment in turning + edges(2026) + edges(2028):
        clock = FakeClock(wall_ms=1_000 * (moment - 600))
        clock.local = SystemClock().local  # type: ignore[method-assign]
        time = SessionTime(clock, RATE_HZ, Config("free"))
        time.date(0)
        told = (time.news(0, 0, True), 0)
        for second in range(1, 1_200):
            value = time.news(second * RATE_HZ, 0, False)
            told = (value, second) if value is not None else told
            expected = datetime.fromtimestamp(moment - 600 + second, ZoneInfo(zone))
            at = told[0] % DAY_S + second - told[1]
            assert abs(at % DAY_S - (expected.hour * 60 + expected.minute) * 60 - expected.second) <= 15
            day = (told[0] // DAY_S // 2 + at // DAY_S) % 7
            assert day == expected.weekday()
            found += value is not None
    monkeypatch.undo()
    read_zone()
    assert found >= len(turning)


def test_a_zone_file_that_changes_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "localtime"
    monkeypatch.setenv("TZ", f":{path}")
    for name, hour in (("Asia/Kolkata", 17), ("Europe/Berlin", 13), ("America/New_York", 7)):
        path.unlink(missing_ok=True)
        path.symlink_to(f"/usr/share/zoneinfo/{name}")
        read_zone()
        assert SystemClock().local(TUESDAY_S)[2] // 3600 == hour
    monkeypatch.undo()
    read_zone()


def test_micropython_reads_the_zone_file_again_too(micropython: list[str], tmp_path: Path) -> None:
    path = tmp_path / "localtime"
    path.symlink_to("/usr/share/zoneinfo/Asia/Kolkata")
    code = (
        "import sys; from amos.edges import clock; from time import sleep_ms\n"
        "clock.ZONE_MS = 0; c = clock.SystemClock()\n"
        f"for _ in range(2): print(c.local({TUESDAY_S})[2] // 3600); sys.stdin.readline(); sleep_ms(5)"
    )
    environment = micropython_environment() | {"TZ": f":{path}"}
    pipe = subprocess.PIPE
    with subprocess.Popen([*micropython, "-c", code], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "17\n"
        path.unlink()
        path.symlink_to("/usr/share/zoneinfo/America/New_York")
        assert process.communicate("\n\n", timeout=60)[0] == "7\n"


def test_a_break_in_play_reaches_the_vm_when_play_goes_on() -> None:
    clock = FakeClock(wall_ms=1_000 * TUESDAY_S)
    time = SessionTime(clock, RATE_HZ, Config("clocked"))
    time.date(0)
    assert time.news(0, 0, True) == clock_value(1, False, DAY_S // 2)
    clock.ms += 180_000
    clock.wall_ms += 180_000  # type: ignore[operator]
    assert time.news(RATE_HZ, 0, False) == clock_value(1, False, DAY_S // 2 + 180)
