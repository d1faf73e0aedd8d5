"""When publishing is worth what it writes. Pure; the caller brings the clock.

A published log has a bundle of the last entries under a name of its own for every checkpoint (c2sp.org/tlog-tiles), and
with a checkpoint for each segment it writes every entry a hundred times. So publications wait for each other: what they
wrote is a debt, which what is stored and time pay off. A ledger that is rarely asked, or that stores batches, never
waits.
"""

WRITTEN_PER_STORED = 7
"""Bytes that may be written for each byte stored."""

FREE_BYTES_PER_S = 512
"""Besides, at all times: a third of a byte for each that a segment a second stores."""

FREE_BYTES_MAX = 16 << 20
"""So much of that is kept for when it is needed: forty checkpoints of single segments at their dearest."""

WAIT_S_MAX = 30.0
"""A receipt is late by so much at most: a courier that gets no answer for a minute says so."""


class PublishPace:
    """What publications have written beyond what they may, at this moment."""

    def __init__(self) -> None:
        self._debt_bytes = float(-FREE_BYTES_MAX)
        self._paid_until_s: float | None = None
        self._waits_since_s: float | None = None

    def due(self, waiting_bytes: int, now_s: float) -> bool:
        """Whether `waiting_bytes` of entries that are not published yet shall be."""
        if self._paid_until_s is not None:
            paid = (now_s - self._paid_until_s) * FREE_BYTES_PER_S
            self._debt_bytes = max(self._debt_bytes - paid, -FREE_BYTES_MAX)
        self._paid_until_s = now_s
        if self._waits_since_s is None:
            self._waits_since_s = now_s
        waited_s = now_s - self._waits_since_s
        return self._debt_bytes <= WRITTEN_PER_STORED * waiting_bytes or waited_s >= WAIT_S_MAX

    def published(self, stored_bytes: int, written_bytes: int) -> None:
        """So much was stored since the publication before, and so much was written to publish it."""
        self._debt_bytes += written_bytes - WRITTEN_PER_STORED * stored_bytes
        self._debt_bytes = max(self._debt_bytes, -FREE_BYTES_MAX)
        self._waits_since_s = None
