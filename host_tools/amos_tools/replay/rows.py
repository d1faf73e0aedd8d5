"""One session decided anew from its log: pack, start state and journalled inputs give the rows, without any audio.

The VM is given each input at its frame, whichever segment carries it: an output may let a block sound in parts, so that
a segment ends where the VM had decided further. The meter is told of delivery more often than the player's was, which
changes no row (`amos/sound/meter.py`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amos.edges.stem_file import BlobError
from amos.packs.folder import PackFolder
from amos.protocol.segment import (
    FLAG_ABORTED,
    FLAG_POWER_LOSS,
    SEAL_PACK,
    SEAL_POWER_LOSS,
    SEAL_SHUTDOWN,
    Usage,
)
from amos.score.chooser import Chooser
from amos.score.inputs import InputRefused
from amos.score.memory import volume_q15_of
from amos.score.score import ScoreError
from amos.score.vm import Vm
from amos.session.performance import Performance
from amos.session.start import session_seed
from amos.sound.envelope import CELL_FRAMES
from amos.sound.meter import Meter
from amos.sound.mixer import LOOKAHEAD_FRAMES
from amos_tools.replay.piece import Piece, piece_of
from amos_tools.replay.sound import BLOCK_FRAMES, Sound
from amos_tools.simulate.run import step_frames

Row = tuple[int, int, int, int]
"""(stem, start frame, frames, flags), as `Usage.rows` has them."""

AHEAD_FRAMES_MAX = 65_536 + 192_000
"""A player decides at most so far ahead of what has sounded: a block, and what outputs may hold."""

INPUTS_AT_ONCE = 16
"""Between two looks at the meter, which holds what a score starts in a step and what so many skips add."""

STOPS = (SEAL_SHUTDOWN, SEAL_POWER_LOSS, SEAL_PACK)
"""Why a segment is sealed after which its session does not go on."""


@dataclass(frozen=True)
class Replayed:
    """A segment, and what follows from the log. `pcm_sha256` is None where nothing was rendered; `refused` says which
    input no player would have taken, None for none."""

    usage: Usage
    rows: list[Row]
    silent_frames: int
    pcm_sha256: bytes | None
    refused: str | None


class Silence:
    """A mixer that only counts frames."""

    def __init__(self) -> None:
        self.frame = 0

    def start(self, event: Any, source: Any) -> None: ...
    def stop(self, event: Any) -> None: ...
    def glide(self, event: Any) -> None: ...
    def duck(self, event: Any) -> None: ...
    def set_volume(self, frame: int, gain_q15: int) -> None: ...

    def render(self, frames: int) -> bytes:
        self.frame += frames
        return b""


class Replay:
    """The session of these segments (the first begins it, none is missing), from what the score remembered: `memory`,
    None for nothing. Raises `ScoreError` where that was with another score."""

    def __init__(
        self, piece: Piece, usages: Sequence[Usage], memory: bytes | None = None, sound: Sound | None = None
    ) -> None:
        first, score = usages[0], piece.decoded
        seed = session_seed(first.device_id, piece.pack_id, first.session, first.seed_root)
        self._vm = Vm(score, piece.stem_frames, piece.stem_gains_q15, seed, memory)
        self._usages = usages
        self._rate_hz = piece.rate_hz
        self._meter = Meter(piece.voices)
        self._sound = sound
        self._step = BLOCK_FRAMES if sound else step_frames(score)
        mixer, source_of = (sound.mixer, sound.source_of) if sound else (Silence(), _no_source)
        self._performance = Performance(self._vm, mixer, self._meter, source_of, BlobError)
        self._inputs = [item for usage in usages for item in inputs_of(usage)]
        self._given = 0
        self._silent_frames_before = 0
        self._ended: list[Row] = []
        self._kept: list[bytes] = []
        self._left: list[bytes] | None = None

    @property
    def unplayable(self) -> str | None:
        """Why the pack at hand does not let a stem sound, which renders another PCM."""
        return self._sound.unreadable if self._sound else None

    def segments(self) -> Iterator[Replayed]:
        """Each segment as it follows from the log; it ends after one with an input that is none."""
        for number, usage in enumerate(self._usages):
            try:
                if number and self._remembered_before(number):
                    self._gather(usage)
                self._until(usage.end_frame, self._step)
            except ValueError as error:  # `InputRefused`, or more at once than a meter holds
                yield Replayed(usage, [], 0, None, str(error))
                return
            yield self._sealed(usage)

    def memories(self) -> list[bytes]:
        """What the session may have left to the one after it, the likeliest first; once all segments are replayed."""
        if self._left is None:
            self._left = list(self._kept)
            if self._usages[-1].reason != SEAL_POWER_LOSS:
                self._left = [*self._ahead(), *self._kept]
        return self._left

    def _remembered_before(self, number: int) -> bool:
        """Whether this is the last segment, and what was remembered when the one before it was sealed is perhaps what
        counts: a cut of power loses what is remembered later."""
        return number == len(self._usages) - 1 and self._usages[number].reason not in (SEAL_SHUTDOWN, SEAL_PACK)

    def _until(self, end_frame: int, step: int) -> None:
        """Everything before `end_frame` is delivered."""
        target = -(-end_frame // CELL_FRAMES) * CELL_FRAMES
        performance = self._performance
        while performance.frame < target:
            frames = min(step, target - performance.frame)
            frames = min(frames, self._give(performance.frame + frames + LOOKAHEAD_FRAMES) - LOOKAHEAD_FRAMES)
            pcm = performance.render(frames)
            if self._sound is not None:
                self._sound.take(pcm, end_frame)
            performance.delivered(min(performance.frame, end_frame))
            self._ended += self._meter.take_ended()

    def _give(self, horizon: int) -> int:
        """Give the VM the inputs before `horizon`. Returns how far it may go from where the mixer is, which is less
        where more inputs come than it takes ahead."""
        given = 0
        while self._given < len(self._inputs) and self._inputs[self._given][0] < horizon:
            frame, kind, value = self._inputs[self._given]
            if frame % CELL_FRAMES:
                raise InputRefused(f"frame: expected one at which a player takes inputs, found {frame}")
            if given >= INPUTS_AT_ONCE and frame > self._vm.frame:
                horizon = max(frame, self._performance.frame + LOOKAHEAD_FRAMES + CELL_FRAMES)
                break
            self._vm.input(kind, value, frame)
            self._given += 1
            given += 1
        return horizon - self._performance.frame

    def _sealed(self, usage: Usage) -> Replayed:
        before = self._silent_frames_before
        if usage.reason in STOPS:
            self._meter.abort(usage.end_frame)
        else:
            self._meter.delivered(usage.end_frame)
        rows, self._ended = sorted([*self._ended, *self._meter.cut()]), []
        if usage.reason == SEAL_POWER_LOSS:
            rows = [(*row[:3], row[3] | FLAG_POWER_LOSS if row[3] & FLAG_ABORTED else row[3]) for row in rows]
        self._silent_frames_before = self._meter.silent_frames
        pcm = self._sound.cut() if self._sound else None
        return Replayed(usage, rows, self._meter.silent_frames - before, pcm, None)

    def _gather(self, usage: Usage) -> None:
        """Note what the player may have remembered as the segment before this one was sealed."""
        end = min(usage.end_frame, usage.first_frame + AHEAD_FRAMES_MAX)
        told = None
        while True:
            state = (self._performance.placements, self._vm.frame // self._rate_hz, self._given)
            if state != told:
                told = state
                _note(self._kept, self._vm.memory())
            if self._performance.frame >= end:
                return
            self._until(min(end, self._performance.frame + CELL_FRAMES), CELL_FRAMES)

    def _ahead(self) -> list[bytes]:
        """What the player may have remembered at the end. Nothing is metered any more, so the VM alone goes on."""
        found: list[bytes] = []
        vm = self._vm
        end, second = vm.frame + AHEAD_FRAMES_MAX, -1
        changed = True
        while vm.frame < end:
            if changed or vm.frame // self._rate_hz != second:
                second = vm.frame // self._rate_hz
                _note(found, vm.memory())
            changed = bool(vm.advance(vm.frame + CELL_FRAMES))
        return found


def start_state(piece: Piece, memory: bytes | None) -> bytes | None:
    """SHA-256 of what a session starts from that begins with this memory; None where it is another score's."""
    try:
        chooser = Chooser(piece.decoded, memory)
    except ScoreError:
        return None
    return hashlib.sha256(chooser.memory_bytes(0, volume_q15_of(memory))).digest()


def inputs_of(usage: Usage) -> list[tuple[int, int, int]]:
    """(frame, kind, value) of each input, in order."""
    found, frame = [], usage.first_frame
    for index in range(len(usage.input_starts)):
        frame += usage.input_starts[index]
        found.append((frame, usage.input_kinds[index], usage.input_values[index]))
    return found


def replay(pack: PackFolder, usages: Sequence[Usage], memory: bytes | None = None) -> list[list[Row]]:
    """The rows of each segment of one whole session."""
    return [replayed.rows for replayed in Replay(piece_of(pack, b""), usages, memory).segments()]


def rows(usages: Sequence[Usage]) -> list[list[Row]]:
    """The signed rows of each segment, in an order that does not depend on how they were taken."""
    return [sorted(usage.rows()) for usage in usages]


def _note(memories: list[bytes], memory: bytes) -> None:
    if not memories or memories[-1] != memory:
        memories.append(memory)


def _no_source(_stem: int) -> None:
    return None
