"""The logic of the boards' edges, on a board's modules as far as they can be faked. Not a word about real hardware."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from amos.edges import usb_link, watchdog
from amos.edges.address import AddressError
from amos.edges.audio_sink import FRAME_BYTES, OutputGone
from amos.edges.i2s_out import DMA_BYTES, RING_BYTES_MAX, RING_BYTES_MIN, open_i2s, parse_i2s
from amos.edges.sd_card import mount
from amos.sound.ramp import ramped
from amos_tools.boards import board_names, load_board

RING = 7168
PINS = f"id=0,sck=10,ws=11,sd=9,buffer={RING}"
BLOCK = 512
HELD = (RING + DMA_BYTES) // FRAME_BYTES


def block(number: int) -> bytes:
    return bytes([number]) * BLOCK * FRAME_BYTES


def test_i2s_is_opened_as_told(board: dict[str, Any], clock: Any) -> None:
    open_i2s(PINS, 22050)
    told = board["i2s"][0].told
    assert (told["id"], told["sck"].number, told["ws"].number, told["sd"].number) == (0, 10, 11, 9)
    assert (told["bits"], told["rate"], told["ibuf"]) == (16, 22050, RING)
    assert told["mode"] == 1 and told["format"] == 1  # TX, STEREO


@pytest.mark.parametrize(("rate_hz", "ring_bytes"), [(22050, 7168), (44100, 16384), (48000, 17408)])
def test_the_ring_is_no_larger_than_the_rate_allows(
    board: dict[str, Any], clock: Any, rate_hz: int, ring_bytes: int
) -> None:
    open_i2s(PINS.replace(str(RING), str(RING_BYTES_MAX)), rate_hz)
    open_i2s(PINS.replace(str(RING), str(RING_BYTES_MIN)), rate_hz)
    assert [made.told["ibuf"] for made in board["i2s"]] == [ring_bytes, RING_BYTES_MIN]
    look_ahead = 2 * 64
    assert ((ring_bytes + DMA_BYTES) // FRAME_BYTES + look_ahead) * 1000 <= 100 * rate_hz


def test_delivered_is_what_has_left_the_ring_for_certain(board: dict[str, Any], clock: Any) -> None:
    sink = open_i2s(PINS, 22050)
    for number in range(1, 30):
        delivered = sink.write(block(number))
        assert delivered == max(number * BLOCK - HELD, 0)
    blocks = [ramped(block(1), True), *(block(number) for number in range(2, 30))]
    assert board["i2s"][0].taken == b"".join(blocks)
    before_ms = clock.ms
    assert sink.close() == 29 * BLOCK
    assert (clock.ms - before_ms) * 22050 >= HELD * 1000  # closed only when the ring has run empty
    assert not board["i2s"][0].open


def test_sound_begins_and_ends_in_a_fade(board: dict[str, Any], clock: Any) -> None:
    sink = open_i2s(PINS, 22050)
    for last in (False, False, True):
        sink.write(block(7), last)
    assert board["i2s"][0].taken == ramped(block(7), True) + block(7) + ramped(block(7), False)


def test_a_sink_that_took_nothing_closes_at_once(board: dict[str, Any], clock: Any) -> None:
    assert open_i2s(PINS, 22050).close() == 0
    assert clock.ms == 0


def test_short_writes_lose_nothing(board: dict[str, Any], clock: Any) -> None:
    sink = open_i2s(PINS, 22050)
    board["i2s"][0].piece = 100
    sink.write(block(1))
    sink.write(bytes(range(256)) * 8)
    assert board["i2s"][0].taken[len(block(1)) :] == bytes(range(256)) * 8


@pytest.mark.parametrize("fault", [OSError(116, "ETIMEDOUT"), None])
def test_an_output_that_fails_is_gone_and_counts_what_had_sounded_for_certain(
    board: dict[str, Any], clock: Any, fault: OSError | None
) -> None:
    sink = open_i2s(PINS, 22050)
    for number in range(20):
        delivered = sink.write(block(number))
    assert delivered == 20 * BLOCK - HELD
    board["i2s"][0].piece, board["i2s"][0].fault = 0, fault
    with pytest.raises(OutputGone, match="no more samples" if fault is None else "ETIMEDOUT"):
        sink.write(block(20))
    before_ms = clock.ms
    assert sink.close() == delivered and clock.ms == before_ms and not board["i2s"][0].open


def test_a_unit_that_is_taken_is_gone_and_one_that_there_is_not_is_refused(
    board: dict[str, Any], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_self: object, _number: int, **_told: object) -> None:
        raise OSError("no free state machines")

    def invalid(_self: object, _number: int, **_told: object) -> None:
        raise ValueError("invalid ws (must be sck+1)")

    made = sys.modules["machine"].I2S
    monkeypatch.setattr(made, "__init__", busy)
    with pytest.raises(OutputGone, match="no free state machines"):
        open_i2s(PINS, 22050)
    monkeypatch.setattr(made, "__init__", invalid)
    with pytest.raises(AddressError, match="must be sck"):
        open_i2s(PINS, 22050)


def test_underruns_are_pauses_longer_than_the_ring(board: dict[str, Any], clock: Any) -> None:
    sink = open_i2s(PINS, 22050)
    ring_ms = HELD * 1000 // 22050 + 1
    for pause_ms, underruns in ((0, 0), (20, 0), (ring_ms, 0), (ring_ms + 1, 1), (20, 1), (5000, 2)):
        clock.ms += pause_ms
        sink.write(block(1))
        assert sink.underruns == underruns


BAD_PINS = [
    *("", "id=0", "id=0,sck=1,ws=2,sd=3", PINS + ",sd=9", PINS.replace("ws", "word"), PINS.replace("10", "-1")),
    *(PINS.replace(str(RING), str(size)) for size in (0, RING_BYTES_MIN - 1, RING_BYTES_MAX + 1, 10**9)),
]


@pytest.mark.parametrize("text", BAD_PINS)
def test_bad_pins_are_refused_by_name(text: str) -> None:
    with pytest.raises(AddressError, match="i2s: expected"):
        parse_i2s(text)


SPI = {"id": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": 17, "baudrate_hz": 20_000_000}


def test_the_card_is_mounted_at_its_clock(board: dict[str, Any]) -> None:
    card = mount("/sd", SPI)
    assert board["mounts"] == [(card, "/sd")]
    assert (card.baudrate, card.cs.number) == (20_000_000, 17)
    told = card.spi.told
    assert (told["id"], told["sck"].number, told["mosi"].number, told["miso"].number) == (0, 18, 19, 16)


@pytest.mark.parametrize("baudrate_hz", [0, 400_000, 50_000_000])
def test_a_clock_that_no_card_keeps_is_refused(board: dict[str, Any], baudrate_hz: int) -> None:
    with pytest.raises(OSError, match="expected 1000000 to 25000000 Hz"):
        mount("/sd", SPI | {"baudrate_hz": baudrate_hz})
    assert not board["mounts"]


def test_every_board_of_the_project_opens_with_its_own_wiring(board: dict[str, Any], clock: Any) -> None:
    wired = [one for one in map(load_board, board_names()) if one["runtime"] == "micropython"]
    assert len(wired) >= 2
    for one in wired:
        address = str(one.player_settings("x")["out"])
        assert open_i2s(address.removeprefix("i2s:"), one["audio.rate_hz"]).close() == 0
        wiring: Any = one.wiring()
        assert mount(wiring["card"], wiring["spi"]).baudrate == 20_000_000


class Echo:
    def __init__(self) -> None:
        self.fed = bytearray()

    def serve(self, data: bytes, start: int, write: Callable[[bytes], None]) -> int:
        self.fed += data[start:]
        write(data[start:])
        return len(data)


@pytest.fixture
def channel(board: dict[str, Any], clock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(usb_link, "_channels", [])
    usb_link.enable()
    assert board["usb"].told == {"builtin_driver": True}  # the prompt stays
    return board["usb"].interfaces[0]


def test_usb_needs_its_channel() -> None:
    with pytest.raises(AddressError, match=r"boot\.py"):
        usb_link.open_usb()


def test_usb_answers_what_comes_and_waits_no_longer_than_told(channel: Any, clock: Any) -> None:
    port, link = usb_link.open_usb(), Echo()
    assert channel.told["timeout"] == 0 and channel.told["rxbuf"] == 512
    assert not port.poll(link, 0) and clock.ms == 0
    assert not port.poll(link, 50) and 50 <= clock.ms <= 51
    channel.sent = [b"abc", b"x" * 512]
    assert port.poll(link, 50) and port.poll(link, 50)
    assert link.fed == channel.taken == b"abc" + b"x" * 512


def test_a_courier_that_stops_reading_never_holds_the_player_up(channel: Any, clock: Any) -> None:
    port, link = usb_link.open_usb(), Echo()
    channel.sent, channel.room = [b"x" * 300, b"y" * 300], 0
    assert port.poll(link, 0) and not port.poll(link, 0) and clock.ms == 0
    assert not port.poll(link, 50) and 50 <= clock.ms <= 51
    assert link.fed == b"x" * 300, "nothing more is asked before the answer is taken"
    channel.room = 7  # slow, but it reads
    assert port.poll(link, 0) and channel.taken == b"x" * 300 + b"y" * 300


class Dog:
    """WDT and Timer of `machine`, noting what happens to them."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.numbers = numbers
        self.said: list[object] = []
        self.callback: Any = None

    def wdt(self, timeout: int) -> "Dog":
        self.said.append(timeout)
        return self

    def timer(self, number: int) -> "Dog":
        if number not in self.numbers:
            raise ValueError("Timer doesn't exist")
        return self

    def feed(self) -> None:
        self.said.append("fed")

    def init(self, period: int, callback: Any) -> None:
        self.said.append(period)
        self.callback = callback

    def deinit(self) -> None:
        self.said.append("still")


@pytest.mark.parametrize("numbers", [(-1,), (0, 1)])
def test_the_watchdog_is_fed_by_a_timer_or_by_the_loop(
    board: dict[str, Any], monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...]
) -> None:
    dog = Dog(numbers)
    monkeypatch.setattr(sys.modules["machine"], "WDT", dog.wdt, raising=False)
    monkeypatch.setattr(sys.modules["machine"], "Timer", dog.timer, raising=False)
    monkeypatch.setattr(watchdog, "_kept", [])
    assert watchdog.heartbeat() is None
    watchdog.rest()
    assert dog.said == []
    watchdog.keep()
    dog.callback(None)
    beat = watchdog.heartbeat()
    assert beat is not None and dog.said == [8000, "fed", 2000, "fed"]
    dog.said.clear()
    for _turn in range(3):
        beat()
    assert dog.said == ["still", "fed", "fed", "fed"]
    watchdog.rest()
    assert dog.said[4:] == ["fed", 2000]
