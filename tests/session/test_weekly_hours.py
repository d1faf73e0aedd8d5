"""Hours of silence by weekday as clocks on the wall have them: over midnight, turns of the clocks and other zones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from test_time import RATE_HZ, Config, FakeClock

from amos.directed_inputs import DirectedInputs
from amos.edges.clock import SystemClock
from amos.edges.time_zone import read_zone
from amos.score.inputs import INPUT_PAUSE
from amos.session.time import SessionTime
from amos_tools.fleet.pause_hours import hours_of


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator["Zone"]:
    """The machine's own, which may be set."""
    made = Zone(monkeypatch)
    yield made
    monkeypatch.undo()
    read_zone()


@dataclass
class Zone:
    patched: pytest.MonkeyPatch

    def set(self, name: str) -> None:
        self.patched.setenv("TZ", name)
        read_zone()


def unix_s(text: str) -> int:
    """`2026-03-29 01:00`, in UTC."""
    return int(datetime.fromisoformat(f"{text}:00+00:00").timestamp())


class Silence:
    """A session under a directive with these hours, from a moment on."""

    def __init__(self, hours: list[str], begin_s: int) -> None:
        clock = FakeClock(wall_ms=1000 * begin_s)
        clock.local = SystemClock().local  # type: ignore[method-assign]
        wanted = SimpleNamespace(pause=[hours_of(text) for text in hours], sliders=None, volume_q15=None)
        self.begin_s = begin_s
        self.inputs = DirectedInputs(SimpleNamespace(current=wanted, volume=0), None, SimpleNamespace(sliders=[]))
        self.time = SessionTime(clock, RATE_HZ, Config("free"))

    def edge(self, moment_s: int) -> int | None:
        """What is told at that moment: 1 a pause, 0 its end."""
        due = self.inputs.due(self.time.week_minute((moment_s - self.begin_s) * RATE_HZ))
        self.inputs.given(due)
        assert all(kind == INPUT_PAUSE for kind, _value in due) and len(due) <= 1
        return due[0][1] if due else None


BERLIN = "Europe/Berlin"
TABLE = [
    # Berlin is two hours ahead of UTC in summer, one in winter; 2026-06-05 is a Friday.
    (BERLIN, "mon-fri 22:00-07:00", "2026-06-05 12:00", ["05 20:00", "06 05:00", "08 20:00", "09 05:00"]),
    (BERLIN, "fri 20:00-24:00", "2026-06-05 12:00", ["05 18:00", "05 22:00"]),
    (BERLIN, "sun", "2026-06-05 12:00", ["06 22:00", "07 22:00"]),
    (BERLIN, "sun 06:00-06:00", "2026-06-05 12:00", ["07 04:00", "08 04:00"]),
    (BERLIN, "sat,sun", "2026-06-05 12:00", ["05 22:00", "07 22:00"]),
    # The clocks go from 2:00 to 3:00 on Sunday, at 1:00 in UTC.
    (BERLIN, "sun", "2026-03-27 12:00", ["28 23:00", "29 22:00"]),
    (BERLIN, "sat 22:00-07:00", "2026-03-27 12:00", ["28 21:00", "29 05:00"]),
    (BERLIN, "sun 02:00-03:00", "2026-03-27 12:00", []),
    (BERLIN, "sun 02:30-05:00", "2026-03-27 12:00", ["29 01:00", "29 03:00"]),
    (BERLIN, "sat 22:00-02:30", "2026-03-27 12:00", ["28 21:00", "29 01:00"]),
    # From 3:00 back to 2:00 on Sunday, at 1:00 in UTC.
    (BERLIN, "sun", "2026-10-23 12:00", ["24 22:00", "25 23:00"]),
    (BERLIN, "sat 22:00-07:00", "2026-10-23 12:00", ["24 20:00", "25 06:00"]),
    (BERLIN, "sun 02:00-03:00", "2026-10-23 12:00", ["25 00:00", "25 02:00"]),
    (BERLIN, "sun 02:00-02:30", "2026-10-23 12:00", ["25 00:00", "25 00:30", "25 01:00", "25 01:30"]),
    (BERLIN, "sun 02:30-04:00", "2026-10-23 12:00", ["25 00:30", "25 01:00", "25 01:30", "25 03:00"]),
    # In Havana the clocks turn at midnight: Sunday begins at 1:00, and 2024-11-03 has its first hour twice.
    ("America/Havana", "sun", "2024-03-08 12:00", ["10 05:00", "11 04:00"]),
    ("America/Havana", "sun 00:00-00:30", "2024-11-01 12:00", ["03 04:00", "03 04:30", "03 05:00", "03 05:30"]),
    # Samoa had no Friday: from Thursday's midnight it went to Saturday.
    ("Pacific/Apia", "fri", "2011-12-28 12:00", []),
    ("Pacific/Apia", "thu 22:00-07:00", "2011-12-28 12:00", ["30 08:00", "30 10:00"]),
    ("Asia/Kolkata", "mon 00:15-00:45", "2026-06-05 12:00", ["07 18:45", "07 19:15"]),
    ("UTC", "tue", "2028-02-27 12:00", ["29 00:00", "01 00:00"]),  # a leap day
    ("UTC", "wed-thu 23:00-01:00", "2025-12-30 12:00", ["31 23:00", "01 01:00", "01 23:00", "02 01:00"]),
]


@pytest.mark.parametrize(("name", "hours", "begin", "edges"), TABLE)
def test_silence_begins_and_ends_by_the_clock_on_the_wall(
    name: str, hours: str, begin: str, edges: list[str], zone: Zone
) -> None:
    zone.set(name)
    begin_s = unix_s(begin)
    silence, found = Silence([hours], begin_s), []
    for moment in range(begin_s, begin_s + 4 * 86_400, 60):
        value = silence.edge(moment)
        if value is not None:
            assert value == (len(found) + 1) % 2
            found.append(datetime.fromtimestamp(moment, UTC).strftime("%d %H:%M"))
    assert found == edges


def test_another_zone_of_the_machine_holds_at_once(zone: Zone) -> None:
    moment = unix_s("2026-06-06 16:00")
    silence, edges = Silence(["sun", "mon 08:00-09:00"], moment), []
    # Saturday evening, Sunday morning, Saturday noon, Monday morning.
    for name in (BERLIN, "Asia/Tokyo", "America/New_York", "Asia/Tokyo", BERLIN):
        zone.set(name)
        edges.append(silence.edge(moment))
    assert edges == [None, 1, 0, 1, 0]


def test_several_hours_that_overlap_are_one_silence(zone: Zone) -> None:
    zone.set("UTC")
    begin_s = unix_s("2026-06-05 12:00")  # a Friday
    silence = Silence(["23:00-01:00", "fri 22:00-24:00", "sat 00:30-02:00"], begin_s)
    edges = [silence.edge(moment) for moment in range(begin_s, begin_s + 86_400, 60)]
    assert {minute: value for minute, value in enumerate(edges) if value is not None} == {600: 1, 840: 0}
