"""Metered frames on every runtime: fades to the frame, seals, aborts, and the clock of a long session."""

from amos.protocol.segment import FLAG_ABORTED, FLAG_BEGIN, FLAG_CONTINUE, FLAG_END, FLAG_OPT_OUT
from amos.sound.events import Start, Stop
from amos.sound.meter import Meter

WHOLE = FLAG_BEGIN | FLAG_END


def test_flat_placement_counts_all_its_frames():
    meter = Meter(1)
    meter.start(Start(37, 0, 5, 1000, 1, 0, 0))
    meter.delivered(5000)
    assert meter.take_ended() == [(5, 37, 1000, WHOLE)]
    assert meter.take_ended() == []
    assert meter.silent_frames == 4000


def test_silent_ends_of_fades_are_not_counted():
    meter = Meter(2)
    meter.start(Start(0, 0, 5, 128000, 256, 64000, 64000))
    meter.start(Start(0, 1, 6, 1000, 0, 0, 0))
    meter.delivered(200000)
    rows = meter.take_ended()
    # 256 * sin(pi/2 * x / 64000) reaches 1 after 159.2 frames: on the way from node 128 to node 192, which is the
    # first to have a gain of 1, and is so itself the first frame. Mirrored, the gain leaves 1 at node 127808.
    assert rows == [(5, 192, 127809 - 192, WHOLE)]
    assert meter.silent_frames == 200000 - (127809 - 192)


def test_seal_splits_and_stop_ends():
    meter = Meter(1)
    meter.start(Start(100, 0, 7, 1000, 9000, 0, 0))
    meter.delivered(300)
    assert meter.open_rows() == [(7, 100, 200, FLAG_BEGIN)]
    assert meter.cut() == [(7, 100, 200, FLAG_BEGIN)]
    meter.stop(Stop(500, 0, 0), FLAG_OPT_OUT)
    meter.delivered(700)
    assert meter.cut() == [(7, 300, 200, FLAG_CONTINUE | FLAG_END | FLAG_OPT_OUT)]


def test_abort_closes_what_sounds():
    meter = Meter(2)
    meter.start(Start(0, 0, 1, 1000, 9000, 0, 0))
    meter.start(Start(500, 1, 2, 1000, 9000, 0, 0))
    meter.abort(400)
    assert meter.cut() == [(1, 0, 400, FLAG_BEGIN | FLAG_ABORTED)]


def test_frames_beyond_31_bits():
    meter = Meter(1)
    far = 1 << 40
    meter.delivered(far)
    meter.start(Start(far + 64, 0, 1, 1000, 9000, 100, 100))
    meter.delivered(far + 2000)
    stem, start, frames, flags = meter.cut()[0]
    assert (stem, flags) == (1, WHOLE)
    assert far + 64 < start < far + 70 and 990 < frames < 1000
    assert meter.silent_frames == far + 2000 - frames


def test_event_of_a_delivered_cell_is_refused():
    meter = Meter(1)
    meter.delivered(65)
    try:
        meter.start(Start(191, 0, 1, 100, 9000, 0, 0))
    except ValueError as refusal:
        assert str(refusal) == "event.frame: expected 192 or later, got 191"
    else:
        raise AssertionError("taken")
