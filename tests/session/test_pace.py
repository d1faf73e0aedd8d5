"""Frames and milliseconds of a clocked output agree as protocol/SPEC.md section 3 states, whatever stands still."""

import random

import pytest

from amos.edges import clocked_sink
from amos.edges.audio_out import NullSink
from amos.edges.clocked_sink import AHEAD_MS, ClockedSink

RATE_HZ = 44_100
AHEAD_MS_MAX = 1_000
ROUNDING_MS = 2
TOLERANCE_MS = 1_500


class Clock:
    """Monotonic milliseconds, which sleeping and standing still move."""

    ms = 1_000

    def now_ms(self) -> int:
        return self.ms

    def pass_ms(self, ms: int) -> None:
        self.ms += ms


@pytest.mark.parametrize("block_frames", [64, 1024, 65_536])
@pytest.mark.parametrize("seed", range(4))
def test_a_file_never_gains_more_on_the_clock_than_is_stated(
    block_frames: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, chance = Clock(), random.Random(seed)
    monkeypatch.setattr(clocked_sink, "sleep_ms", clock.pass_ms)
    sink = ClockedSink(NullSink(), RATE_HZ, clock, AHEAD_MS * RATE_HZ // 1000)
    lowest_ms, gained_ms, frames = 0.0, 0.0, 0
    for _block in range(20_000):
        clock.pass_ms(
            chance.choice((0, 0, 0, 1, 30, 700, 3_600_000)) if chance.random() < min(0.1, block_frames / 80_000) else 0
        )
        # A segment may begin here, before the block or after it: it has this lead over the clock.
        lowest_ms = min(lowest_ms, frames * 1000 / RATE_HZ - clock.ms)
        frames = sink.write(bytes(block_frames * 4))
        lead_ms = frames * 1000 / RATE_HZ - clock.ms
        gained_ms = max(gained_ms, lead_ms - lowest_ms)
        lowest_ms = min(lowest_ms, lead_ms)
    assert gained_ms <= AHEAD_MS_MAX + ROUNDING_MS < TOLERANCE_MS
    assert gained_ms > AHEAD_MS_MAX / 2  # there was something to catch up
