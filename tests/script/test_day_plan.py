"""Dayparts that lead to sections, and how loud a day is, as written."""

import re
from dataclasses import replace

import numpy as np
import pytest
from script_samples import VAULT

from amos.score.day_clock import clock_value
from amos.score.draw import numbered_seed
from amos.score.inputs import INPUT_CLOCK
from amos.score.score import DAY_SECTION_FIELDS, DAY_VOLUME_FIELDS, Score, decode_score
from amos.sound.events import Section
from amos_tools.pack.forecast import UNTIMED_S, forecast_power
from amos_tools.pack.profile import HOPS_PER_S
from amos_tools.script import Compiled, ScriptError, compile_script
from amos_tools.script.explain import Play, explain_at, placements
from amos_tools.script.format import format_script
from amos_tools.script.preview import stem_frames
from amos_tools.simulate import SimStem, TimedInput, simulate
from amos_tools.simulate.draw import drawn
from amos_tools.simulate.draw import play as run
from amos_tools.simulate.window import Window

DAY = """\
clock 44100 tempo 84
pool low = stems where role bass
mix voices 8
slider volume 0..1 start 0.5

section a 16 bars
  play bass from low enter bar 2
  next a, b

section b 16 bars
  play bass from low
  next b

section c 4 bars
  play bass from low

"""
MANY = ", ".join(f"{minute // 60:02}:{minute % 60:02} -1 dB" for minute in range(64))
DINNER, LATE = 'daypart "dinner" 18:00..23:00 section b', 'daypart "late" 23:00..02:00 section c'


def compiled(*lines: str) -> Compiled:
    return compile_script(DAY + "\n".join(lines), VAULT)


def score_of(*lines: str) -> Score:
    score = decode_score(compiled(*lines).score)
    assert score.version == 2
    return score


def volumes(*lines: str) -> list[tuple[int, ...]]:
    numbers = score_of(*lines).day_volumes
    assert numbers is not None
    return [tuple(numbers[at : at + DAY_VOLUME_FIELDS]) for at in range(0, len(numbers), DAY_VOLUME_FIELDS)]


def test_dayparts_lead_by_priority_and_line_also_over_midnight() -> None:
    numbers = score_of(DINNER, LATE, 'daypart "high tea" sun 17:00..19:00 priority high section a').day_sections
    assert numbers is not None
    found = [tuple(numbers[at : at + DAY_SECTION_FIELDS]) for at in range(0, len(numbers), DAY_SECTION_FIELDS)]
    assert found == [(64, 1020, 1140, 0), (255, 0, 120, 2), (255, 1380, 1440, 2), (255, 1080, 1380, 1)]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["volume 12:00 -6 dB"], [(255, 0, 720, 600, 600), (255, 720, 1440, 600, 600)]),
        (
            ["volume 06:00 -18 dB, 18:00 0 dB"],
            [(255, 0, 360, 900, 1800), (255, 360, 1080, 1800, 0), (255, 1080, 1440, 0, 900)],
        ),
        (["volume sat 00:00 -1.25 dB"], [(32, 0, 1440, 125, 125)]),
        (
            ["volume 00:00 -3 dB", 'daypart "dinner" 18:00..23:00 section b volume -1 dB', "volume sun 00:00 -9 dB"],
            [(255, 1080, 1380, 100, 100), (64, 0, 1440, 900, 900), (255, 0, 1440, 300, 300)],
        ),
    ],
)
def test_a_curve_goes_from_point_to_point_and_over_midnight(lines: list[str], rows: list[tuple[int, ...]]) -> None:
    assert volumes(*lines) == rows


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('daypart "x" 18:00..23:00 section nowhere', "`nowhere` is not a section of this script"),
        ('daypart "x" 18:00..23:00 section a section b', "a daypart leads to one section"),
        ('daypart "x" 18:00..23:00 volume -1 dB volume -2 dB', "a daypart has one volume"),
        ('daypart "x" 18:00..23:00 volume +1 dB', "the volume of a day is below that of the mix"),
        ("volume 18:00 -97 dB", "the volume of a day is below that of the mix"),
        ("volume 18:00 -9 dB, 18:00 -3 dB", "the times of a curve run from morning to night"),
        ("volume 24:00 -9 dB", "this is not a time of day"),
        ("\n".join(f"volume {day} {MANY}" for day in ("mon", "tue", "wed")), "at most 128 stretches"),
        ("volume 18:00 -9", "the line ends too early"),
    ],
)
def test_what_cannot_be_is_refused_by_name(line: str, said: str) -> None:
    with pytest.raises(ScriptError) as refused:
        compiled(line)
    assert said in str(refused.value)


def test_voices_and_fades_are_proven_where_the_day_leads() -> None:
    wide = DAY.replace("section c 4 bars\n  play bass", "section c 4 bars\n  play bass from low count 3\n  play bass")
    compile_script(wide.replace("voices 8", "voices 4"), VAULT)
    with pytest.raises(ScriptError, match="section `a` may need 5 voices while `c` fades out, the mix has 4"):
        compile_script(wide.replace("voices 8", "voices 4") + LATE, VAULT)
    with pytest.raises(ScriptError, match="the fade outlasts section `c`"):
        compiled(LATE, "transition any -> any fade 5 bars")


def test_what_is_probably_not_meant_is_named_and_what_is_meant_is_not() -> None:
    def told(*lines: str) -> list[str]:
        return [one.message for one in compiled(*lines).warnings if "phrase" not in one.message]

    assert "section `c` is never reached" in told() and "section `c` has no `next`, so it never ends" in told()
    assert told(LATE) == []
    assert "this overlaps what line 17 says of the same hours, and holds where it does" in told(
        DINNER, LATE.replace("23:00..", "22:00..")
    )
    assert told(LATE, "volume 12:00 -6 dB", "volume sun 12:00 -3 dB") == []
    assert len(told(LATE, "volume 12:00 -6 dB", "volume 13:00 -3 dB")) == 1


def test_it_has_a_canonical_form_and_the_words_may_name_sliders() -> None:
    written = (
        'daypart "dinner" 9:00..23:00 volume -3.0 dB section b set volume 0.2\n'
        "volume sat ,sun 7:00 -18 dB,12:00 -0.50 dB\n"
    )
    shown = (
        'daypart "dinner" 09:00..23:00 volume -3 dB section b set volume 0.2\n'
        "volume sat, sun 07:00 -18 dB, 12:00 -0.5 dB\n"
    )
    assert format_script(DAY + written).endswith(shown)


@pytest.fixture(scope="module")
def play() -> Play:
    found = compiled(DINNER, LATE, "volume 06:00 -18 dB, 18:00 -2 dB")
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist)
        for frames, one in zip(stem_frames(found), found.stems, strict=True)
    ]
    clock = TimedInput(0, INPUT_CLOCK, clock_value(4, False, 18 * 3600 - 60))
    return Play(found, stems, numbered_seed(1), [clock])


def test_explain_tells_where_the_day_has_led_and_what_it_turns_down(play: Play) -> None:
    assert "section b (visit 3)\n  why         the day leads here: dinner" in explain_at(play, 100 * 44_100)
    assert "volume: the day turns all down by 2.0 dB" in explain_at(play, 100 * 44_100)
    assert "the day leads here" not in explain_at(play, 30 * 44_100)
    late = replace(play, inputs=[*play.inputs, TimedInput(200 * 44_100, INPUT_CLOCK, clock_value(4, False, 3 * 3600))])
    assert "why         no daypart leads elsewhere now" in explain_at(late, 260 * 44_100)


def test_a_day_is_simulated_as_it_is_written(play: Play) -> None:
    entered: list[int] = []
    score = decode_score(play.compiled.score)

    def note(event: object) -> None:
        if isinstance(event, Section) and entered[-1:] != [event.section]:
            entered.append(event.section)

    simulate(score, play.stems, play.seed, 9, note, inputs=play.inputs)
    assert entered[:4] == [0, 1, 2, 0]


def test_the_forecast_hears_every_section_that_the_day_leads_to() -> None:
    loud = DAY.replace("section c 4 bars\n  play bass from low", "section c 4 bars\n  play bass from low gain +6 dB")
    parts = []
    for lines in ((), (LATE,)):
        found = compile_script(loud + "\n".join(lines), VAULT)
        frames = list(stem_frames(found))
        profiles = [np.ones(length // 4410 + 1) for length in frames]
        parts.append(forecast_power(decode_score(found.score), frames, [32767] * len(frames), profiles))
    without, led = parts
    assert (led[: UNTIMED_S * HOPS_PER_S] == without[: UNTIMED_S * HOPS_PER_S]).all()
    assert 10 * np.log10(led[600 * HOPS_PER_S] / without[600 * HOPS_PER_S]) == pytest.approx(6, abs=0.1)


THEMED = DAY.replace("section b 16 bars\n", 'section b 16 bars themes "dusk", "dawn"\n').replace(
    "  play bass from low\n  next b", "  play bass from low themed\n  next b"
)


def test_pictures_show_where_the_day_leads_its_volume_and_the_theme_of_each_visit() -> None:
    tagged = [replace(one, tags=(("mood", ("dusk", "dawn")[at % 2]),)) for at, one in enumerate(VAULT)]
    lines = [DINNER, "volume 06:00 -18 dB, 18:00 -2 dB"]
    found = compile_script(THEMED + "\n".join(lines), tagged)
    score = decode_score(found.score)
    stems = [
        SimStem(frames, 32767, one.role, one.title, one.artist, np.ones(frames // 4410 + 1))
        for frames, one in zip(stem_frames(found), found.stems, strict=True)
    ]
    clock = clock_value(4, False, 18 * 3600 - 60)
    inputs = [TimedInput(0, INPUT_CLOCK, clock)]
    drawing = drawn(run(score, stems, numbered_seed(1), 1, inputs, None), found, clock, "")
    for word in ("dinner → b", ">volume<", ">dB<", ">-24<"):
        assert word in drawing
    told: dict[int, str] = {}
    play_all = Play(found, stems, numbered_seed(1), inputs)
    for placed in placements(play_all, 600 * 44_100):
        if placed.choice is not None and placed.choice.theme >= 0:
            told.setdefault(placed.choice.visit, found.themes[placed.choice.theme])
    assert set(told.values()) == {"dusk", "dawn"}
    window = Window(300, 600)
    drawing = drawn(run(score, stems, numbered_seed(1), 1 / 6, inputs, window), found, clock, "")
    shown = re.findall(r">b · (\w+)</title>", drawing)
    assert len(shown) > 3 and shown == [told[visit] for visit in sorted(told)][-len(shown) :]


def test_the_picture_has_the_target_as_the_day_turns_it_down() -> None:
    score = score_of("volume 17:59 0 dB, 18:00 -12 dB, 18:30 -12 dB, 18:31 0 dB")
    stems = [SimStem(44_100, 32767, "bass", "B", "A", np.zeros(10)) for _ in range(score.stems)]
    clock = clock_value(4, False, 18 * 3600)
    played = run(score, stems, numbered_seed(1), 1, [TimedInput(0, INPUT_CLOCK, clock)], None)
    assert played.loudness is not None
    target = score.target_mlufs / 1000
    shown = played.loudness.curve(0, 3600 * 44_100, 60).target_lufs
    assert shown[1:29] == pytest.approx(target - 12, abs=0.05) and shown[33:] == pytest.approx(target, abs=0.05)
    drawing = drawn(played, compiled(), clock, "")
    [line] = re.findall(r'<polyline points="([^"]*)"[^>]*><title>target</title>', drawing)
    heights = [float(point.split(",")[1]) for point in line.split()]
    assert heights[100] == heights[200] and heights[200] - heights[500] == pytest.approx(12 * 72 / 30, abs=0.2)
