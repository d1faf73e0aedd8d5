"""One session decided anew from its log: pack, start state and journalled inputs give the rows, without any audio."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from amos.packs.folder import PackFolder
from amos.protocol.segment import SEAL_POWER_LOSS, SEAL_SHUTDOWN, Usage
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.session.start import session_seed
from amos.sound.envelope import CELL_FRAMES
from amos.sound.meter import Meter

Row = tuple[int, int, int, int]
"""(stem, start frame, frames, flags), as `Usage.rows` has them."""

AHEAD_FRAMES_MAX = 65_536 + 192_000
"""A player decides at most so far ahead of what has sounded: a block, and what outputs may hold."""


class _Silence:
    """A mixer that only counts frames."""

    def __init__(self) -> None:
        self.frame = 0

    def start(self, event: Any, source: Any) -> None: ...
    def stop(self, event: Any) -> None: ...
    def duck(self, event: Any) -> None: ...
    def set_volume(self, frame: int, gain_q15: int) -> None: ...

    def render(self, frames: int) -> bytes:
        self.frame += frames
        return b""


class Replay:
    """The session of these segments (the first begins it), from what the score remembered, None for nothing.

    memories   what it may have left to the session after it, by what the player had decided when it was sealed
    """

    def __init__(self, pack: PackFolder, usages: Sequence[Usage], memory: bytes | None = None) -> None:
        first, stems = usages[0], pack.manifest.stems
        seed = session_seed(first.device_id, pack.pack_id, first.session, first.seed_root)
        gains = [stem.gain_q15 for stem in stems]
        self._vm = Vm(decode_score(pack.score()), [stem.frames for stem in stems], gains, seed, memory)
        self._usages = usages
        self._meter = Meter(pack.manifest.voices)
        self._performance = Performance(self._vm, _Silence(), self._meter, lambda _stem: None)
        self.memories: list[bytes] = []

    @property
    def begins_alike(self) -> bool:
        """Whether the session was signed to begin in this state."""
        return bool(hashlib.sha256(self._vm.start_state()).digest() == self._usages[0].start_state)

    def segments(self) -> Iterator[tuple[Usage, list[Row]]]:
        """Each segment, and its rows as they follow from the log."""
        for usage in self._usages:
            frame = usage.first_frame
            for index in range(len(usage.input_starts)):
                frame += usage.input_starts[index]
                # An input comes at the frame that the VM has come to, a cell ahead of what is rendered.
                self._render(frame - CELL_FRAMES)
                self._vm.input(usage.input_kinds[index], usage.input_values[index], frame)
            self._render(-(-usage.end_frame // CELL_FRAMES) * CELL_FRAMES)
            if usage.reason in (SEAL_SHUTDOWN, SEAL_POWER_LOSS):
                self._meter.abort(usage.end_frame)
            else:
                self._meter.delivered(usage.end_frame)
            yield usage, sorted(self._meter.cut())
        self._decide_ahead()

    def _render(self, until_frame: int) -> None:
        if until_frame > self._performance.frame:
            self._performance.render(until_frame - self._performance.frame)

    def _decide_ahead(self) -> None:
        end = self._performance.frame + AHEAD_FRAMES_MAX
        while True:
            memory = self._vm.memory()
            if not self.memories or memory != self.memories[-1]:
                self.memories.append(memory)
            if self._performance.frame >= end:
                return
            self._performance.render(CELL_FRAMES)


def replay(pack: PackFolder, usages: Sequence[Usage], memory: bytes | None = None) -> list[list[Row]]:
    """The rows of each segment of one whole session."""
    return [rows for _usage, rows in Replay(pack, usages, memory).segments()]


def rows(usages: Sequence[Usage]) -> list[list[Row]]:
    """The signed rows of each segment, in an order that does not depend on how they were taken."""
    return [sorted(usage.rows()) for usage in usages]
