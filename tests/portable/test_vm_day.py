"""Where a day leads, and how loud it is: over turns of the clock, and on every runtime."""

from amos.score.day_clock import clock_value
from amos.score.decibels import gain_of
from amos.score.inputs import INPUT_CLOCK, INPUT_PAUSE, INPUT_SKIP, INPUT_VOLUME
from amos.sound.events import Section, Volume
from test_score import follow, indexes, layer, refused, score_map, section
from test_vm import BAR, BEAT, rows, vm_of

SECOND = 48000
HOUR = 3600
DAILY = 255
FRIDAY = 4
NIGHT = [DAILY, 0, 7 * 60, 2000, 2000]
MORNING = [DAILY, 7 * 60, 10 * 60, 2000, 200]


def day_vm(**changes):
    """Sections a, b and c of four bars (8 s), each of which follows itself; a to c may follow one another by a skip."""
    changes.setdefault("version", 2)
    changes.setdefault("sections", [section(name, 4, 4, [layer(1, 0)], [follow(at)]) for at, name in enumerate("abc")])
    return vm_of(stems=1, stem_frames=[2 * BAR], pools=[{1: indexes(0)}], **changes)


def tell(vm, second, frame, weekday=FRIDAY, holiday=False):
    vm.input(INPUT_CLOCK, clock_value(weekday, holiday, second), frame)


def gain(down_cdb):
    """Of so many hundredths of a dB down."""
    return gain_of(-(down_cdb << 15) // 100)


def turns(events):
    return [(event.frame, event.gain_q15) for event in events if isinstance(event, Volume)]


def entered(vm, bars):
    return [(event.frame // BAR, event.section) for event in vm.advance(bars * BAR) if isinstance(event, Section)]


def test_a_session_begins_as_loud_as_the_hour_and_follows_the_curve():
    vm = day_vm(day_volumes=indexes(*(NIGHT + MORNING)))
    tell(vm, 7 * HOUR - 3, 0)
    found = turns(vm.advance(3 * SECOND + 1))
    assert found == [(0, gain(2000))]
    # 18 dB in three hours: a hundredth of a dB in six seconds.
    found = turns(vm.advance(63 * SECOND + 1))
    assert found == [((4 + 6 * step) * SECOND, gain(1999 - step)) for step in range(10)]


def test_without_a_time_all_is_as_it_is_and_a_time_that_comes_late_is_glided_to():
    vm = day_vm(day_volumes=indexes(*NIGHT))
    assert turns(vm.advance(10 * SECOND)) == []
    tell(vm, 3 * HOUR, 10 * SECOND)
    found = turns(vm.advance(60 * SECOND))
    assert found == [((10 + down) * SECOND, gain(100 * down)) for down in range(1, 21)]


def test_a_turn_of_the_clock_glides_and_what_follows_is_of_the_new_time():
    for before, after, first in ((7, 8, 2000), (8, 7, 1400)):
        vm = day_vm(day_volumes=indexes(*(NIGHT + MORNING)))
        tell(vm, before * HOUR, 0)
        assert turns(vm.advance(1)) == [(0, gain(first))]
        tell(vm, after * HOUR, SECOND // 2)
        found = turns(vm.advance(SECOND // 2 + 6 * SECOND))
        assert [frame for frame, _gain in found] == [SECOND // 2 + second * SECOND for second in range(1, 6)]
        before_q15 = gain(first)
        for _frame, gain_q15 in found:
            assert 0.89 < gain_q15 / before_q15 < 1.1235, "a decibel"
            before_q15 = gain_q15
        vm.advance(20 * SECOND)
        settled = turns(vm.advance(63 * SECOND))
        assert abs(settled[-1][1] - gain(2000 - 600 * (after - 7) - 11)) < 2


def test_the_day_turns_down_what_the_operator_has_set():
    vm = day_vm(day_volumes=indexes(*NIGHT))
    tell(vm, HOUR, 0)
    vm.advance(1)
    vm.input(INPUT_VOLUME, 16384, SECOND)
    assert turns(vm.advance(2 * SECOND)) == [(SECOND, gain(2000) // 2)] and vm.volume_q15 == 16384
    vm.input(INPUT_VOLUME, 1, 2 * SECOND)
    assert turns(vm.advance(3 * SECOND)) == [(2 * SECOND, 1)], "never nothing"


def test_rows_hold_on_their_days_and_the_first_that_does_counts():
    weekdays, sunday = [31, 0, 1440, 600, 600], [1 << 6, 0, 1440, 300, 300]
    vm = day_vm(day_volumes=indexes(*(weekdays + sunday + [DAILY, 0, 1440, 100, 100])))
    for weekday, holiday, down in ((0, False, 600), (6, False, 300), (5, False, 100), (0, True, 100)):
        tell(vm, HOUR, vm.frame, weekday, holiday)
        vm.advance(vm.frame + 9 * SECOND)
        assert vm.advance(vm.frame + 1) == [] and day_gain(vm) == gain(down)


def day_gain(vm):
    """What the operator's unity comes to."""
    vm.input(INPUT_VOLUME, 32767, vm.frame)
    vm.input(INPUT_VOLUME, 32768, vm.frame + 1)
    return turns(vm.advance(vm.frame + 2))[-1][1]


def test_the_day_leads_to_a_section_where_one_ends():
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1, DAILY, 9 * 60, 10 * 60, 2))
    tell(vm, 8 * HOUR - 3, 0)
    assert entered(vm, 10) == [(0, 0), (4, 1), (8, 1)]
    tell(vm, 10 * HOUR - 1, 10 * BAR)
    assert entered(vm, 20) == [(12, 0), (16, 0)], "the first, where the day leads nowhere"


def test_a_session_begins_where_the_day_leads():
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1))
    tell(vm, 8 * HOUR, 0)
    assert entered(vm, 8) == [(0, 1), (4, 1)]
    assert entered(day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1)), 8) == [(0, 0), (4, 0)]


def test_once_there_the_script_goes_on_until_the_day_leads_on():
    sections = [section(name, 4, 4, [layer(1, 0)], [follow(0 if name == "b" else at)]) for at, name in enumerate("abc")]
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1), sections=sections)
    tell(vm, 8 * HOUR, 0)
    assert entered(vm, 12) == [(0, 1), (4, 0), (8, 0)]


def test_an_hour_that_comes_twice_leads_twice_and_one_taken_back_in_time_does_not():
    vm = day_vm(day_sections=indexes(DAILY, 2 * 60, 3 * 60, 1, DAILY, 3 * 60, 4 * 60, 2))
    tell(vm, 2 * HOUR, 0)
    tell(vm, 3 * HOUR, BAR)
    tell(vm, 2 * HOUR, 5 * BAR)
    tell(vm, 3 * HOUR, 9 * BAR)
    tell(vm, 2 * HOUR, 10 * BAR)
    assert entered(vm, 16) == [(0, 1), (4, 2), (8, 1), (12, 1)]


def test_a_skip_goes_where_the_day_waits_to_lead_and_else_as_ever():
    sections = [section(name, 4, 4, [layer(1, 0)], [follow(0), follow(2)]) for name in "abc"]
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1), sections=sections)
    tell(vm, 8 * HOUR, BAR)
    vm.input(INPUT_SKIP, 0, BAR + BEAT)
    vm.input(INPUT_SKIP, 0, 2 * BAR)
    assert [index for _bar, index in entered(vm, 3)] in ([0, 1, 0], [0, 1, 2])


def test_what_begins_again_after_a_pause_does_so_where_the_day_has_led():
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1))
    tell(vm, 7 * HOUR, 0)
    vm.input(INPUT_PAUSE, 1, BAR)
    tell(vm, 8 * HOUR, 2 * BAR)
    vm.input(INPUT_PAUSE, 0, 3 * BAR)
    assert entered(vm, 8) == [(0, 0), (3, 1), (7, 1)]


def test_a_bridge_stands_before_the_section_that_the_day_leads_to():
    bridges = [{1: 1, 2: 2, 3: 256, 4: 64, 6: 3}, {1: 0, 2: 0, 3: 256, 4: 64}]
    vm = day_vm(day_sections=indexes(DAILY, 8 * 60, 9 * 60, 1), transitions=bridges)
    tell(vm, 8 * HOUR, BAR)
    assert entered(vm, 16) == [(0, 0), (4, 2), (8, 1), (12, 1)]


def test_any_steps_give_the_same():
    seen = []
    for step in (BAR * 40, SECOND // 3, 7 * SECOND):
        vm = day_vm(day_volumes=indexes(*(NIGHT + MORNING)), day_sections=indexes(DAILY, 7 * 60, 8 * 60, 2))
        tell(vm, 7 * HOUR - 10, 0)
        tell(vm, 8 * HOUR - 1, 33 * SECOND)
        found = []
        while vm.frame < 40 * BAR:
            found += vm.advance(min(40 * BAR, vm.frame + step))
        seen.append(rows(found))
    assert seen[0] == seen[1] == seen[2]


def test_the_voices_and_fades_of_steps_that_the_day_makes_are_proven():
    wide = [section("a", 4, 4, [layer(1, 0)], [follow(0)]), section("b", 1, 4, [layer(1, 0, count_max=3)], [follow(1)])]
    led = {"version": 2, "stems": 1, "pools": [{1: indexes(0)}], "sections": wide}
    steps = [{1: 0, 2: 0, 3: 256, 4: 64}]
    day_vm(sections=wide, voices=3, transitions=steps, day_volumes=indexes(*NIGHT))
    day = indexes(DAILY, 0, 60, 1)
    assert "expected at most 3 voices together, found 4" in refused(led_map(led, voices=3, transitions=steps, day=day))
    long = [{1: 0, 2: 0, 3: BAR + 1, 4: 64}]
    assert "outlast the fade" in refused(led_map(led, voices=8, transitions=long, day=day))


def led_map(led, voices, transitions, day):
    return score_map(voices=voices, transitions=transitions, day_sections=day, **led)


def test_refuses_days_that_cannot_be():
    for name, numbers, said in (
        ("day_sections", (), "day_sections: expected rows of 4 numbers, at least one"),
        ("day_sections", (255, 0, 60), "day_sections: expected rows of 4 numbers"),
        ("day_sections", (256, 0, 60, 0), "day_sections: expected days up to 255"),
        ("day_sections", (255, 60, 60, 0), "day_sections: expected days up to 255, and minutes from < until"),
        ("day_sections", (255, 0, 1441, 0), "day_sections: expected days"),
        ("day_sections", (255, 0, 60, 3), "day_sections: expected at most 2, found 3"),
        ("day_volumes", (255, 0, 60, 0), "day_volumes: expected rows of 5 numbers"),
        ("day_volumes", (255, 0, 60, 0, 9601), "day_volumes: expected at most 9600, found 9601"),
    ):
        changes = {name: indexes(*numbers)}
        assert said in refused(score_map(version=2, **changes)), numbers
    assert "version: expected 2" in refused(score_map(day_volumes=indexes(*NIGHT)))
