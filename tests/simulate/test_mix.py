"""How loud a run is, where nothing is heard in it, what can never play, and what happens to it from outside."""

import numpy as np
import pytest

from amos.score.day_clock import clock_value
from amos.score.inputs import INPUT_CLOCK, INPUT_LIKE, INPUT_PAUSE, INPUT_SKIP, INPUT_SLIDER, INPUT_VOLUME
from amos.score.score import Score, decode_score
from amos_tools.pack.forecast import FORECAST_S, forecast_power
from amos_tools.script import compile_script
from amos_tools.script.dayparts import DaypartFacts
from amos_tools.script.problems import ScriptError
from amos_tools.simulate import SimStem, TimedInput, watch
from amos_tools.simulate.loudness import Loudness
from amos_tools.simulate.marks import Announcements, Mark, Span, daypart_spans, input_marks
from amos_tools.simulate.reach import never_played
from amos_tools.simulate.window import Window, WindowError, window_of
from amos_tools.stems import PPM, Split, StemFacts

RATE_HZ = 22_050
HEAD = """experience "mix" seed device
clock 22050 tempo 120 meter 4/4
pool warm = stems where role pads
pool kit = stems where role beats
pool low = stems where role bass
mix target -20 LUFS peak -1 dBTP voices 8 duck -12 dB 300 ms
slider energy 0..1 start 0.5
"""


def stem(number: int, role: str) -> StemFacts:
    return StemFacts(
        stem_id=bytes([number]) * 16, sha256=bytes([number]) * 32, title=f"{role} {number}", artist="Noor", role=role,
        key=None, tempo_mbpm=120_000, beats=8, rate_hz=RATE_HZ, frames=4 * RATE_HZ, channels=2,
        loudness_mlufs=-20_000, opt_in=True, splits=(Split("noor", PPM),),
    )  # fmt: skip


def compiled(body: str) -> tuple[Score, list[SimStem]]:
    found = compile_script(HEAD + body, [stem(1, "pads"), stem(2, "beats"), stem(3, "bass"), stem(4, "fx")])
    profile = np.full(40, 10 ** ((-20 + 0.691) / 10))
    table = [SimStem(row.frames, 32767, row.role, row.title, row.artist, profile) for row in found.stems]
    return decode_score(found.score), table


def test_the_curve_is_the_power_of_what_plays_and_a_rest_is_where_none_is_heard() -> None:
    score, table = compiled("section a 4 bars\n  play pads from warm every 4 bars\n  next a\n")
    quiet = np.concatenate((table[0].profile[:30], np.zeros(10)))
    table = [table[0]._replace(profile=quiet)]
    loudness = Loudness(score, table, 64 * RATE_HZ)
    watch(score, table, bytes(32), 64 / 3600, [loudness])
    # Four seconds of every eight, of which the last is silent: three sound.
    assert loudness.curve(0, 64 * RATE_HZ, 1).lufs[0] == pytest.approx(-20 + 10 * np.log10(3 / 8), abs=0.1)
    assert loudness.curve(0, 3 * RATE_HZ, 1).lufs[0] == pytest.approx(-20, abs=0.1)
    rests = loudness.rests()
    assert (rests.count, rests.frames) == (8, 8 * 5 * RATE_HZ)
    assert (rests.longest_frames, rests.start_frame) == (5 * RATE_HZ, 3 * RATE_HZ)


def test_the_curve_of_half_an_hour_is_that_of_the_forecast() -> None:
    score, table = compiled("section a 4 bars\n  play pads from warm chance 0.5\n  play bass from low gain -6 dB\n")
    loudness = Loudness(score, table, FORECAST_S * RATE_HZ)
    watch(score, table, bytes(32), FORECAST_S / 3600, [loudness])
    profiles = [row.profile for row in table if row.profile is not None]
    power = forecast_power(score, [row.frames for row in table], [row.gain_q15 for row in table], profiles)
    found = loudness.curve(0, FORECAST_S * RATE_HZ, 1).lufs[0]
    assert found == pytest.approx(-0.691 + 10 * np.log10(power.mean()), abs=0.1)


@pytest.mark.parametrize(
    ("body", "never"),
    [
        ("section a 4 bars\n  play pads from warm\n  next a\nsection b 4 bars\n  play beats from kit\n", ["beats 2"]),
        ("section a 4 bars\n  play pads from warm\n  next a 1, b 0\nsection b 4 bars\n  play beats from kit\n", []),
        (
            "section a 4 bars\n  play pads from warm\n  next c 1, b 0\nsection b 4 bars\n  play beats from kit\n"
            "section c 4 bars\n  play bass from low\n",
            ["beats 2"],
        ),
        (
            "section a 4 bars\n  play pads from warm\n  next c 1 when energy > 0.5, b 0\n"
            "section b 4 bars\n  play beats from kit\nsection c 4 bars\n  play bass from low\n",
            [],
        ),
        ("section a 4 bars\n  play pads from warm\n  play beats from kit chance 0\n", ["beats 2"]),
        ("section a 4 bars\n  play pads from warm\n  play beats from kit chance 0 + energy\n", []),
        ("section a 4 bars\n  play pads from warm\n  play beats from kit enter bar 5\n", None),
        ('section a 4 bars\n  play pads from warm\nannounce "fx 4"\n', []),
    ],
)
def test_stems_that_can_never_play(body: str, never: list[str] | None) -> None:
    if never is None:  # the compiler does not let it pass
        with pytest.raises(ScriptError, match="entry"):
            compiled(body)
        return
    score, table = compiled(body)
    assert [table[index].title for index in never_played(score)] == never


def test_announcements_have_their_names_and_times() -> None:
    score, table = compiled(
        'section a 4 bars\n  play pads from warm\nannounce "fx 4" at 00:01 exact duck\n'
        'announce "we close" duck for 6 s\nannounce "we open" duck for 2 s\n'
    )
    announced = Announcements(score)
    numbers = [item.name for item in score.announcements or ()]
    inputs = [
        TimedInput(0, INPUT_CLOCK, 0),
        TimedInput(10 * RATE_HZ, 5, numbers.index("we close")),
        TimedInput(30 * RATE_HZ, 5, numbers.index("we open")),
    ]
    watch(score, table, bytes(32), 0.03, [announced], inputs)
    assert [span.text for span in announced.spans] == ["we close", "we open", "fx 4"]
    assert announced.spans[-1][:2] == (60 * RATE_HZ, 64 * RATE_HZ)


def test_inputs_in_words() -> None:
    score, table = compiled("section a 4 bars\n  play pads from warm\n")
    given = [(INPUT_CLOCK, 5), (INPUT_SKIP, 0), (INPUT_SLIDER, 16384), (INPUT_LIKE, 1), (INPUT_LIKE, 0),
             (INPUT_PAUSE, 1), (INPUT_VOLUME, 16423)]  # fmt: skip
    marks = input_marks([TimedInput(frame, *item) for frame, item in enumerate(given)], score, table)
    assert marks == [
        Mark(1, "skip"), Mark(2, "energy 0.5"), Mark(3, "like pads 1"), Mark(4, "like all"), Mark(5, "pause"),
        Mark(6, "volume -6 dB"),
    ]  # fmt: skip


def test_parts_of_the_day_are_where_they_hold() -> None:
    parts = [DaypartFacts("late", 0b1, 22 * 60, 26 * 60), DaypartFacts("noon", 0b10, 12 * 60, 13 * 60)]
    hour = 3600
    monday_evening = clock_value(0, False, 23 * hour)
    assert daypart_spans(parts, monday_evening, 24 * hour, 1) == [
        Span(0, 3 * hour, "late"),
        Span(13 * hour, 14 * hour, "noon"),
    ]
    assert daypart_spans(parts, clock_value(1, False, hour), hour * 2, 1) == [Span(0, hour, "late")]
    assert daypart_spans(parts, None, 24 * hour, 1) == []


@pytest.mark.parametrize(
    ("begin", "minutes", "second", "hours", "expected"),
    [
        (None, None, 0, None, None),
        ("12:00", None, 0, None, Window(43_200, 43_500)),
        ("12:00:30", 1, 39_600, 2, Window(3_630, 3_690)),
        ("01:00", 2, 82_800, None, Window(7_200, 7_320)),
        ("0:10", 2, None, None, Window(600, 720)),
        (None, 5, 0, None, "minutes: expected --from"),
        ("noon", None, 0, None, "from: expected a time such as 12:00"),
        ("24:00", None, 0, None, "from: expected a time such as 12:00"),
        ("12:00", 0, 0, None, "minutes: expected more than 0"),
        ("12:00", 61, 0, None, "minutes: expected more than 0 and at most 60"),
        ("12:00", 5, 0, 12, "from: expected minutes within the 12 h"),
    ],
)
def test_windows(
    begin: str | None, minutes: float | None, second: int | None, hours: float | None, expected: Window | str | None
) -> None:
    if isinstance(expected, str):
        with pytest.raises(WindowError, match=expected):
            window_of(begin, minutes, second, hours)
    else:
        assert window_of(begin, minutes, second, hours) == expected
