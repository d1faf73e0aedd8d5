"""The proof for whoever holds a segment that it was counted: `amos-reading-proof/1` (SPEC section 12).

It leads from the segment's entry and from the row of its device to one closing, and from the cells of the stems that
sounded in it to both trees. The period is worked out once more to find them.
"""

from base64 import b64encode

from amos.protocol.segment import Usage
from amos_ledger.close_period import ClosedNow, result_from_log
from amos_ledger.closings import title_of_pool
from amos_ledger.errors import NoProof
from amos_ledger.folder import Folder
from amos_ledger.log import tree
from amos_ledger.pool_segments import pool_of_segment
from amos_ledger.settle_period import head_note, proof_size, rotations_before
from amos_ledger.settlement.meter import Watched
from amos_ledger.settlement.metered_result import MeteredResult
from amos_ledger.settlement.metered_statement import entry_proof, nodes_text
from amos_ledger.settlement.statement import compact_bytes
from amos_ledger.store.store import Store

FORMAT = "amos-reading-proof/1"


def prove_reading(folder: Folder, store: Store, device_id: bytes, sequence: int) -> tuple[str, bytes]:
    """(period, the proof's file) of a settled segment. Raises `NoProof`."""
    place, name = store.period_usage.place(device_id, sequence), f"segment {sequence} of {device_id.hex()}"
    if place is None:
        raise NoProof(f"{name}: expected one in the log, found none")
    leaf, period = place
    watched = Watched(device_id, _sounding(store, store.log.usage(leaf)))
    title = title_of_pool(store, period, pool_of_segment(store, period, leaf))
    closed = None if title is None else result_from_log(store, title, watched)
    if closed is None:
        raise NoProof(f"{name}: expected it settled, found {period} open, to which it accrues")
    if not isinstance(closed.result, MeteredResult):
        raise NoProof(f"{name}: expected {period} closed by readings, found an earlier kind, which lists the segment")
    return period, compact_bytes(_proof(folder, store, closed, closed.result, leaf, watched))


def _sounding(store: Store, usage: Usage) -> frozenset[bytes]:
    manifest = store.manifest(usage.pack)
    assert manifest is not None
    heard = (stem for stem, frames in zip(usage.stems, usage.frames, strict=True) if frames)
    return frozenset(manifest.stems[stem].stem_id for stem in heard)


def _proof(
    folder: Folder, store: Store, closed: ClosedNow, result: MeteredResult, leaf: int, watched: Watched
) -> dict[str, object]:
    size, read = proof_size(store, closed.leaf_index), store.log.cached()
    assert watched.row is not None
    row, data = watched.row
    return {
        "format": FORMAT,
        "checkpoint": head_note(folder, store, size),
        "closing": entry_proof(closed.leaf_index, closed.entry, tree.inclusion_path(closed.leaf_index, size, read)),
        "rotations": [entry_proof(*rotation) for rotation in rotations_before(store, size)],
        "segment": {"index": leaf, "path": [step.hex() for step in tree.inclusion_path(leaf, size, read)]},
        "device": {
            "index": row,
            "row": b64encode(data).decode(),
            "nodes": nodes_text(result.meter.devices.proof([row])),
        },
        **(_cells(result, watched) if watched.cells else {}),
    }


def _cells(result: MeteredResult, watched: Watched) -> dict[str, object]:
    places = [place for place, stem_id in enumerate(watched.own_stems) if stem_id in watched.cells]
    of_device = [watched.cells[watched.own_stems[place]] for place in places]
    rows = result.meter.rows_of(watched.cells)
    return {
        "cells": {
            "rows": [
                {"index": place, "cell": b64encode(data).decode()}
                for place, (data, _at, _nodes) in zip(places, of_device, strict=True)
            ],
            "nodes": nodes_text(watched.own.proof(places)),
        },
        "stems": {
            "rows": [
                {
                    "index": index,
                    "row": b64encode(result.meter.row(index)).decode(),
                    "cell": watched.cells[stem_id][1],
                    "cell_nodes": nodes_text(watched.cells[stem_id][2]),
                }
                for index, stem_id in rows
            ],
            "nodes": nodes_text(result.meter.stems.proof([index for index, _stem in rows])),
        },
    }
