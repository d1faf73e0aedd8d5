"""The ALSA sink on a twin of a sound card: what counts as delivered, how far ahead it is, and what it makes of
failures."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_card import FRAME_BYTES, Card, StepClock

from amos.edges import alsa_host
from amos.edges.alsa_host import STALL_MS, AlsaSink
from amos.edges.audio_sink import OutputGone
from amos.sound.ramp import RAMP_FRAMES, ramped

RATE_HZ, BLOCK, AHEAD = 48000, 1024, 68 * 48


def block(number: int, frames: int = BLOCK) -> bytes:
    """Frames that tell which they are: left counts them, right is 1000 or more."""
    first = number * frames
    return array("h", [x for n in range(first, first + frames) for x in (n % 30000, 1000 + n % 30000)]).tobytes()


def sink_on(card: Card) -> AlsaSink:
    return AlsaSink(card, RATE_HZ, AHEAD, card.clock)


def test_delivered_is_what_has_sounded_and_never_more_than_the_buffer_ahead(card: Card) -> None:
    sink = sink_on(card)
    for number in range(200):
        delivered = sink.write(block(number))
        assert delivered == len(card.heard) // FRAME_BYTES
        assert (number + 1) * BLOCK - delivered <= AHEAD
    assert card.ran_dry == sink.underruns == 0
    assert sink.close() == 200 * BLOCK == len(card.heard) // FRAME_BYTES
    expected = b"".join([bytes(ramped(block(0), True)), *(block(number) for number in range(1, 200))])
    assert card.heard == expected


@pytest.mark.parametrize("minutes", [6, pytest.param(60, marks=pytest.mark.sweep)])
def test_writing_keeps_time_with_the_card(card: Card, minutes: int) -> None:
    """No frame is held back or rushed: the counts stay within the millisecond that a look is late."""
    sink = sink_on(card)
    pcm = bytes(BLOCK * FRAME_BYTES)
    began_frames, began_us = sink.write(pcm), card.clock.us
    for _number in range(60 * minutes * RATE_HZ // BLOCK):
        delivered = sink.write(pcm)
        late_us = card.clock.us - began_us - (delivered - began_frames) * 1_000_000 // RATE_HZ
        assert abs(late_us) < 1000
    assert card.ran_dry == 0


def test_where_it_runs_dry_only_what_was_written_counts_and_music_fades_in_again(card: Card) -> None:
    sink = sink_on(card)
    for number in range(10):
        sink.write(block(number))
    card.clock.sleep_ms(5000)
    delivered = sink.write(block(10))
    assert sink.underruns == card.ran_dry == 1
    assert delivered == 10 * BLOCK == len(card.heard) // FRAME_BYTES  # five seconds of silence count for nothing
    sink.write(block(11))
    assert sink.close() == 12 * BLOCK
    assert card.heard[10 * BLOCK * FRAME_BYTES :] == bytes(ramped(block(10), True)) + block(11)


@pytest.mark.parametrize("fifo_frames", [480, 4800, 48000])
def test_a_device_with_a_delay_of_its_own_is_not_starved_for_it(card: Card, fifo_frames: int) -> None:
    """Such as a sound server: `delivered` knows of it, but it is no reason to keep the buffer empty."""
    card.fifo_frames = fifo_frames
    sink = sink_on(card)
    for number in range(200):
        assert sink.write(block(number)) == len(card.heard) // FRAME_BYTES
        assert (number + 1) * BLOCK - len(card.heard) // FRAME_BYTES <= AHEAD + fifo_frames
    assert card.ran_dry == 0
    assert sink.close() == 200 * BLOCK


def test_the_last_block_fades_out(card: Card) -> None:
    sink = sink_on(card)
    sink.write(block(0))
    sink.write(block(1), last=True)
    sink.close()
    assert card.heard == bytes(ramped(block(0), True)) + bytes(ramped(block(1), False))
    assert card.heard[-FRAME_BYTES:] == bytes(FRAME_BYTES)


def test_a_device_that_goes_away_has_delivered_what_it_last_said(card: Card) -> None:
    sink = sink_on(card)
    for number in range(20):
        delivered = sink.write(block(number))
    card.clock.sleep_ms(20)
    card.gone = "No such device"
    with pytest.raises(OutputGone, match="No such device"):
        sink.write(block(20))
    assert sink.close() == delivered <= len(card.heard) // FRAME_BYTES
    assert card.closed == 1


def test_a_device_that_lets_nothing_sound_is_gone(card: Card) -> None:
    sink = sink_on(card)
    card.stuck = True
    with pytest.raises(OutputGone, match=r"lets nothing sound|takes nothing"):
        for number in range(10):
            sink.write(block(number))
    assert sink.close() == 0
    assert STALL_MS <= card.clock.now_ms() <= 3 * STALL_MS


def test_an_output_without_a_clock_is_refused_and_not_metered_on(clock: StepClock) -> None:
    """Such as ALSA's `null`: at once it would play, and be paid for, hours."""
    card = Card(clock, rate_hz=1_000_000_000)
    sink = sink_on(card)
    with pytest.raises(OSError, match="as they sound") as raised:
        for number in range(1000):
            sink.write(block(number))
            clock.us += 10
    assert not isinstance(raised.value, OutputGone)
    assert sink.close() <= 3 * RATE_HZ
    free = AlsaSink(Card(clock, rate_hz=1_000_000_000), RATE_HZ, AHEAD, clock, free=True)
    for number in range(1000):
        free.write(block(number))
    assert free.close() == 1000 * BLOCK


def test_a_fast_crystal_is_not_a_missing_clock(clock: StepClock) -> None:
    card = Card(clock, rate_hz=RATE_HZ + RATE_HZ // 1000)
    sink = sink_on(card)
    for _number in range(600 * RATE_HZ // BLOCK):
        sink.write(bytes(BLOCK * FRAME_BYTES))
    assert card.ran_dry == 0


@pytest.mark.parametrize("buffer_frames", [256, 500, 1024, 1500, 2048, 3000])
def test_a_device_with_a_small_buffer_gets_its_block_in_pieces(clock: StepClock, buffer_frames: int) -> None:
    card = Card(clock, buffer_frames)
    sink = sink_on(card)
    for number in range(50):
        sink.write(block(number))
    assert sink.close() == 50 * BLOCK and card.ran_dry == 0
    assert card.heard[BLOCK * FRAME_BYTES :] == b"".join(block(number) for number in range(1, 50))


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), max_size=60), st.sampled_from([64, 512, 1024]), st.sampled_from([22050, 48000]))
def test_any_pauses_lose_and_double_nothing(pauses_ms: list[int], frames: int, rate_hz: int) -> None:
    clock = StepClock()
    card = Card(clock, rate_hz=rate_hz)
    sink = AlsaSink(card, rate_hz, 68 * rate_hz // 1000, clock)
    before = alsa_host.sleep_ms
    alsa_host.sleep_ms = clock.sleep_ms
    try:
        for number, pause_ms in enumerate(pauses_ms):
            assert sink.write(block(number, frames)) == len(card.heard) // FRAME_BYTES
            clock.sleep_ms(pause_ms)
        assert sink.close() == len(pauses_ms) * frames == len(card.heard) // FRAME_BYTES
    finally:
        alsa_host.sleep_ms = before
    assert sink.underruns == card.ran_dry


@pytest.mark.parametrize("frames", [1, 64, RAMP_FRAMES - 1, RAMP_FRAMES, 4096])
@pytest.mark.parametrize("rising", [True, False])
def test_a_ramp_is_smooth_and_leaves_the_rest(frames: int, rising: bool) -> None:
    level = 20000
    samples = array("h", bytes(ramped(array("h", [level, -level] * frames).tobytes(), rising)))
    left = list(samples[0::2]) if rising else list(samples[0::2])[::-1]
    assert [-x for x in (samples[1::2] if rising else samples[1::2][::-1])] == pytest.approx(left, abs=1)
    assert left == sorted(left) and left[RAMP_FRAMES:] == [level] * max(0, frames - RAMP_FRAMES)
    if frames >= RAMP_FRAMES:
        edges = [0, *left[:RAMP_FRAMES], level, level]
        bends = [abs(edges[n] - 2 * edges[n + 1] + edges[n + 2]) for n in range(len(edges) - 2)]
        assert max(bends) <= 4  # of 20000: nothing that clicks
