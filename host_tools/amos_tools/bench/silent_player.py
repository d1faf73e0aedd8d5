"""A player without sound: VM, meter and segments as on a real one, over an output that lags behind as it likes."""

import hashlib

from amos.compat import byte_view
from amos.crypto import key_id, public_key, sign
from amos.journal.builder import PCM_UNKNOWN, SegmentBuilder
from amos.journal.facts import Opened
from amos.journal.rows import Rows
from amos.protocol.segment import (
    CLOCK_SYNCHRONISED,
    FIRST_PREVIOUS,
    NO_SEED_ROOT,
    OUTPUT_KIND_NULL,
    SEAL_POWER_LOSS,
    SEAL_SHUTDOWN,
    sign_usage_pieces,
)
from amos.session.performance import Performance
from amos.session.start import recall_vm, session_seed
from amos.sound.meter import Meter
from amos_tools.replay.piece import Piece
from amos_tools.replay.rows import Silence


class SilentPlayer:
    """`begin` a session, then `play`, `input` and `seal` in any order; `segments` is what it has signed.

    `memory` is what the journal keeps: what the score remembered when the last segment was sealed.
    """

    def __init__(self, seed: bytes, unix_s: int) -> None:
        self._key = seed
        self.public_key = public_key(seed)
        self.device_id = key_id(self.public_key)
        self.segments: list[bytes] = []
        self.memory: bytes | None = None
        self._unix_s = unix_s
        self._boot = 0
        self._before_ms = 0

    def begin(self, piece: Piece) -> None:
        """The next session, of another boot."""
        self._boot += 1
        score = piece.decoded
        seed = session_seed(self.device_id, piece.pack_id, self._boot, NO_SEED_ROOT)
        self._vm = recall_vm(score, piece.stem_frames, piece.stem_gains_q15, seed, self.memory)
        self._start_state = hashlib.sha256(self._vm.start_state()).digest()
        self._piece = piece
        self._meter = Meter(piece.voices)
        self._performance = Performance(self._vm, Silence(), self._meter, lambda _stem: None)
        self._coming: list[tuple[int, int, int]] = []
        self._open()

    @property
    def lag_frames(self) -> int:
        """Rendered, and not delivered yet."""
        return int(self._performance.frame - self._meter.frame)

    def play(self, frames: int, lag_frames: int = 0) -> None:
        """Render a block, a multiple of 64; all but the last `lag_frames` reach the output, and are flushed."""
        self._performance.render(frames)
        self._deliver(max(self._meter.frame, self._performance.frame - lag_frames))

    def input(self, kind: int, value: int) -> None:
        """Raises `InputRefused`."""
        frame = self._vm.frame
        self._vm.input(kind, value, frame)
        self._coming.append((frame, kind, value))

    def seal(self, reason: int) -> None:
        """Sign what is delivered, remember, and go on in the next segment."""
        self._advance(self._meter.cut(), [])
        self._sign(reason)
        self.memory = self._vm.memory()
        self._open()

    def finish(self) -> None:
        """The output plays out; the session ends."""
        self._deliver(self._performance.frame)
        self._meter.abort(self._performance.frame)
        self.seal(SEAL_SHUTDOWN)
        self._before_ms += self._ms(self._performance.frame)

    def lose_power(self) -> None:
        """What was flushed is sealed at the next boot; nothing is remembered."""
        if self._builder.end_frame == self._builder.opened.first_frame:
            return
        self._builder.lose_power()
        self._sign(SEAL_POWER_LOSS)
        self._before_ms += self._ms(self._meter.frame)

    def _deliver(self, frame: int) -> None:
        self._performance.delivered(frame)
        self._advance(self._meter.take_ended(), self._meter.open_rows())

    def _advance(self, ended: list[tuple[int, int, int, int]], sounding: list[tuple[int, int, int, int]]) -> None:
        while self._coming and self._coming[0][0] <= self._meter.frame:
            self._builder.inputs.append(self._coming.pop(0))
        silent = self._meter.silent_frames - self._silent_before
        self._builder.advance(self._meter.frame, self._ms(self._meter.frame), silent, ended, sounding)

    def _open(self) -> None:
        self._silent_before = self._meter.silent_frames
        facts = Opened(
            boot=self._boot,
            session=self._boot,
            start_state=self._start_state,
            first_frame=self._meter.frame,
            rate_hz=self._piece.rate_hz,
            start_ms=self._ms(self._meter.frame),
            clock=CLOCK_SYNCHRONISED,
            anchor_unix_ms=1000 * self._unix_s + self._before_ms,
            anchor_ms=0,
            pack=self._piece.pack_id,
            score=self._piece.score_sha256,
            tier=0,
            output_kind=OUTPUT_KIND_NULL,
            pace=1,
            seed_root=NO_SEED_ROOT,
        )
        self._builder = SegmentBuilder(facts, Rows())

    def _sign(self, reason: int) -> None:
        previous = hashlib.sha256(self.segments[-1]).digest() if self.segments else FIRST_PREVIOUS
        usage = self._builder.usage(self.device_id, len(self.segments) + 1, previous, PCM_UNKNOWN, reason)
        pieces = sign_usage_pieces(usage, lambda message: sign(self._key, *message.parts), byte_view)
        self.segments.append(b"".join(map(bytes, pieces.parts)))

    def _ms(self, frame: int) -> int:
        return frame * 1000 // self._piece.rate_hz
