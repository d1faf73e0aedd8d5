"""A session's output through losses: nothing lost, nothing counted twice; and what tells silence from music."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_card import FRAME_BYTES, Card, StepClock
from test_alsa_sink import AHEAD, BLOCK, RATE_HZ, block

from amos.edges import alsa_host
from amos.edges.alsa_host import AlsaSink
from amos.edges.audio_out import NullSink
from amos.edges.clocked_sink import ClockedSink
from amos.protocol.link import OUTPUT_LOST, OUTPUT_OK, OUTPUT_SILENT
from amos.session.output import Output

REOPEN_MS = 1000
SILENT_S = 20
STALL_MS = 3000


def output_on(card: Card) -> Output:
    return Output(lambda: AlsaSink(card.reopened(), RATE_HZ, AHEAD, card.clock), RATE_HZ, card.clock)


def counted(output: Output, pcm: bytes) -> bytes:
    """What reached the output, as the session takes it."""
    found = bytes(pcm)
    output.forget(pcm)
    return found


def play(output: Output, first: int, count: int) -> bytes:
    heard = b""
    for number in range(first, first + count):
        heard += counted(output, output.write(block(number)))
    return heard


def test_what_is_counted_is_what_was_written_in_order(card: Card) -> None:
    output = output_on(card)
    heard = play(output, 0, 40)
    assert len(heard) == output.frame * FRAME_BYTES < 40 * BLOCK * FRAME_BYTES
    heard += counted(output, output.close())
    assert heard == b"".join(block(number) for number in range(40)) and output.frame == 40 * BLOCK


def test_after_a_loss_play_goes_on_with_the_frame_that_had_not_sounded(card: Card) -> None:
    output = output_on(card)
    heard = play(output, 0, 20)
    card.gone = "No such device"
    heard += counted(output, output.write(block(20)))
    frame = output.frame
    assert (output.lost, output.health, output.fades) == ("No such device", OUTPUT_LOST, False)
    for _second in range(30):
        card.clock.sleep_ms(REOPEN_MS)
        assert output.reopen() is None and output.frame == frame
    with pytest.raises(OSError, match="found it lost"):
        output.write(block(21))
    card.gone = ""
    sounded = len(card.heard)
    assert output.reopen() is None  # tried a moment ago
    card.clock.sleep_ms(REOPEN_MS)
    heard += counted(output, output.reopen())
    assert (output.lost, output.health, output.underruns) == ("", OUTPUT_OK, 0)
    heard += play(output, 21, 20) + counted(output, output.close())
    assert heard == b"".join(block(number) for number in range(41))
    # The card heard the frames anew from the one that was lost, the first of them faded in.
    again = b"".join(block(number) for number in range(41))[frame * FRAME_BYTES :]
    assert len(card.heard) - sounded == len(again)
    assert card.heard[sounded : sounded + 8] != again[:8] and card.heard[-1000:] == again[-1000:]


def test_an_output_that_is_not_there_yet_is_waited_for(card: Card) -> None:
    card.gone = "No such file or directory"
    output = output_on(card)
    assert output.lost == "No such file or directory" and output.close() == b""
    card.gone = ""
    card.clock.sleep_ms(REOPEN_MS)
    assert output.reopen() == b"" and not output.lost
    assert counted(output, output.write(block(0))) + counted(output, output.close()) == block(0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["play", "pause", "unplug", "plug", "stick"]), st.integers(1, 9)), max_size=40)
)
def test_any_life_counts_each_frame_once_and_only_what_sounded(steps: list[tuple[str, int]]) -> None:
    clock = StepClock()
    card = Card(clock)
    before = alsa_host.sleep_ms
    alsa_host.sleep_ms = clock.sleep_ms
    try:
        output, written, heard = output_on(card), 0, b""
        for what, count in steps:
            if what == "play":
                for _block in range(count):
                    if output.lost:
                        clock.sleep_ms(REOPEN_MS)
                        heard += counted(output, output.reopen() or b"")
                    if not output.lost:
                        heard += counted(output, output.write(block(written)))
                        written += 1
            elif what == "pause":
                clock.sleep_ms(20 * count)
            elif what in ("unplug", "plug"):
                card.gone, card.stuck = "gone" if what == "unplug" else "", False
            else:
                card.stuck = True
            assert output.frame * FRAME_BYTES == len(heard) <= len(card.heard)
        heard += counted(output, output.close())
    finally:
        alsa_host.sleep_ms = before
    assert b"".join(block(number) for number in range(written)).startswith(heard)
    assert output.frame * FRAME_BYTES == len(heard) <= len(card.heard)


@pytest.mark.parametrize("unplugged", [False, True])
def test_a_session_after_another_counts_its_own_frames_from_its_first(card: Card, unplugged: bool) -> None:
    output = output_on(card)
    play(output, 0, 20)
    assert len(card.heard) == output.frame * FRAME_BYTES < 20 * BLOCK * FRAME_BYTES
    output.go_on()
    assert output.frame == 0
    if unplugged:
        card.gone = "No such device"
        assert counted(output, output.write(block(50))) == b"" and output.lost
        card.gone = ""
        card.clock.sleep_ms(REOPEN_MS)
        heard = counted(output, output.reopen())
    else:
        heard = counted(output, output.write(block(50)))
    heard += play(output, 51, 10) + counted(output, output.close())
    assert heard == b"".join(block(number) for number in range(50, 61)) and output.frame == 11 * BLOCK
    output_of_null = Output(NullSink, RATE_HZ, card.clock)
    counted(output_of_null, output_of_null.write(block(0)))
    output_of_null.go_on()
    assert counted(output_of_null, output_of_null.write(block(1))) == block(1) and output_of_null.frame == BLOCK


class Swallowing:
    """Takes everything, and lets nothing sound; says nothing of it."""

    clocked, fades, underruns, held_bytes_max = True, True, 0, 0

    def write(self, pcm: bytes, last: bool = False) -> int:
        return 0

    def close(self) -> int:
        return 0


def test_an_output_that_swallows_music_is_lost(clock: StepClock) -> None:
    output = Output(Swallowing, RATE_HZ, clock)
    for number in range(1000):
        if output.lost:
            break
        output.write(block(number))
        clock.sleep_ms(21)
    assert "lets nothing sound" in output.lost and output.frame == 0
    assert STALL_MS <= clock.now_ms() < STALL_MS + 100


def test_zeros_where_music_should_be_are_told_after_a_while_and_music_ends_it(clock: StepClock) -> None:
    output = Output(NullSink, RATE_HZ, clock)
    silence, music = bytes(BLOCK * FRAME_BYTES), bytes(BLOCK * FRAME_BYTES - 1) + b"\1"
    for _ in range(SILENT_S * RATE_HZ // BLOCK):
        output.judge(silence, BLOCK)
        output.judge(silence, 0)  # a rest of the script
        assert output.health == OUTPUT_OK
    output.judge(silence, BLOCK)
    assert output.health == OUTPUT_SILENT
    output.judge(music, 0)
    assert output.health == OUTPUT_SILENT
    output.judge(music, 1)
    assert output.health == OUTPUT_OK


@pytest.mark.parametrize("rate_hz", [22050, 44100, 48000])
def test_a_slowed_down_sink_keeps_the_clocks_time_for_hours(clock: StepClock, rate_hz: int) -> None:
    sink = ClockedSink(NullSink(), rate_hz, clock, rate_hz // 2)
    pcm = bytes(4096 * FRAME_BYTES)
    for number in range(3600 * rate_hz // 4096):
        frames = sink.write(pcm)
        if number * 4096 > 2 * rate_hz:
            late_ms = clock.us / 1000 - (frames - rate_hz // 2) * 1000 / rate_hz
            assert -2 <= late_ms <= 2  # the clock counts whole milliseconds
        clock.us += 137
