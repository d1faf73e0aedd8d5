"""Sliders that the day moves from point to point: over turns of the clock, beside what is set by hand, and on every
runtime."""

from hashlib import sha256

from amos.score.day_clock import clock_value
from amos.score.inputs import INPUT_CLOCK, INPUT_SLIDER
from test_score import follow, indexes, layer, refused, score_map, section, words
from test_vm import BAR, BEAT, rows, vm_of

SECOND = 48000
MINUTE = 60 * SECOND
HOUR = 3600
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
DAILY, ON_SUNDAY = 255, 1 << SUNDAY
DAY = [DAILY, 360, 720, 0, 3000, 27000, DAILY, 720, 1320, 0, 27000, 1000, DAILY, 1320, 1800, 0, 1000, 3000]
"""From 06:00 over 12:00 and 22:00, and over midnight."""


def slider(**changes):
    """A slider that starts at 16384."""
    result = {1: "calm", 2: 0, 3: 32768, 4: 16384}
    for name in changes:
        result[{"scope": 5, "slew": 6}[name]] = changes[name]
    return result


def curved(numbers, **changes):
    """Sections of 2000 bars with a stem of an hour, so that a day costs next to nothing to play."""
    changes.setdefault("sections", [section("a", 2000, 2000, [layer(1, 0)], [])])
    changes.setdefault("sliders", [slider()])
    return vm_of(
        stems=1, stem_frames=[1800 * BAR], pools=[{1: indexes(0)}], version=4, day_sliders=indexes(*numbers), **changes
    )


def tell(vm, minute, second=0, weekday=FRIDAY, holiday=False, frame=None):
    """It is that time now, or at `frame`."""
    vm.input(INPUT_CLOCK, clock_value(weekday, holiday, minute * 60 + second), vm.frame if frame is None else frame)


def value(vm):
    """Where the slider is now, all that is due decided."""
    vm.advance(vm.frame + 1)
    return vm.slider_values()[0]


def at(vm, minute, second=0, weekday=FRIDAY, holiday=False):
    """Where the slider is at a time that comes now."""
    tell(vm, minute, second, weekday, holiday)
    return value(vm)


def test_a_slider_goes_from_point_to_point_in_whole_minutes_and_over_midnight():
    vm = curved(DAY)
    for minute, expected in (
        (360, 3000),
        (361, 3066),
        (719, 26933),
        (720, 27000),
        (721, 26956),
        (1320, 1000),
        (1439, 1495),
        (0, 1500),
        (359, 2995),
    ):
        assert at(vm, minute) == expected, minute
    assert at(vm, 361, 59) == 3066, "until the next minute"


def test_it_follows_by_itself_from_minute_to_minute_and_into_the_next_day():
    vm = curved(DAY)
    tell(vm, 1438, 30)
    seen = []
    for _minute in range(4):
        seen.append(value(vm))
        vm.advance(vm.frame + MINUTE - 1)
    assert seen == [1491, 1495, 1500, 1504]
    vm = curved(DAY)
    tell(vm, 600, 30)
    vm.advance(30 * SECOND)
    assert vm.slider_values() == [3000 + 24000 * 240 // 360]
    vm.advance(30 * SECOND + 1)
    assert vm.slider_values() == [3000 + 24000 * 241 // 360]


def test_one_point_holds_all_day_and_without_a_time_there_is_no_curve():
    vm = curved([DAILY, 720, 2160, 0, 500, 500])
    vm.advance(100 * SECOND)
    assert vm.slider_values() == [16384]
    assert [at(vm, minute) for minute in (0, 719, 720, 1439)] == [500] * 4
    vm.input(INPUT_SLIDER, 5, vm.frame)
    assert [at(vm, minute) for minute in (0, 719, 720)] == [5, 5, 500], "until its point comes again"


def test_rows_hold_on_their_days_and_the_first_that_does_counts():
    sunday = [ON_SUNDAY, 720, 2160, 0, 100, 100]
    vm = curved(sunday + DAY)
    assert [at(vm, 720, 0, day) for day in (SATURDAY, SUNDAY)] == [27000, 100]
    assert at(vm, 720, 0, SUNDAY, True) == 27000, "a holiday is no Sunday"
    tell(vm, 1439, 59, SATURDAY)
    assert value(vm) == 1495
    vm.advance(vm.frame + SECOND)
    assert value(vm) == 100, "Sunday"
    vm = curved(sunday)
    assert [at(vm, 0, 0, day) for day in (SUNDAY, FRIDAY, SUNDAY)] == [100, 16384, 100], "its start on other days"


def test_a_daypart_counts_more_and_gives_way_to_the_curve():
    vm = curved(DAY, dayparts=[{1: DAILY, 2: 600, 3: 660, 4: 0, 5: 7}])
    assert [at(vm, minute) for minute in (599, 600, 659, 660)] == [18933, 7, 7, 23000]
    tell(vm, 599, 59)
    assert value(vm) == 18933
    vm.advance(vm.frame + SECOND)
    assert value(vm) == 7
    vm.input(INPUT_SLIDER, 9, vm.frame)
    vm.advance(vm.frame + 59 * MINUTE)
    assert value(vm) == 9, "what is set by hand holds while the daypart does"
    vm.advance(vm.frame + MINUTE)
    assert value(vm) == 23000


def test_what_is_set_by_hand_holds_until_the_next_point():
    vm = curved(DAY)
    tell(vm, 700)
    vm.advance(10 * SECOND)
    vm.input(INPUT_SLIDER, 5, 15 * SECOND)
    for minute in range(1, 20):
        vm.advance(minute * MINUTE + 1)
        assert vm.slider_values() == [5]
    tell(vm, 718, 30)
    assert value(vm) == 5, "nor does a correction of the clock end it"
    vm.advance(vm.frame + 91 * SECOND)
    assert vm.slider_values() == [27000], "12:00"
    tell(vm, 1430)
    vm.advance(vm.frame + 1)
    vm.input(INPUT_SLIDER, 5, vm.frame)
    vm.advance(vm.frame + 20 * MINUTE)
    assert value(vm) == 5, "midnight is no point"
    tell(vm, 359, 59)
    vm.advance(vm.frame + SECOND)
    assert value(vm) == 3000, "06:00"


def test_a_slider_of_a_sections_scope_returns_to_the_curve_when_its_section_ends():
    sections = [section("a", 31, 31, [layer(1, 0)], [])]
    vm = curved(DAY, sections=sections, sliders=[slider(scope=True)])
    tell(vm, 600)
    vm.input(INPUT_SLIDER, 5, BAR)
    vm.advance(31 * BAR)
    assert vm.slider_values() == [5]
    assert value(vm) == 3000 + 24000 * 241 // 360, "of 10:01, which came meanwhile"


def test_the_slew_smooths_what_comes_each_minute():
    vm = curved(DAY, sliders=[slider(slew=16384 * SECOND)])
    tell(vm, 720)
    vm.advance(100 * SECOND)
    assert vm.slider_values() == [16384 + 2 * 100]
    vm = curved([DAILY, 720, 725, 0, 16384, 16434], sliders=[slider(slew=16384 * SECOND)])
    tell(vm, 720)
    vm.advance(1)
    seen = []
    for _second in range(126):
        vm.advance(vm.frame + SECOND)
        seen.append(vm.slider_values()[0] - 16384)
    glide = [2, 4, 6, 8] + [10] * 56
    assert seen == [0] * 60 + glide + [10 + moved for moved in glide[:6]]


def test_an_hour_that_comes_twice_or_not_at_all_is_as_the_clock_says():
    vm = curved(DAY)
    tell(vm, 179, 59, SUNDAY)
    assert value(vm) == 2245
    tell(vm, 120, 0, SUNDAY, frame=vm.frame + SECOND)
    vm.advance(vm.frame + SECOND)
    assert value(vm) == 2000, "the hour comes twice"
    vm.input(INPUT_SLIDER, 5, vm.frame)
    vm.advance(vm.frame + 59 * MINUTE)
    tell(vm, 420, 0, SUNDAY)
    assert value(vm) == 7000, "and a point that was skipped has passed"


def test_it_is_the_same_on_every_runtime_for_any_steps_and_beside_all_that_a_day_brings():
    swelling = [layer(1, 0, fade=BEAT, level=words(0, -18 << 15, 1, 0, 0, 12 << 15, 4, 2)), layer(2, 1)]
    sections = [section("a", 4, 8, swelling, [follow(1)]), section("b", 4, 6, [layer(3, 1)], [follow(0)])]
    changes = {
        "version": 4,
        "sections": sections,
        "sliders": [slider(slew=BAR, scope=True)],
        "dayparts": [{1: DAILY, 2: 722, 3: 723, 4: 0, 5: 30000}],
        "day_sliders": indexes(*DAY),
        "day_sections": indexes(DAILY, 721, 900, 1),
        "day_volumes": indexes(DAILY, 0, 1440, 600, 0),
    }
    texts = []
    for step in (130 * BAR, 7 * SECOND + 1):
        vm = vm_of(**changes)
        tell(vm, 718, 58)
        vm.input(INPUT_SLIDER, 0, 10 * BAR)
        tell(vm, 721, 30, frame=100 * BAR)
        found = []
        seen = []
        while vm.frame < 130 * BAR:
            found += rows(vm.advance(min(130 * BAR, vm.frame + step)))
        seen.append(vm.slider_values())
        texts.append("\n".join([str(item) for item in found + seen]))
    assert texts[0] == texts[1] and "turn" in texts[0] and "level" in texts[0]
    assert sha256(texts[0].encode()).digest().hex()[:16] == "f08d9362fea4d0d5"


def test_refuses_curves_that_cannot_be():
    for numbers, said in (
        ((), "day_sliders: expected rows of 6 numbers, at least one"),
        ((255, 0, 60, 0, 0), "day_sliders: expected rows of 6 numbers"),
        ((256, 0, 60, 0, 0, 0), "day_sliders: expected days up to 255"),
        (
            (255, 60, 60, 0, 0, 0),
            "day_sliders: expected days up to 255, and from a minute of the day for at most a day",
        ),
        ((255, 60, 1501, 0, 0, 0), "for at most a day"),
        ((255, 1440, 1441, 0, 0, 0), "from a minute of the day"),
        ((255, 60, 1500, 1, 0, 0), "day_sliders: expected a slider below 1, found 1"),
        ((255, 60, 1500, 0, 32769, 0), "day_sliders: expected a position of at most 32768, found 32769"),
        ((255, 60, 1500, 0, 0, 32769), "day_sliders: expected a position of at most 32768, found 32769"),
        ([255, 60, 1500, 0, 0, 0] * 129, "day_sliders"),
    ):
        assert said in refused(score_map(version=4, day_sliders=indexes(*numbers))), numbers
    for version in (1, 2, 3):
        item = score_map(version=version, day_sliders=indexes(*DAY))
        assert refused(item) == "score: version: expected 4 with these fields, found %d" % version
