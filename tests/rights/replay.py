"""Replays a session from its log: pack, start state and journalled inputs give the rows again, without any audio."""

from typing import Any

from amos.packs.folder import PackFolder
from amos.protocol.segment import SEAL_SHUTDOWN, Usage
from amos.score.score import decode_score
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.session.start import session_seed
from amos.sound.envelope import CELL_FRAMES
from amos.sound.meter import Meter


class Nothing:
    """A mixer that only counts frames."""

    def __init__(self) -> None:
        self.frame = 0

    def start(self, event: Any, source: Any) -> None: ...
    def stop(self, event: Any) -> None: ...
    def duck(self, event: Any) -> None: ...

    def render(self, frames: int) -> bytes:
        self.frame += frames
        return b""


def replay(pack: PackFolder, usages: list[Usage], memory: bytes | None = None) -> list[list[tuple[int, ...]]]:
    """The rows of each segment of one whole session, as the log lets them be computed."""
    first = usages[0]
    stems = pack.manifest.stems
    seed = session_seed(first.device_id, pack.pack_id, first.session, first.seed_root)
    score = decode_score(pack.score())
    vm = Vm(score, [stem.frames for stem in stems], [stem.gain_q15 for stem in stems], seed, memory)
    meter = Meter(pack.manifest.voices)
    performance = Performance(vm, Nothing(), meter, lambda _stem: None)
    found = []
    for usage in usages:
        frame = usage.first_frame
        for index in range(len(usage.input_starts)):
            frame += usage.input_starts[index]
            # An input comes at the frame that the VM has come to, a cell ahead of what is rendered.
            if frame - CELL_FRAMES > performance.frame:
                performance.render(frame - CELL_FRAMES - performance.frame)
            vm.input(usage.input_kinds[index], usage.input_values[index], frame)
        end = -(-usage.end_frame // CELL_FRAMES) * CELL_FRAMES
        if end > performance.frame:
            performance.render(end - performance.frame)
        if usage.reason == SEAL_SHUTDOWN:
            meter.abort(usage.end_frame)
        else:
            meter.delivered(usage.end_frame)
        found.append(sorted(meter.cut()))
    return found


def rows(usages: list[Usage]) -> list[list[tuple[int, ...]]]:
    """The signed rows of each segment, in an order that does not depend on how they were taken."""
    return [sorted(usage.rows()) for usage in usages]
