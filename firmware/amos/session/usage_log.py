"""From the meter to signed segments: flushed once a second of play, sealed by rule, chained and signed.

Stage, commit, acknowledge: rows are flushed to the journal before they are relied upon; a seal is stored before its
segment is shown to a courier; a new segment is opened (stored) before anything more is flushed.

Rendering never waits for storage: a worker (edges/worker.py) does the flushes and seals of a session, and play waits
for it only when a second of music would else be at stake. While it is `busy` the journal is the worker's alone.
"""

import hashlib

from amos.compat import byte_view, const
from amos.edges.worker import InlineWorker
from amos.heap import collect
from amos.journal.builder import PCM_UNKNOWN, SegmentBuilder
from amos.journal.facts import Opened
from amos.protocol.limits import SEGMENT_INPUTS_MAX
from amos.protocol.segment import SEAL_FULL, SEAL_INTERVAL, SEAL_POWER_LOSS, sign_usage_pieces

_SEAL_INTERVAL_S = const(600)
_ROWS_COMING_MAX = const(64)
"""Rows that one second of play can add at most, to seal in time: twice the voices of the largest board."""


class UsageLog:
    """One device's log over its journal. `sign_message(message: Pieces) -> 64 bytes` holds the device key, and `key_id`
    is its id: without it, that of the device's first key.

    underruns   int, of the output so far; whoever knows sets it
    sealed_segments, sealed_rows, sealed_frames, sealed_bytes   int, of what this object has sealed
    """

    _builder: SegmentBuilder  # since `begin`

    def __init__(self, journal, device_id: bytes, sign_message, worker=None, key_id=None):
        self._journal = journal
        self._device_id = device_id
        self._sign_message = sign_message
        self._key_id = key_id
        self._worker = worker or InlineWorker()
        self._pcm = hashlib.sha256()
        self._first = 0
        self._rate_hz = 0
        self._silent_before = self._underruns_before = 0
        self._staged_frame = self._kept_frame = 0  # flushed up to there: given to the worker, and known to be stored
        self._metered_frame = self._block_frames = 0
        self._inputs_coming: list = []
        self.underruns = 0
        self.sealed_segments = 0
        self.sealed_rows = 0
        self.sealed_frames = 0
        self.sealed_bytes = 0

    def seal_power_loss(self) -> bool:
        """At boot: seal what the last life left unsealed; whether there was anything."""
        builder = self._journal.unsealed
        if builder is None:
            return False
        if builder.end_frame == builder.opened.first_frame:
            return False  # opened, and power was lost before the first flush: nothing was metered
        builder.lose_power()
        self._store(builder, PCM_UNKNOWN, SEAL_POWER_LOSS)
        return True

    def begin(self, opened: Opened, silent_frames: int) -> None:
        """Open a segment; `silent_frames` is the meter's count so far, from which this segment's own is taken."""
        self._worker.settle()
        self._builder = self._journal.open(opened)
        self._begun(opened, silent_frames)

    def _begun(self, opened: Opened, silent_frames: int) -> None:
        self._pcm = hashlib.sha256()
        self._silent_before, self._underruns_before = silent_frames, self.underruns
        self._first = self._staged_frame = self._kept_frame = self._metered_frame = opened.first_frame
        self._rate_hz = opened.rate_hz

    @property
    def busy(self) -> bool:
        """Whether the journal is being written to, and is nobody else's."""
        return self._worker.busy

    def delivered(self, pcm, meter, now_ms: int) -> "int | None":
        """A block has reached the output and the meter knows it. A seal reason when a seal is due, else None; never
        while `busy`. Waits when too much is at stake. Raises `JournalError`, also for what was begun earlier."""
        self._pcm.update(pcm)
        self._block_frames = max(self._block_frames, meter.frame - self._metered_frame)
        self._metered_frame = meter.frame
        worker = self._worker
        if worker.busy and self._at_stake_ms(meter, self._kept_frame) <= worker.wait_after_ms:
            return None
        worker.settle()
        self._kept_frame = self._staged_frame
        if meter.frame - self._first >= _SEAL_INTERVAL_S * self._rate_hz:
            return SEAL_INTERVAL
        if self._at_stake_ms(meter, self._staged_frame) <= worker.flush_after_ms:
            return None
        collect()  # here, where the largest pieces of memory are asked for next
        self._advance(meter.take_ended(), meter.open_rows(), meter, now_ms)
        if self._builder.nearly_full(_ROWS_COMING_MAX):
            return SEAL_FULL
        self._staged_frame = meter.frame
        worker.submit(self._journal.flush)
        return None

    def flush(self, meter, now_ms: int) -> None:
        """Store all that is metered so far; it is durable when this returns."""
        self._worker.settle()
        self._advance(meter.take_ended(), meter.open_rows(), meter, now_ms)
        self._journal.flush()
        self._kept_frame = self._staged_frame = meter.frame

    def _at_stake_ms(self, meter, stored_frame: int) -> int:
        """What a power cut may take before the next block is metered: that one too, which is out by then."""
        return -(-(meter.frame + self._block_frames - stored_frame) * 1000 // self._rate_hz)

    def note_input(self, frame: int, kind: int, value: int) -> None:
        """An input the VM took; it is logged with the segment in which it takes effect, from that flush on."""
        self._inputs_coming.append((frame, kind, value))

    def seal(self, meter, now_ms: int, reason: int) -> None:
        """Seal all that is metered so far. Call `begin` before anything more is."""
        self._worker.settle()
        self._advance(meter.cut(), [], meter, now_ms)
        self._store(self._builder, self._pcm.digest(), reason)

    def next_segment(self, meter, now_ms: int, reason: int, memory: bytes, opened: Opened) -> None:
        """Seal all that is metered so far, keep what the VM has learned, and open the next segment, as one piece of
        work. Metering may go on meanwhile. Not while `busy`."""
        self._worker.settle()
        self._advance(meter.cut(), [], meter, now_ms)
        builder, digest = self._builder, self._pcm.digest()

        def act() -> None:
            self._store(builder, digest, reason)
            self._journal.remember(memory)
            self._builder = self._journal.open(opened)

        kept_frame = self._kept_frame
        self._begun(opened, meter.silent_frames)
        self._kept_frame = kept_frame  # until it is stored
        self._worker.submit(act)

    @property
    def inputs_room(self) -> int:
        """Inputs that the segment in the making still holds, if all that are under way belong to it."""
        return SEGMENT_INPUTS_MAX - len(self._builder.inputs) - len(self._inputs_coming)

    @property
    def first_frame(self) -> int:
        """First frame of the segment in the making; what was delivered since is not sealed yet."""
        return self._first

    def _advance(self, ended, sounding, meter, now_ms: int) -> None:
        silent = meter.silent_frames - self._silent_before
        while self._inputs_coming and self._inputs_coming[0][0] <= meter.frame:
            self._builder.inputs.append(self._inputs_coming.pop(0))
        underruns = self.underruns - self._underruns_before
        self._builder.advance(meter.frame, now_ms, silent, ended, sounding, underruns)

    def _store(self, builder, pcm_sha256: bytes, reason: int) -> None:
        journal = self._journal
        sequence = journal.last_sequence + 1
        usage = builder.usage(self._device_id, sequence, journal.last_sha256, pcm_sha256, reason, journal.lost)
        delivered_ms = builder.delivered_frames * 1000 // builder.opened.rate_hz
        segment = sign_usage_pieces(usage, self._sign_message, byte_view, self._key_id)
        journal.seal(sequence, segment, delivered_ms)
        self.sealed_segments += 1
        self.sealed_rows += len(usage.stems)
        self.sealed_frames += usage.played_frames()
        self.sealed_bytes += len(segment)
