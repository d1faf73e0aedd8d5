"""A session's own time and its date: on a running clock, on the samples, and across a handover."""

from dataclasses import dataclass

from amos.score.day_clock import clock_value
from amos.session.time import SessionTime

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


def test_the_date_rests_on_the_first_known_moment_and_then_on_anchors_alone() -> None:
    clock = FakeClock()
    time = SessionTime(clock, RATE_HZ, Config("clocked"))
    time.date(0)
    assert time.dated is None and time.news(0, 0, True) is None
    clock.wall_ms = 1_000 * TUESDAY_S
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S, 5_000)
    clock.wall_ms = 0  # set back to 1970
    time.date(0)
    assert time.dated == (1_000 * TUESDAY_S, 5_000)
    clock.anchor = (1_000 * TUESDAY_S + 900, 5_000)
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
