"""From the meter to signed segments: flushed once a second of play, sealed by rule, chained and signed.

Stage, commit, acknowledge: rows are flushed to the journal before they are relied upon; a seal is stored before its
segment is shown to a courier; a new segment is opened (stored) before anything more is metered.
"""

import hashlib

from amos.journal.builder import PCM_UNKNOWN, SegmentBuilder
from amos.journal.facts import Opened
from amos.protocol.segment import SEAL_FULL, SEAL_INTERVAL, SEAL_POWER_LOSS, sign_usage

SEAL_INTERVAL_S = 600
FLUSH_INTERVAL_S = 1
ROWS_COMING_MAX = 64
"""Rows that one second of play can add at most, to seal in time: twice the voices of the largest board."""


class UsageLog:
    """One device's log over its journal. `sign_message(message) -> 64 bytes` holds the device key.

    sealed_segments, sealed_rows, sealed_frames, sealed_bytes   int, of what this object has sealed
    """

    _builder: SegmentBuilder  # since `begin`

    def __init__(self, journal, device: bytes, sign_message):
        self._journal = journal
        self._device = device
        self._sign_message = sign_message
        self._pcm = hashlib.sha256()
        self._silent_before = 0
        self._flushed_frame = 0
        self._metered_frame = 0
        self._block_frames = 0
        self._inputs_coming: list = []
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
        self._builder = self._journal.open(opened)
        self._pcm = hashlib.sha256()
        self._silent_before = silent_frames
        self._flushed_frame = self._metered_frame = opened.first_frame

    def delivered(self, pcm, meter, now_ms: int) -> "int | None":
        """A block has reached the output and the meter knows it. A seal reason when a seal is due, else None."""
        self._pcm.update(pcm)
        builder = self._builder
        rate_hz = builder.opened.rate_hz
        self._block_frames = max(self._block_frames, meter.frame - self._metered_frame)
        self._metered_frame = meter.frame
        # The next block is out before it is metered, so it is part of the second that a power cut may take.
        if meter.frame + self._block_frames - self._flushed_frame > FLUSH_INTERVAL_S * rate_hz:
            self._advance(meter.take_ended(), meter.open_rows(), meter, now_ms)
            self._journal.flush()
            self._flushed_frame = meter.frame
            if builder.nearly_full(ROWS_COMING_MAX):
                return SEAL_FULL
        if meter.frame - builder.opened.first_frame >= SEAL_INTERVAL_S * rate_hz:
            return SEAL_INTERVAL
        return None

    def note_input(self, frame: int, kind: int, value: int) -> None:
        """An input the VM took; it is logged with the segment in which it takes effect, from that flush on."""
        self._inputs_coming.append((frame, kind, value))

    def seal(self, meter, now_ms: int, reason: int) -> None:
        """Seal all that is metered so far. Call `begin` before anything more is."""
        self._advance(meter.cut(), [], meter, now_ms)
        self._store(self._builder, self._pcm.digest(), reason)

    @property
    def first_frame(self) -> int:
        """First frame of the segment in the making; what was delivered since is not sealed yet."""
        return self._builder.opened.first_frame

    def _advance(self, ended, sounding, meter, now_ms: int) -> None:
        silent = meter.silent_frames - self._silent_before
        while self._inputs_coming and self._inputs_coming[0][0] <= meter.frame:
            self._builder.inputs.append(self._inputs_coming.pop(0))
        self._builder.advance(meter.frame, now_ms, silent, ended, sounding)

    def _store(self, builder, pcm_sha256: bytes, reason: int) -> None:
        journal = self._journal
        sequence = journal.last_sequence + 1
        usage = builder.usage(self._device, sequence, journal.last_sha256, pcm_sha256, reason, journal.lost)
        delivered_ms = builder.delivered_frames * 1000 // builder.opened.rate_hz
        segment = sign_usage(usage, self._sign_message)
        journal.seal(sequence, segment, delivered_ms)
        self.sealed_segments += 1
        self.sealed_rows += len(usage.stems)
        self.sealed_frames += usage.played_frames()
        self.sealed_bytes += len(segment)
