"""What was delivered and not metered, or metered and not delivered, if the process ended at this very moment."""

from pathlib import Path

import pytest

from amos.edges.audio_sink import FRAME_BYTES
from amos.edges.sector_memory import MemorySectorDevice
from amos.edges.wav_out import HEADER_BYTES as WAV_HEADER_BYTES
from amos.edges.wav_out import WavSink
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.session.usage_log import UsageLog

RATE_HZ = 44_100


@pytest.mark.parametrize("block_frames", [64, 1024, 1984, 4096])
def test_a_wav_file_has_at_once_what_counts_as_delivered(tmp_path: Path, block_frames: int) -> None:
    path = tmp_path / "out.wav"
    sink = WavSink(str(path), RATE_HZ)
    for _block in range(9):
        delivered = sink.write(bytes(block_frames * FRAME_BYTES))
        assert (path.stat().st_size - WAV_HEADER_BYTES) // FRAME_BYTES == delivered
    assert sink.close() == 9 * block_frames


class Meter:
    """A meter of silence that has met `frame` frames."""

    frame = silent_frames = 0

    def take_ended(self) -> list[tuple[int, int, int, int]]:
        return []

    open_rows = take_ended


@pytest.mark.parametrize("blocks", [[64], [4096], [32768], [44_100], [4096, 20_000, 64], [30_000, 12_000]])
def test_at_most_a_second_of_play_waits_for_its_flush(blocks: list[int]) -> None:
    journal = Journal(MemorySectorDevice(), bytes(8))
    log, meter = UsageLog(journal, bytes(16), lambda _message: bytes(64)), Meter()
    facts = {"boot": 1, "session": 1, "start_state": bytes(32), "rate_hz": RATE_HZ, "start_ms": 0, "clock": 0}
    log.begin(Opened(first_frame=0, pack=bytes(32), score=bytes(32), tier=0, **facts), 0)
    flushes = 0
    # Not so long that a seal is due, which would be asked for instead of a flush.
    for number in range(min(20 * RATE_HZ // min(blocks), 500 * RATE_HZ // max(blocks))):
        meter.frame += blocks[number % len(blocks)]
        assert journal.unsealed is not None
        before = journal.unsealed.end_frame  # only a flush moves it
        if number >= len(blocks):
            assert meter.frame - before <= RATE_HZ
        log.delivered(b"", meter, 0)
        flushes += journal.unsealed.end_frame > before
    assert flushes <= 1 + meter.frame // max(RATE_HZ - 2 * max(blocks), min(blocks))
