"""Frames in play per stem, tier and rate (daemon/DESIGN.md section 11). Pure, NumPy, exact: integers only.

Tier is kept apart so that it can be reported; settlement adds tiers together.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from amos.protocol.errors import MessageError
from amos.protocol.manifest import Manifest
from amos.protocol.segment import Usage

_DIGESTED = struct.Struct(">BIQ")

_AT_ONCE = 32
"""Segments whose rows are added together: as in `intake.batch_rows`, their columns stay in the processor's cache."""

Key = TypeVar("Key")

RollupKey = tuple[bytes, int, int]
"""(stem id, tier, rate in Hz)."""

Rollup = dict[RollupKey, int]
"""Frames in play by key; every value is at least 1."""


def roll_up(usage: Usage, manifest: Manifest) -> Rollup:
    """The roll-up of one segment; `manifest` is that of its pack.

    Raises `MessageError` when a row names a stem that the pack does not have, or the rate is not the pack's.
    """
    return add_rows(usage, manifest, None)


def check_pack(usage: Usage, manifest: Manifest) -> None:
    """Raise `MessageError` when a row names a stem that the pack does not have, or the rate is not the pack's."""
    if usage.rate_hz != manifest.rate_hz:
        raise MessageError(f"usage.rate_hz: expected the pack's {manifest.rate_hz}, found {usage.rate_hz}")
    highest = max(usage.stems, default=0)
    if highest >= len(manifest.stems):
        raise MessageError(f"usage.stems: expected stems below {len(manifest.stems)} of the pack, found {highest}")


def add_rows(usage: Usage, manifest: Manifest, rows: npt.NDArray[np.bool_] | None) -> Rollup:
    """The frames of these rows of the segment, of all when None. Raises `MessageError` as `roll_up` does."""
    check_pack(usage, manifest)
    stems, frames = _columns([usage])
    if rows is not None:
        stems, frames = stems[rows], frames[rows]
    totals = np.zeros(len(manifest.stems), dtype=np.int64)
    np.add.at(totals, stems, frames)
    return by_stem_id(totals, manifest, usage.tier, usage.rate_hz)


def stem_frames(usages: Sequence[Usage], manifest: Manifest) -> npt.NDArray[np.int64]:
    """Frames in play of each stem of the pack, by its index, of these segments together. Their pack is checked."""
    totals = np.zeros(len(manifest.stems), dtype=np.int64)
    for start in range(0, len(usages), _AT_ONCE):
        stems, frames = _columns(usages[start : start + _AT_ONCE])
        np.add.at(totals, stems, frames)
    return totals


def _columns(usages: Sequence[Usage]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(stem, frames) of all rows, in integers that are wide enough to add: 1,200 rows of 32-bit frames do not fit 32
    bits."""
    stems = np.frombuffer(b"".join([usage.stems for usage in usages]), dtype=np.uint16)
    frames = np.frombuffer(b"".join([usage.frames for usage in usages]), dtype=np.uint32)
    return stems.astype(np.int64), frames.astype(np.int64)


def by_stem_id(totals: npt.NDArray[np.int64], manifest: Manifest, tier: int, rate_hz: int) -> Rollup:
    """The roll-up of frames by index."""
    result: Rollup = {}
    chosen, stems = totals.nonzero()[0], manifest.stems
    for index, frames in zip(chosen.tolist(), totals[chosen].tolist(), strict=True):
        # Two indexes of a pack may carry one stem, so they are added.
        key = (stems[index].stem_id, tier, rate_hz)
        result[key] = result.get(key, 0) + frames
    return result


def digest_of(rows: Iterable[tuple[bytes, int, int, int]]) -> bytes:
    """SHA-256 over (stem id, tier, rate in Hz, frames) of each key, which ascend: roll-ups of millions of keys are
    compared by it, and need not be held."""
    found = hashlib.sha256()
    for stem_id, tier, rate_hz, frames in rows:
        found.update(stem_id + _DIGESTED.pack(tier, rate_hz, frames))
    return found.digest()


def merge(rollups: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """The sum of roll-ups; the same in any order."""
    total: dict[Key, int] = {}
    for rollup in rollups:
        for key, frames in rollup.items():
            total[key] = total.get(key, 0) + frames
    return total
