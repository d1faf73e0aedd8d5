"""What an hour of a board's fullest music writes to its card, and how long a card bears it."""

import hashlib

from amos.edges.sector_memory import MemorySectorDevice
from amos.journal.facts import Opened
from amos.journal.journal import Journal
from amos.protocol.segment import CLOCK_INFORMATIVE, NO_SEED_ROOT
from amos.protocol.usage_reader import OUTPUT_KIND_ALSA, PACE_CLOCKED
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.session.usage_log import UsageLog
from amos.sound.meter import Meter
from amos_tools.bench.figure import Figure
from amos_tools.boards import Board
from amos_tools.script import Compiled
from amos_tools.script.preview import stem_frames

SECTOR_BYTES = 512
PAGE_BYTES = 16 << 10
"""Programmed at once in a card's flash; a page of which less was synced is programmed again with the next sync, if the
card's controller gathers nothing. The worst case: better ones do."""
ERASE_BYTES = 4 << 20
"""An erase block of a card, at most."""
CARD_BYTES = 8 << 30
CARD_CYCLES = 1000
"""Erases that each block of a plain TLC card bears."""
BLOCK_FRAMES = 2048
HOUR_S = 3600
YEAR_H = 24 * 365.25


class CountingDevice(MemorySectorDevice):
    """Counts what it is given: `syncs`, and `pages` programmed for them."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes // SECTOR_BYTES, SECTOR_BYTES)
        self.syncs = self.pages = 0
        self._touched: set[int] = set()

    def write(self, sector: int, data: bytes) -> None:
        super().write(sector, data)
        end = sector + len(data) // SECTOR_BYTES
        self._touched.update(at * SECTOR_BYTES // PAGE_BYTES for at in range(sector, end))

    def sync(self) -> None:
        super().sync()
        self.syncs += 1
        self.pages += len(self._touched)
        self._touched.clear()


class _NoMixer:
    """The clock of a mixer whose samples nobody wants."""

    frame = 0

    def start(self, event: object, source: object) -> None:
        pass

    def stop(self, event: object) -> None:
        pass

    def duck(self, event: object) -> None:
        pass

    def render(self, frames: int) -> bytes:
        self.frame += frames
        return b""


def play(compiled: Compiled, device: MemorySectorDevice, seconds: int) -> int:
    """Meter and log that much play of the score, with every segment receipted; how many were sealed."""
    score = decode_score(compiled.score)
    journal = Journal(device, bytes(8))
    journal.begin_boot()
    journal.begin_session()
    frames = stem_frames(compiled)
    vm = Vm(score, frames, [20000] * len(frames), bytes(32))
    meter = Meter(score.voices)
    performance = Performance(vm, _NoMixer(), meter, lambda _stem: None)
    log = UsageLog(journal, bytes(16), lambda message: hashlib.sha512(message.join()).digest())
    log.begin(_opened(score.rate_hz, 0), 0)
    while performance.frame < seconds * score.rate_hz:
        pcm = performance.render(BLOCK_FRAMES)
        performance.delivered(performance.frame)
        now_ms = performance.frame * 1000 // score.rate_hz
        reason = log.delivered(pcm, meter, now_ms)
        if reason:
            log.seal(meter, now_ms, reason)
            journal.remember(vm.memory())
            journal.trim(journal.last_sequence)
            log.begin(_opened(score.rate_hz, performance.frame), meter.silent_frames)
    return log.sealed_segments


def _opened(rate_hz: int, frame: int) -> Opened:
    now_ms = frame * 1000 // rate_hz
    return Opened(
        boot=1,
        session=1,
        start_state=bytes(32),
        first_frame=frame,
        rate_hz=rate_hz,
        start_ms=now_ms,
        clock=CLOCK_INFORMATIVE,
        anchor_unix_ms=1_800_000_000_000,
        anchor_ms=0,
        pack=bytes(32),
        score=bytes(32),
        tier=0,
        output_kind=OUTPUT_KIND_ALSA,
        pace=PACE_CLOCKED,
        seed_root=NO_SEED_ROOT,
    )


def figures(board: Board, compiled: Compiled, scale: float) -> list[Figure]:
    """Per hour of play, from as much of one as `scale` says."""
    seconds = max(60, round(HOUR_S * min(1, scale)))
    device = CountingDevice(board["storage.journal_bytes"])
    sealed = play(compiled, device, seconds)
    hours = seconds / HOUR_S
    written = device.sectors_written * SECTOR_BYTES / hours
    programmed = device.pages * PAGE_BYTES / hours
    years = CARD_BYTES * CARD_CYCLES / programmed / YEAR_H
    name = f"{board.name}, journal an hour of play"
    worst = (
        f"of 4 MiB, if each sync programs {PAGE_BYTES >> 10} KiB pages anew; {written / ERASE_BYTES:.1f} if none does"
    )
    syncs = f"{device.syncs / hours:,.0f} syncs, {sealed / hours:.0f} segments"
    card = f"8 GiB, {CARD_CYCLES:,} erases a block, wear levelled, playing day and night"
    return [
        Figure("device", f"{name}: written", written / 1e6, "MB", None, syncs),
        Figure("device", f"{name}: erases", programmed / ERASE_BYTES, "", None, worst),
        Figure("device", f"{board.name}, card life by the journal", years, "years", None, card),
    ]
