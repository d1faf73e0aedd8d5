"""The segment in the making: what has been metered since the last seal, live or recovered from the journal."""

from array import array

from amos.journal.facts import Flushed, Opened
from amos.journal.rows import Rows
from amos.protocol.limits import SEGMENT_INPUTS_MAX, SEGMENT_INPUTS_OWN_MAX, SEGMENT_ROWS_MAX
from amos.protocol.segment import FLAG_ABORTED, FLAG_POWER_LOSS, Usage, input_columns

PCM_UNKNOWN = bytes(32)
"""`pcm_sha256` of a segment sealed after a power cut: the running hash was lost, the rows were not."""


class SegmentBuilder:
    """Rows are (stem, start_frame, frames, flags) and inputs (frame, kind, value), in the session's sample clock.

    opened   Opened, the facts known at the segment's start
    rows     Rows, starts from the segment's first frame on, of placements that have ended and, from index `final` on,
             those so far of what still sounds; the builder clears it first
    closed   whether `usage` was asked for: nothing more is metered or flushed
    """

    def __init__(self, opened: Opened, rows: Rows):
        rows.keep(0)
        self.opened = opened
        self.rows = rows
        self.final = 0
        self.closed = False
        self.inputs: list = []
        self.end_frame = opened.first_frame
        self.end_ms = opened.start_ms
        self.delivered_frames = 0
        self.silent_frames = 0
        self.underruns = 0
        self._flushed_rows = 0
        self._flushed_inputs = 0

    def advance(self, end_frame: int, end_ms: int, silent_frames: int, ended, sounding, underruns: int = 0) -> None:
        """Everything up to `end_frame` has reached the output; silent frames and under-runs count from the start."""
        self.delivered_frames += end_frame - self.end_frame
        self.end_frame = end_frame
        self.end_ms = end_ms
        self.silent_frames = silent_frames
        self.underruns = underruns
        self.rows.keep(self.final)
        self._add(ended)
        self.final = len(self.rows)
        self._add(sounding)

    def _add(self, rows) -> None:
        first = self.opened.first_frame
        for stem, start, frames, flags in rows:
            self.rows.add(stem, start - first, frames, flags)

    def nearly_full(self, rows_coming: int) -> bool:
        """Whether `rows_coming` more rows might not fit."""
        rows = len(self.rows) + rows_coming
        return rows > SEGMENT_ROWS_MAX or len(self.inputs) >= SEGMENT_INPUTS_MAX - SEGMENT_INPUTS_OWN_MAX

    def flush(self) -> Flushed:
        """The journal record of what has come since the last one; call once it is certain to be stored. As long as
        nothing more is metered, its columns hold."""
        return self._flushed_from(self._flushed_rows, self._flushed_inputs)

    def carry(self) -> Flushed:
        """All of the segment so far as one record, which replaces those before it."""
        return self._flushed_from(0, 0)

    def _flushed_from(self, first_row: int, first_input: int) -> Flushed:
        inputs = self.inputs[first_input:]
        self._flushed_rows = self.final
        self._flushed_inputs = len(self.inputs)
        first = self.opened.first_frame
        stems, starts, frames, flags = self.rows.columns(first_row)
        return Flushed(
            end_frame=self.end_frame,
            end_ms=self.end_ms,
            delivered_frames=self.delivered_frames,
            silent_frames=self.silent_frames,
            underruns=self.underruns,
            open_from=self.final - first_row,
            stems=stems,
            starts=starts,
            frames=frames,
            flags=flags,
            input_starts=array("I", [item[0] - first for item in inputs]),
            input_kinds=array("B", [item[1] for item in inputs]),
            input_values=array("i", [item[2] for item in inputs]),
        )

    def apply(self, flushed: Flushed) -> None:
        """Take over a flush found in the journal at boot."""
        first = self.opened.first_frame
        self.rows.keep(self.final)
        for n in range(len(flushed.stems)):
            self.rows.add(flushed.stems[n], flushed.starts[n], flushed.frames[n], flushed.flags[n])
        self.final += flushed.open_from
        for n in range(len(flushed.input_starts)):
            self.inputs.append((first + flushed.input_starts[n], flushed.input_kinds[n], flushed.input_values[n]))
        self.end_frame = flushed.end_frame
        self.end_ms = flushed.end_ms
        self.delivered_frames = flushed.delivered_frames
        self.silent_frames = flushed.silent_frames
        self.underruns = flushed.underruns
        self._flushed_rows = self.final
        self._flushed_inputs = len(self.inputs)

    def lose_power(self) -> None:
        """Mark what sounded at the last flush as aborted by a power cut."""
        self.rows.mark(self.final, FLAG_ABORTED | FLAG_POWER_LOSS)

    def usage(
        self, device_id: bytes, sequence: int, previous: bytes, pcm_sha256: bytes, reason: int, lost=None
    ) -> Usage:
        """The payload to sign, whose columns hold until the rows are asked for anything else. `lost` is None or (first,
        last, reason) of sequence numbers gone for good. What sounds ends here."""
        opened = self.opened
        self.closed = True
        self.final = len(self.rows)
        stems, starts, frames, flags = self.rows.segment_columns()
        input_starts, input_kinds, input_values = input_columns(self.inputs, opened.first_frame)
        return Usage(
            version=opened.usage_version,
            device_id=device_id,
            sequence=sequence,
            previous=previous,
            boot=opened.boot,
            session=opened.session,
            start_state=opened.start_state,
            first_frame=opened.first_frame,
            end_frame=self.end_frame,
            rate_hz=opened.rate_hz,
            start_ms=opened.start_ms,
            end_ms=self.end_ms,
            clock=opened.clock,
            anchor_unix_ms=opened.anchor_unix_ms,
            anchor_ms=opened.anchor_ms,
            pack=opened.pack,
            score=opened.score,
            tier=opened.tier,
            stems=stems,
            starts=starts,
            frames=frames,
            flags=flags,
            input_starts=input_starts,
            input_kinds=input_kinds,
            input_values=input_values,
            delivered_frames=self.delivered_frames,
            underruns=self.underruns,
            silent_frames=self.silent_frames,
            pcm_sha256=pcm_sha256,
            reason=reason,
            lost_first=lost[0] if lost else None,
            lost_last=lost[1] if lost else None,
            lost_reason=lost[2] if lost else None,
            output_kind=opened.output_kind,
            pace=opened.pace,
            seed_root=opened.seed_root,
        )
