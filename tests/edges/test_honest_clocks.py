"""No honest player is condemned for its clocks: real outputs with their buffering, on cards and rings of a clock that a
test moves, through under-runs, losses and many short sessions, judged by the ledger's own finding."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from output_card import FRAME_BYTES, Card, StepClock

from amos.edges import alsa_host, clocked_sink, i2s_out
from amos.edges.alsa_host import AlsaSink
from amos.edges.audio_out import NullSink
from amos.edges.audio_sink import OutputGone
from amos.edges.clocked_sink import AHEAD_MS, ClockedSink
from amos.edges.i2s_out import I2sSink, ring_bytes_max
from amos.protocol.segment import OUTPUT_KIND_NULL
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, OUTPUT_KIND_I2S, PACE_CLOCKED
from amos.session.output import Output
from amos_ledger.intake.clocks import clock_slower_than_samples
from amos_ledger.intake.facts import Facts
from amos_ledger.records import SessionPlay

RATE_HZ, BLOCK = 48000, 960
PCM = bytes(BLOCK * FRAME_BYTES)
LOST_SEAL_MS = 10_000


class Ring:
    """A board's `machine.I2S`: a write comes back when all is in the ring, which plays silence when it is empty."""

    def __init__(self, clock: StepClock, rate_hz: int):
        self.clock, self.rate_hz = clock, rate_hz
        self._bytes = ring_bytes_max(RATE_HZ)
        self.gone = ""
        self.reopened()

    def reopened(self) -> "Ring":
        if self.gone:
            raise OutputGone(self.gone)
        self._held, self._us = 0, self.clock.us
        return self

    def write(self, pcm: Any) -> int:
        if self.gone:
            raise OSError(5, self.gone)
        self._held = max(0, self._held - self._taken())
        left = len(pcm)
        while left:
            count = min(left, self._bytes - self._held)
            left, self._held = left - count, self._held + count
            if left:
                self.clock.us += 500
                self._held = max(0, self._held - self._taken())
        return len(pcm)

    def _taken(self) -> int:
        frames = (self.clock.us - self._us) * self.rate_hz // 1_000_000
        self._us += frames * 1_000_000 // self.rate_hz
        return frames * FRAME_BYTES

    def deinit(self) -> None:
        pass


class Station:
    """An honest player's boot: sessions, each on an output of its own, sealed as `Session` seals; every segment is
    judged when it is sealed. `device` is a Card, a Ring, or None where nothing is played into."""

    def __init__(self, clock: StepClock, kind: int, device: Any, open_it: Callable[[], Any]):
        self.clock, self.kind, self.device, self._open_it = clock, kind, device, open_it
        self._boot: SessionPlay | None = None
        self.begin()

    def begin(self) -> None:
        self.output = Output(self._open_it, RATE_HZ, self.clock)
        self._session: SessionPlay | None = None
        self._frame = 0
        self._open()

    def _open(self) -> None:
        self._first, self._start_ms = self._frame, self.clock.now_ms()

    def _take(self, pcm: Any) -> None:
        self._frame = self.output.frame
        self.output.forget(pcm)

    def play(self, blocks: int) -> None:
        for _number in range(blocks):
            if self.output.lost:
                return
            self.clock.us += 700  # for rendering
            self._take(self.output.write(PCM))

    def wait(self, duration_ms: int) -> None:
        """As `PlayLoop._await_output` does, and without a loss a process that stands still."""
        until_ms = self.clock.now_ms() + duration_ms
        while self.clock.now_ms() < until_ms:
            self.clock.us += 50_000
            if self.output.lost:
                pcm = self.output.reopen()
                if pcm is not None:
                    self._take(pcm)

    def unplug(self, duration_ms: int) -> None:
        if self.device is None:
            return self.wait(duration_ms)
        self.device.gone = "No such device"
        self.play(20)
        self.wait(duration_ms)
        self.device.gone = ""
        if duration_ms >= LOST_SEAL_MS:
            self.seal()
        while self.output.lost:
            self.wait(200)
        return None

    def seal(self) -> None:
        usage = SimpleNamespace(version=2, pace=PACE_CLOCKED, output_kind=self.kind)
        frames = self._frame - self._first
        usage.first_frame, usage.start_ms, usage.end_ms = self._first, self._start_ms, self.clock.now_ms()
        usage.delivered_ms = lambda: frames * 1000 // RATE_HZ
        told: Any = usage
        if frames:
            finding = clock_slower_than_samples(Facts(usage=told, in_session=self._session, in_boot=self._boot))
            assert finding is None, finding
            self._boot = joined(self._boot, usage, self._session is None)
            self._session = joined(self._session, usage, self._session is None)
        self._open()

    def another(self) -> None:
        """The session ends, and the next begins at once."""
        self._take(self.output.close())
        self.seal()
        self.begin()


def joined(before: SessionPlay | None, usage: Any, anew: bool) -> SessionPlay:
    if before is None:
        return SessionPlay(1, usage.first_frame, usage.start_ms, usage.end_ms, usage.delivered_ms())
    delivered_ms = before.delivered_ms + usage.delivered_ms()
    return SessionPlay(before.sessions + anew, before.first_frame, before.start_ms, usage.end_ms, delivered_ms)


def rate_of(ppm: int) -> int:
    return RATE_HZ * (1_000_000 + ppm) // 1_000_000


def alsa(clock: StepClock, ppm: int, fifo_frames: int) -> Station:
    card = Card(clock, rate_hz=rate_of(ppm))
    card.fifo_frames = fifo_frames
    ahead = 68 * RATE_HZ // 1000
    return Station(clock, OUTPUT_KIND_ALSA, card, lambda: AlsaSink(card.reopened(), RATE_HZ, ahead, clock))


def i2s(clock: StepClock, ppm: int, _fifo_frames: int) -> Station:
    ring = Ring(clock, rate_of(ppm))
    size = ring_bytes_max(RATE_HZ)
    return Station(clock, OUTPUT_KIND_I2S, ring, lambda: I2sSink(ring.reopened(), RATE_HZ, size, clock))


def clocked(clock: StepClock, _ppm: int, _fifo_frames: int) -> Station:
    ahead = AHEAD_MS * RATE_HZ // 1000
    return Station(clock, OUTPUT_KIND_NULL, None, lambda: ClockedSink(NullSink(), RATE_HZ, clock, ahead))


ACTS: dict[str, Callable[[Station, int], None]] = {
    "play": lambda station, size: station.play(1 + size % 120),
    "dry": lambda station, size: run_dry(station, 1 + size % 30),
    "still": lambda station, size: station.wait(size),
    "unplug": lambda station, size: station.unplug(size),
    "seal": lambda station, _size: station.seal(),
    "session": lambda station, _size: station.another(),
    "short sessions": lambda station, size: short_sessions(station, 1 + size % 12, 1 + size % 7),
}


def run_dry(station: Station, times: int) -> None:
    """So late that all has sounded, or left the buffer for a queue of the device's own, again and again."""
    for _time in range(times):
        station.play(4)
        station.clock.us += 75_000


def short_sessions(station: Station, count: int, blocks: int) -> None:
    for _session in range(count):
        station.play(blocks)
        station.another()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StepClock]]:
    """Sleeping moves the clock that the list's last item is."""
    clocks: list[StepClock] = []
    for module in (alsa_host, clocked_sink, i2s_out):
        monkeypatch.setattr(module, "sleep_ms", lambda ms: clocks[-1].sleep_ms(ms))
    yield clocks


acts = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(1, 30_000)), max_size=12)


@pytest.mark.parametrize("make", [alsa, i2s, clocked])
@given(ppm=st.integers(-150, 150), fifo_frames=st.sampled_from([0, 48, 1152, 4800, 48000]), acted=acts)
@example(ppm=150, fifo_frames=1152, acted=[("still", 30_000), *[("dry", 29)] * 6])
@example(ppm=150, fifo_frames=48000, acted=[("still", 30_000), ("play", 100), ("dry", 30)])
@example(ppm=0, fifo_frames=0, acted=[("short sessions", 11)] * 5)
@example(ppm=150, fifo_frames=4800, acted=[("unplug", 200)] * 15)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_fate_of_an_honest_output_is_a_finding(
    slept: list[StepClock],
    make: Callable[[StepClock, int, int], Station],
    ppm: int,
    fifo_frames: int,
    acted: list[tuple[str, int]],
) -> None:
    clock = StepClock()
    slept.append(clock)
    station = make(clock, ppm, fifo_frames)
    for name, size in acted:
        ACTS[name](station, size)
        station.play(3)
    station.another()


@pytest.mark.parametrize("rate_hz", [48000 * 103 // 100, 96000, 1_000_000_000])
def test_what_is_metered_of_a_card_without_a_clock_is_not_yet_a_forgery(slept: list[StepClock], rate_hz: int) -> None:
    """Its player stops by itself and says why; the ledger has not condemned it by then."""
    clock = StepClock()
    slept.append(clock)
    station = alsa(clock, 0, 0)
    station.device.rate_hz = rate_hz
    with pytest.raises(OSError, match="takes them faster"):
        station.play(100_000)
    station._take(station.output.close())
    station.seal()


def test_the_players_clock_is_the_oscillator_and_not_what_a_time_service_makes_of_it() -> None:
    import time

    from amos.edges.ticks_host import ticks_ms

    raw_ms = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1_000_000
    assert 0 <= ticks_ms() - raw_ms < 1000
