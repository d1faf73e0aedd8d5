"""The meter's rows against a count of every frame's gain, however delivery, cuts and blocks fall."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mixer_reference import Event, lines, scripts

from amos.protocol.segment import FLAG_ABORTED, FLAG_BEGIN, FLAG_CONTINUE, FLAG_END, FLAG_OPT_OUT
from amos.sound.events import Start, Stop
from amos.sound.meter import PLACEMENTS_MAX, Meter

Row = tuple[int, int, int, int]


def numbered(events: list[Event]) -> list[Event]:
    """The same events, every Start with a stem of its own, so that rows tell placements apart."""
    for stem, event in enumerate(event for event in events if isinstance(event, Start)):
        event.stem = stem
    return events


def audible_frames(events: list[Event]) -> dict[int, set[int]]:
    """Frames with a gain that is not 0, for each stem number."""
    return {
        line.start.stem: {line.start.frame + pos for pos, gain in enumerate(line.gains) if gain}
        for line in lines(events)
    }


def feed(meter: Meter, events: list[Event]) -> None:
    for event in events:
        if isinstance(event, Start):
            meter.start(event)
        else:
            meter.stop(event)


def check_rows(rows: list[Row], expected: set[int]) -> None:
    """All rows of one placement: a chain that covers `expected` exactly."""
    assert all(frames > 0 for _, _, frames, _ in rows)
    covered = [frame for _, start, frames, _ in rows for frame in range(start, start + frames)]
    assert covered == sorted(expected)
    for index, row in enumerate(rows):
        assert bool(row[3] & FLAG_BEGIN) == (index == 0)
        assert bool(row[3] & FLAG_CONTINUE) == (index > 0)
        assert bool(row[3] & (FLAG_END | FLAG_ABORTED)) == (index == len(rows) - 1)


STEPS = st.lists(
    st.tuples(st.integers(1, 12), st.floats(0, 1), st.sampled_from(("nothing", "take", "open", "cut"))), max_size=60
)


@settings(max_examples=100, deadline=None)
@given(scripts(3, 900, 1).map(numbered), STEPS, st.booleans())
def test_rows_add_up_to_the_audible_frames_exactly(
    events: list[Event], steps: list[tuple[int, float, str]], abort: bool
) -> None:
    """The meter learns of events as the mixer does, a block and a cell ahead; delivery lags behind by any amount."""
    meter = Meter(3)
    expected = audible_frames(events)
    coming = list(events)
    rows: list[Row] = []
    rendered = 0
    for cells, part, action in [*steps, (200, 1.0, "take")]:
        rendered += cells * 64
        due = [event for event in coming if event.frame < rendered + 64]
        coming = coming[len(due) :]
        feed(meter, due)
        meter.delivered(meter.frame + round(part * (rendered - meter.frame)))
        if action == "take":
            rows += meter.take_ended()
        elif action == "cut":
            rows += meter.cut()
        elif action == "open":
            now = rows + meter.take_ended() + meter.open_rows()
            delivered = {f for frames in expected.values() for f in frames if f < meter.frame}
            assert {f for _, start, frames, _ in now for f in range(start, start + frames)} == delivered
            rows = [row for row in now if row[3] & FLAG_END or row in rows]
    end = meter.frame
    if abort:
        meter.abort(end)
    else:
        meter.delivered(end + 20000)
        end = meter.frame
    rows += meter.take_ended()
    everything = set().union(*expected.values()) if expected else set()
    assert meter.silent_frames == end - len({frame for frame in everything if frame < end})
    for stem, frames in expected.items():
        own = [row for row in rows if row[0] == stem]
        check_rows(own, {frame for frame in frames if frame < end})
    assert meter.cut() == []


@settings(max_examples=100, deadline=None)
@given(scripts(1, 6000, 1).map(numbered))
def test_long_quiet_fades_are_counted_to_the_frame(events: list[Event]) -> None:
    for event in events:
        if isinstance(event, Start):
            event.gain_q15 %= 40
    meter = Meter(1)
    feed(meter, events)
    meter.delivered(60000)
    counted = {row[0]: set(range(row[1], row[1] + row[2])) for row in meter.take_ended()}
    assert counted == {stem: frames for stem, frames in audible_frames(events).items() if frames}


def test_one_placement_across_two_seals() -> None:
    meter = Meter(1)
    meter.start(Start(100, 0, 7, 1000, 9000, 0, 0))
    meter.delivered(300)
    assert meter.open_rows() == [(7, 100, 200, FLAG_BEGIN)]
    assert meter.cut() == [(7, 100, 200, FLAG_BEGIN)]
    assert meter.open_rows() == []
    meter.delivered(900)
    assert meter.cut() == [(7, 300, 600, FLAG_CONTINUE)]
    meter.delivered(2000)
    assert meter.cut() == [(7, 900, 200, FLAG_CONTINUE | FLAG_END)]
    assert meter.silent_frames == 100 + 900


def test_seal_at_the_very_end_closes_the_placement() -> None:
    meter = Meter(1)
    meter.start(Start(0, 0, 7, 640, 9000, 0, 0))
    meter.delivered(640)
    assert meter.cut() == [(7, 0, 640, FLAG_BEGIN | FLAG_END)]


def test_opt_out_marks_the_rows_that_follow() -> None:
    meter = Meter(1)
    meter.start(Start(0, 0, 7, 100000, 9000, 0, 0))
    meter.delivered(512)
    assert meter.cut() == [(7, 0, 512, FLAG_BEGIN)]
    meter.stop(Stop(1000, 0, 0), FLAG_OPT_OUT)
    meter.delivered(5000)
    assert meter.take_ended() == [(7, 512, 488, FLAG_CONTINUE | FLAG_END | FLAG_OPT_OUT)]


def test_abort_forgets_what_was_not_delivered() -> None:
    meter = Meter(2)
    meter.start(Start(0, 0, 1, 1000, 9000, 0, 0))
    meter.start(Start(500, 1, 2, 1000, 9000, 0, 0))
    meter.abort(400)
    assert meter.cut() == [(1, 0, 400, FLAG_BEGIN | FLAG_ABORTED)]
    meter.delivered(5000)
    assert meter.cut() == []


def test_rows_come_in_order_of_start() -> None:
    meter = Meter(3)
    meter.start(Start(0, 0, 1, 9000, 9000, 0, 0))
    meter.start(Start(10, 1, 2, 500, 9000, 0, 0))
    meter.start(Start(20, 2, 3, 100, 9000, 0, 0))
    meter.delivered(1000)
    assert [row[0] for row in meter.cut()] == [1, 2, 3]


def test_events_of_delivered_cells_come_too_late() -> None:
    meter = Meter(1)
    meter.delivered(65)
    with pytest.raises(ValueError, match="expected 192 or later, got 191"):
        meter.start(Start(191, 0, 1, 100, 9000, 0, 0))
    meter.start(Start(192, 0, 1, 100, 9000, 0, 0))


def test_delivery_cannot_be_taken_back() -> None:
    meter = Meter(1)
    meter.delivered(100)
    with pytest.raises(ValueError, match="expected 100 or later, got 99"):
        meter.delivered(99)


def test_voice_that_sounds_takes_no_start() -> None:
    meter = Meter(1)
    meter.start(Start(0, 0, 1, 100, 9000, 0, 0))
    with pytest.raises(ValueError, match="voice 0: sounds until frame 100"):
        meter.start(Start(99, 0, 1, 100, 9000, 0, 0))


def test_rows_that_nobody_takes_are_refused_at_some_point() -> None:
    meter = Meter(1)
    for number in range(PLACEMENTS_MAX):
        meter.start(Start(number, 0, 1, 1, 9000, 0, 0))
    with pytest.raises(ValueError, match="placements and rows"):
        meter.start(Start(PLACEMENTS_MAX, 0, 1, 1, 9000, 0, 0))
