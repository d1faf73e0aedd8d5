"""The light check of a reading proof: a segment that somebody holds was counted, once (SPEC section 12).

What it proves: this very segment is an entry of the ledger's log before the closing; its number is in one run of its
device's row; the row, and the cells and stem rows that are shown, are those that the closing commits to. So the
device's play of these stems is in the stems' rows.

What it cannot see: whether the device is enrolled and its signature good, and which of the cell's frames are this
segment's; `--full` on any statement of the period recomputes both.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from amos_tools.verify.errors import Difference, same
from amos_tools.verify.light_closing import PART, STEM_ROW, nodes_of, read_closing, read_head, ticks_of
from amos_tools.verify.light_formats import (
    U32,
    Schema,
    base64_bytes,
    cbor,
    fields,
    hash_path,
    objects,
    read_json,
    record,
    unverified,
)
from amos_tools.verify.light_trees import Summed, check_path, check_summed, leaf_hash, summed_leaf

FORMAT = "amos-reading-proof/1"
PROOF_BYTES_MAX = 16 * 1024 * 1024
SEGMENT_BYTES_MAX = 16_384
RUN_NUMBERS_MAX = 1 << 20
CELL: Schema = {
    **{1: ("stem_id", bytes, 16), 2: ("device_id", bytes, 16), 3: ("ticks", bytes, 16), 4: ("parts", [PART], 4096)},
}
DEVICE_ROW: Schema = {
    **{1: ("device_id", bytes, 16), 2: ("sequences", [int], RUN_NUMBERS_MAX), 3: ("ticks", bytes, 16)},
    **{4: ("cells", int, U32), 5: ("cells_root", bytes, 32)},
}
_PARTS = dict(format=str, checkpoint=str, closing=dict, rotations=list, segment=dict, device=dict)


@dataclass(frozen=True)
class Counted:
    """A segment that was counted. `cells` are (stem id, frames that earn, frames that do not) of what is shown."""

    device_id: bytes
    sequence: int
    sha256: bytes
    index: int
    period: str
    pool: str
    cells: tuple[tuple[bytes, int, int], ...]

    def facts(self) -> dict[str, Any]:
        """As programs read it."""
        return {
            "device_id": self.device_id.hex(),
            "sequence": self.sequence,
            "segment_sha256": self.sha256.hex(),
            "index": self.index,
            "period": self.period,
            "pool": self.pool,
            "cells": [
                {"stem": stem.hex(), "earning_frames": earning, "unpaid_frames": unpaid}
                for stem, earning, unpaid in self.cells
            ],
        }

    def lines(self) -> list[str]:
        """As people read it."""
        return [
            f"yes: segment {self.sequence} of {self.device_id.hex()} was counted once in {self.period},"
            f" pool {self.pool}",
            f"  it is entry {self.index} of the log, SHA-256 {self.sha256.hex()}",
            *(
                f"  in the device's play of stem {stem.hex()}: {earning} frames that earn, {unpaid} that do not"
                for stem, earning, unpaid in self.cells
            ),
        ]


def check_reading(data: bytes, segment: bytes, ledger_key: bytes, origin: str | None = None) -> Counted:
    """Raises `Unreadable` for a file that is no proof, `Difference` at the first field that does not follow."""
    whole = read_json("proof", data, PROOF_BYTES_MAX)
    shown = "cells" in whole or "stems" in whole
    fields("proof", whole, **_PARTS, **(dict(cells=dict, stems=dict) if shown else {}))
    same("proof.format", FORMAT, whole["format"])
    head = read_head("proof", whole, ledger_key, origin)
    closing_index, closing = read_closing("proof.closing", whole["closing"], head)
    device_id, sequence, usage = _usage(segment)
    place = fields("proof.segment", whole["segment"], index=int, path=list)
    path = hash_path("proof.segment.path", place["path"])
    check_path("proof.segment", leaf_hash(segment), place["index"], head.size, path, head.root)
    if place["index"] >= closing_index:
        raise Difference("proof.segment.index", f"below {closing_index}, the closing's", place["index"])
    row = _device_row(whole["device"], closing)
    same("proof.device.row.device_id", device_id, row["device_id"])
    _check_counted(row["sequences"], sequence)
    cells = _cells(whole, closing, row, usage) if shown else ()
    if not shown and any(_column(usage)):
        raise Difference("proof.cells", "the cells of the stems that sounded in the segment", "none")
    whose = device_id, sequence, sha256(segment).digest()
    return Counted(*whose, place["index"], closing["period"], closing["pool"], cells)


def _usage(segment: bytes) -> tuple[bytes, int, dict[int, Any]]:
    """(device id, sequence number, payload) of a segment, whose signer is not known here."""
    if len(segment) > SEGMENT_BYTES_MAX:
        raise Difference("segment", f"at most {SEGMENT_BYTES_MAX} bytes", len(segment))
    usage = cbor("segment, payload", unverified("segment", segment, "amos-usage+cose"))
    kinds = {2: bytes, 3: int, 10: int, 18: int}
    if type(usage) is not dict or any(type(usage.get(key)) is not kind for key, kind in kinds.items()):
        raise Difference("segment, payload", "device id, sequence number, rate and tier", "another item")
    return usage[2], usage[3], usage


def _device_row(part: object, closing: dict[str, Any]) -> dict[str, Any]:
    found = fields("proof.device", part, index=int, nodes=list, row=str)
    data = base64_bytes("proof.device.row", found["row"])
    row = record("proof.device.row", data, DEVICE_ROW)
    root = closing["devices_root"], int.from_bytes(closing["ticks"], "big")
    leaves = {found["index"]: summed_leaf(data, row["ticks"])}
    check_summed("proof.device", leaves, closing["devices"], nodes_of("proof.device.nodes", found["nodes"]), root)
    return row


def _check_counted(sequences: list[int], sequence: int) -> None:
    """The number is in a run; runs ascend and lie apart, so it is in one only."""
    label = "proof.device.row.sequences"
    if len(sequences) % 2 or 0 in sequences[1::2] or 0 in sequences[::2]:
        raise Difference(label, "pairs of a gap and a count, all above 0", sequences[:20])
    at = 0
    for gap, count in zip(sequences[::2], sequences[1::2], strict=True):
        if at + gap <= sequence < at + gap + count:
            return
        at += gap + count
    raise Difference(label, f"a run with {sequence}", "none")


def _cells(
    whole: dict[str, Any], closing: dict[str, Any], row: dict[str, Any], usage: dict[int, Any]
) -> tuple[tuple[bytes, int, int], ...]:
    """The cells that are shown, in the device's tree and in those of their stems' rows."""
    cells = fields("proof.cells", whole["cells"], nodes=list, rows=list)
    leaves: dict[int, Summed] = {}
    by_stem: dict[bytes, tuple[bytes, dict[str, Any]]] = {}
    for number, item in enumerate(objects("proof.cells.rows", cells["rows"], cell=str, index=int)):
        label = f"proof.cells.rows[{number}]"
        data = base64_bytes(f"{label}.cell", item["cell"])
        cell = record(f"{label}.cell", data, CELL)
        ascends = item["index"] > max(leaves, default=-1) and cell["stem_id"] > max(by_stem, default=b"")
        if not ascends:
            raise Difference(label, "indexes and stems above those before", item["index"])
        same(f"{label}.cell.device_id", row["device_id"], cell["device_id"])
        ticks = ticks_of(f"{label}.cell", cell["parts"], closing["ticks_hz"])
        same(f"{label}.cell.ticks", ticks, int.from_bytes(cell["ticks"], "big"))
        leaves[item["index"]] = summed_leaf(data, cell["ticks"])
        by_stem[cell["stem_id"]] = data, cell
    root = row["cells_root"], int.from_bytes(row["ticks"], "big")
    check_summed("proof.cells", leaves, row["cells"], nodes_of("proof.cells.nodes", cells["nodes"]), root)
    _check_stems(whole["stems"], closing, by_stem)
    _check_enough([cell for _data, cell in by_stem.values()], usage)
    return tuple((stem, _frames(cell, (0, 1)), _frames(cell, range(2, 7))) for stem, (_data, cell) in by_stem.items())


def _check_stems(part: object, closing: dict[str, Any], by_stem: dict[bytes, tuple[bytes, dict[str, Any]]]) -> None:
    stems = fields("proof.stems", part, nodes=list, rows=list)
    kinds = dict(cell=int, cell_nodes=list, index=int, row=str)
    leaves: dict[int, Summed] = {}
    seen = set()
    for number, item in enumerate(objects("proof.stems.rows", stems["rows"], **kinds)):
        label = f"proof.stems.rows[{number}]"
        data = base64_bytes(f"{label}.row", item["row"])
        row = record(f"{label}.row", data, STEM_ROW)
        if item["index"] <= max(leaves, default=-1) or row["stem_id"] in seen or row["stem_id"] not in by_stem:
            raise Difference(label, "ascending indexes, and the stem of a cell that is shown", row["stem_id"])
        ticks = ticks_of(f"{label}.row", row["parts"], closing["ticks_hz"])
        same(f"{label}.row.ticks", ticks, int.from_bytes(row["ticks"], "big"))
        seen.add(row["stem_id"])
        cell_data, cell = by_stem[row["stem_id"]]
        nodes = nodes_of(f"{label}.cell_nodes", item["cell_nodes"])
        inner = {item["cell"]: summed_leaf(cell_data, cell["ticks"])}
        check_summed(f"{label}.cell", inner, row["cells"], nodes, (row["cells_root"], ticks))
        leaves[item["index"]] = summed_leaf(data, row["ticks"])
    same("proof.stems.rows, count", len(by_stem), len(leaves))
    root = closing["stems_root"], int.from_bytes(closing["ticks"], "big")
    check_summed("proof.stems", leaves, closing["stems"], nodes_of("proof.stems.nodes", stems["nodes"]), root)


def _check_enough(cells: list[dict[str, Any]], usage: dict[int, Any]) -> None:
    """The cells of all stems of the segment hold at least its frames, of its tier and rate."""
    frames = _column(usage)
    held = [
        part["frames"]
        for cell in cells
        for part in cell["parts"]
        if (part["tier"], part["rate_hz"]) == (usage[18], usage[10])
    ]
    if sum(held) < sum(frames):
        raise Difference("proof.cells, frames", f"at least {sum(frames)}, the segment's", sum(held))


def _column(usage: dict[int, Any]) -> list[int]:
    """The frames of each row of the segment."""
    data = getattr(usage.get(21), "value", None)
    if type(data) is not bytes:
        raise Difference("segment, payload", "a column of frames", "another item")
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


def _frames(cell: dict[str, Any], standings: tuple[int, ...] | range) -> int:
    return sum(part["frames"] for part in cell["parts"] if part["standing"] in standings)
